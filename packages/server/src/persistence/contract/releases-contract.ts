import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Release } from '../../domain/release.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewDeployment,
  buildRelease,
  nextId,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { encodeCursor } from '../cursor.ts';
import { lookalikes } from './bundles-contract.ts';
import { newAppId, type OpenedStore, type OpenStore, outcomesOf } from './opened-store.ts';
import { describePaging } from './paging-contract.ts';

/** The duties of `ReleaseStore`. */
export function describeReleases(open: OpenStore): void {
  describe('releases', () => {
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

    /** A release of an app of its own, unless one is given. */
    async function insertedRelease(given: Partial<Release> = {}): Promise<Release> {
      const appId = given.appId ?? newAppId();
      const builtinBundleId = given.builtinBundleId ?? (await insertedBundle(appId)).id;
      const release = buildRelease({ ...given, appId, builtinBundleId });
      await store.insertRelease(release, someAuthor);
      return release;
    }

    it('keeps every field as it was given', async () => {
      const appId = newAppId();
      const active = await insertedBundle(appId);
      const full = await insertedRelease({
        appId,
        platform: 'electron',
        versionName: '2024.01 «Über» 👩‍👧 e\u0301',
        versionCode: '0042.1 ',
        releaseDateMs: someTimeMs - 86_400_000,
        activeBundleId: active.id,
        createdAtMs: someTimeMs + 1,
        updatedAtMs: someTimeMs + 2,
      });
      const plain = await insertedRelease({ appId });
      expect(await store.findRelease(full.id)).toStrictEqual(full);
      expect(await store.findRelease(plain.id)).toStrictEqual(plain);
      expect((await store.listReleases({ appId }, { limit: 5 })).items).toStrictEqual([full, plain]);
    });

    it('refuses a second release of the same app, platform, version name and version code', async () => {
      const first = await insertedRelease();
      const second = buildRelease({ ...first, id: nextId(), updatedAtMs: someTimeMs + 9 });
      await expect(store.insertRelease(second, someAuthor)).rejects.toMatchObject({
        code: 'release_already_exists',
      });
      expect(await store.findRelease(second.id)).toBeUndefined();
      expect(await store.findRelease(first.id)).toStrictEqual(first);
    });

    it.each([
      ['platform', { platform: 'android' }],
      ['version name', { versionName: '1.0' }],
      ['version code', { versionCode: '01' }],
    ] as const)('takes a release that differs in its %s alone', async (_part, difference) => {
      const first = await insertedRelease({ versionName: '1.0.0', versionCode: '1' });
      const second = await insertedRelease({ ...first, id: nextId(), ...difference });
      expect(await store.findRelease(second.id)).toStrictEqual(second);
    });

    it('takes the same release for another app', async () => {
      const first = await insertedRelease();
      const second = await insertedRelease({
        versionName: first.versionName,
        versionCode: first.versionCode,
      });
      expect(await store.findRelease(second.id)).toStrictEqual(second);
    });

    it('compares version names and codes to the letter', async () => {
      const appId = newAppId();
      const { id: builtinBundleId } = await insertedBundle(appId);
      const releases = lookalikes.flatMap((text) => [
        buildRelease({ appId, builtinBundleId, versionName: text, versionCode: '1' }),
        buildRelease({ appId, builtinBundleId, versionName: '9.0.0', versionCode: text }),
      ]);
      for (const release of releases) await store.insertRelease(release, someAuthor);
      for (const release of releases) expect(await store.findRelease(release.id)).toStrictEqual(release);
    });

    it('lets exactly one of 20 inserts of the same release win', async () => {
      const appId = newAppId();
      const { id: builtinBundleId } = await insertedBundle(appId);
      const rivals = Array.from({ length: 20 }, () =>
        buildRelease({ appId, builtinBundleId, versionName: '3.0.0', versionCode: '30' }),
      );
      const outcomes = await outcomesOf(rivals.map((rival) => store.insertRelease(rival, someAuthor)));
      expect(outcomes.filter((outcome) => outcome !== 'done')).toStrictEqual(
        Array.from({ length: 19 }, () => 'release_already_exists'),
      );
      const { items } = await store.listReleases({ appId }, { limit: 50 });
      expect(items).toStrictEqual([rivals[outcomes.indexOf('done')]]);
    });

    it('takes a release again after it was deleted', async () => {
      const first = await insertedRelease();
      await store.deleteRelease(first.id, someAuthor);
      const second = await insertedRelease({ ...first, id: nextId() });
      expect(await store.findRelease(second.id)).toStrictEqual(second);
    });

    it('refuses a builtin bundle that is unknown, deleted or of another app, and keeps nothing', async () => {
      const appId = newAppId();
      const deleted = await insertedBundle(appId);
      await store.deleteBundle(deleted.id, someAuthor);
      const foreign = await insertedBundle(newAppId());
      for (const builtinBundleId of [nextId(), deleted.id, foreign.id]) {
        const release = buildRelease({ appId, builtinBundleId });
        await expect(store.insertRelease(release, someAuthor)).rejects.toMatchObject({
          code: 'bundle_not_found',
        });
        expect(await store.findRelease(release.id)).toBeUndefined();
      }
    });

    it('does not register the app of a release it refuses', async () => {
      const release = buildRelease({ appId: newAppId(), builtinBundleId: nextId() });
      await expect(store.insertRelease(release, someAuthor)).rejects.toMatchObject({
        code: 'bundle_not_found',
      });
      expect(await store.readAppState(release.appId)).toBeUndefined();
    });

    it('knows no release under an id that was never given', async () => {
      expect(await store.findRelease(nextId())).toBeUndefined();
    });

    it('lists releases of one app, of some or of all', async () => {
      const own = await open();
      try {
        const releases: Release[] = [];
        for (const createdAtMs of [someTimeMs + 1, someTimeMs]) {
          const bundle = buildBundle({ appId: newAppId() });
          const release = buildRelease({ appId: bundle.appId, builtinBundleId: bundle.id, createdAtMs });
          await own.store.insertBundle(bundle, someAuthor);
          await own.store.insertRelease(release, someAuthor);
          releases.push(release);
        }
        expect((await own.store.listReleases({}, { limit: 5 })).items).toStrictEqual(releases);
        for (const release of releases) {
          const { items } = await own.store.listReleases({ appId: release.appId }, { limit: 5 });
          expect(items).toStrictEqual([release]);
        }
        const [one, other] = releases.map(({ appId }) => appId);
        const ofSome = await own.store.listReleases({ appIds: [newAppId(), other ?? ''] }, { limit: 5 });
        expect(ofSome.items.map(({ appId }) => appId)).toStrictEqual([other]);
        const ofBoth = { appIds: [other ?? '', one ?? ''] };
        expect((await own.store.listReleases(ofBoth, { limit: 5 })).items).toStrictEqual(releases);
        expect((await own.store.listReleases({ appIds: [] }, { limit: 5 })).items).toStrictEqual([]);
        const upper = await own.store.listReleases({ appId: releases[0]?.appId.toUpperCase() }, { limit: 5 });
        expect(upper.items).toStrictEqual([]);
      } finally {
        await own.destroy();
      }
    });

    it('sets and clears the release date and answers the release as it is then', async () => {
      const release = await insertedRelease();
      for (const [updatedAtMs, releaseDateMs] of [
        [someTimeMs + 1, someTimeMs - 86_400_000],
        [someTimeMs + 2, 0],
        [someTimeMs + 3, null],
      ] as const) {
        const expected = { ...release, releaseDateMs, updatedAtMs };
        expect(
          await store.setReleaseDate(release.id, releaseDateMs, { ...someAuthor, atMs: updatedAtMs }),
        ).toStrictEqual(expected);
        expect(await store.findRelease(release.id)).toStrictEqual(expected);
      }
    });

    it('sets, replaces and clears the active bundle and answers the release as it is then', async () => {
      const release = await insertedRelease();
      const first = await insertedBundle(release.appId);
      const second = await insertedBundle(release.appId);
      const steps = [first.id, second.id, release.builtinBundleId, null];
      for (const [index, activeBundleId] of steps.entries()) {
        const updatedAtMs = someTimeMs + index + 1;
        const expected = { ...release, activeBundleId, updatedAtMs };
        expect(
          await store.deployToRelease(
            release.id,
            buildNewDeployment({ bundleId: activeBundleId, createdAtMs: updatedAtMs }),
            someAuthor,
          ),
        ).toStrictEqual(expected);
        expect(await store.findRelease(release.id)).toStrictEqual(expected);
      }
    });

    it('refuses an active bundle that is unknown, deleted or of another app, and keeps the old one', async () => {
      const release = await insertedRelease();
      const active = await insertedBundle(release.appId);
      await store.deployToRelease(release.id, buildNewDeployment({ bundleId: active.id }), someAuthor);
      const deleted = await insertedBundle(release.appId);
      await store.deleteBundle(deleted.id, someAuthor);
      const foreign = await insertedBundle(newAppId());
      for (const bundleId of [nextId(), deleted.id, foreign.id]) {
        await expect(
          store.deployToRelease(
            release.id,
            buildNewDeployment({ bundleId, createdAtMs: someTimeMs + 5 }),
            someAuthor,
          ),
        ).rejects.toMatchObject({
          code: 'bundle_not_found',
        });
      }
      expect(await store.findRelease(release.id)).toStrictEqual({
        ...release,
        activeBundleId: active.id,
        updatedAtMs: someTimeMs,
      });
    });

    it('loses neither of two changes made at the same time to different fields', async () => {
      const release = await insertedRelease();
      const active = await insertedBundle(release.appId);
      await Promise.all([
        store.deployToRelease(
          release.id,
          buildNewDeployment({ bundleId: active.id, createdAtMs: someTimeMs + 1 }),
          someAuthor,
        ),
        store.setReleaseDate(release.id, someTimeMs, { ...someAuthor, atMs: someTimeMs + 1 }),
      ]);
      expect(await store.findRelease(release.id)).toStrictEqual({
        ...release,
        activeBundleId: active.id,
        releaseDateMs: someTimeMs,
        updatedAtMs: someTimeMs + 1,
      });
    });

    it('answers the release it deletes and no longer finds it', async () => {
      const release = await insertedRelease();
      const sibling = await insertedRelease({ appId: release.appId });
      expect(await store.deleteRelease(release.id, someAuthor)).toStrictEqual(release);
      expect(await store.findRelease(release.id)).toBeUndefined();
      const { items } = await store.listReleases({ appId: release.appId }, { limit: 5 });
      expect(items).toStrictEqual([sibling]);
    });

    it('refuses to change or delete a release that does not exist or no longer does', async () => {
      const { id, builtinBundleId } = await insertedRelease();
      await store.deleteRelease(id, someAuthor);
      for (const missing of [id, nextId()]) {
        for (const change of [
          () => store.setReleaseDate(missing, null, someAuthor),
          () => store.deployToRelease(missing, buildNewDeployment({ bundleId: null }), someAuthor),
          () => store.deployToRelease(missing, buildNewDeployment({ bundleId: builtinBundleId }), someAuthor),
          () => store.deleteRelease(missing, someAuthor),
        ]) {
          await expect(change()).rejects.toMatchObject({ code: 'release_not_found' });
        }
      }
    });

    describePaging('releases', async () => {
      const appId = newAppId();
      const { id: builtinBundleId } = await insertedBundle(appId);
      return {
        add: async (createdAtMs) => (await insertedRelease({ appId, builtinBundleId, createdAtMs })).id,
        remove: async (id) => {
          await store.deleteRelease(id, someAuthor);
        },
        list: async (page) => {
          const { items, nextCursor } = await store.listReleases({ appId }, page);
          return { items: items.map(({ id }) => id), nextCursor };
        },
        foreignCursor: encodeCursor({ timeMs: someTimeMs, id: '1' }),
      };
    });
  });
}
