import type { ChangedBy } from '../domain/actor.ts';
import type { ApiKey } from '../domain/api-key.ts';

/** A key that is to be stored; its number and its last use are the store's. */
export type NewApiKey = Omit<ApiKey, 'id' | 'lastUsedAtMs'>;

/** What a change makes of a key; with a hash, another text proves it from then on. */
export interface ApiKeyChange {
  readonly key: ApiKey;
  readonly hash?: string | undefined;
}

/**
 * API keys and the hashes of the texts that prove them: SHA-256 in lower-case hex. The texts themselves are nowhere. Every
 * change of a key is in the log of changes and in the audit log, with neither a text nor a hash.
 */
export interface ApiKeyStore {
  /** Adds a key under a number that was never used. */
  insertApiKey(key: NewApiKey, hash: string, by: ChangedBy): Promise<ApiKey>;
  /**
   * Applies a pure change to the key as it is at that moment: of changes made at once none is lost. Its number, its
   * `rbacId`, who made it, when, and its last use stay as they are. Rejects with `api_key_not_found`, and with the
   * change's own error.
   */
  updateApiKey(id: number, change: (current: ApiKey) => ApiKeyChange, by: ChangedBy): Promise<ApiKey>;
  findApiKey(id: number): Promise<ApiKey | undefined>;
  /** All of them, the newest first. */
  listApiKeys(): Promise<readonly ApiKey[]>;
  /** All of them by their hashes, as of one moment. */
  readApiKeyHashes(): Promise<ReadonlyMap<string, ApiKey>>;
  /** Deletes and answers what was deleted; rejects with `api_key_not_found`. */
  deleteApiKey(id: number, by: ChangedBy): Promise<ApiKey>;
  /**
   * Keeps when keys were used, unless a later use is known. That is no change: nobody has to follow it. Keys that are
   * gone are passed over.
   */
  recordApiKeyUses(uses: readonly ApiKeyUse[]): Promise<void>;
}

export interface ApiKeyUse {
  readonly id: number;
  readonly usedAtMs: number;
}

/** Every key in memory, so that who calls is known without asking the store. */
export interface ApiKeyIndex {
  /** The key that a text with this hash proves, as of the last refresh. Never waits, never fails. */
  find(hash: string): ApiKey | undefined;
  /**
   * Reads all of them anew; when it resolves, `find` answers with everything committed before the call. When the store
   * fails it rejects and keeps the old state.
   */
  refresh(): Promise<void>;
}
