import { inject } from 'vitest';
import { createPostgresDatabase } from '../packages/server/src/testing/postgres-server.ts';

/** A database for one server of a journey. */
export interface JourneyDatabase {
  /** Settings of a server that uses it. */
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** Makes one on the engine that E2E_ENGINE names: `sqlite`, below the server's data directory, or `postgres`. */
export async function createJourneyDatabase(): Promise<JourneyDatabase> {
  const engine = process.env['E2E_ENGINE'] ?? 'sqlite';
  switch (engine) {
    case 'sqlite':
      return { env: {}, remove: async () => undefined };
    case 'postgres': {
      const { url, drop } = await createPostgresDatabase(inject('postgresUrl'));
      return { env: { DATABASE_URL: url }, remove: drop };
    }
    default:
      throw new Error(`E2E_ENGINE=${engine} is no engine: choose sqlite or postgres`);
  }
}
