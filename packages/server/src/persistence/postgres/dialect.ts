import { setTimeout as delay } from 'node:timers/promises';
import {
  type ColumnDefinitionNode,
  type CompiledQuery,
  type DatabaseConnection,
  DataTypeNode,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  RawNode,
  type TransactionSettings,
} from 'kysely';
import type { Connection, Connections } from './connections.ts';
import { isRivalry } from './errors.ts';

/** How long to wait before each further attempt with a new connection, when one turned out to be lost. */
const reconnectAfterMs = [0, 50, 200] as const;

/** A connection that is replaced when it turns out, before anything was done with it, that it is lost. */
class PostgresConnection implements DatabaseConnection {
  readonly #connections: Connections;
  #connection: Connection;
  #isInTransaction = false;
  /** What made the transaction under way one that can only be rolled back. */
  #fault: { readonly error: unknown } | undefined;

  constructor(connections: Connections, connection: Connection) {
    this.#connections = connections;
    this.#connection = connection;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const ask = () => this.#connection.query(sql, parameters);
    const { rows, changes } = await (this.#isInTransaction ? this.#askWithin(ask) : this.#askAlone(ask, sql));
    return { rows: rows as Row[], numAffectedRows: BigInt(changes) };
  }

  // biome-ignore lint/correctness/useYield: the interface wants a generator; nothing of ours streams rows.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('Streaming is not supported: nothing of ours needs it');
  }

  async begin(text: string): Promise<void> {
    await this.#askReconnecting(() => this.#connection.query(text));
    this.#isInTransaction = true;
  }

  async end(text: 'commit' | 'rollback'): Promise<void> {
    this.#isInTransaction = false;
    this.#fault = undefined;
    await this.#connection.query(text);
  }

  isLost(): boolean {
    return this.#connection.isLost();
  }

  release(): void {
    this.#connection.release();
  }

  /** A statement of a transaction. After the first that fails, the database would answer that one did, not why. */
  async #askWithin<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (this.#fault) throw this.#fault.error;
    try {
      return await ask();
    } catch (error) {
      this.#fault = { error };
      throw error;
    }
  }

  /** A statement that is a transaction of its own. */
  #askAlone<Answer>(ask: () => Promise<Answer>, text: string): Promise<Answer> {
    // Of another statement nobody knows whether it was done when the connection was lost.
    const isRead = text.startsWith('select ');
    return again(isRead ? () => this.#askReconnecting(ask) : ask);
  }

  async #askReconnecting<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    for (const afterMs of reconnectAfterMs) {
      const askedAt = performance.now();
      try {
        return await ask();
      } catch (error) {
        // What took long has used up the caller's patience.
        if (!this.#connection.isLost() || performance.now() - askedAt > 1_000) throw error;
        await delay(afterMs);
        this.#connection.release();
        this.#connection = lostConnection;
        this.#connection = await this.#connections.acquire();
      }
    }
    return ask();
  }
}

const lostConnection: Connection = {
  query: () => Promise.reject(new Error('The connection was lost and no other could be had')),
  isLost: () => true,
  release: () => undefined,
};

/** Times that two may get in each other's way before it is a fault. */
const maxRivalries = 5;

/** Does again what got in the way of something else, and was therefore not done. */
export async function again<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let rivalry = 1; ; rivalry += 1) {
    try {
      return await run();
    } catch (error) {
      if (!isRivalry(error) || rivalry === maxRivalries) throw error;
    }
  }
}

function beginText({ isolationLevel, accessMode }: TransactionSettings, limits: string): string {
  const level = isolationLevel === undefined ? '' : ` isolation level ${isolationLevel}`;
  return `begin${level}${accessMode === undefined ? '' : ` ${accessMode}`}; ${limits}`;
}

async function rollBack(connection: PostgresConnection): Promise<void> {
  // A lost connection was rolled back by the database, and its complaint must not hide the first error.
  if (!connection.isLost()) await connection.end('rollback').catch(() => undefined);
}

/** @param limits statements that each transaction begins with */
function createDriver(connections: Connections, limits: string): Driver {
  const ours = (connection: DatabaseConnection) => connection as PostgresConnection;
  return {
    init: async () => undefined,
    async acquireConnection() {
      return new PostgresConnection(connections, await connections.acquire());
    },
    beginTransaction: (connection, settings) => ours(connection).begin(beginText(settings, limits)),
    commitTransaction: (connection) => ours(connection).end('commit'),
    rollbackTransaction: (connection) => rollBack(ours(connection)),
    releaseConnection: async (connection) => ours(connection).release(),
    destroy: () => connections.close(),
  };
}

/** Kysely's lock of the migrations is a session's, which a pooler between us and the database does not keep; ours is around them. */
class UnlockedAdapter extends PostgresAdapter {
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

const columnTypes: Readonly<Record<string, RawNode>> = {
  text: RawNode.createWithSql('text collate "C"'),
  blob: RawNode.createWithSql('bytea'),
};

/**
 * Columns as the migrations mean them: texts compare by their bytes, whatever the database's locale is, and numbers the
 * database gives never run out.
 */
class ColumnCompiler extends PostgresQueryCompiler {
  protected override visitColumnDefinition(node: ColumnDefinitionNode): void {
    const given = DataTypeNode.is(node.dataType) ? node.dataType.dataType : undefined;
    const replaced = typeof given === 'string' ? columnTypes[given] : undefined;
    const dataType = node.autoIncrement ? DataTypeNode.create('bigint') : node.dataType;
    super.visitColumnDefinition({ ...node, dataType: replaced ?? dataType });
  }

  protected override getAutoIncrement(): string {
    return 'generated by default as identity';
  }
}

function dialectOver(driver: () => Driver): Dialect {
  return {
    createAdapter: () => new UnlockedAdapter(),
    createDriver: driver,
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new ColumnCompiler(),
  };
}

/**
 * Statements that set limits of a transaction, by their name in the database. Local to the transaction: a pooler between
 * us and the database would give other settings to others.
 */
export type Limits = Readonly<Record<string, number>>;

const statementsOf = (limits: Limits) =>
  Object.entries(limits)
    .map(([name, value]) => `set local ${name} = ${value}`)
    .join('; ');

/** Kysely's PostgreSQL dialect over our connections; each transaction has the limits. */
export function createPostgresDialect(connections: Connections, limits: Limits): Dialect {
  return dialectOver(() => createDriver(connections, statementsOf(limits)));
}

/**
 * Runs all of it in one transaction of one connection, also what would be a transaction or a connection of its own: who
 * waits for a lock with one connection must not keep its holder from a second one, which poolers and users with few
 * connections may not have.
 */
export async function runInOne<Result>(
  connections: Connections,
  limits: Limits,
  run: (dialect: Dialect) => Promise<Result>,
): Promise<Result> {
  const connection = new PostgresConnection(connections, await connections.acquire());
  const joins = async () => undefined;
  const dialect = dialectOver(() => ({
    ...{ init: joins, beginTransaction: joins, commitTransaction: joins, rollbackTransaction: joins },
    ...{ releaseConnection: joins, destroy: joins },
    acquireConnection: async () => connection,
  }));
  try {
    await connection.begin(beginText({}, statementsOf(limits)));
    const result = await run(dialect);
    await connection.end('commit');
    return result;
  } catch (error) {
    await rollBack(connection);
    throw error;
  } finally {
    connection.release();
  }
}
