import type { Kysely } from 'kysely';
import type { AppState } from '../../domain/app.ts';
import type { AppStateReader } from '../../ports/store.ts';
import { settingColumns, toSettings } from './app-row.ts';
import { toBundle } from './bundles.ts';
import { toChannel } from './channels.ts';
import { toRelease } from './releases.ts';
import type { Schema, SqlDatabase } from './schema.ts';

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
