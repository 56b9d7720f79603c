import { describe, expect, it } from 'vitest';
import {
  buildAsker,
  buildState,
  buildTarget,
  buildTargetApp,
  buildTargetChannel,
  buildTargetRelease,
} from '../testing/decision-builders.ts';
import type { AppSnapshot } from './app.ts';
import type { Channel } from './channel.ts';
import { attributeChannel, type Resolution, resolveServing } from './channel-resolution.ts';
import type { DeviceCheck } from './device.ts';
import type { DeviceState } from './device-state.ts';
import { decideUpdate } from './update-decision.ts';

const bundle = buildTarget();
const legacyPlugin = '7.33.0';

function resolve(
  app: AppSnapshot,
  device: Partial<DeviceCheck> = {},
  state: Partial<DeviceState> = {},
): Resolution {
  return resolveServing(app, buildAsker(device), buildState(state));
}

/** What was found, as "kind of source: name". */
function found(resolution: Resolution): string {
  return resolution.kind === 'channel'
    ? `${resolution.source}: ${resolution.served.channel.name}`
    : resolution.source;
}

const channel = (given: Partial<Channel> = {}) => buildTargetChannel({ bundleId: bundle.id, ...given });
const closed = { isPublic: false, allowDeviceSelfSet: false };
const appOf = (...channels: Channel[]) => buildTargetApp({ channels, bundles: [bundle] });

describe('what serves a device (protocol §0.3 D2)', () => {
  const sources = [
    'device_override',
    'self_set',
    'default_channel',
    'release',
    'public_channel',
    'builtin_release',
  ] as const;
  type Source = (typeof sources)[number];

  const pinned = channel({ id: 901, name: 'pinned', ...closed });
  const chosen = channel({ id: 902, name: 'chosen', ...closed });
  const asked = channel({ id: 903, name: 'asked', ...closed, allowDeviceSelfSet: true });
  const open = channel({ id: 904, name: 'open' });

  /** The app and the device for which exactly these sources have an answer. */
  function resolveWith(present: ReadonlySet<Source>): Resolution {
    const channels = [pinned, chosen, asked];
    if (present.has('public_channel')) channels.push(open);
    const isKnown = present.has('release') || present.has('builtin_release');
    const activeBundleId = present.has('release') ? bundle.id : null;
    const app = buildTargetApp({
      channels,
      bundles: [bundle],
      releases: isKnown ? [buildTargetRelease({ activeBundleId })] : [],
    });
    const device = {
      pluginVersion: legacyPlugin,
      defaultChannel: present.has('default_channel') ? asked.name : undefined,
    };
    return resolve(app, device, {
      overrideChannelId: present.has('device_override') ? pinned.id : null,
      selfSetChannelId: present.has('self_set') ? chosen.id : null,
    });
  }

  const subsets = Array.from({ length: 2 ** sources.length }, (_, bits) =>
    sources.filter((_source, index) => (bits & (1 << index)) !== 0),
  ).filter((subset) => !(subset.includes('release') && subset.includes('builtin_release')));

  it.each(subsets.map((subset) => ({ subset, first: subset[0] ?? 'none' })))(
    'is found by $first of $subset',
    ({ subset, first }) => {
      expect(resolveWith(new Set(subset)).source).toBe(first);
    },
  );

  it('is the channel or release that the source names', () => {
    const each = sources.map((source) => found(resolveWith(new Set([source]))));
    expect(each).toEqual([
      'device_override: pinned',
      'self_set: chosen',
      'default_channel: asked',
      'release',
      'public_channel: open',
      'builtin_release',
    ]);
  });

  it('is nothing in an app that has neither channels nor releases', () => {
    expect(resolve(buildTargetApp())).toEqual({ kind: 'none', source: 'none' });
  });
});

describe('a device override', () => {
  it.each([
    ['a private channel', closed],
    ['a channel without the platform', { platforms: { ios: false, android: false, electron: false } }],
    ['a channel of builtin', { bundleId: null }],
  ])('leads to %s, whatever its rules', (_what, given) => {
    const pinned = channel({ ...closed, ...given });
    const state = { overrideChannelId: pinned.id };
    expect(found(resolve(appOf(pinned), {}, state))).toBe(`device_override: ${pinned.name}`);
  });

  it('lifts the ban of private channels', () => {
    const pinned = channel(closed);
    const state = buildState({ overrideChannelId: pinned.id });
    expect(decideUpdate(appOf(pinned), buildAsker(), state)).toMatchObject({
      outcome: 'update_available',
      bundle,
    });
  });

  it('counts before an unusable channel that the device asks for', () => {
    const pinned = channel(closed);
    const state = { overrideChannelId: pinned.id };
    expect(resolve(appOf(pinned), { defaultChannel: 'gone' }, state).source).toBe('device_override');
  });

  it.each([
    ['does not exist any more', { overrideChannelId: 4_711 }],
    ['points at a deleted bundle', { overrideChannelId: 905 }],
  ])('onto a channel that %s gives way to the next source', (_why, state) => {
    const stale = channel({ id: 905, bundleId: 'd'.repeat(24) });
    const open = channel({ name: 'open' });
    expect(found(resolve(appOf(stale, open), {}, state))).toBe('public_channel: open');
  });
});

