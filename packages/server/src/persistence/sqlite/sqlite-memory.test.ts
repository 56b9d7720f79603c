import { describe } from 'vitest';
import { describeDeviceEvents } from '../contract/device-events-contract.ts';
import type { OpenedStore } from '../contract/opened-store.ts';
import { describeStoreContract } from '../contract/store-contract.ts';
import { groupedDeviceEvents } from '../group-commit.ts';
import { openSqliteStore } from './open-sqlite-store.ts';

async function openInMemory(): Promise<OpenedStore> {
  const store = await openSqliteStore(':memory:');
  return { store, destroy: () => store.close() };
}

describeStoreContract('SQLite in memory', openInMemory);

describe('device events written in groups', () => {
  describeDeviceEvents(async () => {
    const { store, destroy } = await openInMemory();
    return { log: groupedDeviceEvents(store), destroy };
  });
});
