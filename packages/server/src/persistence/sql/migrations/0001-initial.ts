import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('apps')
    .addColumn('app_id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('bundles')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('app_id', 'text', (column) => column.notNull().references('apps.app_id'))
    .addColumn('version_name', 'text', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('crc_checksum', 'text', (column) => column.notNull())
    .addColumn('checksum', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('session_key', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text')
    .addColumn('min_update_version', 'text')
    .addColumn('object_key', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('deleted_at', 'bigint')
    .addUniqueConstraint('bundles_version_name', ['app_id', 'version_name'])
    .execute();
  await db.schema.createIndex('bundles_newest').on('bundles').columns(['created_at', 'id']).execute();
  await db.schema
    .createIndex('bundles_newest_of_app')
    .on('bundles')
    .columns(['app_id', 'created_at', 'id'])
    .execute();

  await db.schema
    .createTable('releases')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('app_id', 'text', (column) => column.notNull().references('apps.app_id'))
    .addColumn('platform', 'text', (column) => column.notNull())
    .addColumn('version_name', 'text', (column) => column.notNull())
    .addColumn('version_code', 'text', (column) => column.notNull())
    .addColumn('release_date', 'bigint')
    .addColumn('builtin_bundle_id', 'text', (column) => column.notNull().references('bundles.id'))
    .addColumn('active_bundle_id', 'text', (column) => column.references('bundles.id'))
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('releases_native_build', ['app_id', 'platform', 'version_name', 'version_code'])
    .execute();
  await db.schema.createIndex('releases_newest').on('releases').columns(['created_at', 'id']).execute();
  await db.schema
    .createIndex('releases_newest_of_app')
    .on('releases')
    .columns(['app_id', 'created_at', 'id'])
    .execute();
  await db.schema.createIndex('releases_builtin_bundle').on('releases').column('builtin_bundle_id').execute();
  await db.schema.createIndex('releases_active_bundle').on('releases').column('active_bundle_id').execute();

  await db.schema
    .createTable('device_events')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('received_at', 'bigint', (column) => column.notNull())
    .addColumn('device_time', 'bigint')
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('version_name', 'text', (column) => column.notNull())
    .addColumn('old_version_name', 'text')
    .addColumn('platform', 'text', (column) => column.notNull())
    .addColumn('plugin_version', 'text')
    .addColumn('version_build', 'text')
    .addColumn('version_code', 'text')
    .addColumn('version_os', 'text')
    .addColumn('is_emulator', 'integer', (column) => column.notNull())
    .addColumn('is_prod', 'integer', (column) => column.notNull())
    .addColumn('custom_id', 'text')
    .addColumn('default_channel', 'text')
    .addColumn('key_id', 'text')
    .addColumn('install_source', 'text')
    .addColumn('metadata', 'text')
    .execute();
  await db.schema
    .createIndex('device_events_newest_of_app')
    .on('device_events')
    .columns(['app_id', 'received_at', 'id'])
    .execute();
  await db.schema
    .createIndex('device_events_newest_of_device')
    .on('device_events')
    .columns(['app_id', 'device_id', 'received_at', 'id'])
    .execute();

  await db.schema
    .createTable('planned_deletions')
    .addColumn('object_key', 'text', (column) => column.primaryKey().notNull())
    .addColumn('due_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('planned_deletions_due').on('planned_deletions').column('due_at').execute();
}
