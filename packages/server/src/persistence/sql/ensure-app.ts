import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** Registers an app on first use. */
export async function ensureApp(db: Kysely<Schema>, appId: string, nowMs: number): Promise<void> {
  await db
    .insertInto('apps')
    .values({ app_id: appId, created_at: nowMs })
    .onConflict((conflict) => conflict.column('app_id').doNothing())
    .execute();
}
