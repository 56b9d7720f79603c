import { randomUUID } from 'node:crypto';
import { parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { Kysely } from 'kysely';

interface Tables {
  apps: { owner_org: string };
  organizations: {
    id: string;
    name: string;
    is_default: number;
    created_at: number;
    updated_at: number;
    require_key_expiration: number;
    enforce_hashed_keys: number;
    enforce_encrypted_bundles: number;
  };
  kysely_migration: { name: string; timestamp: string };
}

/** Every server has an organization from the beginning: that is when the first migration was run. */
async function insertDefaultOrganization(db: Kysely<Tables>): Promise<void> {
  const first = await db
    .selectFrom('kysely_migration')
    .select('timestamp')
    .orderBy('name')
    .limit(1)
    .executeTakeFirst();
  const createdAtMs = parseTimestamp(first?.timestamp ?? '') ?? 0;
  const id = randomUUID();
  await db
    .insertInto('organizations')
    .values({
      ...{ id, name: 'Default organization', is_default: 1 },
      ...{ created_at: createdAtMs, updated_at: createdAtMs },
      ...{ require_key_expiration: 0, enforce_hashed_keys: 0, enforce_encrypted_bundles: 0 },
    })
    .execute();
  await db.updateTable('apps').set({ owner_org: id }).execute();
}

/** Organizations with their members, the audit log, and webhooks. */
export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('organizations')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('is_default', 'integer', (column) => column.notNull())
    .addColumn('logo', 'text')
    .addColumn('website', 'text')
    .addColumn('management_email', 'text')
    .addColumn('created_by', 'text')
    .addColumn('require_key_expiration', 'integer', (column) => column.notNull())
    .addColumn('max_key_expiration_days', 'integer')
    .addColumn('enforce_hashed_keys', 'integer', (column) => column.notNull())
    .addColumn('enforce_encrypted_bundles', 'integer', (column) => column.notNull())
    .addColumn('required_encryption_key', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute();
  // Filled below: there is no statement that adds a column which may not be empty and knows its value.
  await db.schema.alterTable('apps').addColumn('owner_org', 'text').execute();
  await insertDefaultOrganization(db);
  await db.schema.createIndex('apps_of_organization').on('apps').column('owner_org').execute();

  await db.schema
    .createTable('members')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('org_id', 'text', (column) =>
      column.notNull().references('organizations.id').onDelete('cascade'),
    )
    .addColumn('email', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('members_email', ['org_id', 'email'])
    .execute();
  await db.schema.createIndex('members_by_email').on('members').column('email').execute();

  await db.schema
    .createTable('audit_log')
    // In the order of commits: whoever changes something holds the lock of changes until that is committed.
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('table_name', 'text', (column) => column.notNull())
    .addColumn('record_id', 'text', (column) => column.notNull())
    .addColumn('operation', 'text', (column) => column.notNull())
    .addColumn('app_id', 'text')
    .addColumn('org_id', 'text')
    .addColumn('old_record', 'text')
    .addColumn('new_record', 'text')
    .addColumn('changed_fields', 'text')
    .addColumn('actor_kind', 'text', (column) => column.notNull())
    .addColumn('actor_id', 'text', (column) => column.notNull())
    .addColumn('actor_name', 'text', (column) => column.notNull())
    .addColumn('actor_email', 'text')
    .execute();
  await db.schema.createIndex('audit_log_of_app').on('audit_log').columns(['app_id', 'id']).execute();
  await db.schema
    .createIndex('audit_log_of_organization')
    .on('audit_log')
    .columns(['org_id', 'id'])
    .execute();
  await db.schema.createIndex('audit_log_of_actor').on('audit_log').columns(['actor_id', 'id']).execute();
  await db.schema.createIndex('audit_log_by_time').on('audit_log').columns(['created_at', 'id']).execute();
}
