import { describe, expect, it } from 'vitest';
import { buildTarget, buildTargetApp } from '../testing/decision-builders.ts';
import type { DeviceEvent } from './device.ts';
import { effectsOf } from './event-effects.ts';

const app = buildTargetApp({
  bundles: [buildTarget({ versionName: '1.1.0' }), buildTarget({ versionName: '1.2.0' })],
});

function buildEvent(given: Partial<DeviceEvent> = {}): DeviceEvent {
  return {
    id: 'e'.repeat(24),
    appId: app.appId,
    deviceId: 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11',
    action: 'set',
    versionName: '1.2.0',
    oldVersionName: null,
    platform: 'ios',
    pluginVersion: '8.51.14',
    nativeVersion: '1.0.0',
    nativeBuild: '1',
    osVersion: '18.1',
    isEmulator: false,
    isProd: true,
    customId: null,
    defaultChannel: null,
    keyId: null,
    installSource: null,
    metadata: null,
    channelName: 'production',
    deviceTimeMs: null,
    receivedAtMs: Date.UTC(2026, 0, 31, 23, 59, 59, 999),
    ...given,
  };
}

/** What the event counts, as "counter bundle". */
const counted = (given: Partial<DeviceEvent>) =>
  effectsOf(buildEvent(given), app).counters.map(({ counter, bundle }) => `${counter} ${bundle}`);

describe('the counters of an event (protocol §5.3 rule 4)', () => {
  it('are kept under day, bundle, channel and platform', () => {
    expect(effectsOf(buildEvent({ platform: 'android' }), app).counters).toStrictEqual([
      {
        date: '2026-01-31',
        bundle: '1.2.0',
        channel: 'production',
        platform: 'android',
        counter: 'install',
      },
    ]);
  });

  it('are kept under the day in UTC on which the event reached us, not under the day it happened', () => {
    const receivedAtMs = Date.UTC(2026, 1, 1);
    const [increment] = effectsOf(buildEvent({ receivedAtMs, deviceTimeMs: 1 }), app).counters;
    expect(increment?.date).toBe('2026-02-01');
  });

  it('are kept under the channel that served the device, never under the one it names', () => {
    const increments = (given: Partial<DeviceEvent>) =>
      effectsOf(buildEvent({ ...given, oldVersionName: '1.1.0', defaultChannel: 'said' }), app).counters;
    expect(increments({ channelName: 'beta' }).map(({ channel }) => channel)).toEqual(['beta', 'beta']);
    expect(increments({ channelName: null }).map(({ channel }) => channel)).toEqual(['', '']);
  });

  it.each([
    ['ios', 'ios'],
    ['android', 'android'],
    ['electron', 'electron'],
    ['iOS', 'unknown'],
    [' ios', 'unknown'],
    ['web', 'unknown'],
    ['unknown', 'unknown'],
    ['__proto__', 'unknown'],
    ['constructor', 'unknown'],
    ['x'.repeat(64), 'unknown'],
  ])('of platform %j are kept under %s, so that a device cannot make up rows', (platform, kept) => {
    for (const action of ['get', 'set', 'unzip_fail', 'download_fail']) {
      const increments = effectsOf(buildEvent({ platform, action, oldVersionName: '1.1.0' }), app).counters;
      expect([...new Set(increments.map((increment) => increment.platform))]).toEqual([kept]);
    }
  });

  it.each([
    ['get', ['get 1.2.0']],
    ['set', ['install 1.2.0']],
    ['set_fail', ['fail 1.2.0']],
    ['update_fail', ['fail 1.2.0']],
    ['download_fail', ['fail 1.2.0']],
    ['unzip_fail', ['fail 1.2.0']],
    ['low_mem_fail', ['fail 1.2.0']],
    ['a_word_we_do_not_know_fail', ['fail 1.2.0']],
    ['set_next', []],
    ['reset', []],
    ['delete', []],
    ['uninstall', []],
    ['noNew', []],
    ['download_complete', []],
    ['download_0', []],
    ['checksum_required', []],
    ['insufficient_disk_space', []],
    ['app_launch_timeout', []],
    ['app_crash', []],
    ['app_crash_native', []],
    ['fail', []],
    ['set_fail_later', []],
    ['a_word_we_do_not_know', []],
  ])('of %s are %j', (action, expected) => {
    expect(counted({ action })).toEqual(expected);
  });

  it.each([
    ['none', null, ['install 1.2.0']],
    ['an empty one', '', ['install 1.2.0']],
    ['a known one', '1.1.0', ['install 1.2.0', 'uninstall 1.1.0']],
    ['the same', '1.2.0', ['install 1.2.0']],
    ['an unknown one', '0.9.0', ['install 1.2.0']],
    ['builtin', 'builtin', ['install 1.2.0']],
    ['the native version', '1.0.0', ['install 1.2.0']],
  ])('of a set whose bundle before was %s', (_what, oldVersionName, expected) => {
    expect(counted({ oldVersionName })).toEqual(expected);
  });

  it('of any other action know nothing of the bundle before', () => {
    expect(counted({ action: 'set_fail', oldVersionName: '1.1.0' })).toEqual(['fail 1.2.0']);
    expect(counted({ action: 'reset', oldVersionName: '1.1.0' })).toEqual([]);
  });

  it.each([
    ['a bundle', '1.2.0', '1.0.0', 'fail 1.2.0'],
    ['a bundle and a file', '1.2.0:assets/app.js', '1.0.0', 'fail 1.2.0'],
    ['a bundle and no file', '1.2.0:', '1.0.0', 'fail 1.2.0'],
    ['a bundle and a file with a colon', '1.2.0:C:/x/y (1) [2].js', '1.0.0', 'fail 1.2.0'],
    ['a file only', ':assets/app.js', '1.0.0', 'fail unknown'],
    ['a bundle nobody knows', '9.9.9', '1.0.0', 'fail unknown'],
    ['a file of a bundle nobody knows', '9.9.9:app.js', '1.0.0', 'fail unknown'],
    ['another spelling of a bundle', 'v1.2.0', '1.0.0', 'fail unknown'],
    ['nothing', '', '1.0.0', 'fail unknown'],
    ['nothing, on a device without a native version', '', null, 'fail unknown'],
    ['the word of old plugins', 'builtin', '1.0.0', 'fail builtin'],
    ['a file of builtin', 'builtin:app.js', '1.0.0', 'fail builtin'],
    ['the native version', '1.0.0', '1.0.0', 'fail builtin'],
    ['the native version as the device spells it', '1.0', '1.0.0', 'fail builtin'],
    ['the native version in one part', '1', '1.0.0', 'fail builtin'],
    ['a file of the native version', '1.0.0:app.js', '1.0.0', 'fail builtin'],
    ['a bundle named like the native version', '1.2.0', '1.2.0', 'fail 1.2.0'],
    ['a word of every object', '__proto__', '1.0.0', 'fail unknown'],
  ])('of a failure that names %s', (_what, versionName, nativeVersion, expected) => {
    expect(counted({ action: 'unzip_fail', versionName, nativeVersion })).toEqual([expected]);
  });

  it('of a set onto builtin are kept under builtin, with the bundle that went', () => {
    expect(counted({ versionName: '1.0.0', oldVersionName: '1.2.0' })).toEqual([
      'install builtin',
      'uninstall 1.2.0',
    ]);
  });

  it.each(['get', 'set', 'set_fail'])('of %s are of real users only', (action) => {
    expect(counted({ action, isProd: false })).toEqual([]);
    expect(counted({ action, isEmulator: true })).toEqual([]);
    expect(counted({ action, isProd: false, isEmulator: true })).toEqual([]);
    expect(counted({ action })).toHaveLength(1);
  });
});

