import type { Clock } from '../ports/clock.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** Small enough that events of devices do not wait for a deletion. */
const eventsPerStep = 5_000;

/** Deletes device events older than so many days; counters and the inventory stay. Answers how many it were. */
export async function deleteOldEvents(deps: {
  readonly log: Pick<DeviceEventLog, 'deleteDeviceEventsBefore'>;
  readonly clock: Clock;
  readonly retentionDays: number;
}): Promise<number> {
  const before = deps.clock.now() - deps.retentionDays * dayMs;
  let deleted = 0;
  for (;;) {
    const step = await deps.log.deleteDeviceEventsBefore(before, eventsPerStep);
    deleted += step;
    if (step < eventsPerStep) return deleted;
  }
}
