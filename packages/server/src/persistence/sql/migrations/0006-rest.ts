import { type Kysely, sql } from 'kysely';

/** Numbers of bundles, ends of pins, and what operators say of apps. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sequences')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('last', 'bigint', (column) => column.notNull())
    .execute();

  await db.schema.alterTable('bundles').addColumn('number', 'bigint').execute();
  await db.schema.alterTable('bundles').addColumn('updated_at', 'bigint').execute();
  await sql`
    update bundles set number = numbered.place, updated_at = bundles.created_at
    from (select id, row_number() over (order by created_at, id) as place from bundles) as numbered
    where numbered.id = bundles.id`.execute(db);
  await sql`
    insert into sequences (name, last) select 'bundles', coalesce(max(number), 0) from bundles`.execute(db);
  await db.schema.createIndex('bundles_number').unique().on('bundles').column('number').execute();

  await db.schema.alterTable('device_overrides').addColumn('expires_at', 'bigint').execute();
  await db.schema
    .createIndex('device_overrides_end')
    .on('device_overrides')
    .column('expires_at')
    .where(sql.ref('expires_at'), 'is not', null)
    .execute();
  await db.schema
    .createIndex('devices_last_seen')
    .on('devices')
    .columns(['app_id', 'seen_at', 'device_id'])
    .execute();

  for (const column of ['name', 'ios_store_url', 'android_store_url']) {
    await db.schema.alterTable('apps').addColumn(column, 'text').execute();
  }
  await db.schema
    .alterTable('apps')
    .addColumn('icon', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await db.schema
    .alterTable('apps')
    .addColumn('default_upload_channel', 'text', (column) => column.notNull().defaultTo('dev'))
    .execute();
  for (const column of ['retention_seconds', 'updated_at']) {
    await db.schema.alterTable('apps').addColumn(column, 'bigint').execute();
  }
  for (const column of ['need_onboarding', 'existing_app', 'block_provider_infra_requests']) {
    await db.schema
      .alterTable('apps')
      .addColumn(column, 'integer', (definition) => definition.notNull().defaultTo(0))
      .execute();
  }
  await sql`update apps set updated_at = created_at`.execute(db);

  await db.schema
    .createTable('app_deletions')
    .addColumn('app_id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('deleted_at', 'bigint', (column) => column.notNull())
    .execute();
}
