import { describe } from 'vitest';
import { dropDatabase, newDatabaseName, testMongoUrl } from '../../testing/mongo-database.ts';
import { describeManifestRaces } from '../contract/manifest-races-contract.ts';
import type { OpenedStore } from '../contract/opened-store.ts';
import { describeRaces, type OpenedNodes } from '../contract/races-contract.ts';
import { describeStoreContract } from '../contract/store-contract.ts';
import { openMongoStore } from './open-mongo-store.ts';

async function openInDatabase(): Promise<OpenedStore> {
  const name = newDatabaseName();
  let store = await openMongoStore(testMongoUrl, name);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openMongoStore(testMongoUrl, name);
      return store;
    },
    async destroy() {
      await store.close();
      await dropDatabase(name);
    },
  };
}

describe.skipIf(testMongoUrl === '')('MongoDB (needs TEST_MONGO_URL)', () => {
  // FerretDB reads whole collections where MongoDB uses an index.
  describeStoreContract('MongoDB', openInDatabase, { timeout: 300_000, manyFiles: 300 });

  const openTwoNodes = async (): Promise<OpenedNodes> => {
    const name = newDatabaseName();
    const [here, there] = await Promise.all([
      openMongoStore(testMongoUrl, name),
      openMongoStore(testMongoUrl, name),
    ]);
    return {
      nodes: [here, there],
      async destroy() {
        await Promise.all([here.close(), there.close()]);
        await dropDatabase(name);
      },
    };
  };
  describeRaces('two stores over one MongoDB database', openTwoNodes);
  describeManifestRaces('two stores over one MongoDB database', openTwoNodes);
});
