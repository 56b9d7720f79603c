import type { Leases } from '../ports/changes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Job } from './scheduler.ts';

const minLeaseMs = 60_000;

/**
 * A job that runs on one node at a time: the one that holds its lease, which is prolonged while a run takes long. A node
 * that dies is followed by another when its lease ends, after three runs. Jobs must bear being run twice all the same: a
 * node that stalls does not know how long.
 *
 * @param holder a name that no other node has
 */
export function leased(
  job: Job,
  deps: { readonly leases: Leases; readonly holder: string; readonly clock: Clock },
): Job {
  const { leases, holder, clock } = deps;
  const leaseMs = Math.max(3 * job.everyMs, minLeaseMs);

  function take(): Promise<boolean> {
    const nowMs = clock.now();
    return leases.takeLease({ name: job.name, holder, nowMs, untilMs: nowMs + leaseMs });
  }

  return {
    ...job,
    async run() {
      if (!(await take())) return;
      const prolonging = setInterval(() => {
        // When the database is away nobody else gets it either.
        take().catch(() => undefined);
      }, leaseMs / 3);
      prolonging.unref();
      try {
        await job.run();
      } finally {
        clearInterval(prolonging);
      }
    },
  };
}
