import { describe, expect, it } from 'vitest';
import { buildBundle, buildDeviceCheck, buildRelease, nextId, someAppId } from '../testing/builders.ts';
import { type AppSnapshot, buildAppSnapshot } from './app.ts';
import type { Bundle } from './bundle.ts';
import type { DeviceCheck } from './device.ts';
import type { Release } from './release.ts';
import { decideUpdate, updateOutcomes } from './update-decision.ts';

const active = buildBundle({ versionName: '1.2.0', crcChecksum: '0badcafe', checksum: 'c0'.repeat(32) });

/** An app with one release of iOS 1.0.0 (1), serving that bundle or builtin. */
function appServing(bundle: Bundle | null, release: Partial<Release> = {}): AppSnapshot {
  return buildAppSnapshot({
    appId: someAppId,
    releases: [
      buildRelease({
        versionName: '1.0.0',
        versionCode: '1',
        builtinBundleId: nextId(),
        activeBundleId: bundle?.id ?? null,
        ...release,
      }),
    ],
    bundles: bundle ? [bundle] : [],
  });
}

const decide = (app: AppSnapshot | undefined, device: Partial<DeviceCheck> = {}) =>
  decideUpdate(app, buildDeviceCheck(device));

describe('a device of an app that is not registered', () => {
  it('is told so, as a block (protocol §0.3 D4)', () => {
    expect(decide(undefined)).toMatchObject({ outcome: 'app_not_found', kind: 'blocked' });
  });
});

describe('a device that no release serves', () => {
  const app = appServing(active);
  it.each([
    ['of another platform', { platform: 'android' }],
    ['of another native version', { rawNativeVersion: '1.0.1', nativeVersion: '1.0.1' }],
    ['of another spelling of the native version', { rawNativeVersion: '1.0', nativeVersion: '1.0.0' }],
    ['of a native version with a v', { rawNativeVersion: 'v1.0.0', nativeVersion: '1.0.0' }],
    ['of another native build', { nativeBuild: '2' }],
    ['of another spelling of the native build', { nativeBuild: '01' }],
    ['without a native build', { nativeBuild: '' }],
  ] as const)('because it is %s has no channel, which is a failure', (_why, device) => {
    expect(decide(app, device)).toMatchObject({ outcome: 'no_channel', kind: 'failed' });
  });

  it('because the app has no release at all has no channel', () => {
    const empty = buildAppSnapshot({ appId: someAppId, releases: [], bundles: [active] });
    expect(decide(empty)).toMatchObject({ outcome: 'no_channel', kind: 'failed' });
  });
});

describe('a device whose release has an active bundle', () => {
  it('gets that bundle', () => {
    expect(decide(appServing(active))).toStrictEqual({
      outcome: 'update_available',
      bundle: active,
      checksum: active.checksum,
    });
  });

  it('gets the bundle of its own release', () => {
    const [ios, android, newer] = ['2.0.1', '2.0.2', '2.0.3'].map((versionName) =>
      buildBundle({ versionName }),
    );
    const serving = (bundle: Bundle | undefined, release: Partial<Release>) =>
      buildRelease({
        versionName: '1.0',
        versionCode: '7',
        builtinBundleId: nextId(),
        activeBundleId: bundle?.id ?? null,
        ...release,
      });
    const app = buildAppSnapshot({
      appId: someAppId,
      releases: [
        serving(ios, {}),
        serving(android, { platform: 'android' }),
        serving(newer, { versionCode: '8' }),
      ],
      bundles: [ios, android, newer].filter((bundle) => bundle !== undefined),
    });
    const device = { rawNativeVersion: '1.0', nativeVersion: '1.0.0', nativeBuild: '7' };
    expect(decide(app, device)).toMatchObject({ bundle: ios });
    expect(decide(app, { ...device, platform: 'android' })).toMatchObject({ bundle: android });
    expect(decide(app, { ...device, nativeBuild: '8' })).toMatchObject({ bundle: newer });
  });

  it.each([
    ['older than the one it runs', '1.9.0', '1.2.0'],
    ['older than the native version', '1.0.0', '0.1.0'],
    ['of another major version', '1.0.0', '9.0.0'],
    ['a pre-release', '1.0.0', '1.0.0-beta.1'],
  ])(
    'gets it also when it is %s: a release is an explicit choice (§0.3 D2)',
    (_what, running, versionName) => {
      const bundle = buildBundle({ versionName });
      expect(decide(appServing(bundle), { versionName: running })).toMatchObject({
        outcome: 'update_available',
        bundle,
      });
    },
  );

  it.each([
    ['an emulator', { isEmulator: true }],
    ['a development build', { isProd: false }],
    ['one that asks for a channel', { defaultChannel: 'beta' }],
    ['one with an old plugin', { pluginVersion: '4.0.0' }],
  ] as const)('gets it also as %s', (_what, device) => {
    expect(decide(appServing(active), device)).toMatchObject({ outcome: 'update_available', bundle: active });
  });

  it('gets it also when it is below the bundle’s minimum: no channel policy applies to a release', () => {
    const bundle = buildBundle({ minUpdateVersion: '5.0.0' });
    expect(decide(appServing(bundle))).toMatchObject({ outcome: 'update_available', bundle });
  });

  it('is up to date once it runs that bundle', () => {
    expect(decide(appServing(active), { versionName: '1.2.0' })).toMatchObject({
      outcome: 'no_new_version_available',
      kind: 'up_to_date',
    });
  });

  it.each(['1.2.0+1', 'v1.2.0', '1.2', '1.2.0 '])(
    'is not up to date by a name that only resembles the bundle’s: "%s"',
    (versionName) => {
      expect(decide(appServing(active), { versionName })).toMatchObject({ outcome: 'update_available' });
    },
  );

  it('is up to date on builtin when the bundle has the name of its native version (§2.1 row 16)', () => {
    const bundle = buildBundle({ versionName: '1.0.0' });
    expect(decide(appServing(bundle), { versionName: '1.0.0' })).toMatchObject({
      outcome: 'no_new_version_available',
    });
  });
});

