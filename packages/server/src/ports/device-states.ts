import type { DeviceKey } from '../domain/device.ts';
import type { DeviceState } from '../domain/device-state.ts';

/** What is remembered of single devices, in memory for the hot path. */
export interface DeviceStates {
  /** `noDeviceState` for a device of which nothing is remembered. Never waits, never fails. */
  find(device: DeviceKey): DeviceState;
  /** Reads devices anew; when it resolves, `find` answers with what was committed before the call. */
  refresh(devices: readonly DeviceKey[]): Promise<void>;
  /** Tries again the devices whose last refresh failed. */
  refreshMissed(): Promise<void>;
  refreshAll(): Promise<void>;
  /** Devices whose choice of a channel is kept here: any caller can make up one, so there has to be an end to it. */
  readonly selfSetCount: number;
}
