import type { Clock } from '../ports/clock.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';
import type { DeviceStateStore } from '../ports/store.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** Small enough that events of devices do not wait for a deletion. */
const rowsPerStep = 5_000;

/** Deletes in steps that keep nobody waiting; answers how many it were. */
export async function deleteInSteps(deleteSome: (limit: number) => Promise<number>): Promise<number> {
  let deleted = 0;
  for (;;) {
    const step = await deleteSome(rowsPerStep);
    deleted += step;
    if (step < rowsPerStep) return deleted;
  }
}

/**
 * Deletes device events older than so many days, and forgets what failed on devices as long ago and not since; counters
 * and the inventory stay. Answers how many events it were.
 */
export async function deleteOldEvents(deps: {
  readonly store: Pick<DeviceEventLog, 'deleteDeviceEventsBefore'> &
    Pick<DeviceStateStore, 'deleteFailedInstallsBefore'>;
  readonly clock: Clock;
  readonly retentionDays: number;
}): Promise<number> {
  const { store, clock, retentionDays } = deps;
  const before = clock.now() - retentionDays * dayMs;
  await deleteInSteps((limit) => store.deleteFailedInstallsBefore(before, limit));
  return deleteInSteps((limit) => store.deleteDeviceEventsBefore(before, limit));
}
