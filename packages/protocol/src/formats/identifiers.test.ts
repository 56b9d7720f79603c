import { describe, expect, it } from 'vitest';
import {
  appIdMaxLength,
  appIdPattern,
  deviceIdPattern,
  isAppId,
  isDeviceId,
  isRecordId,
  parsePlatform,
  platforms,
  recordIdPattern,
} from './identifiers.ts';

describe('an app id', () => {
  // Protocol §1.5: two dot parts or more, the first of letters and digits only.
  it.each([
    'com.example.app',
    'com.example',
    'COM.Example.App',
    'a.b',
    '1.2',
    'com.my_app',
    'com.my-app',
    'com._._',
    'com.-.-',
    'io.ionic.starter.app.v2',
    `com.${'a'.repeat(appIdMaxLength - 4)}`,
  ])('can be %s', (text) => {
    expect(isAppId(text)).toBe(true);
    expect(new RegExp(appIdPattern).test(text)).toBe(true);
  });

  it.each([
    '',
    'com',
    'com.',
    '.com',
    'com..app',
    'com.app.',
    'my_com.app',
    'my-com.app',
    'com.app!',
    'com.my app',
    'com.äpp',
    'com.app\n',
    '\ncom.app',
    ' com.app',
    'com/app',
    'com.app/../x',
    'com\\app',
    'com.app\0',
    'com.👋',
    'http://com.app',
  ])('cannot be "%s"', (text) => {
    expect(isAppId(text)).toBe(false);
    expect(new RegExp(appIdPattern).test(text)).toBe(false);
  });

  it('cannot be longer than what is stored', () => {
    expect(isAppId(`com.${'a'.repeat(appIdMaxLength - 3)}`)).toBe(false);
  });
});

describe('a device id', () => {
  it.each([
    'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11',
    'B5C2B0B4-7B8F-4B33-9D7F-0A6C1F0F7C11',
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '01890a5d-ac96-774b-bcce-b302099a8057',
  ])('can be %s: any version, any letter case', (text) => {
    expect(isDeviceId(text)).toBe(true);
    expect(new RegExp(deviceIdPattern).test(text)).toBe(true);
  });

  it.each([
    '',
    'b5c2b0b47b8f4b339d7f0a6c1f0f7c11',
    '{b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11}',
    'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c1',
    'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c111',
    'b5c2b0b-47b8f-4b33-9d7f-0a6c1f0f7c11',
    'g5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11',
    ' b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11',
    'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11\n',
    'urn:uuid:b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11',
    'device',
  ])('cannot be "%s"', (text) => {
    expect(isDeviceId(text)).toBe(false);
  });
});

describe('a record id', () => {
  it.each(['0123456789abcdef01234567', 'ABCDEFABCDEFABCDEFABCDEF', '0'.repeat(24)])('can be %s', (text) => {
    expect(isRecordId(text)).toBe(true);
    expect(new RegExp(recordIdPattern).test(text)).toBe(true);
  });

  it.each(['', '0'.repeat(23), '0'.repeat(25), 'g'.repeat(24), `${'0'.repeat(24)}\n`, ` ${'0'.repeat(23)}`])(
    'cannot be "%s"',
    (text) => {
      expect(isRecordId(text)).toBe(false);
    },
  );
});

describe('a platform', () => {
  it('is read in any letter case, blanks around it ignored', () => {
    for (const platform of platforms) {
      expect(parsePlatform(platform)).toBe(platform);
      expect(parsePlatform(platform.toUpperCase())).toBe(platform);
      expect(parsePlatform(` ${platform}\t`)).toBe(platform);
    }
    expect(parsePlatform('iOS')).toBe('ios');
  });

  it.each(['', 'web', 'ipados', 'ios ios', 'i os', 'ıos', 'windows', '__proto__'])('is not "%s"', (text) => {
    expect(parsePlatform(text)).toBeUndefined();
  });
});
