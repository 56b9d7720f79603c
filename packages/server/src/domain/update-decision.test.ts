import { compareSemver, parseSemver } from '@capgo-server/protocol/formats/semver';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildAsker,
  buildState,
  buildTarget,
  buildTargetApp,
  buildTargetChannel,
  buildTargetRelease,
  buildTargetRollout,
} from '../testing/decision-builders.ts';
import { type AppSnapshot, type AppState, appSettingDefaults, buildAppSnapshot } from './app.ts';
import type { Bundle } from './bundle.ts';
import type { Channel, UpdatePackage } from './channel.ts';
import type { DeviceCheck } from './device.ts';
import type { DeviceState } from './device-state.ts';
import { packManifest } from './manifest.ts';
import { pluginFeatures } from './plugin-features.ts';
import { type RefusalCode, type RefusalFacts, type RefusalKind, refusals } from './refusals.ts';
import { decideUpdate, type UpdateDecision, updateOutcomes } from './update-decision.ts';

/** One device before one target, which a channel or a release serves. */
interface Situation {
  readonly isRegistered: boolean;
  readonly channel: Channel;
  /** Undefined for builtin. */
  readonly bundle: Bundle | undefined;
  readonly device: DeviceCheck;
  readonly state: DeviceState;
}

interface Change {
  readonly isRegistered?: boolean;
  readonly channel?: Partial<Channel>;
  readonly bundle?: Partial<Bundle> | 'builtin';
  readonly device?: Partial<DeviceCheck>;
  readonly state?: Partial<DeviceState>;
}

type Way = (situation: Situation) => Situation;

const target = buildTarget();
const everythingPasses: Situation = {
  isRegistered: true,
  channel: buildTargetChannel({ name: 'production' }),
  bundle: target,
  device: buildAsker(),
  state: buildState(),
};
const rules = { failedBundleRetries: 2 };

function change(situation: Situation, given: Change): Situation {
  const { isRegistered = situation.isRegistered, bundle } = given;
  return {
    isRegistered,
    channel: { ...situation.channel, ...given.channel },
    bundle:
      bundle === 'builtin'
        ? undefined
        : bundle
          ? { ...(situation.bundle ?? target), ...bundle }
          : situation.bundle,
    device: { ...situation.device, ...given.device },
    state: { ...situation.state, ...given.state },
  };
}

const by =
  (given: Change): Way =>
  (situation) =>
    change(situation, given);

/** The situation with a channel that serves the target. */
function inChannel({ channel, bundle, isRegistered }: Situation): AppSnapshot | undefined {
  if (!isRegistered) return undefined;
  return buildTargetApp({
    channels: [{ ...channel, bundleId: bundle?.id ?? null }],
    bundles: bundle ? [bundle] : [],
  });
}

/** The situation with a release that serves the target, in an app without channels. */
function inRelease({ bundle, device, isRegistered }: Situation): AppSnapshot | undefined {
  if (!isRegistered) return undefined;
  const release = buildTargetRelease({
    id: 'a'.repeat(24),
    platform: device.platform,
    versionName: device.rawNativeVersion,
    versionCode: device.nativeBuild,
    activeBundleId: bundle?.id ?? null,
  });
  return buildTargetApp({ releases: [release], bundles: bundle ? [bundle] : [] });
}

function decide(situation: Situation, appOf = inChannel): UpdateDecision {
  return decideUpdate(appOf(situation), situation.device, situation.state, rules);
}

const overrideTo = (channel: Channel) => ({ overrideChannelId: channel.id, selfSetChannelId: null });
const selfSetTo = (channel: Channel) => ({ overrideChannelId: null, selfSetChannelId: channel.id });
const { channel: theChannel } = everythingPasses;
const noMemory = { overrideChannelId: null, selfSetChannelId: null };
const legacyPlugin = '7.33.0';
const deviceKey = 'MIIBCgKCAQEAdevice00';
const bundleKey = 'MIIBCgKCAQEAbundle00';
const allPlatforms = { ios: true, android: true, electron: true };

interface Row {
  /** Its place in protocol §2.1. */
  readonly row: string;
  readonly code: RefusalCode;
  readonly kind: RefusalKind;
  /** The top-level keys of the answer beside error, message and kind, for the first way. */
  readonly facts: RefusalFacts;
  readonly action: string | null;
  /** What makes the condition true; the first way alone brings about this row. */
  readonly ways: readonly [Way, ...Way[]];
  /** The condition as the table has it, looking at the situation only. */
  readonly holds: (situation: Situation) => boolean;
  /** Whether it is a rule of the channel, which a release does not have. */
  readonly isPolicy?: true;
}

const usesServerStorage = ({ device }: Situation) =>
  pluginFeatures(device.platform, device.pluginVersion).serverChannelStorage;
const major = (version: string) => parseSemver(version)?.major ?? Number.NaN;
const minor = (version: string) => parseSemver(version)?.minor ?? Number.NaN;
const patch = (version: string) => parseSemver(version)?.patch ?? Number.NaN;

/** A rule that compares the target's version with the native one; never true of builtin. */
const comparing =
  (condition: (bundle: Bundle, native: string, channel: Channel) => boolean) =>
  ({ bundle, device, channel }: Situation): boolean =>
    bundle !== undefined && condition(bundle, device.nativeVersion, channel);

function platformRow(
  row: string,
  platform: 'ios' | 'android' | 'electron',
  action: string,
): Pick<Row, 'row' | 'kind' | 'facts' | 'action' | 'ways' | 'holds' | 'isPolicy'> {
  const platforms = { ...allPlatforms, [platform]: false };
  return {
    row,
    kind: 'blocked',
    facts: { version: '1.2.0', old: '1.1.0' },
    action,
    ways: [
      by({ channel: { platforms }, device: { platform }, state: overrideTo(theChannel) }),
      by({
        channel: { platforms },
        device: { platform, pluginVersion: legacyPlugin },
        state: selfSetTo(theChannel),
      }),
    ],
    holds: ({ channel, device }) => device.platform === platform && !channel.platforms[platform],
    isPolicy: true,
  };
}

