import type { Db, IndexDescription } from 'mongodb';
import { defaultOrganizationId } from '../../../domain/organization.ts';
import { isDuplicateKey } from '../errors.ts';
import type { OrganizationDocument } from '../schema.ts';
import type { StoredTime } from '../stored-time.ts';

const indexes: Readonly<Record<string, readonly IndexDescription[]>> = {
  apps: [{ key: { owner_org: 1 } }],
  members: [{ key: { org_id: 1, email: 1 } }, { key: { email: 1 } }],
  webhooks: [{ key: { org_id: 1, created_at: -1, _id: -1 } }],
  webhook_deliveries: [
    { key: { webhook_id: 1, created_at: -1, _id: -1 } },
    { key: { webhook_id: 1, status: 1, next_attempt_at: 1 } },
    { key: { created_at: 1, _id: 1 } },
  ],
  audit_log: [
    { key: { app_id: 1, _id: -1 } },
    { key: { org_id: 1, _id: -1 } },
    { key: { actor_id: 1, _id: -1 } },
    { key: { created_at: 1, _id: 1 } },
  ],
};

/** Every server has an organization from the beginning. Its apps need not name it. */
async function insertDefaultOrganization(db: Db): Promise<void> {
  const { localTime } = (await db.command({ isMaster: 1 })) as { readonly localTime: StoredTime };
  const nowMs = localTime.getTime();
  const organization: OrganizationDocument = {
    ...{ _id: defaultOrganizationId, name: 'Default organization', logo: null, website: null },
    ...{ management_email: null, created_by: null },
    ...{ require_key_expiration: false, max_key_expiration_days: null },
    ...{ enforce_encrypted_bundles: false, required_encryption_key: null },
    ...{ created_at: nowMs, updated_at: nowMs },
  };
  // Not $setOnInsert, of which FerretDB leaves out what is null.
  await db
    .collection<OrganizationDocument>('organizations')
    .insertOne(organization)
    .catch((error: unknown) => {
      // A run that was interrupted has done it.
      if (!isDuplicateKey(error)) throw error;
    });
}

/** Organizations with their members, the audit log, and webhooks. */
export async function up(db: Db): Promise<void> {
  for (const [name, descriptions] of Object.entries(indexes)) {
    await db.collection(name).createIndexes([...descriptions]);
  }
  await insertDefaultOrganization(db);
}
