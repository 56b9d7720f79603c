import { describe, expect, it } from 'vitest';
import { errorCodes } from './error-codes.ts';

describe('the error codes', () => {
  it('are each there once, in lower case with underscores, as clients compare them', () => {
    expect(new Set(errorCodes).size).toBe(errorCodes.length);
    expect(errorCodes.filter((code) => !/^[a-z]+(_[a-z]+)*$/.test(code))).toStrictEqual([]);
  });

  it('hold those that plugins and the command line know by name (protocol §1.4)', () => {
    expect(errorCodes).toEqual(
      expect.arrayContaining([
        'invalid_json_parse_body',
        'invalid_json_body',
        'invalid_query_parameters',
        'missing_device_id',
        'missing_app_id',
        'semver_error',
        'too_many_requests',
        'not_found',
      ]),
    );
  });
});
