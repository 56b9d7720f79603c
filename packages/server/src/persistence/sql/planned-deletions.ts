import type { PlannedDeletions } from '../../ports/store.ts';
import type { SqlDatabase } from './schema.ts';

export function createSqlPlannedDeletions({ db }: SqlDatabase): PlannedDeletions {
  return {
    async planObjectDeletion(objectKey, dueAtMs) {
      await db
        .insertInto('planned_deletions')
        .values({ object_key: objectKey, due_at: dueAtMs })
        .onConflict((conflict) => conflict.column('object_key').doUpdateSet({ due_at: dueAtMs }))
        .execute();
    },

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