describe('a channel that a device chose and this server keeps', () => {
  const chosen = channel({ id: 906, name: 'chosen', ...closed, allowDeviceSelfSet: true });
  const open = channel({ name: 'open' });

  it.each([
    ['5.0.0', 'self_set: chosen'],
    ['5.33.99', 'self_set: chosen'],
    ['5.34.0', 'public_channel: open'],
    ['6.33.99', 'self_set: chosen'],
    ['6.34.0', 'public_channel: open'],
    ['7.33.99', 'self_set: chosen'],
    ['7.34.0', 'public_channel: open'],
    ['8.0.0-alpha.1', 'self_set: chosen'],
    ['8.0.0', 'public_channel: open'],
    ['8.51.14', 'public_channel: open'],
    ['4.17.48', 'public_channel: open'],
    ['0.0.1', 'public_channel: open'],
    ['10.0.0', 'self_set: chosen'],
  ])('is used for plugin %s as: %s (§2.4)', (pluginVersion, expected) => {
    const state = { selfSetChannelId: chosen.id };
    expect(found(resolve(appOf(chosen, open), { pluginVersion }, state))).toBe(expected);
  });

  it('is refused once it was closed to devices (§2.1 row 21), and not replaced by the public one', () => {
    const shut = { ...chosen, ...closed };
    const state = buildState({ selfSetChannelId: chosen.id });
    const device = buildAsker({ pluginVersion: legacyPlugin });
    expect(decideUpdate(appOf(shut, open), device, state)).toMatchObject({
      outcome: 'cannot_update_via_private_channel',
      kind: 'blocked',
      considered: { resolution: { source: 'self_set' } },
    });
  });

  it.each([
    ['was deleted', appOf(open)],
    ['points at a deleted bundle', appOf({ ...chosen, bundleId: 'd'.repeat(24) }, open)],
  ])('gives way to the next source when it %s', (_why, app) => {
    const state = { selfSetChannelId: chosen.id };
    expect(found(resolve(app, { pluginVersion: legacyPlugin }, state))).toBe('public_channel: open');
  });
});

describe('the channel a device asks for', () => {
  const open = channel({ name: 'open' });
  const release = buildTargetRelease({ activeBundleId: bundle.id });

  it.each([
    ['public', { isPublic: true, allowDeviceSelfSet: false }],
    ['open to devices', { isPublic: false, allowDeviceSelfSet: true }],
    ['both', { isPublic: true, allowDeviceSelfSet: true }],
    ['of builtin', { isPublic: true, bundleId: null }],
  ])('serves it when it is %s', (_what, given) => {
    const asked = channel({ name: 'beta', ...given });
    expect(found(resolve(appOf(open, asked), { defaultChannel: 'beta' }))).toBe('default_channel: beta');
  });

  const unusable: [string, Partial<Channel>, string][] = [
    ['is private', closed, 'beta'],
    ['is not for its platform', { platforms: { ios: false, android: true, electron: true } }, 'beta'],
    ['points at a deleted bundle', { bundleId: 'd'.repeat(24) }, 'beta'],
    ['does not exist', {}, 'gamma'],
    ['differs in case', {}, 'Beta'],
    ['differs in a blank before', {}, ' beta'],
    ['differs in a blank after', {}, 'beta '],
    ['is only the beginning of one', {}, 'bet'],
    ['is a word of every object', {}, '__proto__'],
    ['is a method of every object', {}, 'constructor'],
  ];
  it.each(unusable)('has no way back to anything else when it %s', (_why, given, defaultChannel) => {
    const app = buildTargetApp({
      channels: [open, channel({ name: 'beta', ...given })],
      bundles: [bundle],
      releases: [release],
    });
    expect(resolve(app, { defaultChannel })).toEqual({ kind: 'none', source: 'none' });
    expect(decideUpdate(app, buildAsker({ defaultChannel })).outcome).toBe('no_channel');
  });

  it('is compared to the letter, also beyond ASCII', () => {
    const asked = channel({ name: 'caf\u00e9' });
    expect(resolve(appOf(asked), { defaultChannel: 'caf\u00e9' }).source).toBe('default_channel');
    expect(resolve(appOf(asked), { defaultChannel: 'cafe\u0301' }).source).toBe('none');
  });

  it('is ignored by an app that has no channels at all', () => {
    const app = buildTargetApp({ bundles: [bundle], releases: [release] });
    expect(resolve(app, { defaultChannel: 'production' }).source).toBe('release');
    const idle = buildTargetApp({ releases: [buildTargetRelease()] });
    expect(resolve(idle, { defaultChannel: 'production' }).source).toBe('builtin_release');
  });
});

