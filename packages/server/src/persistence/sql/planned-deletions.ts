import type { Kysely } from 'kysely';
import type { PlannedDeletions } from '../../ports/store.ts';
import type { Schema, SqlDatabase } from './schema.ts';

/** Plans the deletion of objects as part of a transaction, or moves it. */
export async function planDeletions(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  objectKeys: readonly string[],
  dueAtMs: number,
): Promise<void> {
  const rows = [...new Set(objectKeys)].map((key) => ({ object_key: key, due_at: dueAtMs }));
  await database.upsertMany(transaction, 'planned_deletions', rows, (conflict) =>
    conflict.column('object_key').doUpdateSet(({ ref }) => ({ due_at: ref('excluded.due_at') })),
  );
}

export function createSqlPlannedDeletions(database: SqlDatabase): PlannedDeletions {
  const { db } = database;
  return {
    async planObjectDeletion(objectKey, dueAtMs) {
      await db
        .insertInto('planned_deletions')
        .values({ object_key: objectKey, due_at: dueAtMs })
        .onConflict((conflict) => conflict.column('object_key').doUpdateSet({ due_at: dueAtMs }))
        .execute();
    },

    planObjectDeletions: (objectKeys, dueAtMs) =>
      database.write((transaction) => planDeletions(database, transaction, objectKeys, dueAtMs)),

    async listDueObjectDeletions(nowMs, limit) {
      const rows = await db
        .selectFrom('planned_deletions')
        .select('object_key')
        .where('due_at', '<=', nowMs)
        .orderBy('due_at')
        .orderBy('object_key')
        .limit(limit)
        .execute();
      return rows.map((row) => row.object_key);
    },

    async forgetObjectDeletion(objectKey) {
      await db.deleteFrom('planned_deletions').where('object_key', '=', objectKey).execute();
    },
  };
}