describe('the checksum of an update', () => {
  const encrypted = buildBundle({ ...active, sessionKey: 'aXY=:a2V5', checksum: 'ef'.repeat(256) });
  it.each([
    ['a current plugin', '8.51.14', 'ios', active, active.checksum],
    ['the last plugin of CRC-32', '7.0.29', 'android', active, '0badcafe'],
    ['the first plugin of SHA-256', '7.0.30', 'android', active, active.checksum],
    ['a plugin of the fourth generation', '4.17.0', 'ios', active, '0badcafe'],
    ['the mislabelled 10.0.0', '10.0.0', 'ios', active, '0badcafe'],
    ['Electron’s plugin 0.0.1 (§0.3 D9)', '0.0.1', 'electron', active, active.checksum],
    ['a current plugin, encrypted', '8.51.14', 'ios', encrypted, encrypted.checksum],
    ['an old plugin, encrypted (§0.3 D1)', '5.0.0', 'ios', encrypted, encrypted.checksum],
  ] as const)('for %s is the one it verifies', (_what, pluginVersion, platform, bundle, checksum) => {
    expect(decide(appServing(bundle, { platform }), { platform, pluginVersion })).toMatchObject({
      outcome: 'update_available',
      checksum,
    });
  });
});

describe('a device with another key than the bundle’s', () => {
  const keyed = buildBundle({ versionName: '1.2.0', sessionKey: 'aXY=:a2V5', keyId: 'MIIBCgKCAQEAbundle00' });
  const otherKey = { keyId: 'MIIBCgKCAQEAdevice00', pluginVersion: '8.40.8' };

  it('is refused, with both keys', () => {
    expect(decide(appServing(keyed), otherKey)).toMatchObject({
      outcome: 'key_id_mismatch',
      kind: 'blocked',
      facts: { deviceKeyId: otherKey.keyId, bundleKeyId: keyed.keyId },
    });
  });

  it('is refused rather than told it is up to date (§2.1 row 15 before 16)', () => {
    expect(decide(appServing(keyed), { ...otherKey, versionName: '1.2.0' })).toMatchObject({
      outcome: 'key_id_mismatch',
    });
  });

  it('is told that no release serves it, when none does, rather than refused', () => {
    expect(decide(appServing(keyed), { ...otherKey, nativeBuild: '2' })).toMatchObject({
      outcome: 'no_channel',
    });
  });

  it.each([
    ['its plugin is too old to mean it', { ...otherKey, pluginVersion: '8.40.7' }],
    ['it is the mislabelled 10.0.0', { ...otherKey, pluginVersion: '10.0.0' }],
    ['it names no key', { pluginVersion: '8.51.14' }],
    ['it names an empty key', { pluginVersion: '8.51.14', keyId: '' }],
    ['it has the same key', { pluginVersion: '8.51.14', keyId: 'MIIBCgKCAQEAbundle00' }],
  ])('is served after all when %s', (_why, device) => {
    expect(decide(appServing(keyed), device)).toMatchObject({ outcome: 'update_available', bundle: keyed });
  });

  it('is served a bundle that names no key', () => {
    expect(decide(appServing(active), otherKey)).toMatchObject({ outcome: 'update_available' });
  });

  it('is refused on Electron only by a plugin version that means it', () => {
    const app = appServing(keyed, { platform: 'electron' });
    expect(decide(app, { ...otherKey, platform: 'electron', pluginVersion: '0.0.1' })).toMatchObject({
      outcome: 'update_available',
    });
  });
});