/** Protocol §2.1 in its order, as far as it exists here (§0.3 D1, D3, D4, D11), with our own row at the end. */
const rows: readonly Row[] = [
  {
    row: '1 to 7',
    code: 'app_not_found',
    kind: 'blocked',
    facts: {},
    action: null,
    ways: [by({ isRegistered: false })],
    holds: ({ isRegistered }) => !isRegistered,
  },
  {
    row: '12',
    code: 'no_channel',
    kind: 'failed',
    facts: {},
    action: 'NoChannelOrOverride',
    ways: [
      by({ device: { defaultChannel: 'nobody-has-it' } }),
      by({ device: { defaultChannel: 'nobody-has-it' }, state: noMemory }),
      by({ channel: { isPublic: false }, state: noMemory }),
    ],
    holds: (situation) => {
      const { channel, device, state } = situation;
      if (state.overrideChannelId === channel.id) return false;
      if (state.selfSetChannelId === channel.id && usesServerStorage(situation)) return false;
      if (!channel.platforms[device.platform]) return true;
      if (device.defaultChannel === undefined) return !channel.isPublic;
      return device.defaultChannel !== channel.name || !(channel.isPublic || channel.allowDeviceSelfSet);
    },
  },
  {
    row: '14',
    code: 'no_bundle',
    kind: 'failed',
    facts: {},
    action: 'missingBundle',
    ways: [by({ bundle: { objectKey: null, externalUrl: null } })],
    holds: ({ bundle }) => bundle?.objectKey === null && bundle.externalUrl === null,
  },
  {
    row: '15',
    code: 'key_id_mismatch',
    kind: 'blocked',
    facts: { deviceKeyId: deviceKey, bundleKeyId: bundleKey },
    action: 'keyMismatch',
    ways: [
      by({ bundle: { keyId: bundleKey }, device: { keyId: deviceKey, pluginVersion: '8.40.8' } }),
      by({ bundle: { keyId: bundleKey }, device: { keyId: deviceKey, pluginVersion: '9.0.0' } }),
    ],
    holds: ({ bundle, device }) =>
      Boolean(bundle?.keyId && device.keyId) &&
      bundle?.keyId !== device.keyId &&
      compareSemver(device.pluginVersion, '8.40.7') > 0 &&
      device.pluginVersion !== '10.0.0',
  },
  {
    row: '16',
    code: 'no_new_version_available',
    kind: 'up_to_date',
    facts: {},
    action: 'noNew',
    ways: [
      (situation) =>
        change(situation, { device: { versionName: situation.bundle?.versionName ?? target.versionName } }),
    ],
    holds: ({ bundle, device }) => bundle?.versionName === device.versionName,
  },
  { code: 'disabled_platform_ios', ...platformRow('17', 'ios', 'disablePlatformIos') },
  { code: 'disabled_platform_android', ...platformRow('18', 'android', 'disablePlatformAndroid') },
  { code: 'disabled_platform_electron', ...platformRow('19', 'electron', 'disablePlatformElectron') },
  {
    row: '20',
    code: 'disable_auto_update_to_major',
    kind: 'blocked',
    facts: { major: true, version: '2.0.0', old: '1.0.0' },
    action: 'disableAutoUpdateToMajor',
    ways: [by({ channel: { policy: 'major' }, bundle: { versionName: '2.0.0' } })],
    holds: comparing(
      (bundle, native, channel) => channel.policy === 'major' && major(bundle.versionName) > major(native),
    ),
    isPolicy: true,
  },
  {
    row: '21',
    code: 'cannot_update_via_private_channel',
    kind: 'blocked',
    facts: {},
    action: 'cannotUpdateViaPrivateChannel',
    ways: [
      by({
        channel: { isPublic: false, allowDeviceSelfSet: false },
        device: { pluginVersion: legacyPlugin },
        state: selfSetTo(theChannel),
      }),
    ],
    holds: ({ channel, state }) =>
      !channel.isPublic && !channel.allowDeviceSelfSet && state.overrideChannelId !== channel.id,
    isPolicy: true,
  },
  {
    row: '22',
    code: 'disable_auto_update_to_minor',
    kind: 'blocked',
    facts: { major: true, version: '1.2.0', old: '1.0.0' },
    action: 'disableAutoUpdateToMinor',
    ways: [by({ channel: { policy: 'minor' } })],
    holds: comparing(
      ({ versionName }, native, { policy }) =>
        policy === 'minor' && (major(versionName) !== major(native) || minor(versionName) !== minor(native)),
    ),
    isPolicy: true,
  },
  {
    row: '23',
    code: 'disable_auto_update_to_patch',
    kind: 'blocked',
    facts: { major: true, version: '1.2.0', old: '1.0.0' },
    action: 'disableAutoUpdateToPatch',
    ways: [by({ channel: { policy: 'patch' } })],
    holds: comparing(
      ({ versionName }, native, { policy }) =>
        policy === 'patch' &&
        (major(versionName) !== major(native) ||
          minor(versionName) !== minor(native) ||
          patch(versionName) !== patch(native)),
    ),
    isPolicy: true,
  },
  {
    row: '24a',
    code: 'misconfigured_channel',
    kind: 'failed',
    facts: { version: '1.2.0', old: '1.0.0' },
    action: 'channelMisconfigured',
    ways: [by({ channel: { policy: 'version_number' }, bundle: { minUpdateVersion: null } })],
    holds: comparing(
      ({ minUpdateVersion }, _native, { policy }) => policy === 'version_number' && minUpdateVersion === null,
    ),
    isPolicy: true,
  },
  {
    row: '24b',
    code: 'disable_auto_update_to_metadata',
    kind: 'blocked',
    facts: { major: true, version: '1.2.0', old: '1.0.0' },
    action: 'disableAutoUpdateMetadata',
    ways: [by({ channel: { policy: 'version_number' }, bundle: { minUpdateVersion: '3.0.0' } })],
    holds: comparing(
      ({ minUpdateVersion }, native, { policy }) =>
        policy === 'version_number' &&
        minUpdateVersion !== null &&
        compareSemver(minUpdateVersion, native) > 0,
    ),
    isPolicy: true,
  },
  {
    row: '25',
    code: 'disable_auto_update_under_native',
    kind: 'blocked',
    facts: { version: '1.2.0', old: '1.1.0' },
    action: 'disableAutoUpdateUnderNative',
    ways: [
      by({
        channel: { blocksUnderNative: true },
        device: { nativeVersion: '1.5.0', rawNativeVersion: '1.5.0' },
      }),
    ],
    holds: comparing(
      (bundle, native, channel) => channel.blocksUnderNative && compareSemver(bundle.versionName, native) < 0,
    ),
    isPolicy: true,
  },
  {
    row: '26',
    code: 'disable_prod_build',
    kind: 'blocked',
    facts: { version: '1.2.0', old: '1.1.0' },
    action: 'disableProdBuild',
    ways: [by({ channel: { allowProd: false }, device: { isProd: true } })],
    holds: ({ channel, device }) => !channel.allowProd && device.isProd,
    isPolicy: true,
  },
  {
    row: '27',
    code: 'disable_dev_build',
    kind: 'blocked',
    facts: { version: '1.2.0', old: '1.1.0' },
    action: 'disableDevBuild',
    ways: [by({ channel: { allowDev: false }, device: { isProd: false } })],
    holds: ({ channel, device }) => !channel.allowDev && !device.isProd,
    isPolicy: true,
  },
  {
    row: '28',
    code: 'disable_device',
    kind: 'blocked',
    facts: { version: '1.2.0', old: '1.1.0' },
    action: 'disableDevice',
    ways: [by({ channel: { allowDevice: false }, device: { isEmulator: false } })],
    holds: ({ channel, device }) => !channel.allowDevice && !device.isEmulator,
    isPolicy: true,
  },
  {
    row: '29',
    code: 'disable_emulator',
    kind: 'blocked',
    facts: { version: '1.2.0', old: '1.1.0' },
    action: 'disableEmulator',
    ways: [by({ channel: { allowEmulator: false }, device: { isEmulator: true } })],
    holds: ({ channel, device }) => !channel.allowEmulator && device.isEmulator,
    isPolicy: true,
  },
  {
    row: '30, §3.7',
    code: 'already_on_builtin',
    kind: 'up_to_date',
    facts: { version: 'builtin' },
    // The table has no event here; recorded like every other "nothing new".
    action: 'noNew',
    ways: [
      (situation) =>
        change(situation, { bundle: 'builtin', device: { versionName: situation.device.nativeVersion } }),
      (situation) =>
        change(situation, {
          bundle: 'builtin',
          device: { rawNativeVersion: '1.0', versionName: '1.0', nativeVersion: '1.0.0' },
        }),
    ],
    holds: ({ bundle, device }) =>
      !bundle && [device.nativeVersion, device.rawNativeVersion].includes(device.versionName),
  },
  {
    row: '31, §3.7',
    code: 'revert_to_builtin_plugin_version_too_old',
    kind: 'failed',
    facts: {},
    // The table has no event here; recorded as the refusal of a plugin, which it is.
    action: 'backend_refusal',
    ways: [by({ bundle: 'builtin', device: { pluginVersion: '6.1.99' } })],
    holds: ({ bundle, device }) =>
      !bundle &&
      device.platform !== 'electron' &&
      (compareSemver(device.pluginVersion, '6.2.0') < 0 || device.pluginVersion === '10.0.0'),
  },
  {
    row: '32',
    code: 'no_bundle_url',
    kind: 'failed',
    facts: {},
    action: 'cannotGetBundle',
    ways: [by({ bundle: { objectKey: null, externalUrl: 'ftp://example.com/1.2.0.zip' } })],
    holds: ({ bundle }) =>
      bundle !== undefined &&
      (bundle.externalUrl === null ? bundle.objectKey === null : !/^https?:\/\//i.test(bundle.externalUrl)),
  },
  {
    row: 'ours: failure memory',
    code: 'bundle_failed_on_device',
    kind: 'blocked',
    facts: { version: '1.2.0', old: '1.1.0' },
    action: 'backend_refusal',
    ways: [
      (situation) =>
        change(situation, {
          state: { failedInstalls: new Map([[situation.bundle?.versionName ?? target.versionName, 3]]) },
        }),
    ],
    holds: ({ bundle, state }) =>
      bundle !== undefined && (state.failedInstalls.get(bundle.versionName) ?? 0) > rules.failedBundleRetries,
  },
];

const codes = rows.map(({ code }) => code);
const firstThatHolds = (situation: Situation, appOf: typeof inChannel) =>
  rows.find((row) => {
    const isApplicable = appOf === inChannel || !(row.isPolicy || row.code === 'no_channel');
    return isApplicable && row.holds(situation);
  });

describe('an update check against which nothing stands', () => {
  it('is answered with the bundle and its checksum, and with nothing that marks a refusal (§2.1 row 34)', () => {
    const decision = decide(everythingPasses);
    expect(decision).toMatchObject({
      outcome: 'update_available',
      bundle: target,
      checksum: target.checksum,
    });
    expect(Object.keys(decision).toSorted()).toEqual([
      'bundle',
      'checksum',
      'comment',
      'considered',
      'link',
      'manifest',
      'outcome',
    ]);
  });

  it('is answered with a bundle that lies elsewhere, whatever the case of its scheme', () => {
    for (const externalUrl of [
      'https://cdn.example.com/a.zip',
      'http://10.0.0.1/a.zip',
      'HTTPS://x.example/a',
    ]) {
      const situation = change(everythingPasses, { bundle: { objectKey: null, externalUrl } });
      expect(decide(situation)).toMatchObject({ outcome: 'update_available', bundle: { externalUrl } });
    }
  });

  it('is sent back to builtin by a channel that serves it, with nothing that marks a refusal (§3.7)', () => {
    for (const appOf of [inChannel, inRelease]) {
      const decision = decide(change(everythingPasses, { bundle: 'builtin' }), appOf);
      expect(decision.outcome).toBe('revert_to_builtin');
      expect(Object.keys(decision).toSorted()).toEqual(['considered', 'outcome']);
    }
  });

  it('says which channel and bundle were considered', () => {
    expect(decide(everythingPasses).considered).toMatchObject({
      resolution: { kind: 'channel', source: 'public_channel', served: { channel: { name: 'production' } } },
      bundle: target,
    });
  });
});

describe('a row of protocol §2.1', () => {
  it.each(rows)('$row is $code', (row) => {
    const situation = row.ways[0](everythingPasses);
    const decision = decide(situation);
    expect(decision).toMatchObject({
      outcome: row.code,
      kind: row.kind,
      message: expect.stringMatching(/./),
    });
    expect('facts' in decision && decision.facts).toStrictEqual(row.facts);
    expect(refusals[row.code].action).toBe(row.action);
  });

  it('stands here for every answer without an update', () => {
    expect([...codes, 'update_available', 'revert_to_builtin'].toSorted()).toEqual(
      [...updateOutcomes].toSorted(),
    );
  });

  it.each(
    rows.flatMap((row) => row.ways.map((way, index) => ({ row, way, code: row.code, nth: index + 1 }))),
  )('$code holds in a way that this file names (way $nth)', ({ row, way }) => {
    expect(row.holds(everythingPasses)).toBe(false);
    expect(row.holds(way(everythingPasses))).toBe(true);
  });
});

const builtinRows: RefusalCode[] = ['already_on_builtin', 'revert_to_builtin_plugin_version_too_old'];
const policyRows: RefusalCode[] = [
  'disable_auto_update_to_major',
  'disable_auto_update_to_minor',
  'disable_auto_update_to_patch',
  'misconfigured_channel',
  'disable_auto_update_to_metadata',
];
const bundleRows: RefusalCode[] = [
  ...(['no_bundle', 'key_id_mismatch', 'no_new_version_available', 'no_bundle_url'] as const),
  ...policyRows,
  ...(['disable_auto_update_under_native', 'bundle_failed_on_device'] as const),
];
const platformRows: RefusalCode[] = [
  'disabled_platform_ios',
  'disabled_platform_android',
  'disabled_platform_electron',
];

const pairsOf = (left: readonly RefusalCode[], right: readonly RefusalCode[]) =>
  left.flatMap((one) => right.map((other): [RefusalCode, RefusalCode] => [one, other]));
const pairsAmong = (among: readonly RefusalCode[]) =>
  among.flatMap((one, index) => pairsOf([one], among.slice(index + 1)));
const pairKey = (pair: readonly [RefusalCode, RefusalCode]) =>
  pair.toSorted((left, right) => codes.indexOf(left) - codes.indexOf(right)).join(' + ');

/** Pairs of rows of which at most one can hold, and why. */
const contradictions = new Map<string, string>(
  (
    [
      ['a device has one platform', pairsAmong(platformRows)],
      ['a channel has one policy, and a bundle has a minimum or none', pairsAmong(policyRows)],
      [
        'a bundle of a higher major version is not below the native one',
        [['disable_auto_update_to_major', 'disable_auto_update_under_native']],
      ],
      ['a build is prod or dev', [['disable_prod_build', 'disable_dev_build']]],
      ['a device is an emulator or not', [['disable_device', 'disable_emulator']]],
      ['a target is builtin or a bundle', pairsOf(bundleRows, builtinRows)],
      [
        'a plugin that means its key keeps its channel itself, so no stored choice leads it to a private one',
        [['key_id_mismatch', 'cannot_update_via_private_channel']],
      ],
      [
        'every Electron plugin can go back to builtin (§0.3 D9)',
        [['disabled_platform_electron', 'revert_to_builtin_plugin_version_too_old']],
      ],
    ] satisfies [string, [RefusalCode, RefusalCode][]][]
  ).flatMap(([why, pairs]) => pairs.map((pair): [string, string] => [pairKey(pair), why])),
);

/** Every situation in which both rows hold and something was resolved or not as the rows need it. */
function situationsOfBoth(first: Row, second: Row): Situation[] {
  return first.ways
    .flatMap((one) => second.ways.map((other): [Way, Way] => [one, other]))
    .flatMap(([one, other]) => [other(one(everythingPasses)), one(other(everythingPasses))])
    .filter((situation) => first.holds(situation) && second.holds(situation))
    .filter((situation) => isReached(situation, first, second));
}

/** A row of the channel's target is reached only where the channel is; the rows before it have no such need. */
function isReached(situation: Situation, first: Row, second: Row): boolean {
  const isUnresolved = rows[1]?.holds(situation) ?? false;
  return (
    !isUnresolved || [first.code, second.code].some((code) => ['app_not_found', 'no_channel'].includes(code))
  );
}

describe('of two rows that hold at the same time', () => {
  const pairs = rows.flatMap((first, index) =>
    rows.slice(index + 1).map((second) => ({ first, second, name: pairKey([first.code, second.code]) })),
  );
  const possible = pairs.filter(({ name }) => !contradictions.has(name));

  it.each(possible)('the first wins: $name', ({ first, second }) => {
    const situations = situationsOfBoth(first, second);
    expect(situations.length).toBeGreaterThan(0);
    for (const situation of situations) expect(decide(situation).outcome).toBe(first.code);
  });

  it('the pairs left out are exactly those that cannot be', () => {
    const impossible = pairs.filter(({ first, second }) => situationsOfBoth(first, second).length === 0);
    expect(impossible.map(({ name }) => name).toSorted()).toEqual([...contradictions.keys()].toSorted());
  });
});

const someWays = fc.array(fc.constantFrom(...rows.flatMap(({ ways }) => ways)), { maxLength: 6 });

describe('of any number of rows that hold at the same time', () => {
  it.each([
    ['a channel', inChannel],
    ['a release, which has no policies (§0.3 D2)', inRelease],
  ] as const)('the first wins for %s', (_what, appOf) => {
    fc.assert(
      fc.property(someWays, (ways) => {
        const situation = ways.reduce((before, way) => way(before), everythingPasses);
        const expected =
          firstThatHolds(situation, appOf)?.code ??
          (situation.bundle ? 'update_available' : 'revert_to_builtin');
        expect(decide(situation, appOf).outcome).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a bundle and the version a device runs', () => {
  it('are compared by name only: one older than what the device runs is served (note to §2.1)', () => {
    const bundle = { versionName: '1.0.0' };
    const situation = change(everythingPasses, { bundle, device: { versionName: '1.1.0' } });
    expect(decide(situation)).toMatchObject({ outcome: 'update_available', bundle });
  });

  it.each(['1.2.0+1', 'v1.2.0', '1.2', '1.2.0 ', '1.2.0-0'])(
    'are not the same when the names only resemble each other: "%s"',
    (versionName) => {
      expect(decide(change(everythingPasses, { device: { versionName } })).outcome).toBe('update_available');
    },
  );

  it('are the same on builtin when the bundle has the name of the native version (row 16)', () => {
    const situation = change(everythingPasses, {
      bundle: { versionName: '1.0.0' },
      device: { versionName: '1.0.0' },
    });
    expect(decide(situation).outcome).toBe('no_new_version_available');
  });

  it('with another key are a mismatch rather than up to date (row 15 before 16)', () => {
    const situation = change(everythingPasses, {
      bundle: { keyId: bundleKey },
      device: { keyId: deviceKey, versionName: '1.2.0' },
    });
    expect(decide(situation).outcome).toBe('key_id_mismatch');
  });
});

describe('the policy of a channel', () => {
  type Case = [policy: Channel['policy'], bundle: string, native: string, outcome: UpdateDecision['outcome']];
  const cases: Case[] = [
    // Row 20 is one-directional.
    ['major', '1.9.9', '1.0.0', 'update_available'],
    ['major', '2.0.0', '1.9.9', 'disable_auto_update_to_major'],
    ['major', '2.0.0-alpha.1', '1.9.9', 'disable_auto_update_to_major'],
    ['major', '1.0.0', '2.0.0', 'update_available'],
    // Rows 22 and 23 block both directions.
    ['minor', '1.2.9', '1.2.0', 'update_available'],
    ['minor', '1.2.0', '1.2.9', 'update_available'],
    ['minor', '1.3.0', '1.2.0', 'disable_auto_update_to_minor'],
    ['minor', '1.1.0', '1.2.0', 'disable_auto_update_to_minor'],
    ['minor', '2.2.0', '1.2.0', 'disable_auto_update_to_minor'],
    ['minor', '0.2.0', '1.2.0', 'disable_auto_update_to_minor'],
    ['patch', '1.2.3-beta.1', '1.2.3', 'update_available'],
    ['patch', '1.2.3+7', '1.2.3', 'update_available'],
    ['patch', '1.2.4', '1.2.3', 'disable_auto_update_to_patch'],
    ['patch', '1.2.2', '1.2.3', 'disable_auto_update_to_patch'],
    ['patch', '1.3.3', '1.2.3', 'disable_auto_update_to_patch'],
    ['patch', '2.2.3', '1.2.3', 'disable_auto_update_to_patch'],
    ['none', '99.0.0', '1.0.0', 'update_available'],
    ['none', '0.0.1', '1.0.0', 'update_available'],
  ];
  it.each(cases)('%s before bundle %s and native version %s: %s', (policy, versionName, native, outcome) => {
    const situation = change(everythingPasses, {
      channel: { policy, blocksUnderNative: false },
      bundle: { versionName },
      device: { nativeVersion: native, versionName: '7.7.7' },
    });
    expect(decide(situation).outcome).toBe(outcome);
  });

  it.each([
    ['1.0.0', '1.0.0', 'update_available'],
    ['1.0.1', '1.0.0', 'disable_auto_update_to_metadata'],
    ['1.0.0', '1.0.0-beta', 'disable_auto_update_to_metadata'],
    ['1.0.0-beta', '1.0.0', 'update_available'],
    ['1.0.0-beta.2', '1.0.0-beta.10', 'update_available'],
    ['1.0.0-beta.10', '1.0.0-beta.2', 'disable_auto_update_to_metadata'],
    ['1.0.0+9', '1.0.0+1', 'update_available'],
    ['1.0.0+1', '1.0.0', 'update_available'],
  ] as const)(
    'version_number before the minimum %s and native version %s: %s',
    (minUpdateVersion, native, outcome) => {
      const situation = change(everythingPasses, {
        channel: { policy: 'version_number' },
        bundle: { minUpdateVersion },
        device: { nativeVersion: native },
      });
      expect(decide(situation).outcome).toBe(outcome);
    },
  );

  it.each(['major', 'minor', 'patch', 'none'] as const)(
    '%s does not read the minimum of a bundle',
    (policy) => {
      const situation = change(everythingPasses, {
        channel: { policy },
        bundle: { versionName: '1.0.0', minUpdateVersion: '9.0.0' },
      });
      expect(decide(situation).outcome).toBe('update_available');
    },
  );

  it('names the native version it compared, not the bundle the device runs', () => {
    const situation = change(everythingPasses, {
      channel: { policy: 'minor' },
      device: { versionName: '7.7.7', nativeVersion: '1.0.0', rawNativeVersion: '1' },
    });
    expect(decide(situation)).toMatchObject({ facts: { version: '1.2.0', old: '1.0.0', major: true } });
  });
});

describe('the guard under the native version', () => {
  it.each([
    ['1.0.0', '1.0.0', 'update_available'],
    ['1.0.1', '1.0.0', 'update_available'],
    ['0.9.9', '1.0.0', 'disable_auto_update_under_native'],
    ['1.0.0-beta', '1.0.0', 'disable_auto_update_under_native'],
    ['1.0.0', '1.0.0-beta', 'update_available'],
    ['1.0.0-alpha', '1.0.0-beta', 'disable_auto_update_under_native'],
    ['1.0.0+1', '1.0.0+9', 'update_available'],
    ['1.0.0', '1.0.0+9', 'update_available'],
  ] as const)('before bundle %s and native version %s: %s', (versionName, native, outcome) => {
    const given: Change = { bundle: { versionName }, device: { nativeVersion: native } };
    expect(decide(change(everythingPasses, given)).outcome).toBe(outcome);
    const unguarded = change(change(everythingPasses, given), { channel: { blocksUnderNative: false } });
    expect(decide(unguarded).outcome).toBe('update_available');
  });
});

describe('a channel that serves builtin', () => {
  const onBuiltinTarget = change(everythingPasses, { bundle: 'builtin' });

  it.each([
    ['policy major', { channel: { policy: 'major' } }],
    ['policy minor', { channel: { policy: 'minor' } }],
    ['policy patch', { channel: { policy: 'patch' } }],
    ['policy version_number', { channel: { policy: 'version_number' } }],
    ['the guard under native', { channel: { blocksUnderNative: true }, device: { nativeVersion: '99.0.0' } }],
    ['another key', { device: { keyId: deviceKey } }],
    ['a bundle that failed', { state: { failedInstalls: new Map([['builtin', 9]]) } }],
  ] satisfies [string, Change][])('is not withheld by %s (notes to §2.1)', (_rule, given) => {
    expect(decide(change(onBuiltinTarget, given)).outcome).toBe('revert_to_builtin');
  });

  const notSkipped: RefusalCode[] = [
    ...platformRows,
    'cannot_update_via_private_channel',
    'disable_prod_build',
    'disable_dev_build',
    'disable_device',
    'disable_emulator',
  ];
  it.each(notSkipped)('is withheld by %s, which names builtin as its version', (code) => {
    const [way] = rows.find((row) => row.code === code)?.ways ?? [];
    const decision = decide(change(way?.(onBuiltinTarget) ?? onBuiltinTarget, { bundle: 'builtin' }));
    expect(decision.outcome).toBe(code);
    const facts = code === 'cannot_update_via_private_channel' ? {} : { version: 'builtin', old: '1.1.0' };
    expect('facts' in decision && decision.facts).toStrictEqual(facts);
  });
});

describe('the builtin bundle (protocol §3.7)', () => {
  const places = [
    ['a channel', inChannel],
    ['a release', inRelease],
  ] as const;
  const natively = { nativeVersion: '1.0.0', rawNativeVersion: '1.0' };
  const table = [
    ['1.0.0', '8.51.14', 'ios', 'already_on_builtin'],
    ['1.0', '8.51.14', 'android', 'already_on_builtin'],
    ['1.0.0', '4.17.48', 'ios', 'already_on_builtin'],
    ['1.0.0', '10.0.0', 'android', 'already_on_builtin'],
    ['1.0.0', '0.0.1', 'electron', 'already_on_builtin'],
    ['1', '8.51.14', 'ios', 'revert_to_builtin'],
    ['1.1.0', '8.51.14', 'ios', 'revert_to_builtin'],
    ['1.1.0', '6.2.0', 'android', 'revert_to_builtin'],
    ['1.1.0', '6.2.0-beta.1', 'android', 'revert_to_builtin_plugin_version_too_old'],
    ['1.1.0', '6.1.99', 'android', 'revert_to_builtin_plugin_version_too_old'],
    ['1.1.0', '5.99.0', 'ios', 'revert_to_builtin_plugin_version_too_old'],
    ['1.1.0', '4.17.48', 'ios', 'revert_to_builtin_plugin_version_too_old'],
    ['1.1.0', '10.0.0', 'android', 'revert_to_builtin_plugin_version_too_old'],
    ['1.1.0', '9.0.0', 'android', 'revert_to_builtin'],
    ['1.1.0', '0.0.1', 'electron', 'revert_to_builtin'],
  ] as const;
  const cases = places.flatMap(([place, appOf]) =>
    table.map(([versionName, pluginVersion, platform, outcome]) => {
      return { place, appOf, versionName, pluginVersion, platform, outcome };
    }),
  );
  it.each(cases)(
    'of $place for a device of native 1.0 on "$versionName" with $platform plugin $pluginVersion: $outcome',
    ({ appOf, versionName, pluginVersion, platform, outcome }) => {
      const device = { ...natively, versionName, pluginVersion, platform };
      expect(decide(change(everythingPasses, { bundle: 'builtin', device }), appOf).outcome).toBe(outcome);
    },
  );
});

describe('the key a device names (row 15)', () => {
  const keyed = change(everythingPasses, { bundle: { keyId: bundleKey }, device: { keyId: deviceKey } });

  it.each([
    ['8.40.7', 'update_available'],
    ['8.40.8-beta.1', 'key_id_mismatch'],
    ['8.40.8', 'key_id_mismatch'],
    ['8.51.14', 'key_id_mismatch'],
    ['9.0.0', 'key_id_mismatch'],
    ['10.0.1', 'key_id_mismatch'],
    ['10.0.0', 'update_available'],
    ['7.99.99', 'update_available'],
    ['6.99.0', 'update_available'],
    ['5.99.0', 'update_available'],
  ])('is compared by plugin %s as: %s', (pluginVersion, outcome) => {
    expect(decide(change(keyed, { device: { pluginVersion } })).outcome).toBe(outcome);
  });

  it('is never compared on Electron, whose plugin says 0.0.1', () => {
    expect(decide(change(keyed, { device: { platform: 'electron', pluginVersion: '0.0.1' } })).outcome).toBe(
      'update_available',
    );
  });

  it.each([
    ['the same', { device: { keyId: bundleKey } }],
    ['none', { device: { keyId: undefined } }],
    ['an empty one', { device: { keyId: '' } }],
    ['one while the bundle names none', { bundle: { keyId: null } }],
    ['one while the bundle names an empty one', { bundle: { keyId: '' } }],
  ] satisfies [string, Change][])('stops nothing when it is %s', (_what, given) => {
    expect(decide(change(keyed, given)).outcome).toBe('update_available');
  });
});

describe('a release pin', () => {
  const policies = rows.filter(({ isPolicy }) => isPolicy);
  it.each(policies)('is not withheld by a rule of a channel: $code', ({ ways: [way] }) => {
    expect(decide(way(everythingPasses), inRelease).outcome).toBe('update_available');
  });

  it.each(policies)('comes before a public channel that would say $code', ({ ways: [way] }) => {
    const { channel, bundle, device } = way(everythingPasses);
    const pinned = buildTarget({ versionName: '0.5.0' });
    const app = buildTargetApp({
      channels: [{ ...channel, bundleId: bundle?.id ?? null }],
      bundles: [pinned, ...(bundle ? [bundle] : [])],
      releases: [
        buildTargetRelease({
          platform: device.platform,
          versionName: device.rawNativeVersion,
          activeBundleId: pinned.id,
        }),
      ],
    });
    expect(decideUpdate(app, device, buildState(), rules)).toMatchObject({
      outcome: 'update_available',
      bundle: pinned,
      considered: { resolution: { kind: 'release', source: 'release' } },
    });
  });

  const kept = rows.filter(({ isPolicy, code }) => !isPolicy && code !== 'no_channel');
  it.each(kept)('is withheld by what no release overrules: $code', ({ ways: [way], code, kind, facts }) => {
    expect(decide(way(everythingPasses), inRelease)).toMatchObject({ outcome: code, kind, facts });
  });
});

describe('the checksum of an update (§0.3 D1)', () => {
  const encrypted = { sessionKey: 'aXY=:a2V5', checksum: 'ef'.repeat(256) };
  const external = { objectKey: null, externalUrl: 'https://cdn.example.com/a.zip' };
  it.each([
    ['a current plugin', '8.51.14', 'ios', {}, target.checksum],
    ['the last plugin of CRC-32', '7.0.29', 'android', {}, '0badcafe'],
    ['the first plugin of SHA-256', '7.0.30', 'android', {}, target.checksum],
    ['the fourth generation', '4.17.48', 'ios', {}, '0badcafe'],
    ['the mislabelled 10.0.0', '10.0.0', 'ios', {}, '0badcafe'],
    ['Electron’s plugin 0.0.1 (D9)', '0.0.1', 'electron', {}, target.checksum],
    ['a current plugin, encrypted', '8.51.14', 'ios', encrypted, encrypted.checksum],
    ['an old plugin, encrypted', '5.0.0', 'ios', encrypted, encrypted.checksum],
    ['an old plugin, external and fetched', '5.0.0', 'ios', external, '0badcafe'],
    [
      'an old plugin, external and never fetched',
      '5.0.0',
      'ios',
      { ...external, crcChecksum: '' },
      target.checksum,
    ],
  ] as const)('for %s is the one it verifies', (_what, pluginVersion, platform, bundle, checksum) => {
    for (const appOf of [inChannel, inRelease]) {
      const decision = decide(
        change(everythingPasses, { bundle, device: { pluginVersion, platform } }),
        appOf,
      );
      expect(decision).toMatchObject({ outcome: 'update_available', checksum });
    }
  });

  describe('while the SHA-256 of an older server’s bundle is not known', () => {
    const unknown = { ...external, checksum: '' };
    const keyId = 'MIIBCgKCAQEA12345678';
    it.each([
      ['is the CRC-32 for a plugin that compares that', '5.0.0', undefined, '0badcafe'],
      ['is the CRC-32 for such a plugin of an app with a key', '5.0.0', keyId, '0badcafe'],
      ['is none for a plugin that takes a bundle without one (§8.1)', '8.51.14', undefined, ''],
    ] as const)('%s', (_what, pluginVersion, deviceKeyId, checksum) => {
      const device = { pluginVersion, keyId: deviceKeyId };
      const decision = decide(change(everythingPasses, { bundle: unknown, device }), inRelease);
      expect(decision).toMatchObject({ outcome: 'update_available', checksum });
    });

    it('withholds the bundle from an app with a key, where it could not be installed', () => {
      const device = { pluginVersion: '8.51.14', keyId };
      const decision = decide(change(everythingPasses, { bundle: unknown, device }), inRelease);
      expect(decision).toMatchObject({ outcome: 'no_bundle', kind: 'failed' });
    });
  });
});

describe('what a device is told of a bundle (§2.4, §3.1)', () => {
  const link = 'https://example.com/notes';
  const comment = 'Mended';
  const exposing = { exposeMetadata: true, allowDeviceCustomId: true };
  const hiding = { ...exposing, exposeMetadata: false };
  const both = { link, comment };
  const neither = { link: null, comment: null };
  it.each([
    ['link and comment, to a plugin that takes them', exposing, '8.35.0', 'ios', both, both],
    ['nothing, where the app does not expose it', hiding, '8.35.0', 'ios', both, neither],
    ['nothing, to a plugin of before', exposing, '8.35.0-beta.1', 'ios', both, neither],
    ['nothing, to the mislabelled 10.0.0', exposing, '10.0.0', 'android', both, neither],
    ['both, to Electron’s plugin 0.0.1', exposing, '0.0.1', 'electron', both, both],
    ['a link alone', exposing, '8.51.14', 'ios', { link }, { link, comment: null }],
    ['a comment alone', exposing, '8.51.14', 'ios', { comment }, { link: null, comment }],
    ['nothing where there is nothing', exposing, '8.51.14', 'ios', {}, neither],
  ] as const)('is %s', (_what, settings, pluginVersion, platform, bundle, told) => {
    const situation = change(everythingPasses, { bundle, device: { pluginVersion, platform } });
    for (const appOf of [inChannel, inRelease]) {
      const app = appOf(situation);
      const decision = decideUpdate(app && { ...app, settings }, situation.device, situation.state, rules);
      expect(decision).toMatchObject({ outcome: 'update_available', ...told });
    }
  });
});

describe('a rollout of a channel (§0.3 D5)', () => {
  const next = buildTarget({ versionName: '1.3.0' });
  const rollout = buildTargetRollout({ bundleId: next.id, isEnabled: true, percentageBps: 10_000 });

  function decideRolling(channel: Partial<Channel>, device: Partial<DeviceCheck> = {}, state = buildState()) {
    const app = buildTargetApp({
      channels: [buildTargetChannel({ id: 77, bundleId: target.id, rollout, ...channel })],
      bundles: [target, next],
    });
    return decideUpdate(app, buildAsker(device), state, rules);
  }

  it('gives its bundle to the devices that are in', () => {
    expect(decideRolling({})).toMatchObject({ outcome: 'update_available', bundle: next });
  });

  it('gives the stable bundle to the others', () => {
    const outside = { rollout: { ...rollout, percentageBps: 0 } };
    expect(decideRolling(outside)).toMatchObject({ outcome: 'update_available', bundle: target });
  });

  it.each([
    ['disabled', { isEnabled: false }],
    ['at zero', { percentageBps: 0 }],
    ['without a bundle', { bundleId: null }],
    ['of a deleted bundle', { bundleId: 'd'.repeat(24) }],
  ])('takes its bundle back from a device that runs it, once it is %s', (_how, given) => {
    expect(decideRolling({ rollout: { ...rollout, ...given } }, { versionName: '1.3.0' })).toMatchObject({
      outcome: 'update_available',
      bundle: target,
    });
  });

  it('leaves a device on its bundle while it is paused, and gives it to no other', () => {
    const paused = { rollout: { ...rollout, pausedAtMs: 1 } };
    expect(decideRolling(paused, { versionName: '1.3.0' }).outcome).toBe('no_new_version_available');
    expect(decideRolling(paused, { versionName: '1.1.0' })).toMatchObject({ bundle: target });
  });

  it('is held to the rules of its channel by its own version', () => {
    expect(decideRolling({ policy: 'minor' }, { nativeVersion: '1.2.0' })).toMatchObject({
      outcome: 'disable_auto_update_to_minor',
      facts: { version: '1.3.0', old: '1.2.0' },
    });
  });

  it('applies to a device that an operator put on the channel', () => {
    const state = buildState({ overrideChannelId: 77 });
    expect(decideRolling({ isPublic: false }, {}, state)).toMatchObject({ bundle: next });
  });

  it('starts from builtin as well', () => {
    expect(decideRolling({ bundleId: null })).toMatchObject({ outcome: 'update_available', bundle: next });
    const outside = { bundleId: null, rollout: { ...rollout, percentageBps: 0 } };
    expect(decideRolling(outside).outcome).toBe('revert_to_builtin');
  });
});

describe('the failure memory', () => {
  const failing = (times: number, versionName = '1.2.0') =>
    change(everythingPasses, { state: { failedInstalls: new Map([[versionName, times]]) } });
  const places = [
    ['a channel', inChannel],
    ['a release', inRelease],
  ] as const;

  it.each(places)('withholds the bundle of %s after more failures than are retried', (_what, appOf) => {
    expect(decide(failing(2), appOf).outcome).toBe('update_available');
    expect(decide(failing(3), appOf)).toMatchObject({
      outcome: 'bundle_failed_on_device',
      kind: 'blocked',
      facts: { version: '1.2.0', old: '1.1.0' },
    });
  });

  it.each(places)('offers another bundle of %s', (_what, appOf) => {
    expect(decide(failing(99, '1.1.9'), appOf).outcome).toBe('update_available');
    const fixed = change(failing(99), { bundle: { versionName: '1.2.1' } });
    expect(decide(fixed, appOf)).toMatchObject({
      outcome: 'update_available',
      bundle: { versionName: '1.2.1' },
    });
  });

  it.each(places)('is off at 0 for %s, and when nothing is said', (_what, appOf) => {
    const { device, state } = failing(1_000);
    const app = appOf(failing(1_000));
    expect(decideUpdate(app, device, state, { failedBundleRetries: 0 }).outcome).toBe('update_available');
    expect(decideUpdate(app, device, state).outcome).toBe('update_available');
  });

  it('counts from the first failure on when one retry is allowed', () => {
    const outcomes = [0, 1, 2].map((times) => {
      const { device, state } = failing(times);
      return decideUpdate(inChannel(failing(times)), device, state, { failedBundleRetries: 1 }).outcome;
    });
    expect(outcomes).toEqual(['update_available', 'update_available', 'bundle_failed_on_device']);
  });

  it('does not matter to a device that runs the bundle after all', () => {
    expect(decide(change(failing(9), { device: { versionName: '1.2.0' } })).outcome).toBe(
      'no_new_version_available',
    );
  });
});

describe('the manifest of a bundle (§2.4, §3.1)', () => {
  const ready = buildTarget({ manifest: { state: 'ready', reason: null } });
  const external = { ...ready, externalUrl: 'https://cdn.example.com/a.zip', objectKey: null };
  const manifest = packManifest(ready.id, [
    { fileName: 'index.html', hash: 'a'.repeat(64), fileId: 'f'.repeat(24), objectKey: 'k', sizeBytes: 1 },
  ]);

  function decideWith(given: {
    readonly device?: Partial<DeviceCheck>;
    readonly channel?: Partial<Channel>;
    readonly bundle?: Bundle;
    readonly isHeld?: boolean;
    readonly inRelease?: boolean;
  }) {
    const { bundle = ready, isHeld = true } = given;
    const device = buildAsker(given.device);
    const nothing = { appId: bundle.appId, settings: appSettingDefaults, bundles: [bundle] };
    const state: AppState = given.inRelease
      ? { ...nothing, channels: [], releases: [buildTargetRelease({ activeBundleId: bundle.id })] }
      : {
          ...nothing,
          releases: [],
          channels: [buildTargetChannel({ bundleId: bundle.id, ...given.channel })],
        };
    const app = buildAppSnapshot(state, new Map(isHeld ? [[bundle.id, manifest]] : []));
    const steps: string[] = [];
    const decision = decideUpdate(app, device, buildState(), rules, (step) => steps.push(step));
    if (decision.outcome !== 'update_available') throw new Error(decision.outcome);
    expect(steps.includes('manifest')).toBe(decision.manifest !== undefined);
    expect(steps.includes('zip')).toBe(decision.manifest === undefined);
    return decision.manifest;
  }

  it('goes to a plugin that can use it, from a channel and from a release', () => {
    expect(decideWith({})).toBe(manifest);
    expect(decideWith({ inRelease: true })).toBe(manifest);
    expect(decideWith({ device: { platform: 'electron', pluginVersion: '0.0.1' } })).toBe(manifest);
  });

  it('goes to no plugin that cannot', () => {
    for (const pluginVersion of ['4.17.48', '7.0.34', '10.0.0']) {
      expect(decideWith({ device: { pluginVersion } })).toBeUndefined();
    }
  });

  it('is not sent while it is not there, nor with a zip that lies elsewhere', () => {
    const pending = buildTarget({ id: ready.id, manifest: { state: 'pending', reason: null } });
    expect(decideWith({ bundle: pending, isHeld: false })).toBeUndefined();
    expect(decideWith({ bundle: external })).toBeUndefined();
  });

  const onBuiltin = { versionName: '1.0.0', nativeVersion: '1.0.0' };
  const onBundle = { versionName: '1.1.0', nativeVersion: '1.0.0' };
  it.each<[UpdatePackage, boolean, boolean]>([
    ['all', true, true],
    ['zip', false, false],
    ['delta', true, true],
    ['zip_from_builtin', false, true],
    ['delta_from_builtin', true, true],
  ])('in a channel that says %s: on builtin %s, else %s', (updatePackage, builtin, other) => {
    const channel = { updatePackage };
    expect(decideWith({ channel, device: onBuiltin }) !== undefined).toBe(builtin);
    expect(decideWith({ channel, device: onBundle }) !== undefined).toBe(other);
    // A release is no channel, whatever the channels say.
    expect(decideWith({ channel, device: onBuiltin, inRelease: true })).toBe(manifest);
  });

  it('knows builtin by the native version as it was sent, too', () => {
    const device = { versionName: '1.0', nativeVersion: '1.0.0', rawNativeVersion: '1.0' };
    expect(decideWith({ channel: { updatePackage: 'zip_from_builtin' }, device })).toBeUndefined();
  });
});

describe('the trace of a decision', () => {
  const order = [
    ...['app_not_found', 'device_override', 'self_set', 'default_channel', 'release', 'public_channel'],
    ...['no_channel', 'rollout', 'target'],
    ...codes.filter((code) => rows.some((row) => row.code === code && row.isPolicy)),
    ...['no_bundle', 'key_id_mismatch', 'no_new_version_available', 'policies'],
    ...['already_on_builtin', 'revert_to_builtin_plugin_version_too_old', 'revert_to_builtin'],
    ...['no_bundle_url', 'bundle_failed_on_device', 'zip', 'manifest', 'update_available'],
  ];

  function traced(situation: Situation, appOf = inChannel) {
    const steps: string[] = [];
    const whys: string[] = [];
    const trace = (step: string, why: string) => {
      steps.push(step);
      whys.push(why);
    };
    const { device, state } = situation;
    return { decision: decideUpdate(appOf(situation), device, state, rules, trace), steps, whys };
  }

  it('ends with the outcome, tells its steps in order, and changes no answer', () => {
    fc.assert(
      fc.property(someWays, fc.constantFrom(inChannel, inRelease), (ways, appOf) => {
        const situation = ways.reduce((before, way) => way(before), everythingPasses);
        const { decision, steps, whys } = traced(situation, appOf);
        expect(steps.at(-1)).toBe(decision.outcome);
        expect(steps.map((step) => order.indexOf(step))).toEqual(
          steps.map((step) => order.indexOf(step)).toSorted((left, right) => left - right),
        );
        expect(steps).toHaveLength(new Set(steps).size);
        expect(order).toEqual(expect.arrayContaining(steps));
        expect(whys.every((why) => why.length > 0)).toBe(true);
        expect(decision).toEqual(decide(situation, appOf));
      }),
      { numRuns: 500 },
    );
  });

  it.each(rows)('ends with $code when that is the outcome', ({ ways: [way], code }) => {
    expect(traced(way(everythingPasses)).steps.at(-1)).toBe(code);
  });

  it('tells every step of an update, with the draw of the rollout', () => {
    const next = buildTarget({ versionName: '1.3.0' });
    const rollout = buildTargetRollout({ bundleId: next.id, isEnabled: true, percentageBps: 10_000 });
    const app = buildTargetApp({
      channels: [buildTargetChannel({ name: 'production', bundleId: target.id, rollout })],
      bundles: [target, next],
    });
    const told: string[] = [];
    decideUpdate(app, buildAsker(), buildState(), rules, (step, why) => told.push(`${step}: ${why}`));
    expect(told).toEqual([
      'device_override: this device has no override',
      'release: no release is this native build',
      'public_channel: channel production is the public one on ios',
      expect.stringMatching(/^rollout: in_percentage \(bucket \d{1,4} of 10000\): 1\.3\.0$/),
      'target: bundle 1.3.0',
      'policies: every rule of channel production lets this device pass',
      'zip: the manifest of 1.3.0 is none: external',
      'update_available: bundle 1.3.0 is offered',
    ]);
  });
});

describe('a decision', () => {
  it('is the same for the same arguments, and changes none of them', () => {
    fc.assert(
      fc.property(someWays, (ways) => {
        const situation = ways.reduce((before, way) => way(before), everythingPasses);
        const copy = structuredClone(situation);
        expect(decide(situation)).toEqual(decide(situation));
        expect(situation).toEqual(copy);
      }),
      { numRuns: 100 },
    );
  });
});
