import { Kysely } from 'kysely';
import { inject } from 'vitest';
import { createPostgresDatabase } from '../../testing/postgres-server.ts';
import { describeManifestRaces } from '../contract/manifest-races-contract.ts';
import { describeOlderSchemas } from '../contract/older-schemas-contract.ts';
import type { OpenedStore } from '../contract/opened-store.ts';
import { describeRaces, type OpenedNodes } from '../contract/races-contract.ts';
import { describeStoreContract } from '../contract/store-contract.ts';
import { openConnections } from './connections.ts';
import { createPostgresDialect } from './dialect.ts';
import { openPostgresStore } from './open-postgres-store.ts';

const serverUrl = inject('postgresUrl');

async function openInNewDatabase(): Promise<OpenedStore> {
  const database = await createPostgresDatabase(serverUrl);
  let store = await openPostgresStore(database.url);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openPostgresStore(database.url);
      return store;
    },
    async destroy() {
      await store.close();
      await database.drop();
    },
  };
}

describeStoreContract('PostgreSQL', openInNewDatabase);

const openTwoNodes = async (): Promise<OpenedNodes> => {
  const database = await createPostgresDatabase(serverUrl);
  const here = await openPostgresStore(database.url);
  const there = await openPostgresStore(database.url);
  return {
    nodes: [here, there],
    async destroy() {
      await Promise.all([here.close(), there.close()]);
      await database.drop();
    },
  };
};
describeRaces('two stores over one PostgreSQL database', openTwoNodes);
describeManifestRaces('two stores over one PostgreSQL database', openTwoNodes);

describeOlderSchemas('PostgreSQL', async () => {
  const database = await createPostgresDatabase(serverUrl);
  return {
    db: new Kysely({ dialect: createPostgresDialect(openConnections(database.url, 60_000), {}) }),
    openStore: () => openPostgresStore(database.url),
    destroy: database.drop,
  };
});
