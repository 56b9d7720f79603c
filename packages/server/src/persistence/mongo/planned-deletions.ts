import type { PlannedDeletions } from '../../ports/store.ts';
import { inChunks } from '../chunks.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { notGone } from './schema.ts';

/** Plans the deletion of objects as part of a commit, or moves it. */
export async function planDeletions(
  database: MongoDatabase,
  draft: Draft,
  objectKeys: readonly string[],
  dueAtMs: number,
): Promise<void> {
  for (const some of inChunks(objectKeys)) {
    const found = await database
      .collection('planned_deletions')
      .find({ _id: { $in: some } }, { projection: { _id: 1 } })
      .toArray();
    const known = new Set(found.map(({ _id }) => _id));
    draft.set('planned_deletions', [...known], { due_at: dueAtMs, gone: false });
    const others = some.filter((key) => !known.has(key));
    draft.insert(
      'planned_deletions',
      others.map((_id) => ({ _id, due_at: dueAtMs })),
    );
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
      log.commit((draft) => planDeletions(database, draft, [objectKey], dueAtMs)),

    planObjectDeletions: (objectKeys, dueAtMs) =>
      log.commit((draft) => planDeletions(database, draft, objectKeys, dueAtMs)),

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
