import { describe, expect, it } from 'vitest';
import {
  buildTarget,
  buildTargetApp,
  buildTargetChannel,
  buildTargetRelease,
  buildTargetRollout,
} from '../testing/decision-builders.ts';
import { releaseKey } from './release.ts';

const stable = buildTarget({ versionName: '1.0.0' });
const next = buildTarget({ versionName: '2.0.0' });
const deletedId = 'd'.repeat(24);

describe('the snapshot of an app', () => {
  it('is empty for an app that has nothing', () => {
    const app = buildTargetApp({ appId: 'com.example.empty' });
    expect(app).toEqual({
      appId: 'com.example.empty',
      settings: { exposeMetadata: false, allowDeviceCustomId: true },
      releases: new Map(),
      channelsById: new Map(),
      channelsByName: new Map(),
      publicChannels: { ios: undefined, android: undefined, electron: undefined },
      bundlesById: new Map(),
      bundlesByName: new Map(),
      manifests: new Map(),
    });
  });

  it('finds bundles by their names, to the letter', () => {
    const app = buildTargetApp({ bundles: [stable, next] });
    expect(app.bundlesByName.get('2.0.0')).toBe(next);
    expect(app.bundlesByName.get('v2.0.0')).toBeUndefined();
    expect(app.bundlesByName.size).toBe(2);
  });

  it('finds releases by platform, native version and build, with their active bundle', () => {
    const pinned = buildTargetRelease({ activeBundleId: next.id });
    const idle = buildTargetRelease({ platform: 'android' });
    const lost = buildTargetRelease({ versionCode: '2', activeBundleId: deletedId });
    const app = buildTargetApp({ bundles: [stable, next], releases: [pinned, idle, lost] });
    expect(app.releases.get(releaseKey('ios', '1.0.0', '1'))).toEqual({
      release: pinned,
      activeBundle: next,
    });
    expect(app.releases.get(releaseKey('android', '1.0.0', '1'))).toEqual({ release: idle });
    expect(app.releases.get(releaseKey('ios', '1.0.0', '2'))).toEqual({ release: lost });
    expect(app.releases.get(releaseKey('electron', '1.0.0', '1'))).toBeUndefined();
  });

  it('finds channels by number and by name, with what they serve', () => {
    const rollout = buildTargetRollout({ bundleId: next.id });
    const rolling = buildTargetChannel({ id: 1, name: 'production', bundleId: stable.id, rollout });
    const builtin = buildTargetChannel({ id: 2, name: 'Production', isPublic: false });
    const app = buildTargetApp({ bundles: [stable, next], channels: [rolling, builtin] });
    expect(app.channelsByName.get('production')).toEqual({
      channel: rolling,
      bundle: stable,
      rolloutBundle: next,
    });
    expect(app.channelsById.get(2)).toEqual({ channel: builtin });
    expect(app.channelsById.get(1)).toBe(app.channelsByName.get('production'));
    expect(app.channelsByName.get('PRODUCTION')).toBeUndefined();
  });

  it('knows no channel whose bundle was deleted (protocol §2.2)', () => {
    const lost = buildTargetChannel({ id: 3, name: 'lost', bundleId: deletedId });
    const app = buildTargetApp({ bundles: [stable], channels: [lost] });
    expect(app.channelsById.size).toBe(0);
    expect(app.channelsByName.size).toBe(0);
    expect(app.publicChannels.ios).toBeUndefined();
  });

  it('keeps a channel whose rollout bundle was deleted, without it', () => {
    const rollout = buildTargetRollout({ bundleId: deletedId, isEnabled: true });
    const channel = buildTargetChannel({ bundleId: stable.id, rollout });
    const app = buildTargetApp({ bundles: [stable], channels: [channel] });
    expect(app.channelsById.get(channel.id)).toEqual({ channel, bundle: stable });
  });

  it('has for each platform the first public channel by name, then by number', () => {
    const none = { ios: false, android: false, electron: false };
    const channels = [
      buildTargetChannel({ id: 9, name: 'b' }),
      buildTargetChannel({ id: 8, name: 'a', platforms: { ...none, android: true } }),
      buildTargetChannel({ id: 7, name: 'a', platforms: { ...none, android: true, electron: true } }),
      buildTargetChannel({ id: 6, name: '0', isPublic: false, allowDeviceSelfSet: true }),
    ];
    for (const stored of [channels, channels.toReversed()]) {
      const { publicChannels } = buildTargetApp({ channels: stored });
      expect(publicChannels.ios?.channel.id).toBe(9);
      expect(publicChannels.android?.channel.id).toBe(7);
      expect(publicChannels.electron?.channel.id).toBe(7);
    }
  });

  it('leaves what it was made of as it was', () => {
    const channels = Object.freeze([buildTargetChannel({ name: 'b' }), buildTargetChannel({ name: 'a' })]);
    buildTargetApp({ channels });
    expect(channels.map(({ name }) => name)).toEqual(['b', 'a']);
  });
});
