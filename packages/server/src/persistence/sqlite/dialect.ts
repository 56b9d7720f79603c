import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { type SqliteConnection, SqliteFailure } from './connection.ts';

/**
 * Gives the one connection to one caller at a time: a transaction's statements must not mix with others.
 * Callers are served in the order they came.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves when it is the caller's turn, with the function that ends the turn. */
  async take(): Promise<() => void> {
    let end = (): void => undefined;
    const before = this.#last;
    this.#last = new Promise<void>((resolve) => {
      end = resolve;
    });
    await before;
    return end;
  }
}

class WorkerConnection implements DatabaseConnection {
  readonly #connection: SqliteConnection;
  endTurn: () => void = () => undefined;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, changes } = await this.#connection.query(sql, parameters);
    return { rows: rows as Row[], numAffectedRows: BigInt(changes) };
  }

  // biome-ignore lint/correctness/useYield: the interface wants a generator; nothing of ours streams rows.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('Streaming is not supported: the rows come from another thread in one message');
  }
}

function createDriver(connection: SqliteConnection, turns: Turns): Driver {
  const run = (database: DatabaseConnection, text: string) => database.executeQuery(CompiledQuery.raw(text));
  const single = new WorkerConnection(connection);
  return {
    init: async () => undefined,
    async acquireConnection() {
      const endTurn = await turns.take();
      single.endTurn = endTurn;
      return single;
    },
    async releaseConnection() {
      single.endTurn();
    },
    async beginTransaction(database) {
      // Immediate: a transaction that reads first and writes later could otherwise fail when another process wrote meanwhile.
      await run(database, 'begin immediate');
    },
    async commitTransaction(database) {
      await run(database, 'commit');
    },
    async rollbackTransaction(database) {
      try {
        await run(database, 'rollback');
      } catch (error) {
        // After a full disk SQLite has rolled back by itself; its complaint must not hide the first error.
        if (!(error instanceof SqliteFailure)) throw error;
      }
    },
    destroy: () => connection.close(),
  };
}

/** Kysely thinks SQLite cannot create tables in a transaction; it can. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Kysely's SQLite dialect over a connection in another thread. */
export function createSqliteDialect(connection: SqliteConnection, turns: Turns): Dialect {
  return {
    createAdapter: () => new TransactionalSqliteAdapter(),
    createDriver: () => createDriver(connection, turns),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}
