import type { Insertable, Kysely, Selectable } from 'kysely';
import type { Role } from '../../domain/access.ts';
import type { ApiKey } from '../../domain/api-key.ts';
import { apiKeyChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { ApiKeyStore, NewApiKey } from '../../ports/api-keys.ts';
import { noteAudit } from './audit.ts';
import { noteKeyChange } from './changes.ts';
import type { ApiKeysTable, Schema, SqlDatabase } from './schema.ts';

function toApiKey(row: Selectable<ApiKeysTable>): ApiKey {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    apps: row.apps === null ? null : (JSON.parse(row.apps) as string[]),
    rbacId: row.rbac_id,
    createdBy: row.created_by,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
    expiresAtMs: row.expires_at,
    lastUsedAtMs: row.last_used_at,
  };
}

function toRow(key: NewApiKey): Omit<Insertable<ApiKeysTable>, 'key_hash' | 'last_used_at'> {
  return {
    name: key.name,
    role: key.role,
    apps: key.apps && JSON.stringify(key.apps),
    rbac_id: key.rbacId,
    created_by: key.createdBy,
    created_at: key.createdAtMs,
    updated_at: key.updatedAtMs,
    expires_at: key.expiresAtMs,
  };
}

/** Rejects with `api_key_not_found`. */
async function requireApiKey(db: Kysely<Schema>, id: number): Promise<ApiKey> {
  const row = await db.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new AppError('api_key_not_found', `There is no API key with id ${id}`);
  return toApiKey(row);
}

export function createSqlApiKeys(database: SqlDatabase): ApiKeyStore {
  const { db } = database;
  return {
    insertApiKey: (given, hash, by) =>
      database.change(async (transaction) => {
        await noteKeyChange(transaction);
        const { id } = await transaction
          .insertInto('api_keys')
          .values({ ...toRow(given), key_hash: hash, last_used_at: null })
          .returning('id')
          .executeTakeFirstOrThrow();
        const key = { ...given, id, lastUsedAtMs: null };
        await noteAudit(transaction, by, apiKeyChange({ before: null, after: key }));
        return key;
      }),

    updateApiKey: (id, change, by) =>
      database.change(async (transaction) => {
        const current = await requireApiKey(transaction, id);
        const { key, hash } = change(current);
        const { rbacId, createdBy, createdAtMs, lastUsedAtMs } = current;
        const changed = { ...key, id, rbacId, createdBy, createdAtMs, lastUsedAtMs };
        await noteKeyChange(transaction);
        await transaction
          .updateTable('api_keys')
          .set({ ...toRow(changed), ...(hash === undefined ? {} : { key_hash: hash }) })
          .where('id', '=', id)
          .execute();
        const after = { ...changed, regeneratedAtMs: hash === undefined ? undefined : by.atMs };
        await noteAudit(transaction, by, apiKeyChange({ before: current, after }));
        return changed;
      }),

    async findApiKey(id) {
      const row = await db.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toApiKey(row);
    },

    async listApiKeys() {
      const rows = await db.selectFrom('api_keys').selectAll().orderBy('id', 'desc').execute();
      return rows.map(toApiKey);
    },

    async readApiKeyHashes() {
      const rows = await db.selectFrom('api_keys').selectAll().execute();
      return new Map(rows.map((row) => [row.key_hash, toApiKey(row)]));
    },

    deleteApiKey: (id, by) =>
      database.change(async (transaction) => {
        const key = await requireApiKey(transaction, id);
        await noteKeyChange(transaction);
        await transaction.deleteFrom('api_keys').where('id', '=', id).execute();
        await noteAudit(transaction, by, apiKeyChange({ before: key, after: null }));
        return key;
      }),

    async recordApiKeyUses(uses) {
      if (uses.length === 0) return;
      await database.write(async (transaction) => {
        for (const { id, usedAtMs } of uses) {
          await transaction
            .updateTable('api_keys')
            .set({ last_used_at: usedAtMs })
            .where('id', '=', id)
            .where(({ eb, or }) => or([eb('last_used_at', 'is', null), eb('last_used_at', '<', usedAtMs)]))
            .execute();
        }
      });
    },
  };
}
