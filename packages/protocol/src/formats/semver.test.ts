import { describe, expect, it } from 'vitest';
import { compareSemver, isVersionName, parseSemver } from './semver.ts';

describe('a version name', () => {
  it.each([
    '0.0.0',
    '1.2.3',
    '10.20.30',
    '2024.1.5',
    '1.0.0-beta',
    '1.0.0-beta.1',
    '1.0.0-0',
    '1.0.0-rc.1+build.42',
    '1.0.0+20260115',
    '1.0.0+001',
    '1.0.0--',
    '1.0.0-alpha-1.x-y',
    `1.0.0-${'a'.repeat(122)}`,
  ])('can be %s', (text) => {
    expect(isVersionName(text)).toBe(true);
  });

  it.each([
    '',
    '1',
    '1.2',
    '1.2.3.4',
    'v1.2.3',
    'V1.2.3',
    '=1.2.3',
    ' 1.2.3',
    '1.2.3 ',
    '1.2.3\n',
    '01.2.3',
    '1.02.3',
    '1.2.03',
    '1.2.3-',
    '1.2.3-01',
    '1.2.3-a..b',
    '1.2.3+',
    '1.2.3+a+b',
    '1.2.3-é',
    '1.2.3_4',
    '1.2.3/../4',
    '-1.2.3',
    '1.2.x',
    'latest',
    'builtin',
    'unknown',
    '9007199254740992.0.0',
    `1.0.0-${'a'.repeat(123)}`,
  ])('cannot be "%s"', (text) => {
    expect(isVersionName(text)).toBe(false);
  });
});

describe('a parsed version', () => {
  it('has its parts and a text without blanks and leading v', () => {
    expect(parseSemver(' v1.2.3-beta.4+build.007 ')).toStrictEqual({
      major: 1,
      minor: 2,
      patch: 3,
      prerelease: ['beta', 4],
      text: '1.2.3-beta.4+build.007',
    });
    expect(parseSemver('8.51.14')).toStrictEqual({
      major: 8,
      minor: 51,
      patch: 14,
      prerelease: [],
      text: '8.51.14',
    });
  });

  // Protocol §1.5: what a plugin may send as plugin_version.
  it.each(['8.0.0', 'v8.0.0', '8.0.0-alpha.1', '8.0.0+5'])('can be read of %s', (text) => {
    expect(parseSemver(text)).toMatchObject({ major: 8, minor: 0, patch: 0 });
  });

  it.each(['', '8', '8.0', '08.0.0', 'V8.0.0', '8.0.0.0', 'eight', 'x'.repeat(1_000)])(
    'cannot be read of "%s"',
    (text) => {
      expect(parseSemver(text)).toBeUndefined();
    },
  );
});

describe('the order of versions', () => {
  const ascending = [
    '0.0.1',
    '0.1.0',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.2.0',
    '1.10.0',
    '2.0.0',
    '10.0.0',
  ];

  it('is that of Semantic Versioning', () => {
    for (const [index, version] of ascending.entries()) {
      for (const [otherIndex, other] of ascending.entries()) {
        expect(Math.sign(compareSemver(version, other))).toBe(Math.sign(index - otherIndex));
      }
    }
  });

  it('does not see build parts', () => {
    expect(compareSemver('1.0.0+1', '1.0.0+2')).toBe(0);
    expect(compareSemver('1.0.0+1', '1.0.0')).toBe(0);
  });
});
