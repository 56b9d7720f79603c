import type { Leases } from '../ports/changes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Job } from './scheduler.ts';

const minLeaseMs = 60_000;

/**
 * A job that runs on one node at a time: the one that holds its lease. A node that dies is followed by another when its
 * lease ends, after three runs. Jobs must bear being run twice all the same: a node that stalls does not know how long.
 *
 * @param holder a name that no other node has
 */
export function leased(
  job: Job,
  deps: { readonly leases: Leases; readonly holder: string; readonly clock: Clock },
): Job {
  const { leases, holder, clock } = deps;
  const leaseMs = Math.max(3 * job.everyMs, minLeaseMs);
  return {
    ...job,
    async run() {
      const nowMs = clock.now();
      const isOurs = await leases.takeLease({ name: job.name, holder, nowMs, untilMs: nowMs + leaseMs });
      if (isOurs) await job.run();
    },
  };
}
