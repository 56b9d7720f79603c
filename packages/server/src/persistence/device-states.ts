import type { DeviceKey } from '../domain/device.ts';
import { isInForce } from '../domain/device-override.ts';
import { type DeviceState, noDeviceState } from '../domain/device-state.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { DeviceFact, DeviceStateStore } from '../ports/store.ts';
import { oneAtATime } from './one-at-a-time.ts';

/**
 * Devices whose failures are held at once. Reports of failures are not signed, and whoever makes up devices must not
 * fill the memory: past it the longest known are forgotten until they fail again.
 */
const defaultMaxFailingDevices = 50_000;

function keyOf({ appId, deviceId }: DeviceKey): string {
  return `${deviceId}\n${appId}`;
}

function isNothing(state: DeviceState): boolean {
  return (
    state.overrideChannelId === null && state.selfSetChannelId === null && state.failedInstalls.size === 0
  );
}

/** What is remembered of a device with one thing more. */
export function withFact(state: DeviceState, fact: DeviceFact): DeviceState {
  switch (fact.kind) {
    case 'override':
      return { ...state, overrideChannelId: fact.channelId };
    case 'self_set':
      return { ...state, selfSetChannelId: fact.channelId };
    case 'failed_install':
      return {
        ...state,
        failedInstalls: new Map([...state.failedInstalls, [fact.versionName, fact.failures]]),
      };
  }
}

/** What is held of a device: also when its pin ends, and the pin that has ended. */
interface HeldState extends DeviceState {
  readonly overrideExpiresAtMs: number | null;
}

const nothingHeld: HeldState = { ...noDeviceState, overrideExpiresAtMs: null };

function withHeldFact(state: HeldState, fact: DeviceFact): HeldState {
  const { overrideExpiresAtMs } = state;
  const expiresAtMs = fact.kind === 'override' ? fact.expiresAtMs : overrideExpiresAtMs;
  return { ...withFact(state, fact), overrideExpiresAtMs: expiresAtMs };
}

/** States by app and device, with an end to the failures among them. */
function createStateTable(maxFailingDevices: number) {
  const apps = new Map<string, Map<string, HeldState>>();
  /** Many devices are pinned to few channels: those without failures share their states. */
  const shared = new Map<string, HeldState>();
  /** The longest known first. */
  const failing = new Map<string, DeviceKey>();
  let selfSetCount = 0;

  function find({ appId, deviceId }: DeviceKey): HeldState {
    return apps.get(appId)?.get(deviceId) ?? nothingHeld;
  }

  function sharedOf(state: HeldState): HeldState {
    if (state.failedInstalls.size > 0) return state;
    const key = `${state.overrideChannelId}/${state.overrideExpiresAtMs}/${state.selfSetChannelId}`;
    const known = shared.get(key);
    if (known) return known;
    shared.set(key, state);
    return state;
  }

  function put(device: DeviceKey, state: HeldState): void {
    const { appId, deviceId } = device;
    selfSetCount += Number(state.selfSetChannelId !== null) - Number(find(device).selfSetChannelId !== null);
    const devices = apps.get(appId) ?? new Map<string, HeldState>();
    if (isNothing(state)) devices.delete(deviceId);
    else devices.set(deviceId, sharedOf(state));
    if (devices.size > 0) apps.set(appId, devices);
    else apps.delete(appId);
  }

  function replace(device: DeviceKey, state: HeldState): void {
    put(device, state);
    const key = keyOf(device);
    failing.delete(key);
    if (state.failedInstalls.size === 0) return;
    failing.set(key, { appId: device.appId, deviceId: device.deviceId });
    if (failing.size <= maxFailingDevices) return;
    const [oldest] = failing;
    if (!oldest) return;
    failing.delete(oldest[0]);
    put(oldest[1], { ...find(oldest[1]), failedInstalls: noDeviceState.failedInstalls });
  }

  return {
    find,
    replace,
    get selfSetCount() {
      return selfSetCount;
    },
  };
}

/**
 * Loads what is remembered of single devices and keeps it in memory; rejects when the store does.
 *
 * @param rules.minFailures failures of a bundle that decide nothing yet, because they are fewer, are not held; null holds none
 */
export async function loadDeviceStates(
  store: Pick<DeviceStateStore, 'readDeviceFacts' | 'readAllDeviceFacts'>,
  rules: {
    readonly minFailures: number | null;
    readonly maxFailingDevices?: number;
    /** By which pins end. */
    readonly clock?: Clock;
  },
): Promise<DeviceStates> {
  const { minFailures, maxFailingDevices = defaultMaxFailingDevices, clock = systemClock } = rules;
  let table = createStateTable(maxFailingDevices);
  let missed = new Map<string, DeviceKey>();
  const inTurn = oneAtATime();

  async function readSome(devices: readonly DeviceKey[]): Promise<void> {
    try {
      const states = new Map(devices.map((device) => [keyOf(device), { device, state: nothingHeld }]));
      for (const fact of await store.readDeviceFacts(devices, minFailures)) {
        const read = states.get(keyOf(fact));
        if (read) read.state = withHeldFact(read.state, fact);
      }
      for (const [key, { device, state }] of states) {
        table.replace(device, state);
        missed.delete(key);
      }
    } catch (error) {
      for (const device of devices) missed.set(keyOf(device), device);
      throw error;
    }
  }

  async function readAll(): Promise<void> {
    const fresh = createStateTable(maxFailingDevices);
    for await (const facts of store.readAllDeviceFacts(minFailures)) {
      for (const fact of facts) fresh.replace(fact, withHeldFact(fresh.find(fact), fact));
    }
    table = fresh;
    missed = new Map();
  }

  await readAll();
  return {
    find(device) {
      const held = table.find(device);
      if (held === nothingHeld) return noDeviceState;
      const { overrideExpiresAtMs, ...state } = held;
      if (overrideExpiresAtMs === null || isInForce(overrideExpiresAtMs, clock.now())) return state;
      return { ...state, overrideChannelId: null };
    },
    refresh: (devices) => inTurn(() => readSome(devices)),
    refreshMissed: () =>
      inTurn(() => (missed.size === 0 ? Promise.resolve() : readSome([...missed.values()]))),
    refreshAll: () => inTurn(readAll),
    get selfSetCount() {
      return table.selfSetCount;
    },
  };
}
