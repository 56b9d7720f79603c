import type { Kysely, Selectable } from 'kysely';
import type { AppSettings, AppState } from '../../domain/app.ts';
import { appChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { AppSettingsStore, AppStateReader } from '../../ports/store.ts';
import { noteAudit } from './audit.ts';
import { toBundle } from './bundles.ts';
import { noteChange } from './changes.ts';
import { toChannel } from './channels.ts';
import { toRelease } from './releases.ts';
import type { AppsTable, Schema, SqlDatabase } from './schema.ts';

const settingColumns = ['expose_metadata', 'allow_device_custom_id'] as const;

function toSettings(row: Pick<Selectable<AppsTable>, (typeof settingColumns)[number]>): AppSettings {
  return {
    exposeMetadata: row.expose_metadata === 1,
    allowDeviceCustomId: row.allow_device_custom_id === 1,
  };
}

/** All of it is as of one moment when the transaction is. */
async function readStates(db: Kysely<Schema>, appId?: string): Promise<AppState[]> {
  let apps = db.selectFrom('apps').select(['app_id', ...settingColumns]);
  let releases = db.selectFrom('releases').selectAll();
  let channels = db.selectFrom('channels').selectAll();
  let bundles = db.selectFrom('bundles').selectAll().where('deleted_at', 'is', null);
  if (appId !== undefined) {
    apps = apps.where('app_id', '=', appId);
    releases = releases.where('app_id', '=', appId);
    channels = channels.where('app_id', '=', appId);
    bundles = bundles.where('app_id', '=', appId);
  }
  const appRows = await apps.execute();
  const releasesByApp = Map.groupBy(await releases.execute(), (row) => row.app_id);
  const channelsByApp = Map.groupBy(await channels.execute(), (row) => row.app_id);
  const bundlesByApp = Map.groupBy(await bundles.execute(), (row) => row.app_id);
  return appRows.map((row) => ({
    appId: row.app_id,
    settings: toSettings(row),
    releases: (releasesByApp.get(row.app_id) ?? []).map(toRelease),
    channels: (channelsByApp.get(row.app_id) ?? []).map(toChannel),
    bundles: (bundlesByApp.get(row.app_id) ?? []).map(toBundle),
  }));
}

export function createSqlAppStates(database: SqlDatabase): AppStateReader {
  return {
    async readAppState(appId) {
      const [state] = await database.read((transaction) => readStates(transaction, appId));
      return state;
    },
    readAllAppStates: () => database.read((transaction) => readStates(transaction)),
  };
}

export function createSqlAppSettings(database: SqlDatabase): AppSettingsStore {
  return {
    updateAppSettings: (appId, change, by) =>
      database.change(async (transaction) => {
        const row = await transaction
          .selectFrom('apps')
          .selectAll()
          .where('app_id', '=', appId)
          .executeTakeFirst();
        if (!row) throw new AppError('app_not_found', `There is no app ${appId}`);
        const before = toSettings(row);
        const settings = { ...before, ...change };
        await transaction
          .updateTable('apps')
          .set({
            expose_metadata: Number(settings.exposeMetadata),
            allow_device_custom_id: Number(settings.allowDeviceCustomId),
          })
          .where('app_id', '=', appId)
          .execute();
        await noteChange(transaction, appId);
        const app = { appId, organizationId: row.owner_org, createdAtMs: row.created_at };
        await noteAudit(
          transaction,
          by,
          appChange({ before: { ...app, settings: before }, after: { ...app, settings } }),
        );
        return settings;
      }),
  };
}
