import { type Kysely, sql } from 'kysely';

interface Tables {
  bundles: {
    object_key: string;
    session_key: string;
    external_url: string | null;
    deleted_at: number | null;
    manifest_state: string;
    manifest_reason: string | null;
  };
}

/** Bundles that are there already get a manifest as new ones do. */
async function completeBundles(db: Kysely<Tables>): Promise<void> {
  const bundles = db.updateTable('bundles').where('deleted_at', 'is', null);
  await bundles
    .set({ manifest_state: 'pending' })
    .where('object_key', '!=', '')
    .where('session_key', '=', '')
    .execute();
  await bundles.set({ manifest_reason: 'encrypted' }).where('session_key', '!=', '').execute();
  await bundles.set({ manifest_reason: 'external' }).where('external_url', 'is not', null).execute();
}

export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .alterTable('bundles')
    .addColumn('manifest_state', 'text', (column) => column.notNull().defaultTo('none'))
    .execute();
  await db.schema.alterTable('bundles').addColumn('manifest_reason', 'text').execute();
  await db.schema
    .alterTable('bundles')
    .addColumn('manifest_attempts', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await completeBundles(db);
  await db.schema
    .createIndex('bundles_pending_manifest')
    .on('bundles')
    .columns(['created_at', 'id'])
    .where(sql.ref('manifest_state'), '=', sql.lit('pending'))
    .execute();

  await db.schema
    .createTable('files')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('app_id', 'text', (column) => column.notNull().references('apps.app_id'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('object_key', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addColumn('is_brotli', 'integer', (column) => column.notNull())
    .addColumn('uses', 'integer', (column) => column.notNull())
    .addColumn('released_at', 'bigint')
    .addUniqueConstraint('files_name', ['app_id', 'name'])
    .execute();
  await db.schema
    .createIndex('files_unused')
    .on('files')
    .columns(['released_at', 'id'])
    .where(sql.ref('released_at'), 'is not', null)
    .execute();

  await db.schema
    .createTable('manifests')
    .addColumn('bundle_id', 'text', (column) => column.primaryKey().notNull().references('bundles.id'))
    .addColumn('file_count', 'integer', (column) => column.notNull())
    .addColumn('entries', 'blob', (column) => column.notNull())
    .execute();

  await db.schema
    .alterTable('channels')
    .addColumn('update_package', 'text', (column) => column.notNull().defaultTo('all'))
    .execute();
}
