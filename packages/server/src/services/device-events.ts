import type { DeviceEvent } from '../domain/device.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceEventFilter, DeviceEventLog, StoredDeviceEvent } from '../ports/device-events.ts';
import type { Page, PageRequest } from '../ports/page.ts';

/** An event as its device tells it. */
export type ReportedEvent = Omit<DeviceEvent, 'receivedAtMs'>;

export interface DeviceEvents {
  isAppRegistered(appId: string): boolean;
  /** Keeps all of the events, in their order, or none; when it resolves they are committed. */
  record(events: readonly ReportedEvent[]): Promise<void>;
  list(filter: DeviceEventFilter, page: PageRequest): Promise<Page<StoredDeviceEvent>>;
  count(filter: DeviceEventFilter): Promise<number>;
}

export function createDeviceEvents(deps: {
  readonly log: DeviceEventLog;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
}): DeviceEvents {
  const { log, appSnapshots, clock } = deps;
  return {
    isAppRegistered: (appId) => appSnapshots.find(appId) !== undefined,
    async record(events) {
      const receivedAtMs = clock.now();
      await log.appendDeviceEvents(events.map((event) => ({ ...event, receivedAtMs })));
    },
    list: (filter, page) => log.listDeviceEvents(filter, page),
    count: (filter) => log.countDeviceEvents(filter),
  };
}
