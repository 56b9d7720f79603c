import { type Document, ObjectId } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildNewDeployment,
  buildRelease,
  someAuthor,
} from '../../testing/builders.ts';
import { dropDatabase, newDatabaseName, testMongoUrl, withDatabase } from '../../testing/mongo-database.ts';
import { openMongoStore } from './open-mongo-store.ts';

const appId = 'com.example.app';
const otherAppId = 'com.example.other';
const idAt = (timeMs: number, number: number) =>
  new ObjectId(
    Math.floor(timeMs / 1000)
      .toString(16)
      .padStart(8, '0') + String(number).padStart(16, '0'),
  );
const dayMs = 86_400_000;
const startMs = Date.UTC(2024, 4, 1, 8, 30, 0, 123);

/** A bundle as the older server wrote it. */
function olderBundle(number: number, given: Document = {}): Document & { _id: ObjectId } {
  const createdAtMs = startMs + number * dayMs;
  return {
    _id: idAt(createdAtMs, number),
    app_id: appId,
    version_name: `1.0.${number}`,
    description: `build ${number}`,
    crc_checksum: '00c0ffee',
    signature: '',
    public_download_url: `https://s3.example.com/capgo/1.0.${number}_xid${number}.zip`,
    created_at: new Date(createdAtMs),
    ...given,
  };
}

function olderRelease(number: number, builtin: ObjectId, given: Document = {}): Document & { _id: ObjectId } {
  const createdAtMs = startMs + number * dayMs;
  return {
    _id: idAt(createdAtMs, 1_000 + number),
    platform: 'ios',
    app_id: appId,
    version_name: `2.${number}.0`,
    version_code: String(number),
    released_date: null,
    builtin_bundle_id: builtin,
    active_bundle_id: null,
    updated_at: new Date(createdAtMs),
    created_at: new Date(createdAtMs),
    ...given,
  };
}

const builtin = olderBundle(1);
const active = olderBundle(2);
const twin = olderBundle(3, { version_name: '1.0.2', description: 'the same name again' });
const odd = olderBundle(4, { version_name: 'nightly build #7', crc_checksum: 'ABC' });
const homeless = olderBundle(5, { app_id: '' });
const { created_at: _created, description: _description, signature: _signature, ...bare } = olderBundle(6);
const foreign = olderBundle(7, { app_id: otherAppId });
const unused = olderBundle(8, { app_id: null });
const bundles = [builtin, active, twin, odd, homeless, bare as typeof builtin, foreign, unused];

const plain = olderRelease(1, builtin._id);
const serving = olderRelease(2, builtin._id, {
  platform: 'android',
  active_bundle_id: active._id,
  released_date: new Date(startMs),
});
const lending = olderRelease(3, homeless._id, { active_bundle_id: foreign._id });
const releases = [plain, serving, lending];

