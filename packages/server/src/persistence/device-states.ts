import { type DeviceState, noDeviceState } from '../domain/device-state.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { DeviceStateStore } from '../ports/store.ts';

type StatesByDevice = Map<string, DeviceState>;

function isNothing(state: DeviceState): boolean {
  return (
    state.overrideChannelId === null && state.selfSetChannelId === null && state.failedInstalls.size === 0
  );
}

/** Loads what is remembered of single devices and keeps it in memory; rejects when the store does. */
export async function loadDeviceStates(
  store: Pick<DeviceStateStore, 'readDeviceState' | 'readAllDeviceStates'>,
): Promise<DeviceStates> {
  let apps = new Map<string, StatesByDevice>();
  const shared = new Map<string, DeviceState>();
  const missed = new Map<string, readonly [appId: string, deviceId: string]>();
  // One read at a time: of two under way, the one that began earlier could finish later and leave the older state.
  let lastRead: Promise<void> = Promise.resolve();

  function inTurn(read: () => Promise<void>): Promise<void> {
    const mine = lastRead.then(read);
    lastRead = mine.catch(() => undefined);
    return mine;
  }

  /** What to keep of a state: many devices are pinned to few channels, so those without failures share theirs. */
  function sharedOf({ overrideChannelId, selfSetChannelId, failedInstalls }: DeviceState): DeviceState {
    if (failedInstalls.size > 0) return { overrideChannelId, selfSetChannelId, failedInstalls };
    const key = `${overrideChannelId}/${selfSetChannelId}`;
    const known = shared.get(key);
    if (known) return known;
    const state = { ...noDeviceState, overrideChannelId, selfSetChannelId };
    shared.set(key, state);
    return state;
  }

  function keep(into: Map<string, StatesByDevice>, appId: string, deviceId: string, state: DeviceState) {
    const devices = into.get(appId);
    if (devices) devices.set(deviceId, sharedOf(state));
    else into.set(appId, new Map([[deviceId, sharedOf(state)]]));
  }

  async function readOne(appId: string, deviceId: string): Promise<void> {
    const key = `${deviceId}\n${appId}`;
    try {
      const state = await store.readDeviceState(appId, deviceId);
      if (isNothing(state)) apps.get(appId)?.delete(deviceId);
      else keep(apps, appId, deviceId, state);
      missed.delete(key);
    } catch (error) {
      missed.set(key, [appId, deviceId]);
      throw error;
    }
  }

  async function readAll(): Promise<void> {
    const fresh = new Map<string, StatesByDevice>();
    const states = await store.readAllDeviceStates();
    shared.clear();
    for (const state of states) keep(fresh, state.appId, state.deviceId, state);
    apps = fresh;
    missed.clear();
  }

  const refresh = (appId: string, deviceId: string) => inTurn(() => readOne(appId, deviceId));

  await readAll();
  return {
    find: (appId, deviceId) => apps.get(appId)?.get(deviceId) ?? noDeviceState,
    refresh,
    async refreshMissed() {
      const outcomes = await Promise.allSettled([...missed.values()].map((key) => refresh(...key)));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) throw failed.reason;
    },
    refreshAll: () => inTurn(readAll),
  };
}
