import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Insertable, Kysely, sql } from 'kysely';
import { AppError } from '../../domain/errors.ts';
import type { Store } from '../../ports/store.ts';
import { migrateToLatest } from '../sql/migrate.ts';
import type { BulkTable, ConflictRule, Schema, SqlDatabase } from '../sql/schema.ts';
import { createSqlStore } from '../sql/store.ts';
import { openSqliteConnection, SqliteFailure } from './connection.ts';
import { createSqliteDialect, Turns } from './dialect.ts';

/**
 * Opens the embedded engine and brings its schema up to date.
 *
 * @param filePath a file, created with its folder when missing, or `:memory:`
 */
export async function openSqliteStore(filePath: string): Promise<Store> {
  if (filePath !== ':memory:') await mkdir(dirname(filePath), { recursive: true });
  const connection = openSqliteConnection(filePath);
  const turns = new Turns();
  const db = new Kysely<Schema>({ dialect: createSqliteDialect(connection, turns) });

  /** Takes no turn: the transaction has it, and its connection is the only one. */
  async function writeMany<Table extends BulkTable>(
    transaction: Kysely<Schema>,
    table: Table,
    rows: readonly Insertable<Schema[Table]>[],
    rule: ConflictRule<Table>,
  ): Promise<readonly number[]> {
    const [first] = rows;
    if (!first) return [];
    const columns = Object.keys(first) as (keyof typeof first)[];
    const insert = transaction.insertInto(table).values(first).onConflict(rule).compile();
    return connection.runMany(
      insert.sql,
      rows.map((row) => columns.map((column) => row[column])),
    );
  }

  const database: SqlDatabase = {
    db,
    // A transaction that begins to write keeps all others out.
    change: (run) => db.transaction().execute(run),
    lockChanges: async () => undefined,
    write: (run) => db.transaction().execute(run),
    read: (run) => db.transaction().execute(run),
    async insertNew(transaction, table, rows) {
      const changes = await writeMany(transaction, table, rows, (conflict) => conflict.doNothing());
      return changes.map((count) => count === 1);
    },
    async upsertMany(transaction, table, rows, rule) {
      await writeMany(transaction, table, rows, rule);
    },
    lockDevices: async () => undefined,
    listed: (texts) => sql`(select value from json_each(${JSON.stringify(texts)}))`,
    isUniqueViolation: (error) =>
      error instanceof SqliteFailure && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(error.code),
    async ping() {
      if (filePath === ':memory:') return;
      const found = await stat(filePath).catch(() => undefined);
      if (!found || found.size === 0)
        throw new AppError('unavailable', `The database file ${filePath} is gone`);
    },
    async close() {
      // Calls made just before reach for their turn a few microtasks later.
      await new Promise((resolve) => setImmediate(resolve));
      const endTurn = await turns.take();
      try {
        await connection.close();
      } finally {
        endTurn();
      }
    },
  };
  try {
    await migrateToLatest(db as unknown as Kysely<never>);
  } catch (error) {
    await database.close();
    throw error;
  }
  return createSqlStore(database);
}
