import { describe, expect, it } from 'vitest';
import { coerceNativeVersion } from './native-version.ts';

describe('a native version', () => {
  // The table of protocol §1.6, as it stands there.
  it.each([
    ['1', '1.0.0'],
    ['1.2', '1.2.0'],
    ['v1', '1.0.0'],
    ['v1.2.3', '1.2.3'],
    ['1.2.3 ', '1.2.3'],
    ['1.2.3-beta', '1.2.3-beta'],
    ['1.2.3+5', '1.2.3+5'],
    ['builtin', '0.0.0'],
    ['unknown', '0.0.0'],
  ])('"%s" is compared as %s', (text, expected) => {
    expect(coerceNativeVersion(text)).toBe(expected);
  });

  it.each([
    'V1.2.3',
    '1.2.3.4',
    '01.2.3',
    '2024.01.05',
    '1-beta',
    '1.2-beta.1',
    '1.2.3 (45)',
    'invalid semver',
    'abc',
  ])('"%s" cannot be compared', (text) => {
    expect(coerceNativeVersion(text)).toBeUndefined();
  });

  it.each([
    ['0', '0.0.0'],
    ['v1.2', '1.2.0'],
    [' 1.2.3', '1.2.3'],
    ['1.2.3-beta.1+build.5', '1.2.3-beta.1+build.5'],
    ['2024.1.5', '2024.1.5'],
    ['123456789.0.0', '123456789.0.0'],
    ['9007199254740991.0.0', '9007199254740991.0.0'],
  ])('"%s" is compared as %s, by the same rule', (text, expected) => {
    expect(coerceNativeVersion(text)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    '.',
    '..',
    '1.',
    '1..2',
    '.1.2',
    '-1',
    '1.2.x',
    '1,2,3',
    '1.2.3-',
    '1.2.3-01',
    '1.2.3+',
    '=1.2.3',
    'vv1.2.3',
    '1.2.3\n4',
    '１.２.３',
    'Builtin',
    '9007199254740992.0.0',
    `1.2.${'9'.repeat(300)}`,
  ])('"%s" cannot be compared, by the same rule', (text) => {
    expect(coerceNativeVersion(text)).toBeUndefined();
  });

  it('stays as it is once it was coerced', () => {
    for (const text of ['1', 'v1.2', '1.2.3-beta+5', 'builtin', '10.20.30']) {
      const coerced = coerceNativeVersion(text) ?? '';
      expect(coerceNativeVersion(coerced)).toBe(coerced);
    }
  });
});
