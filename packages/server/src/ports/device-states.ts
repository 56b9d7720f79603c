import type { DeviceState } from '../domain/device-state.ts';

/** What is remembered of single devices, in memory for the hot path. */
export interface DeviceStates {
  /** `noDeviceState` for a device of which nothing is remembered. Never waits, never fails. */
  find(appId: string, deviceId: string): DeviceState;
  /** Reads one device anew; when it resolves, `find` answers with what was committed before the call. */
  refresh(appId: string, deviceId: string): Promise<void>;
  /** Tries again the devices whose last refresh failed. */
  refreshMissed(): Promise<void>;
  refreshAll(): Promise<void>;
}
