import { join } from 'node:path';
import { openMongoStore } from '../../packages/server/src/persistence/mongo/open-mongo-store.ts';
import { openPostgresStore } from '../../packages/server/src/persistence/postgres/open-postgres-store.ts';
import { openSqliteStore } from '../../packages/server/src/persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../../packages/server/src/ports/store.ts';
import {
  dropDatabase,
  newDatabaseName,
  testMongoStreamsUrl,
  testMongoUrl,
} from '../../packages/server/src/testing/mongo-database.ts';
import {
  createPostgresDatabase,
  startPostgresServer,
} from '../../packages/server/src/testing/postgres-server.ts';
import {
  openMongoRows,
  openPostgresRows,
  openSqliteRows,
  type StoredRows,
} from '../../packages/server/src/testing/stored-rows.ts';

/** An empty database that a server under load uses, and that can be filled while it does not run. */
export interface BenchDatabase {
  /** Settings of a server that uses it. */
  readonly env: Readonly<Record<string, string>>;
  openStore(): Promise<Store>;
  /** Past the store, for what would take it too long. */
  openRows(): Promise<StoredRows>;
}

/** An engine that is ready to give databases. */
export interface BenchEngine {
  /** Whether several servers may share a database. */
  readonly isShared: boolean;
  createDatabase(dataDir: string): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

const sqlite: BenchEngine = {
  isShared: false,
  async createDatabase(dataDir) {
    const path = join(dataDir, 'capgo.sqlite');
    return { env: {}, openStore: () => openSqliteStore(path), openRows: async () => openSqliteRows(path) };
  },
  stop: async () => undefined,
};

/** A server of its own, or the one of TEST_POSTGRES_URL. */
async function startPostgres(): Promise<BenchEngine> {
  const given = process.env['TEST_POSTGRES_URL'];
  const server = given === undefined ? await startPostgresServer() : undefined;
  const drops: (() => Promise<void>)[] = [];
  return {
    isShared: true,
    async createDatabase() {
      const { url, drop } = await createPostgresDatabase(given ?? server?.url ?? '');
      drops.push(drop);
      return {
        env: { DATABASE_URL: url },
        openStore: () => openPostgresStore(url),
        openRows: () => openPostgresRows(url),
      };
    },
    async stop() {
      for (const drop of drops) await drop();
      await server?.destroy();
    },
  };
}

/**
 * The server of TEST_MONGO_CHANGE_STREAMS_URL, as a replica set is what runs in production, else that of TEST_MONGO_URL.
 * FerretDB, which may be the latter, reads whole collections: its times say nothing of MongoDB's.
 */
async function startMongo(): Promise<BenchEngine> {
  const url = testMongoStreamsUrl || testMongoUrl;
  if (url === '') {
    throw new Error('TEST_MONGO_URL is not set: scripts/services.sh npm run bench -- --engine mongo');
  }
  const names: string[] = [];
  return {
    isShared: true,
    async createDatabase() {
      const name = newDatabaseName();
      names.push(name);
      return {
        env: { DATABASE_URL: `${url}/${name}` },
        openStore: () => openMongoStore(url, name),
        openRows: () => openMongoRows(url, name),
      };
    },
    async stop() {
      for (const name of names) await dropDatabase(name, url);
    },
  };
}

const engines = { sqlite: async () => sqlite, postgres: startPostgres, mongo: startMongo } as const;

export const engineNames = Object.keys(engines);

/** @param name one of `engineNames` */
export function startEngine(name: string): Promise<BenchEngine> {
  return engines[name as keyof typeof engines]();
}