describe('a failed download (protocol §5.3 rule 1)', () => {
  it.each([
    ['8.51.14', true],
    ['8.0.0', true],
    ['9.0.0', true],
    ['7.17.0', true],
    ['7.17.0-beta.1', false],
    ['7.16.9', false],
    ['7.0.0', false],
    ['6.99.0', true],
    ['6.14.25', true],
    ['6.14.25-beta.1', false],
    ['6.14.24', false],
    ['5.99.0', false],
    ['5.0.0', false],
    ['4.17.48', false],
    ['v7.17.0', true],
    ['10.0.0', false],
    ['v10.0.0', false],
    ['10.0.0-rc.1', true],
    ['10.0.1', true],
    [null, false],
    ['', false],
    ['seven', false],
    ['7.17', false],
  ])('reported by plugin %s counts as a failure: %s', (pluginVersion, isCounted) => {
    for (const platform of ['ios', 'android', 'web']) {
      const counters = counted({ action: 'download_fail', platform, pluginVersion });
      expect(counters).toEqual(isCounted ? ['fail 1.2.0'] : []);
    }
  });

  it('is the only failure that an old plugin may not mean', () => {
    for (const pluginVersion of ['4.17.48', '5.0.0', '7.16.9', '10.0.0', null, 'seven']) {
      expect(counted({ action: 'unzip_fail', pluginVersion })).toEqual(['fail 1.2.0']);
    }
  });
});

