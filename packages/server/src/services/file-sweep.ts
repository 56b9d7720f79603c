import type { Clock } from '../ports/clock.ts';
import type { ManifestStore } from '../ports/manifests.ts';

/**
 * So long a file stays that no bundle has any more: a device may still be downloading it, and the next upload may have it
 * again.
 */
const graceMs = 24 * 60 * 60 * 1000;
const filesPerStep = 500;

/** Gives up files that are out of use for longer than the grace; their objects are deleted as planned. Answers how many. */
export async function sweepUnusedFiles(deps: {
  readonly store: Pick<ManifestStore, 'sweepFiles'>;
  readonly clock: Clock;
}): Promise<number> {
  const { store, clock } = deps;
  let swept = 0;
  for (;;) {
    const nowMs = clock.now();
    const count = await store.sweepFiles(nowMs - graceMs, nowMs, filesPerStep);
    swept += count;
    if (count < filesPerStep) return swept;
  }
}
