import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';

/** Registers an app on first use. */
export async function ensureApp(
  database: MongoDatabase,
  draft: Draft,
  appId: string,
  nowMs: number,
): Promise<void> {
  if (await database.collection('apps').findOne({ _id: appId })) return;
  draft.insert('apps', [{ _id: appId, created_at: nowMs }]);
}
