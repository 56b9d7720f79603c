import type { PlannedDeletions } from '../../ports/store.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { notGone } from './schema.ts';

const keysPerRead = 1_000;

/** Plans the deletion of objects as part of a commit, or moves it. */
export async function planDeletions(
  database: MongoDatabase,
  draft: Draft,
  objectKeys: readonly string[],
  dueAtMs: number,
): Promise<void> {
  const known = new Set<string>();
  for (let start = 0; start < objectKeys.length; start += keysPerRead) {
    const some = objectKeys.slice(start, start + keysPerRead);
    const found = await database
      .collection('planned_deletions')
      .find({ _id: { $in: some } }, { projection: { _id: 1 } })
      .toArray();
    for (const { _id } of found) known.add(_id);
  }
  draft.set('planned_deletions', [...known], { due_at: dueAtMs, gone: false });
  draft.insert(
    'planned_deletions',
    objectKeys.filter((key) => !known.has(key)).map((_id) => ({ _id, due_at: dueAtMs })),
  );
}

/** Takes a plan back as part of a commit. */
export async function forgetPlannedDeletion(
  database: MongoDatabase,
  draft: Draft,
  objectKey: string,
): Promise<void> {
  const found = await database.collection('planned_deletions').findOne({ _id: objectKey });
  if (found && !found.gone) draft.set('planned_deletions', [objectKey], { gone: true });
}

export function createMongoPlannedDeletions(database: MongoDatabase): PlannedDeletions {
  const { log } = database;
  return {
    planObjectDeletion: (objectKey, dueAtMs) =>
      log.commit((draft) => planDeletions(database, draft, [objectKey], dueAtMs)),

    async listDueObjectDeletions(nowMs, limit) {
      await log.settle();
      const found = await database
        .collection('planned_deletions')
        .find({ ...notGone, due_at: { $lte: nowMs } })
        .sort({ due_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ _id }) => _id);
    },

    forgetObjectDeletion: (objectKey) =>
      log.commit((draft) => forgetPlannedDeletion(database, draft, objectKey)),
  };
}
