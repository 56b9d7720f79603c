import { parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { Kysely } from 'kysely';
import { defaultOrganizationId } from '../../../domain/organization.ts';

interface Tables {
  apps: { owner_org: string };
  organizations: {
    id: string;
    name: string;
    created_at: number;
    updated_at: number;
    require_key_expiration: number;
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
  const id = defaultOrganizationId;
  await db
    .insertInto('organizations')
    .values({
      ...{ id, name: 'Default organization' },
      ...{ created_at: createdAtMs, updated_at: createdAtMs },
      ...{ require_key_expiration: 0, enforce_encrypted_bundles: 0 },
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
    .addColumn('logo', 'text')
    .addColumn('website', 'text')
    .addColumn('management_email', 'text')
    .addColumn('created_by', 'text')
    .addColumn('require_key_expiration', 'integer', (column) => column.notNull())
    .addColumn('max_key_expiration_days', 'integer')
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
    .addColumn('accepted_at', 'bigint')
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
  await db.schema
    .createTable('webhooks')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('org_id', 'text', (column) =>
      column.notNull().references('organizations.id').onDelete('cascade'),
    )
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('secret', 'text', (column) => column.notNull())
    .addColumn('is_enabled', 'integer', (column) => column.notNull())
    .addColumn('events', 'text', (column) => column.notNull())
    .addColumn('delivery_version', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('webhooks_of_organization')
    .on('webhooks')
    .columns(['org_id', 'created_at', 'id'])
    .execute();

  await db.schema
    .createTable('webhook_deliveries')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('webhook_id', 'text', (column) =>
      column.notNull().references('webhooks.id').onDelete('cascade'),
    )
    .addColumn('audit_id', 'bigint')
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('event_type', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('delivery_version', 'text', (column) => column.notNull())
    .addColumn('response_status', 'integer')
    .addColumn('response_body', 'text')
    .addColumn('response_headers', 'text')
    .addColumn('attempt_count', 'integer', (column) => column.notNull())
    .addColumn('max_attempts', 'integer', (column) => column.notNull())
    .addColumn('next_attempt_at', 'bigint')
    .addColumn('duration_ms', 'integer')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('completed_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('webhook_deliveries_newest')
    .on('webhook_deliveries')
    .columns(['webhook_id', 'created_at', 'id'])
    .execute();
  await db.schema
    .createIndex('webhook_deliveries_due')
    .on('webhook_deliveries')
    .columns(['webhook_id', 'status', 'next_attempt_at', 'created_at'])
    .execute();
  await db.schema
    .createIndex('webhook_deliveries_oldest')
    .on('webhook_deliveries')
    .columns(['created_at', 'id'])
    .execute();

  // How far webhooks were told of the audit log, and when they were told of what is in no log.
  await db.schema
    .createTable('webhook_progress')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('audit_log_by_time').on('audit_log').columns(['created_at', 'id']).execute();
}
