import type { ChangedBy } from '../../domain/actor.ts';
import { appSettingDefaults } from '../../domain/app.ts';
import { appChange } from '../../domain/audit-records.ts';
import { draftAudit, findDefaultOrganizationId } from './audit.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';

/** Registers an app on first use, in the organization of everybody. */
export async function ensureApp(
  database: MongoDatabase,
  draft: Draft,
  appId: string,
  by: ChangedBy,
): Promise<void> {
  if (await database.collection('apps').findOne({ _id: appId })) return;
  const organizationId = await findDefaultOrganizationId(database);
  draft.insert('apps', [{ _id: appId, created_at: by.atMs, owner_org: organizationId }]);
  const after = { appId, organizationId, settings: appSettingDefaults, createdAtMs: by.atMs };
  await draftAudit(database, draft, by, { ...appChange({ before: null, after }), organizationId });
}
