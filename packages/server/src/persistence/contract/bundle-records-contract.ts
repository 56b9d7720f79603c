import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bundle } from '../../domain/bundle.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildFile,
  buildNewChannel,
  buildRelease,
  nextId,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore, objectKeyOf, outcomesOf } from './opened-store.ts';
import { add, entriesFor, insertPending } from './stored-files.ts';

/** The duties of `BundleRecords`. */
export function describeBundleRecords(open: OpenStore): void {
  describe('bundle records', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    async function insertedBundle(given: Parameters<typeof buildBundle>[0] = {}): Promise<Bundle> {
      const bundle = buildBundle({ appId: newAppId(), ...given });
      await store.insertBundle(bundle, someAuthor);
      return bundle;
    }

    const all = (appId: string) => store.listBundleRecords(appId, { offset: 0, limit: 1_000 });
    const namesOf = (bundles: readonly Bundle[]) => bundles.map(({ versionName }) => versionName);
    const everything = { createdUntilMs: null, exceptIds: [], limit: 100 };

    it('are what the bundle is, its number and when it was changed last', async () => {
      const bundle = await insertedBundle({ link: 'https://example.com', comment: 'é', createdAtMs: 7 });
      const [record] = await all(bundle.appId);
      expect(record).toStrictEqual({
        ...bundle,
        ...{ number: expect.any(Number), fileCount: 0, updatedAtMs: 7 },
      });
      expect(record?.number).toBeGreaterThan(0);
    });

    it('say how many files the manifest of a bundle names', async () => {
      const bundle = await insertPending(store, newAppId());
      const files = await add(store, [
        buildFile({ appId: bundle.appId }),
        buildFile({ appId: bundle.appId }),
      ]);
      await store.setManifest(bundle.id, entriesFor(files));
      expect(await all(bundle.appId)).toMatchObject([{ id: bundle.id, fileCount: 2 }]);
      expect(await store.changeBundle(bundle.id, { link: null }, someAuthor)).toMatchObject({ fileCount: 2 });
      const [deleted] = await store.deleteUnusedBundles(bundle.appId, everything, someAuthor);
      expect(deleted).toMatchObject({ id: bundle.id, fileCount: 2 });
      expect(await store.readManifest(bundle.id)).toBeUndefined();
    });

    it('are numbered in order of arrival, over all apps, whatever their times say', async () => {
      const first = await insertedBundle({ createdAtMs: someTimeMs + 5 });
      const second = await insertedBundle({ createdAtMs: someTimeMs });
      const [[one], [two]] = [await all(first.appId), await all(second.appId)];
      expect(two?.number).toBe((one?.number ?? 0) + 1);
    });

    it('have numbers of their own each, of 20 that arrive at once', async () => {
      const appId = newAppId();
      await outcomesOf(
        Array.from({ length: 20 }, () => store.insertBundle(buildBundle({ appId }), someAuthor)),
      );
      const numbers = (await all(appId)).map(({ number }) => number);
      expect(new Set(numbers).size).toBe(20);
    });

    it('leave no number to another bundle, also when theirs was deleted, or never made', async () => {
      const kept = await insertedBundle();
      const deleted = await insertedBundle({ appId: kept.appId });
      const [last] = await store.findBundleRecords(kept.appId, { ids: [deleted.id] });
      await store.deleteBundle(deleted.id, someAuthor);
      await store.insertBundle(buildBundle(kept), someAuthor).catch(() => undefined);
      const next = await insertedBundle({ appId: kept.appId });
      const [record] = await store.findBundleRecords(kept.appId, { ids: [next.id] });
      expect(record?.number).toBeGreaterThan(last?.number ?? Number.NaN);
    });

    it('are listed newest first, in pages that neither overlap nor leave out, without those deleted', async () => {
      const appId = newAppId();
      const inserted: Bundle[] = [];
      for (const offsetMs of [0, 0, 3, 1, 2, 9]) {
        inserted.push(await insertedBundle({ appId, createdAtMs: someTimeMs + offsetMs }));
      }
      await store.deleteBundle(inserted[5]?.id ?? '', someAuthor);
      await insertedBundle();
      const expected = [2, 4, 3, 1, 0].map((index) => inserted[index]?.id);
      const pages = [];
      for (const offset of [0, 2, 4, 6]) {
        pages.push((await store.listBundleRecords(appId, { offset, limit: 2 })).map(({ id }) => id));
      }
      expect(pages).toStrictEqual([expected.slice(0, 2), expected.slice(2, 4), expected.slice(4), []]);
      expect(await all(newAppId())).toStrictEqual([]);
    });

    it('are found by id, number and version name, of that app, and not once they are deleted', async () => {
      const appId = newAppId();
      const [first, second] = [await insertedBundle({ appId }), await insertedBundle({ appId })];
      const foreign = await insertedBundle({ versionName: first.versionName });
      const deleted = await insertedBundle({ appId });
      const numbers = (await all(appId)).map(({ number }) => number);
      const [foreignRecord] = await all(foreign.appId);
      await store.deleteBundle(deleted.id, someAuthor);
      const ids = [first, second, foreign, deleted].map(({ id }) => id);
      const byName = namesOf([first, deleted]);
      const find = async (names: Parameters<Store['findBundleRecords']>[1]) =>
        (await store.findBundleRecords(appId, names)).map(({ id }) => id).toSorted();
      expect(await find({ ids: [...ids, nextId(), 'none'] })).toStrictEqual([first.id, second.id].toSorted());
      expect(await find({ numbers: [...numbers, foreignRecord?.number ?? 0, 2_000_000_000] })).toStrictEqual(
        [first.id, second.id].toSorted(),
      );
      expect(await find({ versionNames: [...byName, byName[0]?.toUpperCase() ?? '', ''] })).toStrictEqual([
        first.id,
      ]);
      expect(await find({ ids: [] })).toStrictEqual([]);
    });

    it('change as they are told, and leave the rest', async () => {
      const bundle = await insertedBundle({ link: 'https://example.com/a', comment: 'a' });
      const [record] = await all(bundle.appId);
      const { revision } = await store.readChanges(null);
      const changed = await store.changeBundle(
        bundle.id,
        { comment: 'Grüße 👋', minUpdateVersion: '2.0.0' },
        { ...someAuthor, atMs: someTimeMs + 9 },
      );
      expect(changed).toStrictEqual({
        ...record,
        comment: 'Grüße 👋',
        minUpdateVersion: '2.0.0',
        updatedAtMs: someTimeMs + 9,
      });
      expect(await all(bundle.appId)).toStrictEqual([changed]);
      const { changes } = await store.readChanges(revision);
      expect(changes).toStrictEqual([{ appId: bundle.appId, deviceId: null }]);
      const cleared = await store.changeBundle(
        bundle.id,
        { link: null, comment: null },
        { ...someAuthor, atMs: someTimeMs + 10 },
      );
      expect(cleared).toMatchObject({ link: null, comment: null, minUpdateVersion: '2.0.0' });
      expect(await store.findBundle(bundle.id)).toMatchObject({ link: null, minUpdateVersion: '2.0.0' });
    });

    it('cannot be changed when there are none, or they were deleted', async () => {
      const deleted = await insertedBundle();
      await store.deleteBundle(deleted.id, someAuthor);
      for (const id of [deleted.id, nextId()]) {
        await expect(store.changeBundle(id, { link: null }, someAuthor)).rejects.toMatchObject({
          code: 'bundle_not_found',
        });
      }
    });

    it('lose none of the changes made at once', async () => {
      const bundle = await insertedBundle();
      const changes = Array.from({ length: 10 }, () => [
        { link: 'https://example.com' },
        { comment: 'c' },
        { minUpdateVersion: '1.0.0' },
      ]).flat();
      await outcomesOf(changes.map((change) => store.changeBundle(bundle.id, change, someAuthor)));
      expect(await store.findBundle(bundle.id)).toMatchObject({
        link: 'https://example.com',
        comment: 'c',
        minUpdateVersion: '1.0.0',
      });
    });

    it('go when nothing uses them, with their objects, and their version names stay taken', async () => {
      const appId = newAppId();
      const bundles: Bundle[] = [];
      for (let each = 0; each < 6; each += 1) {
        bundles.push(await insertedBundle({ appId, createdAtMs: someTimeMs + each }));
      }
      const [builtin, active, stable, rollout, spare, elsewhere] = bundles as [
        Bundle,
        Bundle,
        Bundle,
        Bundle,
        Bundle,
        Bundle,
      ];
      await store.insertRelease(
        buildRelease({ appId, builtinBundleId: builtin.id, activeBundleId: active.id }),
        someAuthor,
      );
      const channel = buildNewChannel({ appId, bundleId: stable.id });
      await store.insertChannel(
        { ...channel, rollout: { ...channel.rollout, bundleId: rollout.id } },
        undefined,
        someAuthor,
      );
      const foreign = await insertedBundle();
      const external = await insertedBundle({
        appId,
        objectKey: null,
        externalUrl: 'https://example.com/a.zip',
        createdAtMs: someTimeMs + 8,
      });
      const { revision } = await store.readChanges(null);
      const deleted = await store.deleteUnusedBundles(appId, everything, {
        ...someAuthor,
        atMs: someTimeMs + 10,
      });
      expect(deleted.map(({ id }) => id)).toStrictEqual([spare.id, elsewhere.id, external.id]);
      expect(deleted[0]).toMatchObject({ ...spare, number: expect.any(Number) });
      expect((await all(appId)).map(({ id }) => id)).toStrictEqual(
        [rollout, stable, active, builtin].map(({ id }) => id),
      );
      const due = await store.listDueObjectDeletions(someTimeMs + 10, 1_000);
      expect(due).toEqual(expect.arrayContaining([objectKeyOf(spare), objectKeyOf(elsewhere)]));
      expect(due).not.toContain(objectKeyOf(stable));
      expect(await store.isVersionNameTaken(appId, spare.versionName)).toBe(true);
      const { changes } = await store.readChanges(revision);
      expect(changes).toContainEqual({ appId, deviceId: null });
      expect(await store.deleteUnusedBundles(appId, everything, someAuthor)).toStrictEqual([]);
      expect(await store.findBundle(foreign.id)).toStrictEqual(foreign);
    });

    it('go by age, the oldest first, as many as are to go at once, and not those that are to stay', async () => {
      const appId = newAppId();
      const bundles: Bundle[] = [];
      for (let each = 0; each < 6; each += 1) {
        bundles.push(await insertedBundle({ appId, createdAtMs: someTimeMs + each }));
      }
      const which = { createdUntilMs: someTimeMs + 3, exceptIds: [bundles[1]?.id ?? ''], limit: 2 };
      const delete_ = async () =>
        (await store.deleteUnusedBundles(appId, which, { ...someAuthor, atMs: someTimeMs + 10 })).map(
          ({ id }) => id,
        );
      expect(await delete_()).toStrictEqual([bundles[0]?.id, bundles[2]?.id]);
      expect(await delete_()).toStrictEqual([bundles[3]?.id]);
      expect(await delete_()).toStrictEqual([]);
      expect(namesOf(await all(appId))).toStrictEqual([5, 4, 1].map((index) => bundles[index]?.versionName));
    });

    it('do not go when something comes to use them at the same moment', async () => {
      for (let round = 0; round < 10; round += 1) {
        const appId = newAppId();
        const bundle = await insertedBundle({ appId });
        const channel = buildNewChannel({ appId, bundleId: bundle.id });
        const [inserted, deleted] = await Promise.allSettled([
          store.insertChannel(channel, undefined, someAuthor),
          store.deleteUnusedBundles(appId, everything, someAuthor),
        ]);
        const isDeleted = deleted.status === 'fulfilled' && deleted.value.length === 1;
        expect([inserted.status, isDeleted]).toStrictEqual(
          isDeleted ? ['rejected', true] : ['fulfilled', false],
        );
      }
    });
  });
}
