import type { Kysely } from 'kysely';

/** What several nodes need to follow each other. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('changes')
    .addColumn('revision', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('app_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text')
    .execute();

  await db.schema
    .createTable('leases')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('holder', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
}
