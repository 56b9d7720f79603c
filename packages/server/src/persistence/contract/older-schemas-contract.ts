import { type Kysely, Migrator } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { appSettingDefaults } from '../../domain/app.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildRecordedEvent,
  buildRelease,
  someAuthor,
} from '../../testing/builders.ts';
import * as initial from '../sql/migrations/0001-initial.ts';
import { newAppId } from './opened-store.ts';

export interface EmptyDatabase {
  /** An empty database, as its engine opens it; to be destroyed before the store is opened. */
  readonly db: Kysely<Record<string, Record<string, unknown>>>;
  openStore(): Promise<Store>;
  destroy(): Promise<void>;
}

/** What becomes of a database that an earlier version has written, on each engine with tables. */
export function describeOlderSchemas(name: string, open: () => Promise<EmptyDatabase>): void {
  describe(`an older database of ${name}`, () => {
    it('of the first schema is brought up to date with everything in it, and an event told twice is kept once', async () => {
      const opened = await open();
      onTestFinished(() => opened.destroy());
      const { db } = opened;
      const migrations = { '0001-initial': { up: initial.up } };
      await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest();
      const bundle = buildBundle({ appId: newAppId() });
      const release = buildRelease({ appId: bundle.appId, builtinBundleId: bundle.id });
      await db.insertInto('apps').values({ app_id: bundle.appId, created_at: 0 }).execute();
      await db
        .insertInto('bundles')
        .values({
          ...{ id: bundle.id, app_id: bundle.appId, version_name: bundle.versionName, description: '' },
          ...{ crc_checksum: bundle.crcChecksum, checksum: bundle.checksum, size: bundle.sizeBytes },
          ...{ session_key: '', object_key: bundle.objectKey, created_at: bundle.createdAtMs },
        })
        .execute();
      const older = {
        ...{
          app_id: bundle.appId,
          description: '',
          crc_checksum: '',
          checksum: '',
          size: 1,
          session_key: '',
        },
        object_key: '',
      };
      await db
        .insertInto('bundles')
        .values([
          { ...older, id: 'b', version_name: '0.0.2', created_at: 5, deleted_at: null },
          { ...older, id: 'a', version_name: '0.0.1', created_at: 5, deleted_at: 6 },
        ])
        .execute();
      await db
        .insertInto('releases')
        .values({
          ...{ id: release.id, app_id: release.appId, platform: release.platform },
          ...{ version_name: release.versionName, version_code: release.versionCode },
          ...{ builtin_bundle_id: bundle.id, active_bundle_id: bundle.id, created_at: 0, updated_at: 0 },
        })
        .execute();
      const event = (device_time: number | null, received_at: number) => ({
        ...{
          app_id: bundle.appId,
          device_id: 'd',
          received_at,
          device_time,
          action: 'set',
          version_name: '1.0.0',
        },
        ...{ platform: 'ios', is_emulator: 0, is_prod: 1, metadata: '{"a":"b"}' },
      });
      await db
        .insertInto('device_events')
        .values([
          ...Array.from({ length: 1_200 }, (_each, at) => event(null, at)),
          event(7, 1_200),
          event(7, 1_201),
        ])
        .execute();
      await db.destroy();

      const store = await opened.openStore();
      expect(await store.findBundle(bundle.id)).toStrictEqual({
        ...{ ...bundle, description: '' },
        // What it is made of is looked up in the background.
        manifest: { state: 'pending', reason: null },
      });
      expect((await store.findRelease(release.id))?.activeBundleId).toBe(bundle.id);
      // Numbered in order of arrival, those deleted as well.
      await store.insertBundle(buildBundle({ appId: bundle.appId, versionName: '9.0.0' }), someAuthor);
      const records = await store.listBundleRecords(bundle.appId, { offset: 0, limit: 5 });
      expect(records.map(({ versionName, number }) => [versionName, number])).toStrictEqual([
        ['9.0.0', 4],
        [bundle.versionName, 3],
        ['0.0.2', 2],
      ]);
      expect(await store.findApp(bundle.appId)).toMatchObject({ name: null, retentionSeconds: null });
      expect((await store.readAppState(bundle.appId))?.settings).toStrictEqual(appSettingDefaults);
      expect(await store.countDeviceEvents({ appId: bundle.appId })).toBe(1_201);
      const { items } = await store.listDeviceEvents({ appId: bundle.appId }, { limit: 2 });
      expect(items.map(({ receivedAtMs, deviceTimeMs }) => [receivedAtMs, deviceTimeMs])).toStrictEqual([
        [1_200, 7],
        [1_199, null],
      ]);
      expect(items[0]).toMatchObject({
        id: expect.stringMatching(/^0{10}[0-9a-f]{14}$/),
        metadata: { a: 'b' },
      });
      const channel = await store.insertChannel(
        buildNewChannel({ appId: bundle.appId, bundleId: bundle.id }),
        undefined,
        someAuthor,
      );
      await store.appendDeviceEvents([buildRecordedEvent({ appId: bundle.appId })]);
      expect((await store.readAppState(bundle.appId))?.channels).toStrictEqual([channel]);
      await store.close();
    });
  });
}
