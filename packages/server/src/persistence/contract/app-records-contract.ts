import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AppRecord, appProfileDefaults } from '../../domain/app.ts';
import { noDeviceState } from '../../domain/device-state.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { lateEventsMs } from '../../ports/app-records.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildAppRecord,
  buildBundle,
  buildDeviceRecord,
  buildFile,
  buildNewChannel,
  buildNewDeployment,
  buildRecordedEvent,
  buildRelease,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore, objectKeyOf, outcomesOf } from './opened-store.ts';
import { readDeviceState } from './read-device-state.ts';
import { add, entriesFor } from './stored-files.ts';

const otherDeviceId = someDeviceId.replace(/^./, '0');

function fullRecord(appId: string): AppRecord {
  return {
    appId,
    organizationId: defaultOrganizationId,
    exposeMetadata: true,
    allowDeviceCustomId: false,
    name: 'Grüße 👋',
    icon: 'https://example.com/icon.png',
    retentionSeconds: 0,
    defaultUploadChannel: 'production',
    needOnboarding: true,
    existingApp: true,
    blockProviderInfraRequests: true,
    iosStoreUrl: 'https://apps.example.com/1',
    androidStoreUrl: 'https://play.example.com/1',
    createdAtMs: someTimeMs + 3,
    updatedAtMs: someTimeMs + 4,
  };
}

