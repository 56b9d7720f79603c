import { setTimeout as delay } from 'node:timers/promises';
import { type Db, ObjectId } from 'mongodb';
import { isDuplicateKey } from './errors.ts';
import * as initial from './migrations/0001-initial.ts';
import * as manifests from './migrations/0002-manifests.ts';
import * as rest from './migrations/0004-rest.ts';
import * as organization from './migrations/0005-organization.ts';
import * as statistics from './migrations/0006-statistics.ts';
import type { StoredTime } from './stored-time.ts';

interface Migration {
  /** Can be interrupted anywhere and is then run again from the start. */
  up(db: Db): Promise<void>;
}

/** Forward only; a name, once released, never changes. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-initial': { up: initial.up },
  '0006-statistics': { up: statistics.up },
  '0005-organization': { up: organization.up },
  '0004-rest': { up: rest.up },
  '0002-manifests': { up: manifests.up },
};

interface LockDocument {
  readonly _id: string;
  readonly owner: string;
  /** Grows while the owner is alive. */
  readonly beat: number;
}

interface MigrationDocument {
  readonly _id: string;
  readonly applied_at: StoredTime;
}

const lockName = 'migrations';
const beatEveryMs = 1_000;
/** An owner who was not heard of for so long is dead. By our own clock: nobody else's can be trusted. */
const deadAfterMsDefault = 15_000;
const pollEveryMs = 50;

/** Waits until the lock is ours; answers what gives it back. */
async function takeLock(db: Db, deadAfterMs: number): Promise<() => Promise<void>> {
  const locks = db.collection<LockDocument>('locks');
  const owner = new ObjectId().toHexString();
  let heard: { lock: string; atMs: number } | undefined;
  for (;;) {
    try {
      await locks.insertOne({ _id: lockName, owner, beat: 0 });
      break;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
    const held = await locks.findOne({ _id: lockName });
    if (held) {
      const lock = `${held.owner} ${held.beat}`;
      if (heard?.lock !== lock) heard = { lock, atMs: performance.now() };
      if (performance.now() - heard.atMs > deadAfterMs) {
        await locks.deleteOne({ _id: lockName, owner: held.owner, beat: held.beat });
      }
    }
    await delay(pollEveryMs);
  }
  let beat = 0;
  const beating = setInterval(() => {
    beat += 1;
    // One that fails is followed by the next.
    locks.updateOne({ _id: lockName, owner }, { $set: { beat } }).catch(() => undefined);
  }, beatEveryMs);
  return async () => {
    clearInterval(beating);
    await locks.deleteOne({ _id: lockName, owner });
  };
}

/**
 * Brings the database to the newest schema. Of several nodes that start at once one does it, and the others wait.
 *
 * @param deadAfterMs how long the node that does it may be silent
 */
export async function migrateToLatest(
  db: Db,
  { deadAfterMs = deadAfterMsDefault }: { readonly deadAfterMs?: number } = {},
): Promise<void> {
  const done = db.collection<MigrationDocument>('migrations');
  async function pending(): Promise<string[]> {
    const applied = new Set((await done.find().toArray()).map(({ _id }) => _id));
    const unknown = [...applied].filter((name) => !(name in migrations));
    if (unknown.length > 0) {
      // Not `unavailable`: waiting does not mend it.
      throw new Error(
        `The database was written by a newer version of this server (${unknown.join(', ')}); start that version`,
      );
    }
    return Object.keys(migrations)
      .toSorted()
      .filter((name) => !applied.has(name));
  }

  if ((await pending()).length === 0) return;
  const giveBack = await takeLock(db, deadAfterMs);
  try {
    for (const name of await pending()) {
      await migrations[name]?.up(db);
      const { localTime } = (await db.command({ isMaster: 1 })) as { readonly localTime: StoredTime };
      await done.insertOne({ _id: name, applied_at: localTime }).catch((error: unknown) => {
        // Who was taken for dead and is not has done the same.
        if (!isDuplicateKey(error)) throw error;
      });
    }
  } finally {
    await giveBack();
  }
}
