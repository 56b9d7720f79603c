import type { DeviceEvent } from '../domain/device.ts';
import type { Page, PageRequest } from './page.ts';

export interface StoredDeviceEvent extends DeviceEvent {
  /** Opaque; in the order of arrival. */
  readonly id: string;
}

/** Which events to read; times are epoch milliseconds of arrival, from included, to excluded. */
export interface DeviceEventFilter {
  readonly appId: string;
  readonly deviceId?: string | undefined;
  readonly action?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

export interface DeviceEventLog {
  /**
   * Keeps all of the events or none: when it resolves they are committed and survive a crash. Rejects with
   * `unavailable` when the store refuses writes. The order of the events is kept.
   */
  appendDeviceEvents(events: readonly DeviceEvent[]): Promise<void>;
  /** A page, newest arrival first; events that arrived at the same time by the latest written first. */
  listDeviceEvents(filter: DeviceEventFilter, page: PageRequest): Promise<Page<StoredDeviceEvent>>;
  countDeviceEvents(filter: DeviceEventFilter): Promise<number>;
}
