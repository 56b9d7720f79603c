import type { Role } from '../../domain/access.ts';
import type { ApiKey } from '../../domain/api-key.ts';
import { apiKeyChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { ApiKeyStore, NewApiKey } from '../../ports/api-keys.ts';
import { draftAudit } from './audit.ts';
import type { MongoDatabase } from './database.ts';
import { type ApiKeyDocument, notGone } from './schema.ts';
import { nextNumber } from './sequences.ts';

function toApiKey(document: ApiKeyDocument): ApiKey {
  return {
    id: document._id,
    name: document.name,
    role: document.role as Role,
    apps: document.apps,
    rbacId: document.rbac_id,
    createdBy: document.created_by,
    createdAtMs: document.created_at,
    updatedAtMs: document.updated_at,
    expiresAtMs: document.expires_at,
    lastUsedAtMs: document.last_used_at,
  };
}

function toFields(key: NewApiKey): Omit<ApiKeyDocument, '_id' | 'key_hash' | 'last_used_at'> {
  return {
    name: key.name,
    role: key.role,
    apps: key.apps,
    rbac_id: key.rbacId,
    created_by: key.createdBy,
    created_at: key.createdAtMs,
    updated_at: key.updatedAtMs,
    expires_at: key.expiresAtMs,
  };
}

export function createMongoApiKeys(database: MongoDatabase): ApiKeyStore {
  const { log } = database;
  const keys = database.collection('api_keys');

  async function findLive(id: number): Promise<ApiKeyDocument | undefined> {
    const found = await keys.findOne({ _id: id });
    return found && !found.gone ? found : undefined;
  }

  /** Rejects with `api_key_not_found`. */
  async function requireApiKey(id: number): Promise<ApiKey> {
    const found = await findLive(id);
    if (!found) throw new AppError('api_key_not_found', `There is no API key with id ${id}`);
    return toApiKey(found);
  }

  return {
    insertApiKey: (given, hash, by) =>
      log.commit(async (draft) => {
        const key: ApiKey = {
          ...given,
          id: await nextNumber(database, draft, 'api_keys'),
          lastUsedAtMs: null,
        };
        draft.noteKeyChange();
        draft.insert('api_keys', [{ _id: key.id, ...toFields(key), key_hash: hash, last_used_at: null }]);
        await draftAudit(database, draft, by, apiKeyChange({ before: null, after: key }));
        return key;
      }),

    updateApiKey: (id, change, by) =>
      log.commit(async (draft) => {
        const current = await requireApiKey(id);
        const { key, hash } = change(current);
        const { rbacId, createdBy, createdAtMs, lastUsedAtMs } = current;
        const changed = { ...key, id, rbacId, createdBy, createdAtMs, lastUsedAtMs };
        draft.noteKeyChange();
        const fields = { ...toFields(changed), ...(hash === undefined ? {} : { key_hash: hash }) };
        draft.set('api_keys', [id], fields);
        const after = { ...changed, regeneratedAtMs: hash === undefined ? undefined : by.atMs };
        await draftAudit(database, draft, by, apiKeyChange({ before: current, after }));
        return changed;
      }),

    async findApiKey(id) {
      await log.settle();
      const found = await findLive(id);
      return found && toApiKey(found);
    },

    async listApiKeys() {
      await log.settle();
      const found = await keys.find(notGone).sort({ _id: -1 }).toArray();
      return found.map(toApiKey);
    },

    async readApiKeyHashes() {
      const found = await log.readAsOfOneMoment(
        () => keys.find(notGone).toArray(),
        ({ appId }) => appId === null,
      );
      return new Map(found.map((document) => [document.key_hash, toApiKey(document)]));
    },

    deleteApiKey: (id, by) =>
      log.commit(async (draft) => {
        const key = await requireApiKey(id);
        draft.noteKeyChange();
        draft.set('api_keys', [id], { gone: true });
        await draftAudit(database, draft, by, apiKeyChange({ before: key, after: null }));
        return key;
      }),

    async recordApiKeyUses(uses) {
      if (uses.length === 0) return;
      await log.commit(async (draft) => {
        for (const { id, usedAtMs } of uses) {
          const found = await findLive(id);
          if (!found || (found.last_used_at ?? 0) >= usedAtMs) continue;
          draft.set('api_keys', [id], { last_used_at: usedAtMs });
        }
      });
    },
  };
}
