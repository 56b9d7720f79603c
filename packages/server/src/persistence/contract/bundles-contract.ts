import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bundle } from '../../domain/bundle.ts';
import type { Channel } from '../../domain/channel.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildNewDeployment,
  buildRelease,
  nextId,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { encodeCursor } from '../cursor.ts';
import {
  newAppId,
  type OpenedStore,
  type OpenStore,
  objectKeyOf,
  outcomesOf,
  readPages,
} from './opened-store.ts';
import { describePaging } from './paging-contract.ts';

/** Version names that a careless comparison takes for one: case, Unicode form, blanks. */
export const lookalikes = ['é-1.0.0', 'e\u0301-1.0.0', '1.0.0-rc', '1.0.0-RC', '1.0.0-rc ', '👩‍👧', '👩'];

/** The duties of `BundleStore`. */
export function describeBundles(open: OpenStore): void {
  describe('bundles', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    async function insertedBundle(given: Parameters<typeof buildBundle>[0] = {}) {
      const bundle = buildBundle({ appId: newAppId(), ...given });
      await store.insertBundle(bundle, someAuthor);
      return bundle;
    }

    const isPlanned = async (objectKey: string, atMs: number) =>
      (await store.listDueObjectDeletions(atMs, 10_000)).includes(objectKey);

    it('keeps every field as it was given', async () => {
      const appId = newAppId();
      const full = await insertedBundle({
        appId,
        versionName: '1.2.3-béta.1+5',
        description: 'Grüße 👩‍👩‍👧‍👦 e\u0301 \r\n\t"\'\\ 100% ; --',
        sizeBytes: 7_000_000_000,
        sessionKey: 'aXY=:a2V5/+==',
        keyId: 'MIIBCgKCAQEA12345678',
        minUpdateVersion: '0.9.0',
        link: 'https://example.com/Grüße?a=1&b=%20#é',
        comment: 'Neu: 👩‍👩‍👧‍👦 e\u0301 \r\n\t"\'\\ 100% ; --',
        createdAtMs: someTimeMs + 7,
      });
      const plain = await insertedBundle({ appId, createdAtMs: someTimeMs });
      const half = await insertedBundle({ appId, comment: 'only a comment', createdAtMs: someTimeMs - 7 });
      expect(await store.findBundle(full.id)).toStrictEqual(full);
      expect(await store.findBundle(plain.id)).toStrictEqual(plain);
      expect((await store.listBundles({ appId }, { limit: 5 })).items).toStrictEqual([full, plain, half]);
    });

    it('registers the app with its first bundle', async () => {
      const bundle = buildBundle({ appId: newAppId() });
      expect(await store.readAppState(bundle.appId)).toBeUndefined();
      await store.insertBundle(bundle, someAuthor);
      expect(await store.readAppState(bundle.appId)).toMatchObject({ appId: bundle.appId, releases: [] });
      await store.deleteBundle(bundle.id, someAuthor);
      expect(await store.readAppState(bundle.appId)).toMatchObject({ appId: bundle.appId, releases: [] });
    });

    it('refuses a version name the app has, and keeps the first bundle', async () => {
      const first = await insertedBundle();
      const second = buildBundle({ appId: first.appId, versionName: first.versionName });
      await expect(store.insertBundle(second, someAuthor)).rejects.toMatchObject({
        code: 'version_already_exists',
      });
      expect(await store.findBundle(second.id)).toBeUndefined();
      expect((await store.listBundles({ appId: first.appId }, { limit: 5 })).items).toStrictEqual([first]);
    });

    it('refuses a version name the app ever had', async () => {
      const { id, appId, versionName } = await insertedBundle();
      await store.deleteBundle(id, someAuthor);
      await expect(store.insertBundle(buildBundle({ appId, versionName }), someAuthor)).rejects.toMatchObject(
        {
          code: 'version_already_exists',
        },
      );
      expect(await store.isVersionNameTaken(appId, versionName)).toBe(true);
    });

    it('lets two apps use the same version name', async () => {
      const { versionName } = await insertedBundle();
      const other = await insertedBundle({ versionName });
      expect(await store.findBundle(other.id)).toStrictEqual(other);
    });

    it('compares version names to the letter and keeps them byte for byte', async () => {
      const appId = newAppId();
      for (const versionName of lookalikes) {
        expect(await store.isVersionNameTaken(appId, versionName)).toBe(false);
        const bundle = await insertedBundle({ appId, versionName });
        expect((await store.findBundle(bundle.id))?.versionName).toBe(versionName);
        expect(await store.isVersionNameTaken(appId, versionName)).toBe(true);
      }
    });

    it('compares app ids to the letter', async () => {
      const lower = await insertedBundle();
      const upper = await insertedBundle({
        appId: lower.appId.toUpperCase(),
        versionName: lower.versionName,
      });
      expect((await store.listBundles({ appId: lower.appId }, { limit: 5 })).items).toStrictEqual([lower]);
      expect((await store.listBundles({ appId: upper.appId }, { limit: 5 })).items).toStrictEqual([upper]);
      expect(await store.isVersionNameTaken(`${lower.appId} `, lower.versionName)).toBe(false);
    });

    it('lets exactly one of 20 inserts of the same version name win', async () => {
      const appId = newAppId();
      const rivals = Array.from({ length: 20 }, () => buildBundle({ appId, versionName: '2.0.0' }));
      const outcomes = await outcomesOf(rivals.map((rival) => store.insertBundle(rival, someAuthor)));
      const winner = rivals[outcomes.indexOf('done')];
      expect(outcomes.filter((outcome) => outcome !== 'done')).toStrictEqual(
        Array.from({ length: 19 }, () => 'version_already_exists'),
      );
      expect((await store.listBundles({ appId }, { limit: 50 })).items).toStrictEqual([winner]);
    });

    it('takes back the planned deletion of the object of a bundle it inserts', async () => {
      const bundle = buildBundle({ appId: newAppId() });
      await store.planObjectDeletion(objectKeyOf(bundle), someTimeMs);
      await store.insertBundle(bundle, someAuthor);
      expect(await isPlanned(objectKeyOf(bundle), someTimeMs + 1)).toBe(false);
    });

    it('leaves the planned deletion of the object of a bundle it refuses', async () => {
      const { appId, versionName } = await insertedBundle();
      const refused = buildBundle({ appId, versionName });
      await store.planObjectDeletion(objectKeyOf(refused), someTimeMs);
      await expect(store.insertBundle(refused, someAuthor)).rejects.toMatchObject({
        code: 'version_already_exists',
      });
      expect(await isPlanned(objectKeyOf(refused), someTimeMs + 1)).toBe(true);
    });

    it('knows no bundle under an id that was never given', async () => {
      expect(await store.findBundle(nextId())).toBeUndefined();
    });

    it('knows a version name as taken only in its own app', async () => {
      const { appId, versionName } = await insertedBundle();
      expect(await store.isVersionNameTaken(appId, versionName)).toBe(true);
      expect(await store.isVersionNameTaken(appId, `${versionName}0`)).toBe(false);
      expect(await store.isVersionNameTaken(newAppId(), versionName)).toBe(false);
    });

    it('lists bundles that are not deleted, of one app, of some or of all', async () => {
      const own = await open();
      try {
        const [first, second, deleted] = [someTimeMs, someTimeMs + 1, someTimeMs + 2].map((createdAtMs) =>
          buildBundle({ appId: newAppId(), createdAtMs }),
        ) as [ReturnType<typeof buildBundle>, ReturnType<typeof buildBundle>, ReturnType<typeof buildBundle>];
        for (const bundle of [second, deleted, first]) await own.store.insertBundle(bundle, someAuthor);
        await own.store.deleteBundle(deleted.id, someAuthor);
        expect((await own.store.listBundles({}, { limit: 5 })).items).toStrictEqual([second, first]);
        const ofFirst = await own.store.listBundles({ appId: first.appId }, { limit: 5 });
        expect(ofFirst.items).toStrictEqual([first]);
        const ofDeleted = await own.store.listBundles({ appId: deleted.appId }, { limit: 5 });
        expect(ofDeleted.items).toStrictEqual([]);
        const third = buildBundle({ appId: newAppId(), createdAtMs: someTimeMs });
        await own.store.insertBundle(third, someAuthor);
        const ofSome = { appIds: [first.appId, deleted.appId, second.appId, newAppId()] };
        expect(await readPages((page) => own.store.listBundles(ofSome, page), 1)).toStrictEqual([
          ...[[second], [first]],
        ]);
        expect((await own.store.listBundles({ appIds: [] }, { limit: 5 })).items).toStrictEqual([]);
      } finally {
        await own.destroy();
      }
    });

    it('orders bundles of the same time by id, not by arrival', async () => {
      const appId = newAppId();
      const ids = [nextId(), nextId(), nextId()] as const;
      for (const id of [ids[1], ids[2], ids[0]]) await insertedBundle({ id, appId });
      const { items } = await store.listBundles({ appId }, { limit: 5 });
      expect(items.map(({ id }) => id)).toStrictEqual([ids[2], ids[1], ids[0]]);
    });

    it('answers the bundle it deletes and no longer finds it', async () => {
      const bundle = await insertedBundle();
      expect(await store.deleteBundle(bundle.id, someAuthor)).toStrictEqual(bundle);
      expect(await store.findBundle(bundle.id)).toBeUndefined();
      expect((await store.listBundles({ appId: bundle.appId }, { limit: 5 })).items).toStrictEqual([]);
    });

    it('plans the deletion of a deleted bundle’s object for that moment', async () => {
      const bundle = await insertedBundle();
      const now = someTimeMs + 1_000;
      await store.deleteBundle(bundle.id, { ...someAuthor, atMs: now });
      expect(await isPlanned(objectKeyOf(bundle), now - 1)).toBe(false);
      expect(await isPlanned(objectKeyOf(bundle), now)).toBe(true);
    });

    it('refuses to delete a bundle that does not exist or no longer does', async () => {
      const { id } = await insertedBundle();
      await store.deleteBundle(id, someAuthor);
      for (const missing of [id, nextId()]) {
        await expect(store.deleteBundle(missing, someAuthor)).rejects.toMatchObject({
          code: 'bundle_not_found',
        });
      }
    });

    it('deletes a bundle once when asked 20 times at once', async () => {
      const { id } = await insertedBundle();
      const outcomes = await outcomesOf(Array.from({ length: 20 }, () => store.deleteBundle(id, someAuthor)));
      expect(outcomes.toSorted()).toStrictEqual([
        ...Array.from({ length: 19 }, () => 'bundle_not_found'),
        'done',
      ]);
    });

    it('refuses to delete a bundle that releases use, names them all and changes nothing', async () => {
      const bundle = await insertedBundle();
      const { appId } = bundle;
      const other = await insertedBundle({ appId });
      const asBuiltin = buildRelease({ appId, builtinBundleId: bundle.id });
      const asActive = buildRelease({ appId, builtinBundleId: other.id });
      const unconcerned = buildRelease({ appId, builtinBundleId: other.id });
      for (const release of [asBuiltin, asActive, unconcerned])
        await store.insertRelease(release, someAuthor);
      await store.deployToRelease(asActive.id, buildNewDeployment({ bundleId: bundle.id }), someAuthor);

      const refusal = await store.deleteBundle(bundle.id, someAuthor).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'bundle_in_use' });
      const { release_ids } = (refusal as { details: { release_ids: string[] } }).details;
      expect(release_ids.toSorted()).toStrictEqual([asBuiltin.id, asActive.id].toSorted());
      expect(await store.findBundle(bundle.id)).toStrictEqual(bundle);
      expect(await isPlanned(objectKeyOf(bundle), someTimeMs)).toBe(false);
    });

    it('refuses to delete a bundle that channels serve, names them all and changes nothing', async () => {
      const bundle = await insertedBundle();
      const { appId } = bundle;
      const add = (given: Partial<Channel>) =>
        store.insertChannel(buildNewChannel({ appId, ...given }), undefined, someAuthor);
      const { rollout } = buildNewChannel();
      const channels = [
        await add({ bundleId: bundle.id }),
        await add({ rollout: { ...rollout, bundleId: bundle.id } }),
      ];
      await add({});
      const channelIds = channels.map(({ id }) => id);
      await expect(store.deleteBundle(bundle.id, someAuthor)).rejects.toMatchObject({
        code: 'bundle_in_use',
        details: { release_ids: [], channel_ids: channelIds },
      });
      expect(await store.findBundle(bundle.id)).toStrictEqual(bundle);
      expect(await isPlanned(objectKeyOf(bundle), someTimeMs)).toBe(false);

      const [stable, rolling] = channelIds as [number, number];
      await store.updateChannel(
        stable,
        (channel) => ({ channel: { ...channel, bundleId: null } }),
        someAuthor,
      );
      await expect(store.deleteBundle(bundle.id, someAuthor)).rejects.toMatchObject({
        details: { channel_ids: [rolling] },
      });
      await store.deleteChannel(rolling, someAuthor);
      expect(await store.deleteBundle(bundle.id, someAuthor)).toStrictEqual(bundle);
    });

    it('keeps a bundle that lies elsewhere, and plans no deletion for it', async () => {
      const own = await open();
      try {
        const bundle = buildBundle({ objectKey: null, externalUrl: 'https://cdn.example.com/ä.zip?a=1' });
        await own.store.insertBundle(bundle, someAuthor);
        expect(await own.store.findBundle(bundle.id)).toStrictEqual(bundle);
        expect(await own.store.deleteBundle(bundle.id, someAuthor)).toStrictEqual(bundle);
        expect(await own.store.listDueObjectDeletions(someTimeMs, 10)).toStrictEqual([]);
      } finally {
        await own.destroy();
      }
    });

    it('deletes a bundle once its last release has let go of it', async () => {
      const bundle = await insertedBundle();
      const { appId } = bundle;
      const other = await insertedBundle({ appId });
      const asBuiltin = buildRelease({ appId, builtinBundleId: bundle.id });
      const asActive = buildRelease({ appId, builtinBundleId: other.id });
      for (const release of [asBuiltin, asActive]) await store.insertRelease(release, someAuthor);
      await store.deployToRelease(asActive.id, buildNewDeployment({ bundleId: bundle.id }), someAuthor);
      await store.deployToRelease(asActive.id, buildNewDeployment({ bundleId: null }), someAuthor);
      await store.deleteRelease(asBuiltin.id, someAuthor);
      expect(await store.deleteBundle(bundle.id, someAuthor)).toStrictEqual(bundle);
    });

    describe('without a checksum', () => {
      const elsewhere = { objectKey: null, externalUrl: 'https://cdn.example.com/a.zip' };
      const found = { checksum: 'cd'.repeat(32), sizeBytes: 7_000_000_000 };

      it('are listed, the latest id first and from an id on, unless they are ours to store or deleted', async () => {
        const own = await open();
        try {
          const appId = newAppId();
          const missing = Array.from({ length: 4 }, () => buildBundle({ appId, ...elsewhere, checksum: '' }));
          const others = [buildBundle({ appId, ...elsewhere }), buildBundle({ appId, checksum: '' })];
          for (const bundle of [...missing, ...others]) await own.store.insertBundle(bundle, someAuthor);
          const [first, second, deleted, last] = missing as [Bundle, Bundle, Bundle, Bundle];
          await own.store.deleteBundle(deleted.id, someAuthor);
          expect(await own.store.listBundlesWithoutChecksum(5)).toStrictEqual([last, second, first]);
          expect(await own.store.listBundlesWithoutChecksum(1)).toStrictEqual([last]);
          expect(await own.store.listBundlesWithoutChecksum(5, last.id)).toStrictEqual([second, first]);
          expect(await own.store.listBundlesWithoutChecksum(5, first.id)).toStrictEqual([]);
        } finally {
          await own.destroy();
        }
      });

      it('get it once, and the app is told as changed', async () => {
        const bundle = await insertedBundle({ ...elsewhere, checksum: '' });
        const { revision } = await store.readChanges(null);
        expect(await store.setMissingChecksum(bundle.id, found, someAuthor)).toBe(true);
        expect(await store.setMissingChecksum(bundle.id, { ...found, checksum: 'other' }, someAuthor)).toBe(
          false,
        );
        expect(await store.findBundle(bundle.id)).toStrictEqual({ ...bundle, ...found });
        expect((await store.readAppState(bundle.appId))?.bundles).toStrictEqual([{ ...bundle, ...found }]);
        const { changes } = await store.readChanges(revision);
        expect(changes).toStrictEqual([{ appId: bundle.appId, deviceId: null }]);
        const missing = await store.listBundlesWithoutChecksum(1_000);
        expect(missing.map(({ id }) => id)).not.toContain(bundle.id);
      });

      it('do not get one when they have one, are ours to store, were deleted or never were', async () => {
        const deleted = await insertedBundle({ ...elsewhere, checksum: '' });
        await store.deleteBundle(deleted.id, someAuthor);
        const complete = await insertedBundle(elsewhere);
        const ours = await insertedBundle({ checksum: '' });
        for (const id of [deleted.id, complete.id, ours.id, nextId()]) {
          expect(await store.setMissingChecksum(id, found, someAuthor)).toBe(false);
        }
        for (const kept of [complete, ours]) expect(await store.findBundle(kept.id)).toStrictEqual(kept);
      });
    });

    describePaging('bundles', () => {
      const appId = newAppId();
      return {
        add: async (createdAtMs) => (await insertedBundle({ appId, createdAtMs })).id,
        remove: async (id) => {
          await store.deleteBundle(id, someAuthor);
        },
        list: async (page) => {
          const { items, nextCursor } = await store.listBundles({ appId }, page);
          return { items: items.map(({ id }) => id), nextCursor };
        },
        foreignCursor: encodeCursor({ timeMs: someTimeMs, id: '1' }),
      };
    });
  });
}
