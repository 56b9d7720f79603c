import type { ChangeLog } from '../../ports/changes.ts';
import { maxToldChanges } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { collectionsWithDeletion } from './schema.ts';

export function createMongoChanges({ log }: MongoDatabase): ChangeLog {
  return {
    async readChanges(after) {
      const head = await log.settle();
      const { revision } = head;
      if (after === null || after === revision) return { changes: [], revision };
      if (after > revision || revision - after > maxToldChanges) return { changes: null, revision };
      return { changes: await log.readChanges(after, head), revision };
    },

    async deleteOldChanges() {
      const oldest = await log.deleteOld();
      if (oldest <= 0) return;
      await log.commit(async (draft) => {
        for (const name of collectionsWithDeletion) draft.purge(name, oldest);
      });
    },
  };
}