describe('a release', () => {
  const known = buildTargetRelease({ versionName: '1.0', versionCode: '7', activeBundleId: bundle.id });
  const app = buildTargetApp({ releases: [known], bundles: [bundle] });
  const native = { rawNativeVersion: '1.0', nativeVersion: '1.0.0', nativeBuild: '7' };

  it('is found by the native version and build as they are sent', () => {
    expect(resolve(app, native).source).toBe('release');
  });

  it.each([
    ['another platform', { platform: 'android' }],
    ['another spelling of the version', { rawNativeVersion: '1.0.0' }],
    ['a v before the version', { rawNativeVersion: 'v1.0' }],
    ['another build', { nativeBuild: '8' }],
    ['another spelling of the build', { nativeBuild: '07' }],
    ['no build', { nativeBuild: '' }],
    ['the parts divided elsewhere', { rawNativeVersion: '1.0\n7', nativeBuild: '' }],
  ] satisfies [string, Partial<DeviceCheck>][])('is not found by %s', (_what, given) => {
    expect(resolve(app, { ...native, ...given }).source).toBe('none');
  });

  it('whose active bundle was deleted is as one without', () => {
    const lost = buildTargetApp({ releases: [known] });
    expect(resolve(lost, native).source).toBe('builtin_release');
  });

  it('without an active bundle leaves its devices to the public channel', () => {
    const idle = { ...known, activeBundleId: null };
    const open = channel({ name: 'open' });
    const both = buildTargetApp({ releases: [idle], channels: [open], bundles: [bundle] });
    expect(found(resolve(both, native))).toBe('public_channel: open');
  });
});

describe('the public channel', () => {
  it('is the first by name, then by id, however they are stored', () => {
    const later = channel({ id: 40, name: 'a' });
    const sooner = channel({ id: 30, name: 'a' });
    const shouting = channel({ id: 50, name: 'B' });
    const others = [later, sooner, channel({ id: 20, name: 'b' }), channel({ id: 10, name: 'c' })];
    expect(resolve(appOf(...others))).toMatchObject({ served: { channel: { id: 30 } } });
    expect(resolve(appOf(...others.toReversed()))).toMatchObject({ served: { channel: { id: 30 } } });
    expect(resolve(appOf(...others, shouting))).toMatchObject({ served: { channel: { id: 50 } } });
  });

  it('is that of the device’s platform', () => {
    const off = { ios: false, android: false, electron: false };
    const app = appOf(
      channel({ name: 'a', platforms: { ...off, android: true } }),
      channel({ name: 'b', platforms: { ...off, ios: true, android: true } }),
      channel({ name: 'c', ...closed }),
    );
    expect(found(resolve(app, { platform: 'android' }))).toBe('public_channel: a');
    expect(found(resolve(app, { platform: 'ios' }))).toBe('public_channel: b');
    expect(resolve(app, { platform: 'electron' }).source).toBe('none');
  });

  it('is not one that devices may only choose', () => {
    expect(resolve(appOf(channel({ ...closed, allowDeviceSelfSet: true }))).source).toBe('none');
  });

  it('is passed over while it points at a deleted bundle', () => {
    const broken = channel({ name: 'a', bundleId: 'd'.repeat(24) });
    expect(resolve(appOf(broken)).source).toBe('none');
    expect(found(resolve(appOf(broken, channel({ name: 'b' }))))).toBe('public_channel: b');
  });

  it('may serve builtin', () => {
    const app = appOf(channel({ bundleId: null }));
    expect(decideUpdate(app, buildAsker()).outcome).toBe('revert_to_builtin');
  });
});

describe('the channel that counters are kept under (protocol §5.3 rule 4)', () => {
  const open = channel({ name: 'open' });
  const asked = channel({ id: 907, name: 'beta', ...closed, allowDeviceSelfSet: true });
  const app = appOf(open, asked);
  const attribute = (device: Partial<DeviceCheck>, state: Partial<DeviceState> = {}, of = app) =>
    attributeChannel(of, buildAsker(device), buildState(state));

  it('is the one that serves the device', () => {
    expect(attribute({})).toBe('open');
    expect(attribute({ defaultChannel: 'beta' })).toBe('beta');
    expect(attribute({ defaultChannel: 'open' }, { overrideChannelId: 907 })).toBe('beta');
    expect(attribute({ pluginVersion: legacyPlugin }, { selfSetChannelId: 907 })).toBe('beta');
  });

  it('is the public one for a device that asks for a channel it may not have', () => {
    expect(attribute({ defaultChannel: 'gone' })).toBe('open');
  });

  it('is none for a device that a release serves, or that nothing serves', () => {
    const release = buildTargetRelease({ activeBundleId: bundle.id });
    const pinned = buildTargetApp({ channels: [open], bundles: [bundle], releases: [release] });
    expect(attribute({}, {}, pinned)).toBeNull();
    expect(attribute({}, {}, appOf(asked))).toBeNull();
    expect(attribute({ defaultChannel: 'gone' }, {}, appOf(asked))).toBeNull();
  });
});
