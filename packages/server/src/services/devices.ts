import type { Actor } from '../domain/actor.ts';
import type { DeviceKey } from '../domain/device.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceInventory, InventoryDevice } from '../ports/device-events.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import type { DeviceStateStore } from '../ports/store.ts';

/** What operators see and decide of single devices; every change is visible to the next update check. */
export interface Devices {
  /** Pins the device to a channel of its app, or unpins it with null. Rejects with `channel_not_found`. */
  setOverride(device: DeviceKey, channelId: number | null, actor: Actor): Promise<void>;
  /** Offers the device again what failed on it: one bundle, or all. */
  clearFailures(device: DeviceKey, versionName?: string): Promise<void>;
  /** Undefined for a device that was never heard of. */
  find(device: DeviceKey): Promise<InventoryDevice | undefined>;
  /** First seen last comes first. */
  list(appId: string, page: PageRequest): Promise<Page<InventoryDevice>>;
}

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
      await store.setDeviceOverride(device, channelId, { actor, atMs: clock.now() });
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
    list: (appId, page) => store.listDevices({ appId }, page),
  };
}
