import { join } from 'node:path';
import { openPostgresStore } from '../../packages/server/src/persistence/postgres/open-postgres-store.ts';
import { openSqliteStore } from '../../packages/server/src/persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../../packages/server/src/ports/store.ts';
import {
  createPostgresDatabase,
  startPostgresServer,
} from '../../packages/server/src/testing/postgres-server.ts';

/** An empty database that a server under load uses, and that can be filled while it does not run. */
export interface BenchDatabase {
  /** Settings of a server that uses it. */
  readonly env: Readonly<Record<string, string>>;
  openStore(): Promise<Store>;
}

/** An engine that is ready to give databases. */
export interface BenchEngine {
  createDatabase(dataDir: string): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

const sqlite: BenchEngine = {
  async createDatabase(dataDir) {
    return { env: {}, openStore: () => openSqliteStore(join(dataDir, 'capgo.sqlite')) };
  },
  stop: async () => undefined,
};

/** A server of its own, or the one of TEST_POSTGRES_URL. */
async function startPostgres(): Promise<BenchEngine> {
  const given = process.env['TEST_POSTGRES_URL'];
  const server = given === undefined ? await startPostgresServer() : undefined;
  const drops: (() => Promise<void>)[] = [];
  return {
    async createDatabase() {
      const { url, drop } = await createPostgresDatabase(given ?? server?.url ?? '');
      drops.push(drop);
      return { env: { DATABASE_URL: url }, openStore: () => openPostgresStore(url) };
    },
    async stop() {
      for (const drop of drops) await drop();
      await server?.destroy();
    },
  };
}

const engines = { sqlite: async () => sqlite, postgres: startPostgres } as const;

export const engineNames = Object.keys(engines);

/** @param name one of `engineNames` */
export function startEngine(name: string): Promise<BenchEngine> {
  return engines[name as keyof typeof engines]();
}
