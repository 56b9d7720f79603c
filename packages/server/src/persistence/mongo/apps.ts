import type { WithId } from 'mongodb';
import type { AppState } from '../../domain/app.ts';
import type { AppStateReader } from '../../ports/store.ts';
import { toSettings } from './app-document.ts';
import { notDeleted, toBundle } from './bundles.ts';
import { toChannel } from './channels.ts';
import type { MongoDatabase } from './database.ts';
import { toRelease } from './releases.ts';
import { type BundleDocument, notGone } from './schema.ts';

/** Not as of one moment by itself. */
async function readStates(database: MongoDatabase, appId?: string): Promise<AppState[]> {
  const ofApp = appId === undefined ? {} : { app_id: appId };
  const [apps, releases, channels, bundles] = await Promise.all([
    database
      .collection('apps')
      .find({ ...notGone, ...(appId === undefined ? {} : { _id: appId }) })
      .toArray(),
    database
      .collection('releases')
      .find({ ...ofApp, ...notGone })
      .toArray(),
    database
      .collection('channels')
      .find({ ...ofApp, ...notGone })
      .toArray(),
    database
      .collection('bundles')
      .find({ ...ofApp, ...notDeleted })
      .toArray(),
  ]);
  const bundlesById = new Map<string, WithId<BundleDocument>>(
    bundles.map((bundle) => [bundle._id.toHexString(), bundle]),
  );
  const releasesByApp = Map.groupBy(releases.map(toRelease), (release) => release.appId);
  const channelsByApp = Map.groupBy(channels.map(toChannel), (channel) => channel.appId);
  const bundlesByApp = Map.groupBy(bundles.map(toBundle), (bundle) => bundle.appId);

  // With an older server a release could serve the bundle of another app, or of none.
  const served = releases.flatMap((release) => [release.builtin_bundle_id, release.active_bundle_id]);
  const foreignIds = served.filter((id) => id && !bundlesById.has(id.toHexString())).map((id) => id ?? null);
  const foreign =
    appId === undefined || foreignIds.length === 0
      ? []
      : await database
          .collection('bundles')
          .find({ _id: { $in: foreignIds.filter((id) => id !== null) }, ...notDeleted })
          .toArray();
  for (const bundle of foreign) bundlesById.set(bundle._id.toHexString(), bundle);

  return apps.map((app) => {
    const { _id } = app;
    const ofThis = bundlesByApp.get(_id) ?? [];
    const ids = new Set(ofThis.map(({ id }) => id));
    const appReleases = releasesByApp.get(_id) ?? [];
    const servedIds = new Set(
      appReleases.flatMap((release) => [release.builtinBundleId, release.activeBundleId]),
    );
    const servedForeign = [...servedIds].flatMap((id) => {
      const bundle = id === null || ids.has(id) ? undefined : bundlesById.get(id);
      return bundle ? [toBundle(bundle)] : [];
    });
    return {
      appId: _id,
      settings: toSettings(app),
      releases: appReleases,
      channels: channelsByApp.get(_id) ?? [],
      bundles: [...ofThis, ...servedForeign],
    };
  });
}

export function createMongoAppStates(database: MongoDatabase): AppStateReader {
  async function readAppState(appId: string): Promise<AppState | undefined> {
    const [state] = await database.log.readAsOfOneMoment(
      () => readStates(database, appId),
      (change) => change.deviceId === null && change.appId === appId,
    );
    return state;
  }

  return {
    readAppState,

    async readAllAppStates() {
      // Each is as of one moment: only those that changed meanwhile are read again, not all.
      const changed = new Set<string>();
      const states = await database.log.readAsOfOneMoment(
        () => readStates(database),
        ({ appId, deviceId }) => {
          if (appId !== null && deviceId === null) changed.add(appId);
          return false;
        },
      );
      const settled = states.filter(({ appId }) => !changed.has(appId));
      for (const appId of changed) {
        const state = await readAppState(appId);
        if (state) settled.push(state);
      }
      return settled;
    },
  };
}
