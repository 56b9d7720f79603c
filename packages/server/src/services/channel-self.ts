import { parseSemver } from '@capgo-server/protocol/formats/semver';
import { deviceActor } from '../domain/actor.ts';
import type { AppSnapshot } from '../domain/app.ts';
import { type Channel, isOpenToDevices } from '../domain/channel.ts';
import { resolveServing } from '../domain/channel-resolution.ts';
import type { DeviceCheck } from '../domain/device.ts';
import { AppError } from '../domain/errors.ts';
import { pluginFeatures } from '../domain/plugin-features.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { DeviceStateStore } from '../ports/store.ts';

/** A device that asks about its channel. */
export interface ChannelAsker
  extends Pick<
    DeviceCheck,
    'appId' | 'deviceId' | 'platform' | 'defaultChannel' | 'rawNativeVersion' | 'nativeBuild'
  > {
  /** As sent, not validated; undefined when it was not. */
  readonly pluginVersion: string | undefined;
}

/** What decides which channels a device may choose from. */
export type ChannelListAsker = Pick<DeviceCheck, 'appId' | 'platform' | 'isEmulator' | 'isProd'>;

/** Why a device did not get its way; the words of protocol §6.8. */
export type ChannelRefusal =
  | 'app_not_found'
  | 'channel_not_found'
  | 'cannot_override'
  | 'channel_self_set_not_allowed'
  | 'public_channel_self_set_not_allowed'
  /** The store did not take the change, or holds as many as it may. */
  | 'override_not_allowed';

interface Refused<Code extends ChannelRefusal = ChannelRefusal> {
  readonly code: Code;
}

/**
 * - `allowed`: the device may have it, and keeps it itself
 * - `override_removed`: it is the public one, which the device gets by having none
 * - `already_set`: nothing changed
 * - `stored`: the server keeps it for the device
 */
export type SetChannelResult =
  | { readonly code: 'allowed' | 'override_removed' | 'already_set' | 'stored' }
  | Refused;

export type GetChannelResult =
  | {
      /** Whether the device was put on it (by itself or by an operator), or has it for want of that. */
      readonly code: 'override' | 'default';
      readonly channel: Channel;
    }
  | Refused<'app_not_found' | 'channel_not_found'>;

export type UnsetChannelResult =
  | { readonly code: 'unset' }
  | Refused<'app_not_found' | 'channel_not_found' | 'cannot_override' | 'override_not_allowed'>;

export type ListChannelsResult =
  | { readonly code: 'listed'; readonly channels: readonly Channel[] }
  | Refused<'app_not_found'>;

/** What a device may do about its channel (protocol §6). Everything but a change is answered from memory. */
export interface ChannelSelf {
  /** Chooses a channel. A newer plugin only asks whether it may; for an older one the choice is kept here. */
  set(device: ChannelAsker, channelName: string): Promise<SetChannelResult>;
  /**
   * The channel that the next update check would really be served from; `channel_not_found` when a release serves it,
   * or nothing.
   *
   * @param localChannel what a newer plugin says that it has chosen; counts only when the device may have it
   */
  get(device: ChannelAsker, localChannel?: string): GetChannelResult;
  /** Drops the choice. */
  unset(device: ChannelAsker): Promise<UnsetChannelResult>;
  /** The channels a device may choose from or has for the asking, by name. */
  list(asker: ChannelListAsker): ListChannelsResult;
}

/** Choices that are kept at once: callers can make up devices without end, and what they choose lies in memory. */
const defaultMaxSelfSetDevices = 500_000;
const versionOfUnsaid = '0.0.0';
/** Any version of the plugins that leave their channel to the server. */
const versionOfUnreadable = '5.0.0';

/** The version as which a plugin is treated: no word of it counts as new, an unreadable one as old (protocol §6.1). */
function readableVersion(pluginVersion: string | undefined): string {
  if (!pluginVersion) return versionOfUnsaid;
  return parseSemver(pluginVersion) ? pluginVersion : versionOfUnreadable;
}

function isKeptHere(device: ChannelAsker): boolean {
  return pluginFeatures(device.platform, readableVersion(device.pluginVersion)).serverChannelStorage;
}

function suits(channel: Channel, asker: ChannelListAsker): boolean {
  return (
    isOpenToDevices(channel) &&
    channel.platforms[asker.platform] &&
    (asker.isEmulator ? channel.allowEmulator : channel.allowDevice) &&
    (asker.isProd ? channel.allowProd : channel.allowDev)
  );
}

