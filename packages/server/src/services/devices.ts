import { type Actor, systemActor } from '../domain/actor.ts';
import type { DeviceKey } from '../domain/device.ts';
import { isInForce, overrideExpiry } from '../domain/device-override.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  DeviceFilter,
  DeviceInventory,
  DeviceListing,
  InventoryDevice,
} from '../ports/device-events.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import type { DeviceStateStore } from '../ports/store.ts';

const expiryActor = systemActor('override-expiry');

export interface DeviceOverride {
  readonly channelId: number;
  /** Null for never. */
  readonly expiresAtMs: number | null;
}

/** What operators see and decide of single devices; every change is visible to the next update check. */
export interface Devices {
  /**
   * Pins the device to a channel of its app for the next 90 days, or unpins it with null. Rejects with
   * `channel_not_found`.
   */
  setOverride(device: DeviceKey, channelId: number | null, actor: Actor): Promise<void>;
  /** Offers the device again what failed on it: one bundle, or all. */
  clearFailures(device: DeviceKey, versionName?: string): Promise<void>;
  /** Undefined for a device that was never heard of. */
  find(device: DeviceKey): Promise<InventoryDevice | undefined>;
  /** First seen last comes first. */
  list(filter: DeviceFilter, page: PageRequest): Promise<Page<InventoryDevice>>;
  listInOrder(listing: DeviceListing): Promise<readonly InventoryDevice[]>;
  /** The number of the channel that each of those devices is pinned to now; who is not, is left out. */
  findOverrides(devices: readonly DeviceKey[]): ReadonlyMap<string, number>;
  /** What the device is pinned to, and until when; undefined when it is not pinned now. */
  findOverride(device: DeviceKey): Promise<DeviceOverride | undefined>;
  /** How many devices of each of the apps are pinned; none, where an app is left out. */
  countOverrides(appIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Takes back what the device was pinned to and what it chose, where that is kept here. */
  forgetChannels(device: DeviceKey, actor: Actor): Promise<void>;
  /** Forgets pins that have ended; answers how many. */
  deleteExpiredOverrides(): Promise<number>;
}

const overridesPerStep = 2_000;

export function createDevices(deps: {
  readonly store: DeviceInventory & DeviceStateStore;
  readonly deviceStates: DeviceStates;
  readonly clock: Clock;
}): Devices {
  const { store, deviceStates, clock } = deps;

  /** The case of a device's id is its plugin's habit (protocol §10). */
  const normalised = ({ appId, deviceId }: DeviceKey) => ({ appId, deviceId: deviceId.toLowerCase() });

  return {
    async setOverride(given, channelId, actor) {
      const device = normalised(given);
      const nowMs = clock.now();
      await store.setDeviceOverride(device, channelId, channelId === null ? null : overrideExpiry(nowMs), {
        actor,
        atMs: nowMs,
      });
      await deviceStates.refresh([device]);
    },
    async clearFailures(given, versionName) {
      const device = normalised(given);
      await store.clearFailedInstalls(device, versionName);
      await deviceStates.refresh([device]);
    },
    async find(given) {
      const { appId, deviceId } = normalised(given);
      return store.findDevice(appId, deviceId);
    },
    list: (filter, page) => store.listDevices(filter, page),
    listInOrder: (listing) => store.listDevicesInOrder(listing),
    findOverrides(devices) {
      const pinned = devices.flatMap((device): [string, number][] => {
        const { overrideChannelId } = deviceStates.find(device);
        return overrideChannelId === null ? [] : [[device.deviceId, overrideChannelId]];
      });
      return new Map(pinned);
    },
    async findOverride(given) {
      const facts = await store.readDeviceFacts([normalised(given)], null);
      const override = facts.find((fact) => fact.kind === 'override');
      return override && isInForce(override.expiresAtMs, clock.now()) ? override : undefined;
    },
    countOverrides: (appIds) => store.countDeviceOverrides(appIds, clock.now()),
    async forgetChannels(given, actor) {
      const device = normalised(given);
      // The choice first: between the two the device must not be given what it was pinned away from.
      await store.setSelfSetChannel(device, null);
      await store.setDeviceOverride(device, null, null, { actor, atMs: clock.now() });
      await deviceStates.refresh([device]);
    },
    async deleteExpiredOverrides() {
      for (let deleted = 0; ; ) {
        const by = { actor: expiryActor, atMs: clock.now() };
        const expired = await store.deleteExpiredOverrides(overridesPerStep, by);
        deleted += expired.length;
        // Nobody goes by them any more; that they are let go of as well saves memory.
        if (expired.length > 0) await deviceStates.refresh(expired);
        if (expired.length < overridesPerStep) return deleted;
      }
    },
  };
}
