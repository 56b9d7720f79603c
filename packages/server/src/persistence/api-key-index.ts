import type { ApiKey } from '../domain/api-key.ts';
import type { ApiKeyIndex, ApiKeyStore } from '../ports/api-keys.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** Loads every API key and keeps them in memory; rejects when the store does. */
export async function loadApiKeyIndex(store: Pick<ApiKeyStore, 'readApiKeyHashes'>): Promise<ApiKeyIndex> {
  let keys: ReadonlyMap<string, ApiKey> = new Map();
  const inTurn = oneAtATime();
  const refresh = () =>
    inTurn(async () => {
      keys = await store.readApiKeyHashes();
    });
  await refresh();
  return { find: (hash) => keys.get(hash), refresh };
}