export function createChannelSelf(deps: {
  readonly store: DeviceStateStore;
  readonly appSnapshots: AppSnapshots;
  readonly deviceStates: DeviceStates;
  readonly clock: Clock;
  readonly maxSelfSetDevices?: number;
}): ChannelSelf {
  const { store, appSnapshots, deviceStates, clock, maxSelfSetDevices = defaultMaxSelfSetDevices } = deps;

  function resolve(app: AppSnapshot, device: ChannelAsker, defaultChannel = device.defaultChannel) {
    const asker = { ...device, pluginVersion: readableVersion(device.pluginVersion), defaultChannel };
    return resolveServing(app, asker, deviceStates.find(device));
  }

  /** The channel that the device, or an operator for it, chose before. */
  function findOverride(app: AppSnapshot, device: ChannelAsker) {
    const resolution = resolve(app, device);
    if (resolution.source !== 'device_override' && resolution.source !== 'self_set') return undefined;
    return { channel: resolution.served.channel, isPinned: resolution.source === 'device_override' };
  }

  /**
   * Keeps a choice, or none for null, in place of what was chosen before. That takes the place of an operator's pin too:
   * only a pin to a channel that lets devices choose comes this far, and left there it would make the answer untrue. The
   * pin goes last, so that a crash in between changes nothing of what the device gets.
   *
   * @returns what the store had against it
   */
  async function keep(
    device: ChannelAsker,
    channelId: number | null,
    current: { readonly isPinned: boolean } | undefined,
  ): Promise<'override_not_allowed' | 'channel_not_found' | undefined> {
    if (channelId !== null && !current && deviceStates.selfSetCount >= maxSelfSetDevices) {
      return 'override_not_allowed';
    }
    try {
      await store.setSelfSetChannel(device, channelId);
      if (current?.isPinned) {
        const by = { actor: deviceActor(device.deviceId), atMs: clock.now() };
        await store.setDeviceOverride(device, null, null, by);
      }
      await deviceStates.refresh([device]);
      return undefined;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // It was deleted since the snapshot was made.
      if (error.code === 'channel_not_found') return 'channel_not_found';
      if (error.code === 'unavailable' || error.code === 'insufficient_storage')
        return 'override_not_allowed';
      throw error;
    }
  }

  return {
    async set(device, channelName) {
      const app = appSnapshots.find(device.appId);
      if (!app) return { code: 'app_not_found' };
      const isLegacy = isKeptHere(device);
      const current = isLegacy ? findOverride(app, device) : undefined;
      if (current && !current.channel.allowDeviceSelfSet) return { code: 'cannot_override' };

      const channel = app.channelsByName.get(channelName)?.channel;
      if (!channel) return { code: 'channel_not_found' };
      if (!channel.allowDeviceSelfSet) {
        return {
          code: channel.isPublic ? 'public_channel_self_set_not_allowed' : 'channel_self_set_not_allowed',
        };
      }
      if (!isLegacy) return { code: 'allowed' };

      if (app.publicChannels[device.platform]?.channel.id === channel.id) {
        const fault = current && (await keep(device, null, current));
        return { code: fault ?? 'override_removed' };
      }
      if (current?.channel.id === channel.id) return { code: 'already_set' };
      return { code: (await keep(device, channel.id, current)) ?? 'stored' };
    },

    get(device, localChannel) {
      const app = appSnapshots.find(device.appId);
      if (!app) return { code: 'app_not_found' };
      // A newer plugin will name its choice as the default channel when it asks for an update.
      if (localChannel && !isKeptHere(device)) {
        const chosen = resolve(app, device, localChannel);
        if (chosen.source === 'default_channel') return { code: 'override', channel: chosen.served.channel };
      }
      const resolution = resolve(app, device);
      if (resolution.kind !== 'channel') return { code: 'channel_not_found' };
      const isOverride = resolution.source === 'device_override' || resolution.source === 'self_set';
      return { code: isOverride ? 'override' : 'default', channel: resolution.served.channel };
    },

    async unset(device) {
      const app = appSnapshots.find(device.appId);
      if (!app) return { code: 'app_not_found' };
      if (!isKeptHere(device)) return { code: 'unset' };
      const current = findOverride(app, device);
      if (!current?.channel.allowDeviceSelfSet) return { code: 'cannot_override' };
      return { code: (await keep(device, null, current)) ?? 'unset' };
    },

    list(asker) {
      const app = appSnapshots.find(asker.appId);
      if (!app) return { code: 'app_not_found' };
      const channels = [...app.channelsByName.values()].map(({ channel }) => channel);
      return { code: 'listed', channels: channels.filter((channel) => suits(channel, asker)) };
    },
  };
}
