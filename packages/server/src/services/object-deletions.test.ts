import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleObjectKey } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import { createFilesystemObjectStorage } from '../object-storage/filesystem.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';
import type { Store } from '../ports/store.ts';
import { buildBundle, someAuthor } from '../testing/builders.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { createObjectDeletions, type ObjectDeletions } from './object-deletions.ts';

const outage = new AppError('unavailable', 'The folder for bundles cannot be used right now');
const hourMs = 3_600_000;

describe('deletions of objects', () => {
  let folder: string;
  let store: Store;
  let objectStorage: ObjectStorage;
  let clock: FakeClock;
  let deletions: ObjectDeletions;
  /** Keys whose removal fails. */
  let stuck: Set<string>;
  let onRemove: () => void;

  beforeAll(async () => {
    store = await openSqliteStore(':memory:');
  });
  afterAll(() => store.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-deletions-'));
    objectStorage = await createFilesystemObjectStorage(folder);
    clock = createFakeClock();
    stuck = new Set();
    onRemove = () => undefined;
    deletions = createObjectDeletions({
      store,
      clock,
      objectStorage: {
        ...objectStorage,
        async remove(key) {
          onRemove();
          if (stuck.has(key)) throw outage;
          await objectStorage.remove(key);
        },
      },
    });
  });
  afterEach(async () => {
    for (const key of await planned()) await store.forgetObjectDeletion(key);
    await rm(folder, { recursive: true });
  });

  async function* content(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('bytes');
  }

  async function storeObject(key: string): Promise<void> {
    await (await objectStorage.stage(content())).store(key);
  }

  const exists = async (key: string) => (await objectStorage.find(key)) !== undefined;
  const planned = () => store.listDueObjectDeletions(clock.now() + 100 * hourMs, 1_000);

  it('leave an upload the time it needs, then delete an object that no row claimed', async () => {
    await deletions.planUnlessClaimed('apps/orphan');
    await storeObject('apps/orphan');
    clock.advance(hourMs - 1);
    expect(await deletions.carryOutDue()).toBe(0);
    expect(await exists('apps/orphan')).toBe(true);
    clock.advance(1);
    expect(await deletions.carryOutDue()).toBe(1);
    expect(await exists('apps/orphan')).toBe(false);
    expect(await planned()).toStrictEqual([]);
  });

  it('never touch an object that a row claimed', async () => {
    const bundle = buildBundle();
    const objectKey = bundleObjectKey(bundle.appId, bundle.id);
    await deletions.planUnlessClaimed(objectKey);
    await storeObject(objectKey);
    await store.insertBundle(bundle, someAuthor);
    clock.advance(100 * hourMs);
    expect(await deletions.carryOutDue()).toBe(0);
    expect(await exists(objectKey)).toBe(true);
  });

  it('delete the object of a deleted bundle', async () => {
    const bundle = buildBundle();
    const objectKey = bundleObjectKey(bundle.appId, bundle.id);
    await storeObject(objectKey);
    await store.insertBundle(bundle, someAuthor);
    await store.deleteBundle(bundle.id, { ...someAuthor, atMs: clock.now() });
    expect(await deletions.carryOutDue()).toBe(1);
    expect(await exists(objectKey)).toBe(false);
  });

  it('are done also when the object was never stored or is gone already', async () => {
    await store.planObjectDeletion('apps/never-stored', clock.now());
    expect(await deletions.carryOutDue()).toBe(1);
    expect(await planned()).toStrictEqual([]);
  });

  it('can be carried out one at a time, before they are due', async () => {
    await deletions.planUnlessClaimed('apps/one');
    await deletions.planUnlessClaimed('apps/other');
    await storeObject('apps/one');
    await storeObject('apps/other');
    await deletions.carryOut('apps/one');
    expect([await exists('apps/one'), await exists('apps/other')]).toStrictEqual([false, true]);
    expect(await planned()).toStrictEqual(['apps/other']);
  });

  it('stay planned when the storage fails, and are tried again', async () => {
    await storeObject('apps/stuck');
    await store.planObjectDeletion('apps/stuck', clock.now());
    stuck.add('apps/stuck');
    await expect(deletions.carryOut('apps/stuck')).rejects.toBe(outage);
    await deletions.carryOutDue().catch(() => undefined);
    expect(await planned()).toStrictEqual(['apps/stuck']);
    stuck.clear();
    expect(await deletions.carryOutDue()).toBe(1);
    expect(await exists('apps/stuck')).toBe(false);
    expect(await planned()).toStrictEqual([]);
  });

  it('of other objects are carried out although the oldest one keeps failing', async () => {
    await storeObject('apps/good');
    await store.planObjectDeletion('apps/stuck', clock.now() - 1);
    await store.planObjectDeletion('apps/good', clock.now());
    stuck.add('apps/stuck');
    await deletions.carryOutDue().catch(() => undefined);
    expect(await exists('apps/good')).toBe(false);
    expect(await planned()).toStrictEqual(['apps/stuck']);
  });

  it('end although more keep failing than are taken at a time', async () => {
    for (let index = 0; index < 120; index += 1) {
      stuck.add(`apps/stuck${index}`);
      await store.planObjectDeletion(`apps/stuck${index}`, clock.now());
    }
    await deletions.carryOutDue().catch(() => undefined);
    expect(await planned()).toHaveLength(120);
  });

  it('are all carried out in one run, however many are due', async () => {
    for (let index = 0; index < 250; index += 1) {
      await store.planObjectDeletion(`apps/${index}`, clock.now());
    }
    await storeObject('apps/249');
    expect(await deletions.carryOutDue()).toBe(250);
    expect(await exists('apps/249')).toBe(false);
    expect(await deletions.carryOutDue()).toBe(0);
  });

  it('end after the object they are at when the server stops, and the rest stays planned', async () => {
    for (const name of ['a', 'b', 'c']) {
      await deletions.planUnlessClaimed(`apps/${name}`);
      await storeObject(`apps/${name}`);
    }
    clock.advance(hourMs);
    onRemove = () => deletions.stop();
    expect(await deletions.carryOutDue()).toBe(1);
    expect(await planned()).toEqual(['apps/b', 'apps/c']);
    expect(await exists('apps/b')).toBe(true);
  });
});
