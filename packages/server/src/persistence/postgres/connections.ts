import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient, type QueryArrayResult, type QueryResult, types } from 'pg';
import { AppError } from '../../domain/errors.ts';
import { translate } from './errors.ts';

/** More of one node would wait for each other in the database, and servers allow 100 in all by default. */
const maxConnections = 10;
const connectTimeoutMs = 4_000;
/** Time the database has to say goodbye to a connection. */
const farewellMs = 1_000;
const bigintType = 20;

/** Some thousand years of milliseconds and all counts fit into a number. */
const typeParsers = {
  getTypeParser: ((type: number, format: 'text') =>
    type === bigintType ? Number : types.getTypeParser(type, format)) as typeof types.getTypeParser,
};

export interface Answer {
  readonly rows: unknown[];
  /** Rows that were inserted, updated or deleted. */
  readonly changes: number;
}

/** A connection that is one caller's until it is released. */
export interface Connection {
  /** Rejects with `unavailable`, `insufficient_storage` or the database's own error. Without parameters it may be several statements. */
  query(text: string, parameters?: readonly unknown[]): Promise<Answer>;
  /** Whether nothing more can be asked of it. */
  isLost(): boolean;
  release(): void;
}

/** Connections to one database, opened as they are needed. */
export interface Connections {
  /** Rejects with `unavailable` when none can be had in time. */
  acquire(): Promise<Connection>;
  /** Waits for what is under way, then lets go of the database. */
  close(): Promise<void>;
  /** Cuts off what is under way. */
  abandon(): void;
}

function toAnswer(result: QueryResult | QueryArrayResult): Answer {
  const isChange = /^(INSERT|UPDATE|DELETE)$/.test(result.command ?? '');
  return { rows: result.rows ?? [], changes: isChange ? (result.rowCount ?? 0) : 0 };
}

/**
 * @param url with what the driver knows of PG* variables and sslmode
 * @param queryTimeoutMs after that a query rejects with `unavailable` and its connection is given up
 */
export function openConnections(url: string, queryTimeoutMs: number): Connections {
  const sockets = new Set<Socket>();
  const pool = new Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    // Finds out that a server is gone which never said so.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    fallback_application_name: 'capgo-server',
    types: typeParsers,
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
  });
  // Without a listener, a connection that is lost while nobody uses it would end the process.
  pool.on('error', () => undefined);

  let held = 0;
  let isClosed = false;
  let whenUnused = (): void => undefined;
  let closing: Promise<void> | undefined;

  function letGo(): void {
    held -= 1;
    if (held === 0) whenUnused();
  }

  function hold(client: PoolClient): Connection {
    let isLost = false;
    const lose = () => {
      isLost = true;
    };
    client.on('error', lose);
    return {
      async query(text, parameters) {
        try {
          const result = await client.query(text, parameters && [...parameters]);
          // Several statements have several answers; nobody asks for those.
          return Array.isArray(result) ? { rows: [], changes: 0 } : toAnswer(result);
        } catch (error) {
          const translated = translate(error);
          // Whatever made the database refuse one query, a new connection may find another server there.
          if (translated instanceof AppError && translated.code === 'unavailable') isLost = true;
          throw translated;
        }
      },
      isLost: () => isLost,
      release() {
        client.off('error', lose);
        client.release(isLost);
        letGo();
      },
    };
  }

  async function close(): Promise<void> {
    // Calls made just before reach for their connection a few microtasks later.
    await new Promise((resolve) => setImmediate(resolve));
    isClosed = true;
    const unused = new Promise<void>((resolve) => {
      whenUnused = resolve;
    });
    if (held > 0) await unused;
    const abort = new AbortController();
    await Promise.race([pool.end(), delay(farewellMs, undefined, abort)]);
    abort.abort();
    abandon();
  }

  function abandon(): void {
    isClosed = true;
    for (const socket of sockets) socket.destroy();
  }

  return {
    async acquire() {
      if (isClosed) throw new AppError('unavailable', 'The database connection is closed');
      held += 1;
      try {
        return hold(await pool.connect());
      } catch (error) {
        letGo();
        throw translate(error);
      }
    },
    close() {
      closing ??= close();
      return closing;
    },
    abandon,
  };
}
