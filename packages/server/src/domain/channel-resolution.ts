import type { AppSnapshot, ServedChannel, ServedRelease } from './app.ts';
import { isOpenToDevices } from './channel.ts';
import type { DeviceCheck } from './device.ts';
import type { DeviceState } from './device-state.ts';
import { pluginFeatures } from './plugin-features.ts';
import { releaseKey } from './release.ts';
import type { Trace } from './trace.ts';

/** What serves a device, and by which rule of protocol §0.3 D2 it was found. */
export type Resolution =
  | {
      readonly kind: 'channel';
      readonly source: 'device_override' | 'self_set' | 'default_channel' | 'public_channel';
      readonly served: ServedChannel;
    }
  | {
      readonly kind: 'release';
      readonly source: 'release' | 'builtin_release';
      readonly served: ServedRelease;
    }
  | { readonly kind: 'none'; readonly source: 'none' };

const nothing: Resolution = { kind: 'none', source: 'none' };

type Asker = Pick<
  DeviceCheck,
  'platform' | 'pluginVersion' | 'defaultChannel' | 'rawNativeVersion' | 'nativeBuild'
>;

/** Finds the channel or release of a device: the first rule that has an answer. */
export function resolveServing(
  app: AppSnapshot,
  device: Asker,
  state: DeviceState,
  trace?: Trace,
): Resolution {
  const override =
    state.overrideChannelId === null ? undefined : app.channelsById.get(state.overrideChannelId);
  if (override) {
    trace?.('device_override', `an operator pinned this device to channel ${override.channel.name}`);
    return { kind: 'channel', source: 'device_override', served: override };
  }
  trace?.('device_override', 'this device has no override');

  if (pluginFeatures(device.platform, device.pluginVersion).serverChannelStorage) {
    const chosen = state.selfSetChannelId === null ? undefined : app.channelsById.get(state.selfSetChannelId);
    if (chosen) {
      trace?.(
        'self_set',
        `the device chose channel ${chosen.channel.name}, which this server keeps for its plugin`,
      );
      return { kind: 'channel', source: 'self_set', served: chosen };
    }
    trace?.('self_set', 'the device has chosen no channel');
  }

  // An app that never had channels has devices whose configuration names one by habit; they must not be lost.
  if (device.defaultChannel !== undefined && app.channelsById.size > 0) {
    const served = app.channelsByName.get(device.defaultChannel);
    if (served?.channel.platforms[device.platform] && isOpenToDevices(served.channel)) {
      trace?.('default_channel', `the device asks for channel ${served.channel.name}`);
      return { kind: 'channel', source: 'default_channel', served };
    }
    trace?.(
      'default_channel',
      'the device asks for a channel that it may not have; there is no way back to the public one',
    );
    return nothing;
  }

  const release = app.releases.get(releaseKey(device.platform, device.rawNativeVersion, device.nativeBuild));
  if (release?.activeBundle) {
    trace?.('release', `the native build is release ${release.release.id} with an active bundle`);
    return { kind: 'release', source: 'release', served: release };
  }
  trace?.(
    'release',
    release ? 'the release of this native build has no active bundle' : 'no release is this native build',
  );

  const open = app.publicChannels[device.platform];
  if (open) {
    trace?.('public_channel', `channel ${open.channel.name} is the public one on ${device.platform}`);
    return { kind: 'channel', source: 'public_channel', served: open };
  }
  trace?.('public_channel', `no channel is public on ${device.platform}`);
  return release ? { kind: 'release', source: 'builtin_release', served: release } : nothing;
}

/**
 * The name of the channel that counters are kept under for a device; null when none serves it. A device whose
 * `defaultChannel` it may not have counts for the public one (protocol §5.3 rule 4).
 */
export function attributeChannel(app: AppSnapshot, device: Asker, state: DeviceState): string | null {
  const resolution = resolveServing(app, device, state);
  if (resolution.kind === 'channel') return resolution.served.channel.name;
  const isLost = resolution.kind === 'none' && device.defaultChannel !== undefined;
  return isLost ? attributeChannel(app, { ...device, defaultChannel: undefined }, state) : null;
}
