import { describe, expect, it } from 'vitest';
import { deviceFilterOf, filterInWords } from './device-filter.ts';

describe('the filter of the list of devices', () => {
  it('takes the names of the API from an address, and nothing else', () => {
    expect(
      deviceFilterOf({ bundle: '1.0.1', native_version: '1.0', channel: '', to: '/', limit: '5' }),
    ).toEqual({
      bundle: '1.0.1',
      native_version: '1.0',
    });
  });

  it('says in words what no field shows', () => {
    const filter = { bundle: '1.0.1', has_channel: 'false', failed_bundle: '1.0.2' };
    expect(filterInWords(filter, ['bundle'])).toEqual([
      { name: 'has_channel', text: 'served by no channel' },
      { name: 'failed_bundle', text: 'failed with 1.0.2' },
    ]);
  });
});