describe.skipIf(testMongoUrl === '')('a MongoDB of an older server (needs TEST_MONGO_URL)', () => {
  let name: string;
  let store: Store;
  beforeEach(async () => {
    name = newDatabaseName();
    await withDatabase(name, async (db) => {
      await db
        .collection('releases')
        .createIndex({ version_name: 1, platform: 1, app_id: 1, version_code: 1 }, { unique: true });
      await db.collection('bundles').insertMany(bundles);
      await db.collection('releases').insertMany(releases);
    });
    store = await openMongoStore(testMongoUrl, name);
  });
  afterEach(async () => {
    await store.close();
    await dropDatabase(name);
  });

  const hex = (document: { _id: ObjectId }) => document._id.toHexString();

  it('keeps its bundles with their ids, names, times and download URLs', async () => {
    expect(await store.findBundle(hex(twin))).toStrictEqual({
      id: hex(twin),
      appId,
      versionName: '1.0.2',
      description: 'the same name again',
      crcChecksum: '00c0ffee',
      checksum: '',
      sizeBytes: 0,
      sessionKey: '',
      keyId: null,
      minUpdateVersion: null,
      objectKey: null,
      externalUrl: 'https://s3.example.com/capgo/1.0.3_xid3.zip',
      link: null,
      comment: null,
      manifest: { state: 'none', reason: 'external' },
      createdAtMs: startMs + 3 * dayMs,
    });
    const { items } = await store.listBundles({}, { limit: 20 });
    expect(items.map(({ id }) => id)).toStrictEqual(bundles.map(hex).reverse());
    const pages = [];
    for (let cursor: string | undefined; ; ) {
      const page = await store.listBundles({ appId }, { limit: 2, cursor });
      pages.push(...page.items.map(({ id }) => id));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(pages).toStrictEqual([bare as typeof builtin, homeless, odd, twin, active, builtin].map(hex));
  });

  it('keeps names that repeat or are not semver, and completes what was left out', async () => {
    expect((await store.findBundle(hex(active)))?.versionName).toBe('1.0.2');
    expect(await store.findBundle(hex(odd))).toMatchObject({
      versionName: 'nightly build #7',
      crcChecksum: '00000abc',
    });
    expect(await store.findBundle(hex(bare as typeof builtin))).toMatchObject({
      description: '',
      createdAtMs: Math.floor((startMs + 6 * dayMs) / 1000) * 1000,
    });
  });

  it('gives bundles that were of no app to the app whose release serves them', async () => {
    expect((await store.findBundle(hex(homeless)))?.appId).toBe(appId);
    expect((await store.findBundle(hex(unused)))?.appId).toBe('');
  });

  it('numbers its bundles in order of arrival, and new ones after them', async () => {
    const ofApp = await store.listBundleRecords(appId, { offset: 0, limit: 20 });
    const ofOther = await store.listBundleRecords(otherAppId, { offset: 0, limit: 20 });
    expect(ofApp.map(({ id, number }) => [id, number])).toStrictEqual(
      [bare as typeof builtin, homeless, odd, twin, active, builtin].map((each, index) => [
        hex(each),
        6 - index,
      ]),
    );
    expect(ofOther.map(({ id, number }) => [id, number])).toStrictEqual([[hex(foreign), 7]]);
    const fresh = buildBundle({ id: new ObjectId().toHexString(), appId, versionName: '1.1.0' });
    await store.insertBundle(fresh, someAuthor);
    const [record] = await store.findBundleRecords(appId, { versionNames: ['1.1.0'] });
    expect(record?.number).toBe(bundles.length + 1);
    expect(await store.findBundleRecords(appId, { numbers: [2] })).toMatchObject([{ id: hex(active) }]);
  });

  it('keeps its releases', async () => {
    expect(await store.findRelease(hex(serving))).toStrictEqual({
      id: hex(serving),
      appId,
      platform: 'android',
      versionName: '2.2.0',
      versionCode: '2',
      releaseDateMs: startMs,
      builtinBundleId: hex(builtin),
      activeBundleId: hex(active),
      createdAtMs: startMs + 2 * dayMs,
      updatedAtMs: startMs + 2 * dayMs,
    });
    const { items } = await store.listReleases({}, { limit: 20 });
    expect(items.map(({ id }) => id)).toStrictEqual(releases.map(hex).reverse());
  });

  it('is served: an app knows every bundle its releases use, also that of another app', async () => {
    const states = await store.readAllAppStates();
    expect(states.map((state) => state.appId).toSorted()).toStrictEqual([appId, otherAppId]);
    for (const state of [states.find((each) => each.appId === appId), await store.readAppState(appId)]) {
      expect(state?.releases).toHaveLength(3);
      const known = new Set(state?.bundles.map(({ id }) => id));
      for (const served of [builtin, active, homeless, foreign]) expect(known).toContain(hex(served));
      expect(known).not.toContain(hex(unused));
    }
  });

  it('is changed like any other, and what we do not know of its documents stays', async () => {
    const deployment = buildNewDeployment({ bundleId: hex(twin), createdAtMs: startMs });
    expect(await store.deployToRelease(hex(plain), deployment, someAuthor)).toMatchObject({
      activeBundleId: hex(twin),
    });
    await store.setReleaseDate(hex(plain), startMs, { ...someAuthor, atMs: startMs + 1 });
    expect(await store.findRelease(hex(plain))).toMatchObject({
      activeBundleId: hex(twin),
      releaseDateMs: startMs,
      updatedAtMs: startMs + 1,
    });
    await expect(store.deleteBundle(hex(twin), { ...someAuthor, atMs: startMs })).rejects.toMatchObject({
      code: 'bundle_in_use',
    });
    await store.deleteBundle(hex(odd), { ...someAuthor, atMs: startMs });
    expect(await store.findBundle(hex(odd))).toBeUndefined();
    const channel = await store.insertChannel(
      buildNewChannel({ appId, bundleId: hex(active) }),
      undefined,
      someAuthor,
    );
    expect((await store.findChannel(channel.id))?.bundleId).toBe(hex(active));
    const { _id, ...left } = odd;
    await withDatabase(name, async (db) => {
      expect(await db.collection('bundles').findOne({ _id })).toMatchObject(left);
      expect(await db.collection('releases').findOne({ _id: plain._id })).toMatchObject({
        active_bundle_id: twin._id,
        released_date: new Date(startMs),
      });
    });
  });

  it('lets nobody use its version names again, nor its releases, until they are deleted', async () => {
    for (const versionName of ['1.0.2', 'nightly build #7']) {
      await expect(store.insertBundle(buildBundle({ appId, versionName }), someAuthor)).rejects.toMatchObject(
        {
          code: 'version_already_exists',
        },
      );
    }
    const fresh = buildBundle({ id: new ObjectId().toHexString(), appId, versionName: '1.1.0' });
    await store.insertBundle(fresh, someAuthor);
    expect(await store.findBundle(fresh.id)).toStrictEqual(fresh);
    const again = buildRelease({
      ...{ id: new ObjectId().toHexString(), appId, builtinBundleId: fresh.id },
      ...{ platform: 'ios', versionName: '2.1.0', versionCode: '1' },
    });
    await expect(store.insertRelease(again, someAuthor)).rejects.toMatchObject({
      code: 'release_already_exists',
    });
    for (const release of [plain, lending]) await store.deleteRelease(hex(release), someAuthor);
    await store.insertRelease(again, someAuthor);
    expect(await store.findRelease(again.id)).toStrictEqual(again);
  });

  it('is taken over once, however many nodes open it later', async () => {
    await store.deleteBundle(hex(unused), { ...someAuthor, atMs: startMs });
    const more = await Promise.all([1, 2, 3].map(() => openMongoStore(testMongoUrl, name)));
    for (const each of more) {
      expect((await each.listBundles({}, { limit: 20 })).items).toHaveLength(bundles.length - 1);
      await each.close();
    }
  });

  it.each([
    ['under another name', { unique: true, name: 'release_key' }],
    ['with other options', {}],
  ])('is taken over with indexes that somebody made %s', async (_how, options) => {
    const own = newDatabaseName();
    onTestFinished(() => dropDatabase(own));
    await withDatabase(own, async (db) => {
      const key = { version_name: 1, platform: 1, app_id: 1, version_code: 1 } as const;
      await db.collection('releases').createIndex(key, options);
      await db.collection('bundles').createIndex({ app_id: 1, version_name: 1 }, { name: 'names' });
      await db.collection('bundles').insertMany(bundles);
      await db.collection('releases').insertMany(releases);
    });
    const opened = await openMongoStore(testMongoUrl, own);
    expect((await opened.findRelease(hex(serving)))?.activeBundleId).toBe(hex(active));
    await opened.close();
    const indexed = await withDatabase(own, async (db) => {
      const keys = (await db.collection('bundles').indexes()).map(({ key }) => Object.keys(key).join());
      return keys.toSorted();
    });
    expect(indexed).toContain('app_id,created_at,_id');
    expect(indexed.filter((key) => key === 'app_id,version_name')).toHaveLength(1);
  });
});
