import { type Insertable, Kysely, sql, type Transaction } from 'kysely';
import { AppError } from '../../domain/errors.ts';
import type { Store } from '../../ports/store.ts';
import { migrateToLatest } from '../sql/migrate.ts';
import type { BulkTable, Schema, SqlDatabase } from '../sql/schema.ts';
import { createSqlStore } from '../sql/store.ts';
import { inWritingOrder, toJson } from './bulk-rows.ts';
import { openConnections } from './connections.ts';
import { again, createPostgresDialect, runInOne } from './dialect.ts';
import { isUniqueViolation } from './errors.ts';

/** So that a device waits 5 s at most for the answer that it is to try again later. */
const queryTimeoutMs = 5_000;
/** The database gives up first, so that the connection can be kept. */
const statementTimeoutMs = 4_500;
/** A node that is cut off from the network in a transaction must not keep the others waiting for its locks. */
const idleInTransactionTimeoutMs = 10_000;
/** Migrations rewrite tables of any size, and wait for another node that is at it. */
const migrationTimeoutMs = 60 * 60 * 1_000;

/** Of the migrations, whatever the database's own settings are. */
const noLimits = { statement_timeout: 0, idle_in_transaction_session_timeout: 0, lock_timeout: 0 };

/** Locks of ours, as the first half of the numbers of PostgreSQL's advisory locks; the other half is the schema. */
const locks = { changes: 0x63617067, migrations: 0x63617068 } as const;

/** Waits for its turn, which ends with the transaction. */
async function lock(transaction: Kysely<Schema>, name: keyof typeof locks): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(locks[name])}, hashtext(current_schema()))`.execute(
    transaction,
  );
}

async function migrate(url: string, stop: AbortSignal): Promise<void> {
  const connections = openConnections(url, migrationTimeoutMs);
  const abandon = () => connections.abandon();
  stop.addEventListener('abort', abandon);
  try {
    await runInOne(connections, noLimits, async (dialect) => {
      const db = new Kysely<Schema>({ dialect });
      const { rows } = await sql<{ name: string | null }>`select current_schema() as name`.execute(db);
      const schema = rows[0]?.name;
      if (!schema) throw new AppError('unavailable', 'The database has no schema to create tables in');
      await lock(db, 'migrations');
      await migrateToLatest(db as unknown as Kysely<never>, schema);
    });
  } finally {
    stop.removeEventListener('abort', abandon);
    await connections.close();
  }
}

/** Inserts the rows, in an order that is the same for all who write; to be completed. */
function insertMany<Table extends BulkTable>(
  transaction: Kysely<Schema>,
  table: Table,
  rows: readonly Insertable<Schema[Table]>[],
) {
  const json = toJson(inWritingOrder(table, rows));
  const columns = Object.keys(rows[0] ?? {}) as (keyof Schema[Table] & string)[];
  // One parameter for all rows: almost twice as many events a second as with a parameter for each value.
  const source = sql`select ${sql.join(columns.map((column) => sql.ref(column)))}
    from json_populate_recordset(null::${sql.table(table)}, ${json}::json)`;
  return transaction
    .insertInto(table)
    .columns(columns)
    .expression(() => source);
}

/**
 * Opens a database and brings its schema up to date; tables are in the first schema of the connection's search path.
 * Rejects with `unavailable` when it cannot be reached now.
 *
 * @param url `postgres://…` or `postgresql://…`; what it leaves out is taken from the PG* variables, as psql does
 * @param stop gives up the opening
 */
export async function openPostgresStore(
  url: string,
  stop: AbortSignal = new AbortController().signal,
): Promise<Store> {
  await migrate(url, stop);
  const db = new Kysely<Schema>({
    dialect: createPostgresDialect(openConnections(url, queryTimeoutMs), {
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    }),
  });
  const transact = <Result>(run: (transaction: Transaction<Schema>) => Promise<Result>) =>
    again(() => db.transaction().execute(run));

  const database: SqlDatabase = {
    db,
    change: (run) =>
      transact(async (transaction) => {
        await lock(transaction, 'changes');
        return run(transaction);
      }),
    lockChanges: (transaction) => lock(transaction, 'changes'),
    write: transact,
    read: (run) =>
      db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(run),

    async insertNew(transaction, table, rows) {
      const [first] = rows;
      if (!first) return [];
      const insert = (some: typeof rows) =>
        insertMany(transaction, table, some).onConflict((conflict) => conflict.doNothing());
      if (!('id' in first)) {
        // Their key is given by the database.
        await insert(rows).execute();
        return rows.map(() => true);
      }
      const idOf = (row: object) => (row as { readonly id: unknown }).id;
      // Of two rows with one id the first one counts.
      const firstOfId = new Map(rows.toReversed().map((row) => [idOf(row), row]));
      const some = rows.filter((row) => firstOfId.get(idOf(row)) === row);
      const inserted = await insert(some)
        .returning('id' as never)
        .execute();
      const ids = new Set(inserted.map(idOf));
      return rows.map((row) => ids.has(idOf(row)) && firstOfId.get(idOf(row)) === row);
    },

    async upsertMany(transaction, table, rows, rule) {
      if (rows.length === 0) return;
      await insertMany(transaction, table, rows).onConflict(rule).execute();
    },

    async lockDevices(transaction, devices) {
      const keys = toJson(devices.map(({ appId, deviceId }) => ({ app_id: appId, device_id: deviceId })));
      await sql`select 1 from devices
        where (app_id, device_id) in (select app_id, device_id from json_populate_recordset(null::devices, ${keys}::json))
        order by app_id, device_id for update`.execute(transaction);
    },
    listed: (texts) => sql`(select json_array_elements_text(${toJson(texts)}::json))`,
    isUniqueViolation,
    async ping() {
      const { rows } = await sql<{
        setting: string;
      }>`select current_setting('transaction_read_only') as setting`.execute(db);
      if (rows[0]?.setting === 'on') {
        throw new AppError('unavailable', 'The database is read-only');
      }
    },
    close: () => db.destroy(),
  };
  return createSqlStore(database);
}
