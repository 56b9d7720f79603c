import { type DeviceState, noDeviceState } from '../../domain/device-state.ts';
import type { DeviceStateStore } from '../../ports/store.ts';
import { withFact } from '../device-states.ts';

/** Everything a store remembers of one device. */
export async function readDeviceState(
  store: Pick<DeviceStateStore, 'readDeviceFacts'>,
  appId: string,
  deviceId: string,
): Promise<DeviceState> {
  const facts = await store.readDeviceFacts([{ appId, deviceId }], 1);
  return facts.reduce(withFact, noDeviceState);
}

/** Everything a store remembers, by device. */
export async function readAllDeviceStates(
  store: Pick<DeviceStateStore, 'readAllDeviceFacts'>,
  minFailures: number | null = 1,
): Promise<(DeviceState & { appId: string; deviceId: string })[]> {
  const states = new Map<string, DeviceState & { appId: string; deviceId: string }>();
  for await (const facts of store.readAllDeviceFacts(minFailures)) {
    for (const fact of facts) {
      const { appId, deviceId } = fact;
      const key = `${appId} ${deviceId}`;
      states.set(key, { ...withFact(states.get(key) ?? noDeviceState, fact), appId, deviceId });
    }
  }
  return [...states.values()];
}
