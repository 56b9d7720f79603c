import { deviceGenerations } from '@capgo-server/protocol/fixtures/device-requests';
import { describe, expect, it } from 'vitest';
import { pluginFeatures } from './plugin-features.ts';

/** The versions around each first version of a feature (protocol §2.4, §0.3 D1). */
const checksums: [string, 'crc32' | 'sha256'][] = [
  ['0.0.1', 'crc32'],
  ['1.2.3', 'crc32'],
  ['3.9.9', 'crc32'],
  ['4.0.0', 'crc32'],
  ['4.99.99', 'crc32'],
  ['5.0.0', 'crc32'],
  ['5.9.9', 'crc32'],
  ['5.10.0-beta.1', 'crc32'],
  ['5.10.0', 'sha256'],
  ['5.99.0', 'sha256'],
  ['6.0.0', 'crc32'],
  ['6.24.99', 'crc32'],
  ['6.25.0', 'sha256'],
  ['7.0.0', 'crc32'],
  ['7.0.29', 'crc32'],
  ['7.0.30-alpha.0', 'crc32'],
  ['7.0.30', 'sha256'],
  ['7.0.35', 'sha256'],
  ['8.0.0-alpha.1', 'sha256'],
  ['8.0.0', 'sha256'],
  ['8.51.14', 'sha256'],
  ['9.0.0', 'sha256'],
  ['10.0.0', 'crc32'],
  ['v10.0.0', 'crc32'],
  ['10.0.1', 'sha256'],
  ['10.0.0-rc.1', 'sha256'],
  ['11.0.0', 'sha256'],
];

