import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Change } from '../../ports/changes.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildNewDeployment,
  buildRecordedEvent,
  buildRelease,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore } from './opened-store.ts';

/** The duties of `ChangeLog` and `Leases`. */
export function describeChanges(open: OpenStore): void {
  describe('the log of changes', () => {
    let opened: OpenedStore;
    let store: Store;
    let position: number;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    async function toEnd(): Promise<void> {
      position = (await store.readChanges(null)).revision;
    }
    async function news(): Promise<readonly Change[] | null> {
      const { changes, revision } = await store.readChanges(position);
      position = revision;
      return changes;
    }

    it('is empty where nothing happened', async () => {
      const own = await open();
      try {
        const { changes, revision } = await own.store.readChanges(null);
        expect(changes).toStrictEqual([]);
        expect((await own.store.readChanges(revision)).changes).toStrictEqual([]);
      } finally {
        await own.destroy();
      }
    });

    it('tells every change of an app', async () => {
      const appId = newAppId();
      const [builtin, other] = [buildBundle({ appId }), buildBundle({ appId })];
      const release = buildRelease({ appId, builtinBundleId: builtin.id });
      let channelId = 0;
      const steps: readonly (() => Promise<unknown>)[] = [
        () => store.insertBundle(builtin, someAuthor),
        () => store.insertBundle(other, someAuthor),
        () => store.updateApp(appId, { exposeMetadata: true }, someAuthor),
        () => store.insertRelease(release, someAuthor),
        () => store.setReleaseDate(release.id, someTimeMs, someAuthor),
        () => store.deployToRelease(release.id, buildNewDeployment({ bundleId: null }), someAuthor),
        () => store.deleteRelease(release.id, someAuthor),
        async () => {
          channelId = (await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor)).id;
        },
        () => store.updateChannel(channelId, (channel) => ({ channel }), someAuthor),
        () => store.deleteChannel(channelId, someAuthor),
        () => store.deleteBundle(other.id, someAuthor),
      ];
      await toEnd();
      for (const step of steps) {
        await step();
        expect(await news()).toStrictEqual([{ appId, deviceId: null }]);
      }
    });

    it('tells every change of what is remembered of a device', async () => {
      const appId = newAppId();
      const device = { appId, deviceId: someDeviceId };
      const { id } = await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
      const failed = () => buildRecordedEvent(device, { effects: { failedInstall: '1.0.0' } });
      const steps: readonly (() => Promise<unknown>)[] = [
        () => store.setDeviceOverride(device, id, null, someAuthor),
        () => store.setDeviceOverride(device, null, null, someAuthor),
        () => store.setSelfSetChannel(device, id),
        () => store.appendDeviceEvents([buildRecordedEvent(device), failed(), failed()]),
        () => store.clearFailedInstalls(device, '1.0.0'),
      ];
      await toEnd();
      for (const step of steps) {
        await step();
        expect(await news()).toStrictEqual([device]);
      }
      await store.appendDeviceEvents([buildRecordedEvent(device)]);
      expect(await news()).toStrictEqual([]);
    });

    it('tells nothing of what was refused', async () => {
      const appId = newAppId();
      const bundle = buildBundle({ appId });
      await store.insertBundle(bundle, someAuthor);
      await toEnd();
      await expect(
        store.insertBundle(buildBundle({ appId, versionName: bundle.versionName }), someAuthor),
      ).rejects.toThrow();
      await expect(
        store.insertRelease(buildRelease({ appId, builtinBundleId: 'f'.repeat(24) }), someAuthor),
      ).rejects.toThrow();
      await expect(
        store.setDeviceOverride({ appId, deviceId: someDeviceId }, 2_000_000_000, null, someAuthor),
      ).rejects.toThrow();
      expect(await news()).toStrictEqual([]);
    });

    it('tells who follows every change of 40 that are made at once, and each was there when it was told', async () => {
      await toEnd();
      const appIds = Array.from({ length: 40 }, newAppId);
      let isWriting = true;
      const writing = Promise.all(
        appIds.map((appId) => store.insertBundle(buildBundle({ appId }), someAuthor)),
      ).finally(() => {
        isWriting = false;
      });
      const told: string[] = [];
      async function follow(): Promise<void> {
        for (const { appId } of (await news()) ?? []) {
          if (appId === null) continue;
          told.push(appId);
          expect((await store.readAppState(appId))?.bundles).toHaveLength(1);
        }
      }
      while (isWriting) await follow();
      await writing;
      await follow();
      expect(told.toSorted()).toStrictEqual(appIds.toSorted());
    });

    it('says that it is too much to tell, for a revision long ago or of another log', async () => {
      const own = await open();
      try {
        const appId = newAppId();
        const { revision } = await own.store.readChanges(null);
        const many = Array.from({ length: 10_001 }, (_each, index) =>
          buildRecordedEvent({ appId, deviceId: `device-${index}` }, { effects: { failedInstall: '1.0.0' } }),
        );
        await own.store.appendDeviceEvents(many);
        expect((await own.store.readChanges(revision)).changes).toBeNull();
        expect((await own.store.readChanges(revision + 1)).changes).toHaveLength(10_000);
        await own.store.deleteOldChanges();
        expect((await own.store.readChanges(revision + 1)).changes).toHaveLength(10_000);
        const end = (await own.store.readChanges(null)).revision;
        expect(await own.store.readChanges(end + 1)).toStrictEqual({ changes: null, revision: end });
      } finally {
        await own.destroy();
      }
    });
  });

  describe('leases', () => {
    let opened: OpenedStore;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.destroy());
    const take = (name: string, holder: string, nowMs: number, untilMs: number) =>
      opened.store.takeLease({ name, holder, nowMs, untilMs });

    it('are held by one until their time is over, and prolonged by who holds them', async () => {
      expect(await take('held', 'a', 0, 10)).toBe(true);
      expect(await take('held', 'b', 9, 20)).toBe(false);
      expect(await take('held', 'a', 9, 20)).toBe(true);
      expect(await take('held', 'b', 19, 30)).toBe(false);
      expect(await take('held', 'b', 20, 30)).toBe(true);
      expect(await take('held', 'a', 21, 30)).toBe(false);
    });

    it('are given up by who holds them only', async () => {
      expect(await take('given up', 'a', 0, 10)).toBe(true);
      await opened.store.releaseLease('given up', 'b');
      expect(await take('given up', 'b', 1, 10)).toBe(false);
      await opened.store.releaseLease('given up', 'a');
      expect(await take('given up', 'b', 1, 10)).toBe(true);
    });

    it('are each for themselves', async () => {
      expect(await take('one', 'a', 0, 10)).toBe(true);
      expect(await take('other', 'b', 0, 10)).toBe(true);
    });

    it('go to one of 20 who ask at once', async () => {
      const takers = Array.from({ length: 20 }, (_each, index) => take('wanted', `node-${index}`, 0, 10));
      expect((await Promise.all(takers)).filter(Boolean)).toHaveLength(1);
    });
  });
}
