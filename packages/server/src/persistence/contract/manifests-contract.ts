import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entriesOf, type StoredFile } from '../../domain/manifest.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildEntry,
  buildFile,
  buildNewChannel,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore } from './opened-store.ts';
import { add, entriesFor, farAwayMs, fileIdsOf, insertPending, isPlanned, namesOf } from './stored-files.ts';

/**
 * The duties of `ManifestStore`.
 *
 * @param manyFiles of a large manifest
 */
export function describeManifests(open: OpenStore, manyFiles: number): void {
  describe('manifests', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    /** Leaves nothing to sweep for other tests. */
    async function sweepAll(): Promise<void> {
      while ((await store.sweepFiles(farAwayMs, someTimeMs, 1_000)) > 0);
    }

    it('are pending for bundles that want one, the oldest first, and for no others', async () => {
      const appId = newAppId();
      const [late, early, deleted] = [3, 1, 2].map((each) => ({ createdAtMs: each }));
      const second = await insertPending(store, appId, late);
      const first = await insertPending(store, appId, early);
      await store.deleteBundle((await insertPending(store, appId, deleted)).id, someAuthor);
      const encrypted = buildBundle({ appId, manifest: { state: 'none', reason: 'encrypted' } });
      await store.insertBundle(encrypted, someAuthor);

      const ofApp = (await store.listPendingManifests(10_000)).filter((each) => each.appId === appId);
      expect(ofApp).toStrictEqual([first, second]);
      expect(await store.listPendingManifests(1)).toStrictEqual([first]);
      expect(await store.findBundle(encrypted.id)).toStrictEqual(encrypted);
      for (const bundle of [first, second]) await store.deleteBundle(bundle.id, someAuthor);
    });

    it('count who began to make them, until an attempt ends in order', async () => {
      const { id } = await insertPending(store, newAppId());
      expect(await store.beginManifest(id)).toBe(1);
      expect(await store.beginManifest(id)).toBe(2);
      await store.postponeManifest(id);
      expect(await store.beginManifest(id)).toBe(1);
      await store.refuseManifest(id, 'none', 'brotli_names');
      expect(await store.beginManifest(id)).toBe(0);
      expect(await store.beginManifest('f'.repeat(24))).toBe(0);
      await store.postponeManifest('f'.repeat(24));
    });

    it('are given up with a reason, but not once they are there', async () => {
      const appId = newAppId();
      const refused = await insertPending(store, appId);
      const { revision } = await store.readChanges(null);
      await store.refuseManifest(refused.id, 'failed', 'damaged');
      await store.refuseManifest(refused.id, 'none', 'too_many_files');
      expect((await store.findBundle(refused.id))?.manifest).toStrictEqual({
        state: 'failed',
        reason: 'damaged',
      });
      expect((await store.readChanges(revision)).changes).toStrictEqual([{ appId, deviceId: null }]);
      expect((await store.listPendingManifests(10_000)).some(({ id }) => id === refused.id)).toBe(false);

      const ready = await insertPending(store, appId);
      const files = await add(store, [buildFile({ appId })]);
      await store.setManifest(ready.id, entriesFor(files));
      await store.refuseManifest(ready.id, 'failed', 'damaged');
      expect((await store.findBundle(ready.id))?.manifest).toStrictEqual({ state: 'ready', reason: null });
    });

    it('are read as they were set, in their order and to the letter', async () => {
      const appId = newAppId();
      const bundle = await insertPending(store, appId);
      const files = await add(store, [
        buildFile({ appId, sizeBytes: 0 }),
        buildFile({ appId, isBrotli: true, sizeBytes: 2_147_483_648 }),
      ]);
      const [empty, large] = files as [StoredFile, StoredFile];
      const entries = [
        buildEntry(large, 'z/größe 100% @2x 👩‍👧/e\u0301.js.br'),
        buildEntry(empty, 'a\u2028"\\n'),
        { ...buildEntry(empty, 'Z.html'), hash: 'f0'.repeat(256) },
      ];
      const { revision } = await store.readChanges(null);
      expect(await store.readManifest(bundle.id)).toBeUndefined();
      expect(await store.setManifest(bundle.id, entries)).toStrictEqual({ kind: 'set' });

      const manifest = await store.readManifest(bundle.id);
      expect(manifest).toMatchObject({ bundleId: bundle.id, fileCount: 3 });
      expect(manifest && entriesOf(manifest)).toStrictEqual(entries);
      expect((await store.findBundle(bundle.id))?.manifest).toStrictEqual({ state: 'ready', reason: null });
      expect((await store.readAppState(appId))?.bundles).toMatchObject([{ manifest: { state: 'ready' } }]);
      expect((await store.readChanges(revision)).changes).toStrictEqual([{ appId, deviceId: null }]);
      expect(await store.readManifest('f'.repeat(24))).toBeUndefined();
    });

    it('of thousands of files are set, read and taken back', async () => {
      const own = await open();
      try {
        const appId = newAppId();
        const bundle = await insertPending(own.store, appId);
        const files = Array.from({ length: manyFiles }, () => buildFile({ appId }));
        expect(fileIdsOf(await add(own.store, files))).toStrictEqual(fileIdsOf(files));
        expect(await own.store.setManifest(bundle.id, entriesFor(files))).toStrictEqual({ kind: 'set' });
        const manifest = await own.store.readManifest(bundle.id);
        expect(manifest?.fileCount).toBe(manyFiles);
        expect(manifest && entriesOf(manifest)).toStrictEqual(entriesFor(files));
        await own.store.deleteBundle(bundle.id, someAuthor);
        expect(await own.store.sweepFiles(someTimeMs + 1, someTimeMs, 2 * manyFiles)).toBe(manyFiles);
        expect(await own.store.findFiles(appId, namesOf(files))).toStrictEqual([]);
      } finally {
        await own.destroy();
      }
    });

    it('are given once, and not to a bundle that was deleted', async () => {
      const appId = newAppId();
      const [bundle, deleted] = [await insertPending(store, appId), await insertPending(store, appId)];
      const [one, other] = (await add(store, [buildFile({ appId }), buildFile({ appId })])) as [
        StoredFile,
        StoredFile,
      ];
      await store.setManifest(bundle.id, entriesFor([one]));
      expect(await store.setManifest(bundle.id, entriesFor([other]))).toStrictEqual({ kind: 'not_wanted' });
      await store.deleteBundle(deleted.id, someAuthor);
      expect(await store.setManifest(deleted.id, entriesFor([other]))).toStrictEqual({ kind: 'not_wanted' });
      const manifest = await store.readManifest(bundle.id);
      expect(manifest && entriesOf(manifest)).toStrictEqual(entriesFor([one]));
      // The other one never came into use.
      expect(await store.sweepFiles(someTimeMs + 1, someTimeMs, 10_000)).toBeGreaterThan(0);
      expect(await store.findFiles(appId, namesOf([one, other]))).toStrictEqual([one]);
    });

    it('can be given to an encrypted bundle, which gets none by itself', async () => {
      const appId = newAppId();
      const bundle = buildBundle({ appId, manifest: { state: 'none', reason: 'encrypted' } });
      await store.insertBundle(bundle, someAuthor);
      const files = await add(store, [buildFile({ appId, name: `upload:${'c'.repeat(64)}` })]);
      expect(await store.setManifest(bundle.id, entriesFor(files))).toStrictEqual({ kind: 'set' });
      expect((await store.findBundle(bundle.id))?.manifest).toStrictEqual({ state: 'ready', reason: null });
    });

    it('are not set when a file is gone, or another app’s, and then nothing happened', async () => {
      const appId = newAppId();
      const bundle = await insertPending(store, appId);
      const [kept] = (await add(store, [buildFile({ appId })])) as [StoredFile];
      const [foreign] = (await add(store, [buildFile({ appId: await otherApp() })])) as [StoredFile];
      const gone = buildFile({ appId });
      const outcome = await store.setManifest(bundle.id, entriesFor([kept, gone, foreign]));
      expect(outcome).toMatchObject({ kind: 'files_missing' });
      expect(outcome.kind === 'files_missing' && outcome.fileIds.toSorted()).toStrictEqual(
        fileIdsOf([gone, foreign]),
      );
      expect(await store.readManifest(bundle.id)).toBeUndefined();
      expect((await store.findBundle(bundle.id))?.manifest.state).toBe('pending');
      expect(await store.sweepFiles(someTimeMs + 1, someTimeMs, 10_000)).toBeGreaterThan(0);
      expect(await store.findFiles(appId, [kept.name])).toStrictEqual([]);
    });

    async function otherApp(): Promise<string> {
      return (await insertPending(store, newAppId())).appId;
    }

    it('have files that an app has once by name, whoever added them first', async () => {
      const appId = await otherApp();
      const name = 'd'.repeat(64);
      const [first, second] = [buildFile({ appId, name }), buildFile({ appId, name, isBrotli: true })];
      expect(await add(store, [first])).toStrictEqual([first]);
      expect(await isPlanned(store, first)).toBe(false);
      expect(await add(store, [second])).toStrictEqual([first]);
      expect(await isPlanned(store, second)).toBe(true);
      expect(await store.findFiles(appId, [name, 'e'.repeat(64)])).toStrictEqual([first]);
      expect(await store.findFiles(await otherApp(), [name])).toStrictEqual([]);
      expect(await store.findFiles(appId, [])).toStrictEqual([]);
      expect(await store.addFiles([], someTimeMs)).toStrictEqual([]);
      // The same file twice in one call is one file.
      const twice = buildFile({ appId });
      const again = buildFile({ appId, name: twice.name });
      expect(await add(store, [twice, again])).toStrictEqual([twice]);
      expect(await isPlanned(store, again)).toBe(true);
    });

    it('never have a file whose object may be deleted already', async () => {
      const appId = await otherApp();
      const [unplanned, due, kept] = [buildFile({ appId }), buildFile({ appId }), buildFile({ appId })];
      await store.planObjectDeletion(due.objectKey, someTimeMs);
      await store.planObjectDeletion(kept.objectKey, someTimeMs + 1);
      expect(await store.addFiles([unplanned, due, kept], someTimeMs)).toStrictEqual([kept]);
      expect(await isPlanned(store, due)).toBe(true);
      expect(await isPlanned(store, kept)).toBe(false);
    });

    it('keep a file in use until the last bundle that has it is deleted, and then for the grace', async () => {
      await sweepAll();
      const appId = newAppId();
      const bundles = [await insertPending(store, appId), await insertPending(store, appId)] as const;
      const files = await add(store, [buildFile({ appId }), buildFile({ appId }), buildFile({ appId })]);
      const [both, first, second] = files as [StoredFile, StoredFile, StoredFile];
      // Twice in one bundle is one use.
      await store.setManifest(bundles[0].id, [...entriesFor([both, first]), buildEntry(both, 'again.js')]);
      await store.setManifest(bundles[1].id, entriesFor([both, second]));
      expect(await store.sweepFiles(farAwayMs, farAwayMs, 100)).toBe(0);
      expect(fileIdsOf(await store.findUsedFiles(appId, namesOf(files)))).toStrictEqual(fileIdsOf(files));

      await store.deleteBundle(bundles[0].id, { ...someAuthor, atMs: someTimeMs + 5 });
      expect(await store.readManifest(bundles[0].id)).toBeUndefined();
      expect(await store.sweepFiles(someTimeMs + 5, farAwayMs, 100)).toBe(0);
      expect(await isPlanned(store, first)).toBe(false);
      expect(await store.findFiles(appId, [first.name])).toStrictEqual([first]);
      expect(await store.findUsedFiles(appId, [first.name])).toStrictEqual([]);
      expect(await store.sweepFiles(someTimeMs + 6, someTimeMs, 100)).toBe(1);
      expect(await isPlanned(store, first)).toBe(true);
      expect(fileIdsOf(await store.findFiles(appId, namesOf(files)))).toStrictEqual(
        fileIdsOf([both, second]),
      );

      await store.deleteBundle(bundles[1].id, { ...someAuthor, atMs: someTimeMs + 7 });
      expect(await store.sweepFiles(someTimeMs + 8, someTimeMs, 1)).toBe(1);
      expect(await store.sweepFiles(someTimeMs + 8, someTimeMs, 10)).toBe(1);
      expect(await store.findFiles(appId, namesOf(files))).toStrictEqual([]);
      expect(await isPlanned(store, both)).toBe(true);
    });

    it('let go of a file once for each bundle, when several are deleted in one step', async () => {
      await sweepAll();
      const appId = newAppId();
      const bundles = [0, 1, 2].map((each) => ({ createdAtMs: someTimeMs + each }));
      const [one, other, kept] = [
        await insertPending(store, appId, bundles[0]),
        await insertPending(store, appId, bundles[1]),
        await insertPending(store, appId, bundles[2]),
      ];
      const files = await add(store, [buildFile({ appId }), buildFile({ appId })]);
      const [inAll, inTwo] = files as [StoredFile, StoredFile];
      const twice = [...entriesFor([inAll, inTwo]), buildEntry(inTwo, 'again.js')];
      await store.setManifest(one.id, twice);
      await store.setManifest(other.id, twice);
      await store.setManifest(kept.id, entriesFor([inAll]));
      await store.insertChannel(buildNewChannel({ appId, bundleId: kept.id }), undefined, someAuthor);
      const deleted = await store.deleteUnusedBundles(
        appId,
        { createdUntilMs: null, exceptIds: [], limit: 10 },
        { ...someAuthor, atMs: someTimeMs + 5 },
      );
      expect(deleted).toHaveLength(2);
      expect(await store.findBundle(other.id)).toBeUndefined();
      expect(await store.findUsedFiles(appId, namesOf(files))).toStrictEqual([inAll]);
      expect(await store.sweepFiles(farAwayMs, someTimeMs, 10)).toBe(1);
      expect(await store.findFiles(appId, namesOf(files))).toStrictEqual([inAll]);
    });

    it('take a file that is about to be swept into use again, and it stays', async () => {
      await sweepAll();
      const appId = newAppId();
      const old = await insertPending(store, appId);
      const next = await insertPending(store, appId);
      const [file] = (await add(store, [buildFile({ appId })])) as [StoredFile];
      await store.setManifest(old.id, entriesFor([file]));
      await store.deleteBundle(old.id, someAuthor);
      expect(await store.findFiles(appId, [file.name])).toStrictEqual([file]);
      expect(await store.setManifest(next.id, entriesFor([file]))).toStrictEqual({ kind: 'set' });
      expect(await store.sweepFiles(farAwayMs, someTimeMs, 10)).toBe(0);
      expect(await isPlanned(store, file)).toBe(false);
    });

    it('know a swept file that comes again as another one', async () => {
      await sweepAll();
      const appId = await otherApp();
      const [first] = (await add(store, [buildFile({ appId })])) as [StoredFile];
      expect(await store.sweepFiles(farAwayMs, someTimeMs, 10)).toBe(1);
      const again = buildFile({ appId, name: first.name });
      expect(await add(store, [again])).toStrictEqual([again]);
      expect(await isPlanned(store, first)).toBe(true);
      expect(await isPlanned(store, again)).toBe(false);
      const bundle = await insertPending(store, appId);
      expect(await store.setManifest(bundle.id, entriesFor([first]))).toStrictEqual({
        kind: 'files_missing',
        fileIds: [first.id],
      });
      expect(await store.setManifest(bundle.id, entriesFor([again]))).toStrictEqual({ kind: 'set' });
    });

    it('go with their app, and their files do', async () => {
      const [appId, other] = [newAppId(), newAppId()];
      const [bundle, foreign] = [await insertPending(store, appId), await insertPending(store, other)];
      const [used, unused] = (await add(store, [buildFile({ appId }), buildFile({ appId })])) as [
        StoredFile,
        StoredFile,
      ];
      const [kept] = (await add(store, [buildFile({ appId: other })])) as [StoredFile];
      await store.setManifest(bundle.id, entriesFor([used]));
      await store.setManifest(foreign.id, entriesFor([kept]));
      await store.deleteApp(appId, someAuthor);

      expect(await store.readManifest(bundle.id)).toBeUndefined();
      expect(await store.findFiles(appId, namesOf([used, unused]))).toStrictEqual([]);
      for (const file of [used, unused]) expect(await isPlanned(store, file)).toBe(true);
      expect(await store.findUsedFiles(other, [kept.name])).toStrictEqual([kept]);
      expect(await store.readManifest(foreign.id)).toMatchObject({ fileCount: 1 });
      // Somebody who is still at it has nothing to add to.
      const late = buildFile({ appId });
      expect(await add(store, [late])).toStrictEqual([]);
      expect(await isPlanned(store, late)).toBe(true);
      expect(await store.setManifest(bundle.id, [])).toStrictEqual({ kind: 'not_wanted' });
      // Registered again, it begins with nothing.
      const again = await insertPending(store, appId);
      const files = await add(store, [buildFile({ appId, name: used.name })]);
      expect(await store.setManifest(again.id, entriesFor(files))).toStrictEqual({ kind: 'set' });
    });

    it('are there again, with the uses of their files, when the store is opened again', async ({ skip }) => {
      const { store: before, reopen, destroy } = await open();
      try {
        if (!reopen) {
          skip('the data of this engine ends with the store');
          return;
        }
        const appId = newAppId();
        const bundle = await insertPending(before, appId);
        const begun = await insertPending(before, appId, { createdAtMs: someTimeMs + 1 });
        await before.beginManifest(begun.id);
        const files = await add(before, [buildFile({ appId }), buildFile({ appId })]);
        await before.setManifest(bundle.id, entriesFor(files.slice(0, 1)));

        const again = await reopen();
        const manifest = await again.readManifest(bundle.id);
        expect(manifest && entriesOf(manifest)).toStrictEqual(entriesFor(files.slice(0, 1)));
        expect(await again.listPendingManifests(5)).toStrictEqual([begun]);
        expect(await again.beginManifest(begun.id)).toBe(2);
        expect(await again.sweepFiles(farAwayMs, someTimeMs, 5)).toBe(1);
        expect(await again.findFiles(appId, namesOf(files))).toStrictEqual(files.slice(0, 1));
      } finally {
        await destroy();
      }
    });
  });
}