describe('what a plugin can do', () => {
  it.each(checksums)('version %s on a phone verifies %s', (version, checksum) => {
    for (const platform of ['ios', 'android'] as const) {
      expect(pluginFeatures(platform, version).checksum).toBe(checksum);
    }
  });

  it.each([
    ['4.17.48', false],
    ['5.99.0', false],
    ['6.1.99', false],
    ['6.2.0-beta.1', false],
    ['6.2.0', true],
    ['7.0.0', true],
    ['8.51.14', true],
    ['9.0.0', true],
    ['10.0.0', false],
    ['10.0.1', true],
  ])('version %s on a phone can go back to builtin: %s', (version, builtinRevert) => {
    expect(pluginFeatures('android', version).builtinRevert).toBe(builtinRevert);
  });

  it.each([
    ['7.99.99', false],
    ['8.3.0', false],
    ['8.40.7-beta.1', false],
    ['8.40.7', false],
    ['8.40.8-beta.1', true],
    ['8.40.8', true],
    ['8.51.14', true],
    ['9.0.0', true],
    ['10.0.0', false],
    ['11.0.0', true],
  ])('version %s means the key it names: %s', (version, keyCheck) => {
    expect(pluginFeatures('ios', version).keyCheck).toBe(keyCheck);
  });

  it.each([
    ['0.0.1', false],
    ['4.17.48', false],
    ['5.0.0', true],
    ['5.33.99', true],
    ['5.34.0', false],
    ['6.33.99', true],
    ['6.34.0', false],
    ['7.33.99', true],
    ['7.34.0', false],
    ['8.0.0-alpha.1', true],
    ['8.0.0', false],
    ['9.0.0', false],
    ['10.0.0', true],
    ['10.0.1', false],
  ])('version %s leaves its channel to the server: %s', (version, serverChannelStorage) => {
    expect(pluginFeatures('ios', version).serverChannelStorage).toBe(serverChannelStorage);
  });

  it.each([
    ['0.0.1', false],
    ['4.17.48', false],
    ['5.99.0', false],
    ['6.14.25-beta.1', false],
    ['6.14.25', true],
    ['7.16.99', false],
    ['7.17.0', true],
    ['8.0.0-alpha.1', true],
    ['8.51.14', true],
    ['9.0.0', true],
    ['10.0.0', false],
    ['10.0.1', true],
  ])('version %s means a failed download by download_fail: %s', (version, meansDownloadFailure) => {
    expect(pluginFeatures('ios', version).meansDownloadFailure).toBe(meansDownloadFailure);
  });

  it.each([
    ['0.0.1', false],
    ['4.17.48', false],
    ['5.9.9', false],
    ['5.10.0-beta.1', false],
    ['5.10.0', true],
    ['5.99.0', true],
    ['6.24.99', false],
    ['6.25.0-beta.1', false],
    ['6.25.0', true],
    ['7.0.0', false],
    ['7.0.34', false],
    ['7.0.35', true],
    ['7.43.3', true],
    ['8.0.0-alpha.1', false],
    ['8.0.0', true],
    ['8.51.14', true],
    ['9.0.0', true],
    ['10.0.0', false],
    ['10.0.1', true],
    ['11.0.0', true],
  ])('version %s on a phone can use a manifest: %s', (version, manifest) => {
    for (const platform of ['ios', 'android'] as const) {
      expect(pluginFeatures(platform, version).manifest).toBe(manifest);
    }
  });

  it('of Electron can use a manifest, whatever it calls itself', () => {
    for (const version of ['0.0.1', '0.0.6', '1.0.0', '3.9.9', '8.0.0']) {
      expect(pluginFeatures('electron', version).manifest).toBe(true);
    }
  });

  it.each([
    ['0.0.1', true],
    ['3.9.9', true],
    ['4.17.48', false],
    ['5.0.0', false],
    ['5.34.99', false],
    ['5.35.0-beta.1', false],
    ['5.35.0', true],
    ['5.99.0', true],
    ['6.34.99', false],
    ['6.35.0', true],
    ['7.34.99', false],
    ['7.35.0-rc.1', false],
    ['7.35.0', true],
    ['8.0.0', false],
    ['8.34.99', false],
    ['8.35.0-beta.1', false],
    ['8.35.0', true],
    ['8.35.0+7', true],
    ['8.51.14', true],
    ['9.0.0-alpha.1', true],
    ['9.0.0', true],
    ['10.0.0', false],
    ['v10.0.0', false],
    ['10.0.0-rc.1', true],
    ['10.0.1', true],
    ['11.0.0', true],
  ])('version %s passes link and comment on: %s', (version, linkAndComment) => {
    for (const platform of ['ios', 'android'] as const) {
      expect(pluginFeatures(platform, version).linkAndComment).toBe(linkAndComment);
    }
  });

  it('on Electron passes link and comment on, whose versions are below every first one', () => {
    for (const version of ['0.0.1', '0.0.6', '1.0.0']) {
      expect(pluginFeatures('electron', version).linkAndComment).toBe(true);
    }
  });

  it.each(['', 'seven', '7.17', 'x'.repeat(128)])('version %j is as old as can be', (version) => {
    expect(pluginFeatures('ios', version)).toEqual(pluginFeatures('ios', '0.0.0'));
  });

  it('on a platform nobody knows is what it is on a phone', () => {
    for (const version of ['5.0.0', '8.51.14', '10.0.0']) {
      expect(pluginFeatures('unknown', version)).toEqual(pluginFeatures('ios', version));
    }
  });

  it('on Electron counts from 0 again and still verifies SHA-256 and goes back to builtin', () => {
    for (const version of ['0.0.1', '0.0.6', '1.0.0', '5.0.0', '10.0.0']) {
      expect(pluginFeatures('electron', version)).toMatchObject({ checksum: 'sha256', builtinRevert: true });
    }
    expect(pluginFeatures('electron', '0.0.1').keyCheck).toBe(false);
  });

  it.each([
    ['0.0.1', 'sha256', true, false, false],
    ['0.0.6', 'sha256', true, false, false],
    ['1.0.0', 'sha256', true, false, false],
    ['8.40.7', 'sha256', true, false, false],
    ['8.40.8', 'sha256', true, true, false],
  ] as const)(
    'on Electron at version %s: checksum %s, builtin %s, key %s, channel kept here %s',
    (version, checksum, builtinRevert, keyCheck, serverChannelStorage) => {
      const features = { checksum, builtinRevert, keyCheck, serverChannelStorage };
      expect(pluginFeatures('electron', version)).toMatchObject(features);
    },
  );

  it.each([
    ['4.17.48', 'crc32', false, false, false],
    ['5.9.9', 'crc32', false, false, true],
    ['5.10.0', 'sha256', false, false, true],
    ['5.34.0', 'sha256', false, false, false],
    ['6.2.0', 'crc32', true, false, true],
    ['6.25.0', 'sha256', true, false, true],
    ['7.0.29', 'crc32', true, false, true],
    ['7.34.0', 'sha256', true, false, false],
    ['8.40.7', 'sha256', true, false, false],
    ['8.51.14', 'sha256', true, true, false],
    ['9.0.0', 'sha256', true, true, false],
    ['10.0.0', 'crc32', false, false, true],
    ['10.0.1', 'sha256', true, true, false],
  ] as const)(
    'on a phone at version %s: checksum %s, builtin %s, key %s, channel kept here %s',
    (version, checksum, builtinRevert, keyCheck, serverChannelStorage) => {
      const features = { checksum, builtinRevert, keyCheck, serverChannelStorage };
      for (const platform of ['ios', 'android'] as const) {
        expect(pluginFeatures(platform, version)).toMatchObject(features);
      }
    },
  );

  it.each(deviceGenerations)('is what the recorded $name expects of its answers', (generation) => {
    const { platform, pluginVersion, answer } = generation;
    const { checksum, builtinRevert } = pluginFeatures(platform, pluginVersion);
    expect({ checksum, builtinRevert }).toEqual({
      checksum: answer.checksum,
      builtinRevert: answer.builtinRevert,
    });
  });

  it('takes only exactly 10.0.0 for the mislabelled build', () => {
    expect(pluginFeatures('ios', '10.0.0')).toEqual(pluginFeatures('ios', '5.0.0'));
    for (const version of ['10.0.0-rc.1', '10.0.1', '10.1.0', '11.0.0']) {
      expect(pluginFeatures('ios', version)).toEqual(pluginFeatures('ios', '9.0.0'));
    }
  });

  it('does not depend on a leading v, blanks or a build part', () => {
    const plain = pluginFeatures('ios', '8.45.11');
    for (const version of ['v8.45.11', ' 8.45.11 ', '8.45.11+abc']) {
      expect(pluginFeatures('ios', version)).toStrictEqual(plain);
    }
  });
});
