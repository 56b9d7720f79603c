import type { Kysely } from 'kysely';

/** What is counted by day, and what each device is counted under. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('statistics')
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('metric', 'text', (column) => column.notNull())
    .addColumn('date', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('detail', 'text', (column) => column.notNull())
    .addColumn('amount', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('statistics_key', ['app_id', 'metric', 'date', 'name', 'detail'])
    .execute();

  await db.schema
    .createTable('check_minutes')
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('minute', 'bigint', (column) => column.notNull())
    .addColumn('checks', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('check_minutes_key', ['app_id', 'minute'])
    .execute();
  await db.schema.createIndex('check_minutes_oldest').on('check_minutes').column('minute').execute();

  // A table of its own: a device's row in the inventory is written every minute, this one when something in it changes.
  await db.schema
    .createTable('device_activity')
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('active_on', 'text', (column) => column.notNull())
    .addColumn('counted_at', 'bigint', (column) => column.notNull())
    .addColumn('platform', 'text', (column) => column.notNull())
    .addColumn('bundle', 'text', (column) => column.notNull())
    .addColumn('native_version', 'text', (column) => column.notNull())
    .addColumn('plugin_version', 'text', (column) => column.notNull())
    .addColumn('channel', 'text', (column) => column.notNull())
    .addColumn('offered', 'text')
    .addColumn('first_seen', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('device_activity_key', ['app_id', 'device_id'])
    .execute();
  // All that devices are counted under, in the order in which they are grouped: the table itself is not read.
  await db.schema
    .createIndex('device_activity_since')
    .on('device_activity')
    .columns([
      ...['app_id', 'active_on', 'platform', 'bundle', 'native_version', 'plugin_version'],
      'channel',
    ])
    .execute();
  // Each a list of the inventory in its order: a filter with few devices behind it must not read all of them.
  for (const column of ['bundle', 'native_version', 'plugin_version', 'channel']) {
    await db.schema
      .createIndex(`device_activity_${column}`)
      .on('device_activity')
      .columns(['app_id', column, 'first_seen', 'device_id'])
      .execute();
  }
  await db.schema
    .createIndex('devices_version_name')
    .on('devices')
    .columns(['app_id', 'version_name', 'first_seen', 'device_id'])
    .execute();
  await db.schema
    .createIndex('device_failures_of_bundle')
    .on('device_failures')
    .columns(['app_id', 'version_name', 'device_id'])
    .execute();
}
