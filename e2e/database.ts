import { inject } from 'vitest';
import {
  dropDatabase,
  newDatabaseName,
  testMongoUrl,
} from '../packages/server/src/testing/mongo-database.ts';
import { startMongoServer } from '../packages/server/src/testing/mongo-server.ts';
import {
  createPostgresDatabase,
  startPostgresServer,
} from '../packages/server/src/testing/postgres-server.ts';

/** A database for one server of a journey, or for several. */
export interface JourneyDatabase {
  /** Settings of a server that uses it. */
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** A new, empty database, by its DATABASE_URL. */
interface ServedDatabase {
  readonly url: string;
  remove(): Promise<void>;
}

/** A database server of a test's own, which it may take down. */
export interface DatabaseServer {
  createDatabase(): Promise<ServedDatabase>;
  stop(): Promise<void>;
  /** With what it held. */
  start(): Promise<void>;
  destroy(): Promise<void>;
}

/** What differs between engines with a server. */
interface ServedEngine {
  readonly scheme: string;
  /** How many devices may report to it at once; each one it sees for the first time is a few documents. */
  readonly devicesUnderLoad: number;
  /** On the server that all tests of a run share. */
  createDatabase(): Promise<ServedDatabase>;
  startServer(): Promise<DatabaseServer>;
}

async function createPostgres(serverUrl: string): Promise<ServedDatabase> {
  const { url, drop } = await createPostgresDatabase(serverUrl);
  return { url, remove: drop };
}

async function createMongo(serverUrl: string): Promise<ServedDatabase> {
  const name = newDatabaseName();
  return { url: `${serverUrl}/${name}`, remove: () => dropDatabase(name, serverUrl) };
}

const engines: Readonly<Record<string, ServedEngine>> = {
  postgres: {
    scheme: 'postgres:',
    devicesUnderLoad: 100_000,
    createDatabase: () => createPostgres(inject('postgresUrl')),
    async startServer() {
      const server = await startPostgresServer();
      return { ...server, createDatabase: () => createPostgres(server.url) };
    },
  },
  mongo: {
    scheme: 'mongodb:',
    // FerretDB inserts a thousand documents a second, and reads all of them for each that it looks up.
    devicesUnderLoad: 100,
    createDatabase: () => createMongo(testMongoUrl),
    async startServer() {
      const server = await startMongoServer();
      return { ...server, createDatabase: () => createMongo(server.url) };
    },
  },
};

function engineName(): string {
  return process.env['E2E_ENGINE'] ?? 'sqlite';
}

/** The engine that E2E_ENGINE names, for tests that need one with a server. */
export function servedEngine(): ServedEngine {
  const engine = engines[engineName()];
  if (!engine) {
    throw new Error(`E2E_ENGINE=${engineName()} has no server: choose ${Object.keys(engines).join(' or ')}`);
  }
  return engine;
}

/** Makes one on the engine that E2E_ENGINE names: `sqlite`, below the server's data directory, `postgres` or `mongo`. */
export async function createJourneyDatabase(): Promise<JourneyDatabase> {
  if (engineName() === 'sqlite') return { env: {}, remove: async () => undefined };
  const { url, remove } = await servedEngine().createDatabase();
  return { env: { DATABASE_URL: url }, remove };
}
