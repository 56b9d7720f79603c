import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppState } from '../../domain/app.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildNewDeployment,
  buildRelease,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore } from './opened-store.ts';

/** Whether every bundle that a release serves is there. */
function servesOnlyKnownBundles({ releases, bundles }: AppState): boolean {
  return releases.every(
    ({ activeBundleId }) => activeBundleId === null || bundles.some(({ id }) => id === activeBundleId),
  );
}

const byId = (left: { id: string }, right: { id: string }) => left.id.localeCompare(right.id);

function sorted({ appId, settings, releases, channels, bundles }: AppState): AppState {
  const byNumber = (left: { id: number }, right: { id: number }) => left.id - right.id;
  return {
    appId,
    settings,
    releases: releases.toSorted(byId),
    channels: channels.toSorted(byNumber),
    bundles: bundles.toSorted(byId),
  };
}

/** The duties of `AppStateReader`. */
export function describeAppStates(open: OpenStore): void {
  describe('app states', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    async function insertedBundle(appId: string) {
      const bundle = buildBundle({ appId });
      await store.insertBundle(bundle, someAuthor);
      return bundle;
    }

    async function appWithRelease() {
      const appId = newAppId();
      const builtin = await insertedBundle(appId);
      const active = await insertedBundle(appId);
      const release = buildRelease({ appId, builtinBundleId: builtin.id });
      await store.insertRelease(release, someAuthor);
      await store.deployToRelease(release.id, buildNewDeployment({ bundleId: active.id }), someAuthor);
      return { appId, builtin, active, release: { ...release, activeBundleId: active.id } };
    }

    it('are undefined for an app that is not registered', async () => {
      const { appId } = await appWithRelease();
      expect(await store.readAppState(newAppId())).toBeUndefined();
      expect(await store.readAppState(appId.toUpperCase())).toBeUndefined();
    });

    it('hold the app’s releases and the bundles they serve, and nothing of other apps', async () => {
      await appWithRelease();
      const { appId, active, release } = await appWithRelease();
      const state = await store.readAppState(appId);
      expect(state).toMatchObject({ appId, releases: [release] });
      expect(state?.bundles).toContainEqual(active);
      expect(state?.bundles.filter((bundle) => bundle.appId !== appId)).toStrictEqual([]);
    });

    it('follow every change', async () => {
      const { appId, release } = await appWithRelease();
      await store.deployToRelease(
        release.id,
        buildNewDeployment({ bundleId: null, createdAtMs: someTimeMs + 1 }),
        someAuthor,
      );
      expect((await store.readAppState(appId))?.releases).toStrictEqual([
        { ...release, activeBundleId: null, updatedAtMs: someTimeMs + 1 },
      ]);
      const second = buildRelease({ appId, builtinBundleId: release.builtinBundleId, platform: 'android' });
      await store.insertRelease(second, someAuthor);
      await store.deleteRelease(release.id, someAuthor);
      expect((await store.readAppState(appId))?.releases).toStrictEqual([second]);
    });

    it('hold every bundle that was not deleted, and every channel', async () => {
      const { appId, builtin, active } = await appWithRelease();
      const spare = await insertedBundle(appId);
      const deleted = await insertedBundle(appId);
      await store.deleteBundle(deleted.id, someAuthor);
      const channels = [
        await store.insertChannel(buildNewChannel({ appId, bundleId: spare.id }), undefined, someAuthor),
        await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor),
      ];
      const gone = await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
      await store.deleteChannel(gone.id, someAuthor);
      const state = sorted((await store.readAppState(appId)) as AppState);
      expect(state.bundles).toStrictEqual([builtin, active, spare].toSorted(byId));
      expect(state.channels).toStrictEqual(channels);
    });

    it('of all apps are the states of each app, also of apps without a release', async () => {
      await appWithRelease();
      await appWithRelease();
      const { appId } = await insertedBundle(newAppId());
      const all = await store.readAllAppStates();
      const each: AppState[] = [];
      for (const state of all) each.push((await store.readAppState(state.appId)) as AppState);
      expect(all.map(sorted)).toStrictEqual(each.map(sorted));
      expect(new Set(all.map((state) => state.appId)).size).toBe(all.length);
      expect(all).toContainEqual(expect.objectContaining({ appId, releases: [] }));
      expect(all.length).toBeGreaterThanOrEqual(3);
    });

    it('are each as of one moment while the served bundle changes and the old one is deleted', async () => {
      const { appId, release, active } = await appWithRelease();
      const seen: AppState[] = [];
      let isChanging = true;
      const changing = (async () => {
        try {
          let servedId = active.id;
          for (let round = 0; round < 15; round += 1) {
            const { id } = await insertedBundle(appId);
            await store.deployToRelease(release.id, buildNewDeployment({ bundleId: id }), someAuthor);
            await store.deleteBundle(servedId, someAuthor);
            // A fourth step: three of them could fall in step with a reader's queries and never come between two.
            await store.findBundle(id);
            servedId = id;
          }
        } finally {
          isChanging = false;
        }
      })();
      const ofAll = async () => (await store.readAllAppStates()).find((state) => state.appId === appId);
      const ofOne = () => store.readAppState(appId);
      const readers = [ofOne, ofAll, ofOne, ofAll];
      await Promise.all([
        changing,
        ...readers.map(async (read) => {
          while (isChanging) seen.push(...[await read()].filter((state) => state !== undefined));
        }),
      ]);
      expect(seen.length).toBeGreaterThan(2);
      expect(seen.filter((state) => !servesOnlyKnownBundles(state))).toStrictEqual([]);
    });
  });
}