/** The duties of `AppRecords`. */
export function describeAppRecords(open: OpenStore): void {
  describe('app records', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    const counter = {
      date: '2026-01-15',
      bundle: '1.0.1',
      channel: '',
      platform: 'ios',
      counter: 'get',
    } as const;
    const eventOf = (appId: string, receivedAtMs: number, deviceId = someDeviceId) =>
      buildRecordedEvent(
        { appId, deviceId, receivedAtMs },
        {
          effects: {
            counters: [counter],
            failedInstall: '1.0.1',
            statistics: [{ metric: 'downloaded', date: '2026-01-15', name: '1.0.1', detail: '', amount: 1 }],
          },
          device: buildDeviceRecord({ appId, deviceId, seenAtMs: receivedAtMs }),
        },
      );
    async function purgeAll(nowMs: number, limit = 1_000): Promise<number> {
      for (let purged = 0; ; ) {
        const rows = await store.purgeDeletedApps(limit, nowMs);
        expect(rows).toBeLessThanOrEqual(limit);
        if (rows === 0) return purged;
        purged += rows;
      }
    }

    it('keep every field as it was given', async () => {
      for (const app of [fullRecord(newAppId()), buildAppRecord({ appId: newAppId() })]) {
        await store.insertApp(app, someAuthor);
        expect(await store.findApp(app.appId)).toStrictEqual(app);
        expect(await store.listApps([app.appId], { offset: 0, limit: 5 })).toStrictEqual([app]);
      }
    });

    it('are there once their app is registered by something of it, with nothing said of it', async () => {
      const bundle = buildBundle({ appId: newAppId(), createdAtMs: someTimeMs + 9 });
      expect(await store.findApp(bundle.appId)).toBeUndefined();
      await store.insertBundle(bundle, { ...someAuthor, atMs: bundle.createdAtMs });
      const { appId, createdAtMs } = bundle;
      expect(await store.findApp(appId)).toStrictEqual(
        buildAppRecord({ appId, createdAtMs, updatedAtMs: createdAtMs }),
      );
      await expect(store.insertApp(fullRecord(appId), someAuthor)).rejects.toMatchObject({
        code: 'app_already_exists',
      });
      expect(await store.findApp(appId)).toMatchObject(appProfileDefaults);
    });

    it('register an app that update checks then know, and tell of it', async () => {
      const app = fullRecord(newAppId());
      const { revision } = await store.readChanges(null);
      await store.insertApp(app, someAuthor);
      expect(await store.readAppState(app.appId)).toStrictEqual({
        appId: app.appId,
        settings: { exposeMetadata: true, allowDeviceCustomId: false },
        releases: [],
        channels: [],
        bundles: [],
      });
      const { changes } = await store.readChanges(revision);
      expect(changes).toStrictEqual([{ appId: app.appId, deviceId: null }]);
    });

    it('are made once, of 20 made at once', async () => {
      const appId = newAppId();
      const outcomes = await outcomesOf(
        Array.from({ length: 20 }, () => store.insertApp(buildAppRecord({ appId }), someAuthor)),
      );
      expect(outcomes.toSorted()).toStrictEqual([
        ...Array.from({ length: 19 }, () => 'app_already_exists'),
        'done',
      ]);
    });

    it('are listed by id, in pages, of all apps or of some', async () => {
      const appIds = ['b', 'a', 'c'].map((each) => `${newAppId()}.${each}`).toSorted();
      for (const appId of appIds.toReversed()) await store.insertApp(buildAppRecord({ appId }), someAuthor);
      const ids = async (...parameters: Parameters<Store['listApps']>) =>
        (await store.listApps(...parameters)).map(({ appId }) => appId);
      const some = [...appIds, newAppId()];
      expect(await ids(some, { offset: 0, limit: 2 })).toStrictEqual(appIds.slice(0, 2));
      expect(await ids(some, { offset: 2, limit: 2 })).toStrictEqual(appIds.slice(2));
      expect(await ids(some, { offset: 4, limit: 2 })).toStrictEqual([]);
      expect(await ids([], { offset: 0, limit: 2 })).toStrictEqual([]);
      expect(await ids(null, { offset: 0, limit: 1_000 })).toEqual(expect.arrayContaining(appIds));
    });

    it('change as they are told, and leave the rest', async () => {
      const app = fullRecord(newAppId());
      await store.insertApp(app, someAuthor);
      const change = { name: null, retentionSeconds: null, needOnboarding: false };
      const changed = { ...app, ...change, updatedAtMs: someTimeMs + 9 };
      expect(await store.updateApp(app.appId, change, { ...someAuthor, atMs: someTimeMs + 9 })).toStrictEqual(
        changed,
      );
      expect(await store.findApp(app.appId)).toStrictEqual(changed);
    });

    it('are deleted with everything that hangs on them, and leave other apps alone', async () => {
      const [appId, other] = [newAppId(), newAppId()];
      for (const each of [appId, other]) await store.insertApp(fullRecord(each), someAuthor);
      const bundles = [0, 1, 2].map((offsetMs) => buildBundle({ appId, createdAtMs: someTimeMs + offsetMs }));
      const [builtin, active, deleted] = bundles as [
        (typeof bundles)[number],
        (typeof bundles)[number],
        (typeof bundles)[number],
      ];
      for (const bundle of bundles) await store.insertBundle(bundle, someAuthor);
      await store.deleteBundle(deleted.id, someAuthor);
      await store.forgetObjectDeletion(objectKeyOf(deleted));
      const release = buildRelease({ appId, builtinBundleId: builtin.id });
      await store.insertRelease(release, someAuthor);
      await store.deployToRelease(release.id, buildNewDeployment({ bundleId: active.id }), someAuthor);
      const channel = await store.insertChannel(
        buildNewChannel({ appId, bundleId: active.id }),
        buildNewDeployment({ bundleId: active.id }),
        someAuthor,
      );
      await store.setDeviceOverride({ appId, deviceId: someDeviceId }, channel.id, null, someAuthor);
      await store.setSelfSetChannel({ appId, deviceId: otherDeviceId }, channel.id);
      await store.appendDeviceEvents([eventOf(appId, someTimeMs), eventOf(other, someTimeMs)]);
      const foreign = buildBundle({ appId: other });
      await store.insertBundle(foreign, someAuthor);
      const [used, unused] = await add(store, [buildFile({ appId }), buildFile({ appId })]);
      const fileKeys = [used, unused].map((file) => file?.objectKey ?? '');
      await store.setManifest(active.id, entriesFor(used ? [used] : []));

      const { revision } = await store.readChanges(null);
      const objectKeys = [...[builtin, active].map(objectKeyOf), ...fileKeys];
      expect(
        (await store.deleteApp(appId, { ...someAuthor, atMs: someTimeMs + 100 })).toSorted(),
      ).toStrictEqual(objectKeys.toSorted());
      expect(await store.listDueObjectDeletions(someTimeMs + 100, 1_000)).toEqual(
        expect.arrayContaining(objectKeys),
      );
      expect(await store.readManifest(active.id)).toBeUndefined();
      expect(
        await store.findFiles(
          appId,
          [used, unused].map((file) => file?.name ?? ''),
        ),
      ).toStrictEqual([]);
      expect(await store.listDueObjectDeletions(someTimeMs + 100, 1_000)).not.toContain(objectKeyOf(deleted));
      expect(await store.findApp(appId)).toBeUndefined();
      expect(await store.readAppState(appId)).toBeUndefined();
      expect((await store.readAllAppStates()).map((state) => state.appId)).not.toContain(appId);
      expect(await store.listApps([appId], { offset: 0, limit: 5 })).toStrictEqual([]);
      expect((await store.listBundles({ appId }, { limit: 5 })).items).toStrictEqual([]);
      expect(await store.listBundleRecords(appId, { offset: 0, limit: 5 })).toStrictEqual([]);
      expect(await store.findBundle(active.id)).toBeUndefined();
      expect((await store.listReleases({ appId }, { limit: 5 })).items).toStrictEqual([]);
      expect(await store.listChannels(appId)).toStrictEqual([]);
      expect(await store.findChannel(channel.id)).toBeUndefined();
      const target = { kind: 'channel', channelId: channel.id } as const;
      expect((await store.listDeployments(target, { limit: 5 })).items).toStrictEqual([]);
      for (const deviceId of [someDeviceId, otherDeviceId]) {
        expect(await readDeviceState(store, appId, deviceId)).toStrictEqual(noDeviceState);
      }
      const days = { fromDate: '0000-01-01', toDate: '9999-12-31' };
      expect((await store.listCounters({ appId, ...days }, { limit: 5 })).items).toStrictEqual([]);
      const metrics = ['downloaded'] as const;
      expect(await store.readStatistics({ appIds: [appId], metrics, ...days })).toStrictEqual([]);
      expect(await store.readStorageChanges([appId])).toStrictEqual([]);
      const { changes } = await store.readChanges(revision);
      expect(changes).toEqual(
        expect.arrayContaining([
          { appId, deviceId: null },
          { appId, deviceId: someDeviceId },
          { appId, deviceId: otherDeviceId },
        ]),
      );
      await purgeAll(someTimeMs + 100);
      expect(await store.countDeviceEvents({ appId })).toBe(0);
      expect(await store.findDevice(appId, someDeviceId)).toBeUndefined();

      expect(await store.findBundle(foreign.id)).toStrictEqual(foreign);
      expect(await store.countDeviceEvents({ appId: other })).toBe(1);
      expect(await store.findDevice(other, someDeviceId)).toBeDefined();
      expect((await store.listCounters({ appId: other, ...days }, { limit: 5 })).items).toHaveLength(1);
    });

    it('cannot be deleted when there are none, and twice', async () => {
      const app = buildAppRecord({ appId: newAppId() });
      await store.insertApp(app, someAuthor);
      const outcomes = await outcomesOf([
        store.deleteApp(app.appId, someAuthor),
        store.deleteApp(app.appId, someAuthor),
        store.deleteApp(newAppId(), someAuthor),
      ]);
      expect(outcomes.toSorted()).toStrictEqual(['app_not_found', 'app_not_found', 'done']);
      await expect(store.updateApp(app.appId, {}, someAuthor)).rejects.toMatchObject({
        code: 'app_not_found',
      });
    });

    it('start anew when the app is registered again, and version names are free', async () => {
      const first = buildBundle({ appId: newAppId() });
      const { appId, versionName } = first;
      await store.insertBundle(first, someAuthor);
      const [record] = await store.listBundleRecords(appId, { offset: 0, limit: 1 });
      await store.updateApp(appId, { name: 'old', exposeMetadata: true, retentionSeconds: 5 }, someAuthor);
      await store.appendDeviceEvents([eventOf(appId, someTimeMs)]);
      await store.deleteApp(appId, { ...someAuthor, atMs: someTimeMs + 100 });
      expect(await store.isVersionNameTaken(appId, versionName)).toBe(false);

      const second = buildBundle({ appId, versionName, createdAtMs: someTimeMs + 200 });
      await store.insertBundle(second, { ...someAuthor, atMs: second.createdAtMs });
      expect(await store.findApp(appId)).toStrictEqual(
        buildAppRecord({ appId, createdAtMs: someTimeMs + 200, updatedAtMs: someTimeMs + 200 }),
      );
      const [again] = await store.listBundleRecords(appId, { offset: 0, limit: 5 });
      expect(again).toMatchObject(second);
      expect(again?.number).toBeGreaterThan(record?.number ?? Number.NaN);
      // What comes now is of the new app, and stays when what is left of the old one is deleted.
      await store.appendDeviceEvents([eventOf(appId, someTimeMs + 300, otherDeviceId)]);
      await purgeAll(someTimeMs + 400);
      const { items } = await store.listDeviceEvents({ appId }, { limit: 5 });
      expect(items.map(({ deviceId }) => deviceId)).toStrictEqual([otherDeviceId]);
      expect(await store.findDevice(appId, someDeviceId)).toBeUndefined();
      expect(await store.findDevice(appId, otherDeviceId)).toBeDefined();
      const days = { fromDate: '0000-01-01', toDate: '9999-12-31' };
      expect((await store.listCounters({ appId, ...days }, { limit: 5 })).items).toMatchObject([{ get: 1 }]);
      const metrics = ['downloaded'] as const;
      expect(await store.readStatistics({ appIds: [appId], metrics, ...days })).toMatchObject([
        { amount: 1 },
      ]);
      expect(await readDeviceState(store, appId, otherDeviceId)).toMatchObject({
        failedInstalls: new Map([['1.0.1', 1]]),
      });
      expect(await readDeviceState(store, appId, someDeviceId)).toStrictEqual(noDeviceState);
    });

    it('let what is told late of a deleted app go, too, in steps, until it has had its time', async () => {
      const app = buildAppRecord({ appId: newAppId() });
      const { appId } = app;
      await store.insertApp(app, someAuthor);
      await store.deleteApp(appId, someAuthor);
      expect(await purgeAll(someTimeMs)).toBe(0);
      const late = Array.from({ length: 5 }, (_each, index) =>
        eventOf(appId, someTimeMs + index, `${index}${someDeviceId.slice(1)}`),
      );
      await store.appendDeviceEvents(late);
      expect(await purgeAll(someTimeMs + lateEventsMs, 2)).toBe(10);
      expect(await store.countDeviceEvents({ appId })).toBe(0);
      expect(await store.listDevicesInOrder({ appId, order: 'id', limit: 5 })).toStrictEqual([]);
    });
  });
}
