import type { Kysely } from 'kysely';
import type { Change, ChangeLog } from '../../ports/changes.ts';
import type { Schema, SqlDatabase } from './schema.ts';

/** More than that is read anew as a whole, which is faster than one by one. */
const maxToldChanges = 10_000;

/** Logs that an app, or what is remembered of one of its devices, is changed by the transaction. */
export async function noteChange(
  transaction: Kysely<Schema>,
  appId: string,
  deviceId: string | null = null,
): Promise<void> {
  await transaction.insertInto('changes').values({ app_id: appId, device_id: deviceId }).execute();
}

/** What stands for the API keys: the id of no app. */
const noApp = '';

/** Logs that an API key is changed by the transaction. */
export async function noteKeyChange(transaction: Kysely<Schema>): Promise<void> {
  await noteChange(transaction, noApp);
}

/** The same of many devices. */
export async function noteDeviceChanges(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  devices: readonly { readonly app_id: string; readonly device_id: string }[],
): Promise<void> {
  const rows = devices.map(({ app_id, device_id }) => ({ app_id, device_id }));
  await database.insertNew(transaction, 'changes', rows);
}

function toChange({ app_id, device_id }: { app_id: string; device_id: string | null }): Change {
  return { appId: app_id === noApp ? null : app_id, deviceId: device_id };
}

export function createSqlChanges({ db }: SqlDatabase): ChangeLog {
  async function lastRevision(): Promise<number> {
    const row = await db
      .selectFrom('changes')
      .select(({ fn }) => fn.max('revision').as('revision'))
      .executeTakeFirst();
    return Number(row?.revision ?? 0);
  }

  return {
    async readChanges(after) {
      const revision = await lastRevision();
      if (after === null || after === revision) return { changes: [], revision };
      if (after > revision || revision - after > maxToldChanges) return { changes: null, revision };
      const rows = await db
        .selectFrom('changes')
        .selectAll()
        .where('revision', '>', after)
        .where('revision', '<=', revision)
        .orderBy('revision')
        .execute();
      return {
        changes: rows.map(toChange),
        revision,
      };
    },

    async deleteOldChanges() {
      const oldest = (await lastRevision()) - maxToldChanges;
      await db.deleteFrom('changes').where('revision', '<=', oldest).execute();
    },
  };
}
