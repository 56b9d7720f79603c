import type { Kysely } from 'kysely';
import { appSettingDefaults } from '../../domain/app.ts';
import type { Schema } from './schema.ts';

/** Registers an app on first use. */
export async function ensureApp(db: Kysely<Schema>, appId: string, nowMs: number): Promise<void> {
  const { exposeMetadata, allowDeviceCustomId } = appSettingDefaults;
  await db
    .insertInto('apps')
    .values({
      app_id: appId,
      created_at: nowMs,
      updated_at: nowMs,
      expose_metadata: Number(exposeMetadata),
      allow_device_custom_id: Number(allowDeviceCustomId),
    })
    .onConflict((conflict) => conflict.column('app_id').doNothing())
    .execute();
}
