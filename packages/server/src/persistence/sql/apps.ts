import type { Kysely } from 'kysely';
import type { AppState } from '../../domain/app.ts';
import type { AppStateReader } from '../../ports/store.ts';
import { toBundle } from './bundles.ts';
import { toRelease } from './releases.ts';
import type { Schema, SqlDatabase } from './schema.ts';

async function readStates(db: Kysely<Schema>, appId?: string): Promise<AppState[]> {
  const apps = db.selectFrom('apps').select('app_id');
  const appRows = await (appId === undefined ? apps : apps.where('app_id', '=', appId)).execute();
  const releases = db.selectFrom('releases').selectAll();
  const releaseRows = await (appId === undefined ? releases : releases.where('app_id', '=', appId)).execute();
  const bundles = db
    .selectFrom('bundles')
    .selectAll()
    .where('id', 'in', (query) =>
      query.selectFrom('releases').select('active_bundle_id').where('active_bundle_id', 'is not', null),
    );
  const bundleRows = await (appId === undefined ? bundles : bundles.where('app_id', '=', appId)).execute();

  const releasesByApp = Map.groupBy(releaseRows, (row) => row.app_id);
  const bundlesByApp = Map.groupBy(bundleRows, (row) => row.app_id);
  return appRows.map((row) => ({
    appId: row.app_id,
    releases: (releasesByApp.get(row.app_id) ?? []).map(toRelease),
    bundles: (bundlesByApp.get(row.app_id) ?? []).map(toBundle),
  }));
}

export function createSqlAppStates({ db }: SqlDatabase): AppStateReader {
  return {
    async readAppState(appId) {
      const [state] = await db.transaction().execute((transaction) => readStates(transaction, appId));
      return state;
    },
    readAllAppStates: () => db.transaction().execute((transaction) => readStates(transaction)),
  };
}
