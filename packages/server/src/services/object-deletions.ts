import type { Clock } from '../ports/clock.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';
import type { PlannedDeletions } from '../ports/store.ts';

/** Longer than any upload takes from storing its object to writing its row. */
const uploadGraceMs = 60 * 60 * 1000;
const deletionsPerRun = 100;

export interface ObjectDeletions {
  /** To be called before an object is stored: unless a row claims the object in time, it will be deleted. */
  planUnlessClaimed(objectKey: string): Promise<void>;
  /** Deletes one object now that nothing refers to it; on failure the plan stays for the next run. */
  carryOut(objectKey: string): Promise<void>;
  /** Deletes what is due; answers how many objects that were, or rejects with the first failure after trying all. */
  carryOutDue(): Promise<number>;
  /** Ends `carryOutDue` after the object it is at; what is left is due at the next start. */
  stop(): void;
}

export function createObjectDeletions(deps: {
  readonly store: PlannedDeletions;
  readonly objectStorage: ObjectStorage;
  readonly clock: Clock;
}): ObjectDeletions {
  const { store, objectStorage, clock } = deps;

  let isStopping = false;

  async function carryOut(objectKey: string): Promise<void> {
    await objectStorage.remove(objectKey);
    await store.forgetObjectDeletion(objectKey);
  }

  return {
    planUnlessClaimed: (objectKey) => store.planObjectDeletion(objectKey, clock.now() + uploadGraceMs),
    carryOut,
    async carryOutDue() {
      let done = 0;
      let failure: unknown;
      for (;;) {
        const keys = await store.listDueObjectDeletions(clock.now(), deletionsPerRun);
        let doneNow = 0;
        for (const key of keys) {
          if (isStopping) break;
          try {
            await carryOut(key);
            doneNow += 1;
          } catch (error) {
            // One object that cannot be deleted must not keep the others.
            failure ??= error;
          }
        }
        done += doneNow;
        if (isStopping || keys.length < deletionsPerRun || doneNow === 0) break;
      }
      if (failure !== undefined) throw failure;
      return done;
    },
    stop() {
      isStopping = true;
    },
  };
}
