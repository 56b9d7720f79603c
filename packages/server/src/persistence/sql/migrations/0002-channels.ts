import { type Kysely, sql } from 'kysely';

const rowsPerCopy = 500;

interface EventRow {
  readonly id: number;
  readonly device_time: number | null;
}

interface Tables {
  apps: { expose_metadata: number };
  device_events_by_number: EventRow;
  device_events: Omit<EventRow, 'id'> & { readonly id: string };
}

/** Events were numbered; now their ids are of the form that every node can give, and one that was told twice is kept once. */
async function copyEvents(db: Kysely<Tables>): Promise<void> {
  let last = -1;
  for (;;) {
    const rows = await db
      .selectFrom('device_events_by_number')
      .selectAll()
      .where('id', '>', last)
      .orderBy('id')
      .limit(rowsPerCopy)
      .execute();
    for (const row of rows) {
      await db
        .insertInto('device_events')
        .values({ ...row, id: row.id.toString(16).padStart(24, '0') })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    const end = rows.at(-1);
    if (!end) return;
    last = end.id;
  }
}

export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .alterTable('apps')
    .addColumn('expose_metadata', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema
    .alterTable('apps')
    .addColumn('allow_device_custom_id', 'integer', (column) => column.notNull().defaultTo(1))
    .execute();
  for (const column of ['external_url', 'link', 'comment']) {
    await db.schema.alterTable('bundles').addColumn(column, 'text').execute();
  }

  await db.schema
    .createTable('channels')
    // Autoincrement, because without it SQLite gives the number of a deleted last row to the next one.
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('app_id', 'text', (column) => column.notNull().references('apps.app_id'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('is_public', 'integer', (column) => column.notNull())
    .addColumn('allow_device_self_set', 'integer', (column) => column.notNull())
    .addColumn('ios', 'integer', (column) => column.notNull())
    .addColumn('android', 'integer', (column) => column.notNull())
    .addColumn('electron', 'integer', (column) => column.notNull())
    .addColumn('policy', 'text', (column) => column.notNull())
    .addColumn('blocks_under_native', 'integer', (column) => column.notNull())
    .addColumn('allow_prod', 'integer', (column) => column.notNull())
    .addColumn('allow_dev', 'integer', (column) => column.notNull())
    .addColumn('allow_device', 'integer', (column) => column.notNull())
    .addColumn('allow_emulator', 'integer', (column) => column.notNull())
    .addColumn('bundle_id', 'text', (column) => column.references('bundles.id'))
    .addColumn('rollout_id', 'text', (column) => column.notNull())
    .addColumn('rollout_bundle_id', 'text', (column) => column.references('bundles.id'))
    .addColumn('rollout_enabled', 'integer', (column) => column.notNull())
    .addColumn('rollout_percentage_bps', 'integer', (column) => column.notNull())
    .addColumn('rollout_paused_at', 'bigint')
    .addColumn('rollout_pause_reason', 'text')
    .addColumn('rollout_cache_ttl_seconds', 'bigint', (column) => column.notNull())
    .addColumn('auto_pause_enabled', 'integer', (column) => column.notNull())
    .addColumn('auto_pause_window_minutes', 'bigint', (column) => column.notNull())
    .addColumn('auto_pause_failure_rate_bps', 'integer')
    .addColumn('auto_pause_confidence', 'double precision', (column) => column.notNull())
    .addColumn('auto_pause_min_attempts', 'bigint')
    .addColumn('auto_pause_min_failures', 'bigint')
    .addColumn('auto_pause_action', 'text', (column) => column.notNull())
    .addColumn('auto_pause_cooldown_minutes', 'bigint', (column) => column.notNull())
    .addColumn('auto_pause_last_triggered_at', 'bigint')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('channels_name', ['app_id', 'name'])
    .execute();
  await db.schema.createIndex('channels_bundle').on('channels').column('bundle_id').execute();
  await db.schema.createIndex('channels_rollout_bundle').on('channels').column('rollout_bundle_id').execute();
  await db.schema
    .createIndex('channels_auto_pausing')
    .on('channels')
    .columns(['auto_pause_enabled', 'rollout_bundle_id'])
    .execute();

  await db.schema
    .createTable('deployments')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('app_id', 'text', (column) => column.notNull().references('apps.app_id'))
    .addColumn('channel_id', 'bigint')
    .addColumn('release_id', 'text')
    .addColumn('bundle_id', 'text', (column) => column.references('bundles.id'))
    .addColumn('rollout_bundle_id', 'text', (column) => column.references('bundles.id'))
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('deployments_newest_of_channel')
    .on('deployments')
    .columns(['channel_id', 'created_at', 'id'])
    .execute();
  await db.schema
    .createIndex('deployments_newest_of_release')
    .on('deployments')
    .columns(['release_id', 'created_at', 'id'])
    .execute();

  for (const table of ['device_overrides', 'device_self_channels'] as const) {
    await db.schema
      .createTable(table)
      .addColumn('app_id', 'text', (column) => column.notNull())
      .addColumn('device_id', 'text', (column) => column.notNull())
      .addColumn('channel_id', 'bigint', (column) =>
        column.notNull().references('channels.id').onDelete('cascade'),
      )
      .addPrimaryKeyConstraint(`${table}_device`, ['app_id', 'device_id'])
      .execute();
    await db.schema.createIndex(`${table}_channel`).on(table).column('channel_id').execute();
  }

  await db.schema
    .createTable('device_failures')
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('version_name', 'text', (column) => column.notNull())
    .addColumn('failures', 'bigint', (column) => column.notNull())
    .addColumn('last_failed_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('device_failures_bundle', ['app_id', 'device_id', 'version_name'])
    .execute();
  await db.schema
    .createIndex('device_failures_oldest')
    .on('device_failures')
    .columns(['last_failed_at', 'app_id', 'device_id', 'version_name'])
    .execute();

  for (const index of ['device_events_newest_of_app', 'device_events_newest_of_device']) {
    await db.schema.dropIndex(index).execute();
  }
  await db.schema.alterTable('device_events').renameTo('device_events_by_number').execute();
  await db.schema
    .createTable('device_events')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
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
    .addColumn('channel_name', 'text')
    .addColumn('outcome', 'text')
    .addColumn('outcome_bundle', 'text')
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
  await db.schema.createIndex('device_events_oldest').on('device_events').column('received_at').execute();
  // Led by the time, so that new events land beside each other and not all over a large index.
  await db.schema
    .createIndex('device_events_told_once')
    .unique()
    .on('device_events')
    .columns(['device_time', 'device_id', 'app_id', 'action', 'version_name'])
    .where(sql.ref('device_time'), 'is not', null)
    .execute();
  await db.schema
    .createIndex('device_events_outcomes')
    .on('device_events')
    .columns(['app_id', 'channel_name', 'outcome_bundle', 'received_at', 'outcome'])
    .where(sql.ref('outcome_bundle'), 'is not', null)
    .execute();
  await copyEvents(db);
  await db.schema.dropTable('device_events_by_number').execute();

  await db.schema
    .createTable('counters')
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('date', 'text', (column) => column.notNull())
    .addColumn('bundle', 'text', (column) => column.notNull())
    .addColumn('channel', 'text', (column) => column.notNull())
    .addColumn('platform', 'text', (column) => column.notNull())
    .addColumn('gets', 'bigint', (column) => column.notNull())
    .addColumn('installs', 'bigint', (column) => column.notNull())
    .addColumn('uninstalls', 'bigint', (column) => column.notNull())
    .addColumn('fails', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('counters_day', ['app_id', 'date', 'bundle', 'channel', 'platform'])
    .execute();

  await db.schema
    .createTable('devices')
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('platform', 'text', (column) => column.notNull())
    .addColumn('plugin_version', 'text')
    .addColumn('version_os', 'text')
    .addColumn('version_build', 'text')
    .addColumn('version_code', 'text')
    .addColumn('version_name', 'text')
    .addColumn('custom_id', 'text')
    .addColumn('is_emulator', 'integer', (column) => column.notNull())
    .addColumn('is_prod', 'integer', (column) => column.notNull())
    .addColumn('default_channel', 'text')
    .addColumn('key_id', 'text')
    .addColumn('install_source', 'text')
    .addColumn('first_seen', 'bigint', (column) => column.notNull())
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('devices_device', ['app_id', 'device_id'])
    .execute();
  await db.schema
    .createIndex('devices_newest_of_app')
    .on('devices')
    .columns(['app_id', 'first_seen', 'device_id'])
    .execute();
}