describe('a device whose release has no active bundle (protocol §3.7)', () => {
  const app = appServing(null);

  it.each([
    ['names the native version', { versionName: '1.0.0' }],
    [
      'names the native version as sent',
      { rawNativeVersion: '1.0', versionName: '1.0', nativeVersion: '1.0.0' },
    ],
    [
      'names the native version coerced',
      { rawNativeVersion: '1.0', versionName: '1.0.0', nativeVersion: '1.0.0' },
    ],
  ])('and that %s is already on builtin', (_how, device) => {
    const served = appServing(null, { versionName: buildDeviceCheck(device).rawNativeVersion });
    expect(decide(served, device)).toMatchObject({
      outcome: 'already_on_builtin',
      kind: 'up_to_date',
      facts: { version: 'builtin' },
    });
  });

  it('and that runs a bundle goes back to builtin', () => {
    expect(decide(app, { versionName: '1.2.0' })).toStrictEqual({ outcome: 'revert_to_builtin' });
  });

  it.each([
    ['6.1.99', 'revert_to_builtin_plugin_version_too_old'],
    ['6.2.0', 'revert_to_builtin'],
    ['5.99.0', 'revert_to_builtin_plugin_version_too_old'],
    ['4.0.0', 'revert_to_builtin_plugin_version_too_old'],
    ['10.0.0', 'revert_to_builtin_plugin_version_too_old'],
    ['10.0.1', 'revert_to_builtin'],
  ])('and that runs a bundle with plugin %s is answered %s', (pluginVersion, outcome) => {
    expect(decide(app, { versionName: '1.2.0', pluginVersion })).toMatchObject({ outcome });
  });

  it('is told as a failure that its plugin is too old', () => {
    expect(decide(app, { versionName: '1.2.0', pluginVersion: '6.1.0' })).toMatchObject({ kind: 'failed' });
  });

  it('is already on builtin also with a plugin too old to go back', () => {
    expect(decide(app, { versionName: '1.0.0', pluginVersion: '4.0.0' })).toMatchObject({
      outcome: 'already_on_builtin',
    });
  });

  it('goes back to builtin on Electron, whose plugin counts from 0 (§0.3 D9)', () => {
    const electron = appServing(null, { platform: 'electron' });
    const device = { platform: 'electron', pluginVersion: '0.0.1', versionName: '1.2.0' } as const;
    expect(decide(electron, device)).toStrictEqual({ outcome: 'revert_to_builtin' });
  });

  it('is not refused for its key', () => {
    expect(decide(app, { versionName: '1.2.0', keyId: 'MIIBCgKCAQEAdevice00' })).toMatchObject({
      outcome: 'revert_to_builtin',
    });
  });
});

describe('every refusal', () => {
  const refusals = [
    decide(undefined),
    decide(appServing(active), { nativeBuild: '2' }),
    decide(appServing(active), { versionName: '1.2.0' }),
    decide(appServing(null)),
    decide(appServing(null), { versionName: '1.2.0', pluginVersion: '5.0.0' }),
    decide(appServing(buildBundle({ keyId: 'a' })), { keyId: 'b' }),
  ];

  it('has a kind and a message: a device takes an answer without them for a failure (§3.4)', () => {
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        kind: expect.stringMatching(/^(up_to_date|blocked|failed)$/),
        message: expect.stringMatching(/./),
      });
    }
  });

  it('is one of the outcomes that are counted, together with the two answers that change a device', () => {
    const outcomes = [...refusals.map(({ outcome }) => outcome), 'update_available', 'revert_to_builtin'];
    expect(outcomes.toSorted()).toStrictEqual([...updateOutcomes].toSorted());
  });
});
