import type { RolloutOutcomes } from '../domain/auto-pause.ts';
import type { DeviceEvent, DeviceRecord, ReportedPlatform } from '../domain/device.ts';
import type { CounterIncrement, CounterName, EventEffects } from '../domain/event-effects.ts';
import type { DeviceActivity } from '../domain/statistics.ts';
import type { Page, PageRequest } from './page.ts';

/** An event with what it changes beside the log. */
export interface RecordedEvent {
  readonly event: DeviceEvent;
  readonly effects: EventEffects;
  /** The device's new state in the inventory; undefined when there is nothing worth writing. */
  readonly device: DeviceRecord | undefined;
  /** That the device was there, when that may change what it is counted under; counts once the inventory has it. */
  readonly activity: DeviceActivity | null;
}

/** So many more in a counter of an app. */
export interface CounterAddition {
  readonly appId: string;
  readonly increment: CounterIncrement;
  readonly times: number;
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
   * Keeps all of the events with their effects or none: when it resolves they are committed and survive a crash.
   * - An event that was kept before (same app, device, action, version name and device time) is kept once and has its
   *   effects once; events without a device time are all different.
   * - Counters add up over calls and nodes; a device's record is replaced by the newest, its first sight is kept, and so
   *   is what the newest does not tell of its versions: the bundle, the plugin, the native build and the system. One that
   *   is older by more than ten minutes is not late but of a clock that was set back, and replaces it too.
   * - A device that was there is counted once a day and once a month, on any number of nodes, under what it was last that
   *   day (`countActivity`); names that devices make up are bounded, but for what nodes write at the same moment.
   * - Rejects with `unavailable` when the store refuses writes.
   */
  appendDeviceEvents(events: readonly RecordedEvent[]): Promise<void>;
  /** Adds to counters what no event stands for; all of it or nothing. */
  addToCounters(additions: readonly CounterAddition[]): Promise<void>;
  /** A page, newest arrival first; events that arrived at the same time by the latest id first. */
  listDeviceEvents(filter: DeviceEventFilter, page: PageRequest): Promise<Page<DeviceEvent>>;
  countDeviceEvents(filter: DeviceEventFilter): Promise<number>;
  /** Deletes at most `limit` events that arrived before a time, the oldest first; counters and devices stay. */
  deleteDeviceEventsBefore(timeMs: number, limit: number): Promise<number>;
  /**
   * Installs (`set`) and failures (`…_fail`, a legacy `download_fail` not counted) of a bundle since a time, of real users
   * only.
   *
   * @param query.channelName by devices of that channel only; left out for all devices
   */
  countRolloutOutcomes(query: {
    readonly appId: string;
    readonly channelName?: string;
    readonly versionName: string;
    readonly sinceMs: number;
  }): Promise<RolloutOutcomes>;
}

/** The counters of one day, bundle, channel and platform. */
export interface CounterRow extends Readonly<Record<CounterName, number>> {
  /** UTC day, `2026-01-31`. */
  readonly date: string;
  readonly bundle: string;
  /** '' for no channel. */
  readonly channel: string;
  readonly platform: string;
}

export interface CounterReader {
  /**
   * A page of the days from and to, both included, the oldest day first, then by bundle, channel and platform; a row
   * that is there from the first page to the last is shown once, however the counters grow meanwhile.
   */
  listCounters(
    filter: { readonly appId: string; readonly fromDate: string; readonly toDate: string },
    page: PageRequest,
  ): Promise<Page<CounterRow>>;
}

/** A device of the inventory. */
export interface InventoryDevice extends DeviceRecord {
  readonly firstSeenAtMs: number;
}

/** Which devices of an app to list; what is left out does not matter. */
export interface DeviceFilter {
  readonly appId: string;
  /** Part of their id or custom id; letters of the Latin alphabet in any case. */
  readonly text?: string | undefined;
  /** The bundle they run, as they name it. */
  readonly versionName?: string | undefined;
  /** What they are counted under, as statistics name it. */
  readonly bundle?: string | undefined;
  readonly nativeVersion?: string | undefined;
  readonly pluginVersion?: string | undefined;
  readonly channel?: string | undefined;
  readonly platform?: ReportedPlatform | undefined;
  /** Those that were there on this UTC day or later. */
  readonly activeSince?: string | undefined;
  /** Those on which this bundle failed, and is remembered to have. */
  readonly failedBundle?: string | undefined;
}

/** Where a device stands in a list of the inventory. */
export type DevicePosition = Pick<InventoryDevice, 'seenAtMs' | 'deviceId'>;

/** Which devices to list, and how. */
export interface DeviceListing {
  readonly appId: string;
  /** By id, or by when they were seen last and then by id. */
  readonly order: 'id' | 'seen_first' | 'seen_last';
  /** Those behind this one only. */
  readonly after?: DevicePosition | undefined;
  /** Those seen later than that only. */
  readonly seenAfterMs?: number | undefined;
  /** Those that have named themselves only. */
  readonly hasCustomId?: boolean | undefined;
  readonly limit: number;
}

export interface DeviceInventory {
  /** At most as many as the limit says; paging on from the last one holds while devices come and, by id, report. */
  listDevicesInOrder(listing: DeviceListing): Promise<readonly InventoryDevice[]>;
  findDevice(appId: string, deviceId: string): Promise<InventoryDevice | undefined>;
  /** First seen last comes first; paging holds while devices come and report. Of a filter every part must hold. */
  listDevices(filter: DeviceFilter, page: PageRequest): Promise<Page<InventoryDevice>>;
}