describe('what the failure memory keeps of an event', () => {
  const remembered = (given: Partial<DeviceEvent>) => effectsOf(buildEvent(given), app).failedInstall;

  it('keeps nothing of a bundle that does not exist: names can be made up without end', () => {
    expect(remembered({ action: 'set_fail', versionName: '99.99.99' })).toBeNull();
  });

  it.each([
    'set_fail',
    'update_fail',
    'unzip_fail',
    'checksum_fail',
    'decrypt_fail',
    'finish_download_fail',
    'windows_path_fail',
    'canonical_path_fail',
    'directory_path_fail',
    'manifest_path_fail',
    'download_manifest_checksum_fail',
    'download_manifest_brotli_fail',
  ])('is the bundle of %s', (action) => {
    expect(remembered({ action })).toBe('1.2.0');
    expect(remembered({ action, versionName: '1.2.0:assets/app.js' })).toBe('1.2.0');
  });

  it.each([
    ...['download_fail', 'download_manifest_file_fail', 'low_mem_fail', 'insufficient_disk_space'],
    ...['app_crash', 'checksum_required', 'set', 'reset', 'get', 'something_else_fail'],
  ])('is nothing of %s, which does not blame the bundle', (action) => {
    expect(remembered({ action })).toBeNull();
  });

  it('is kept of emulators and dev builds too: it is about one device', () => {
    expect(effectsOf(buildEvent({ action: 'set_fail', isProd: false, isEmulator: true }), app)).toEqual({
      counters: [],
      statistics: [],
      outcome: null,
      failedInstall: '1.2.0',
    });
  });
});

describe('what an event says of its bundle', () => {
  const outcomeOf = (given: Partial<DeviceEvent>) => effectsOf(buildEvent(given), app).outcome;

  it.each([
    ['set', { result: 'install', bundle: '1.2.0' }],
    ['update_fail', { result: 'fail', bundle: '1.2.0' }],
    ['my_own_fail', { result: 'fail', bundle: '1.2.0' }],
    ['download_fail', { result: 'fail', bundle: '1.2.0' }],
    ['get', null],
    ['reset', null],
    ['app_crash', null],
  ])('is by %s %j', (action, outcome) => {
    expect(outcomeOf({ action })).toEqual(outcome);
  });

  it('names the bundle and not its file, known or not', () => {
    for (const name of ['1.2.0', '9.9.9']) {
      const versionName = `${name}:C:/a.js`;
      expect(outcomeOf({ action: 'manifest_path_fail', versionName })?.bundle).toBe(name);
    }
    expect(outcomeOf({ action: 'manifest_path_fail', versionName: ':a.js' })?.bundle).toBe(':a.js');
  });

  it('is nothing when its plugin means nothing by it, or nobody uses the device', () => {
    expect(outcomeOf({ action: 'download_fail', pluginVersion: '5.9.0' })).toBeNull();
    expect(outcomeOf({ isProd: false })).toBeNull();
    expect(outcomeOf({ isEmulator: true })).toBeNull();
  });
});

describe('a failure that names the bundle in use (protocol §5.4)', () => {
  const blamed = (action: string, versionName: string, running: string | null, offered: string | null) => {
    const known = { runningVersionName: running, offeredVersionName: offered };
    const { counters, outcome, failedInstall } = effectsOf(buildEvent({ action, versionName }), app, known);
    expect(counters.map(({ bundle }) => bundle)).toEqual(outcome === null ? [] : [outcome.bundle]);
    expect(failedInstall).toBe(outcome?.bundle ?? null);
    return failedInstall;
  };

  it.each(['unzip_fail', 'checksum_fail', 'windows_path_fail', 'canonical_path_fail', 'directory_path_fail'])(
    'by %s is one of the bundle that the device was given',
    (action) => {
      expect(blamed(action, '1.1.0', '1.1.0', '1.2.0')).toBe('1.2.0');
    },
  );

  it('is one of no bundle while nobody knows which the device was given', () => {
    expect(blamed('unzip_fail', '1.1.0', '1.1.0', null)).toBeNull();
    expect(blamed('unzip_fail', '1.1.0', '1.1.0', '1.1.0')).toBeNull();
  });

  it('is one of the bundle it names while nobody knows which the device runs, or when it runs another', () => {
    expect(blamed('unzip_fail', '1.2.0', null, null)).toBe('1.2.0');
    expect(blamed('unzip_fail', '1.2.0', '1.1.0', null)).toBe('1.2.0');
    expect(blamed('unzip_fail', '1.2.0', '1.1.0', '1.1.0')).toBe('1.2.0');
  });

  it.each(['set_fail', 'update_fail', 'decrypt_fail', 'manifest_path_fail', 'finish_download_fail'])(
    'by %s is one of the bundle it names always: that is the one that failed',
    (action) => {
      expect(blamed(action, '1.1.0', '1.1.0', '1.2.0')).toBe('1.1.0');
    },
  );
});
