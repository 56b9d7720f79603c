import BetterSqlite3 from 'better-sqlite3';
import { MongoClient, ObjectId } from 'mongodb';
import { Client } from 'pg';

/** A row of a table or a document of a collection, as the driver shows it. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** A database past its store: rows as they lie there, read and added many at a time. */
export interface StoredRows {
  /** The column of a row's id. */
  readonly idName: 'id' | '_id';
  /** A value as it lies in place of another one. */
  inPlaceOf(old: unknown, value: string): unknown;
  /** All rows with this value. */
  read(table: string, column: string, value: string): Promise<readonly StoredRow[]>;
  /** Rows of one shape. */
  insert(table: string, rows: readonly StoredRow[]): Promise<void>;
  close(): Promise<void>;
}

export function openSqliteRows(path: string): StoredRows {
  const database = new BetterSqlite3(path);
  return {
    idName: 'id',
    inPlaceOf: (_old, value) => value,
    async read(table, column, value) {
      return database
        .prepare<[string], StoredRow>(`select * from "${table}" where "${column}" = ?`)
        .all(value);
    },
    async insert(table, rows) {
      const columns = Object.keys(rows[0] ?? {});
      const places = columns.map(() => '?').join(', ');
      const statement = database.prepare(
        `insert into "${table}" ("${columns.join('", "')}") values (${places})`,
      );
      database.transaction(() => {
        for (const row of rows) statement.run(columns.map((column) => row[column]));
      })();
    },
    async close() {
      database.close();
    },
  };
}

export async function openPostgresRows(url: string): Promise<StoredRows> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return {
    idName: 'id',
    inPlaceOf: (_old, value) => value,
    async read(table, column, value) {
      return (await client.query<StoredRow>(`select * from "${table}" where "${column}" = $1`, [value])).rows;
    },
    async insert(table, rows) {
      const source = `json_populate_recordset(null::"${table}", $1::json)`;
      await client.query(`insert into "${table}" select * from ${source}`, [JSON.stringify(rows)]);
    },
    close: () => client.end(),
  };
}

export async function openMongoRows(url: string, databaseName: string): Promise<StoredRows> {
  const client = new MongoClient(url);
  await client.connect();
  const db = client.db(databaseName);
  return {
    idName: '_id',
    inPlaceOf: (old, value) => (old instanceof ObjectId ? new ObjectId(value) : value),
    read: (table, column, value) =>
      db
        .collection(table)
        .find({ [column]: value })
        .toArray(),
    async insert(table, rows) {
      await db.collection(table).insertMany(rows.map((row) => ({ ...row })));
    },
    close: () => client.close(),
  };
}
