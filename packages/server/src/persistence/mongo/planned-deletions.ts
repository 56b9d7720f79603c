import type { PlannedDeletions } from '../../ports/store.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { notGone } from './schema.ts';

/** Plans the deletion of an object as part of a commit, or moves it. */
export async function planDeletion(
  database: MongoDatabase,
  draft: Draft,
  objectKey: string,
  dueAtMs: number,
): Promise<void> {
  if (await database.collection('planned_deletions').findOne({ _id: objectKey })) {
    draft.set('planned_deletions', [objectKey], { due_at: dueAtMs, gone: false });
  } else {
    draft.insert('planned_deletions', [{ _id: objectKey, due_at: dueAtMs }]);
  }
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
      log.commit((draft) => planDeletion(database, draft, objectKey, dueAtMs)),

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
