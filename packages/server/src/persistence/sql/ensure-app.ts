import type { Kysely } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import { appSettingDefaults } from '../../domain/app.ts';
import { appChange } from '../../domain/audit-records.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { toAppRecord } from './app-row.ts';
import { noteAudit } from './audit.ts';
import type { Schema } from './schema.ts';

/** Registers an app on first use, in the organization of everybody. */
export async function ensureApp(db: Kysely<Schema>, appId: string, by: ChangedBy): Promise<void> {
  const { exposeMetadata, allowDeviceCustomId } = appSettingDefaults;
  const row = await db
    .insertInto('apps')
    .values({
      app_id: appId,
      created_at: by.atMs,
      updated_at: by.atMs,
      expose_metadata: Number(exposeMetadata),
      allow_device_custom_id: Number(allowDeviceCustomId),
      owner_org: defaultOrganizationId,
    })
    .onConflict((conflict) => conflict.column('app_id').doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row) await noteAudit(db, by, appChange({ before: null, after: toAppRecord(row) }));
}
