import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildRecordedEvent,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { dropDatabase, newDatabaseName, testMongoUrl, withDatabase } from '../../testing/mongo-database.ts';
import { newAppId, outcomesOf } from '../contract/opened-store.ts';
import { readDeviceState } from '../contract/read-device-state.ts';
import { migrateToLatest } from './migrate.ts';
import { openMongoStore } from './open-mongo-store.ts';

const urlOf = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** A script elsewhere would not find it by its name. */
const driver = JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve('mongodb')).href);

/** JavaScript for another process, which kills itself instead of sending the n-th write after `arm()`. */
const preamble = `
  import { randomBytes } from 'node:crypto';
  import { Collection } from ${driver};
  import { openMongoStore } from ${urlOf('./open-mongo-store.ts')};
  import { buildBundle, buildDeviceRecord, buildRecordedEvent, someAuthor } from ${urlOf('../../testing/builders.ts')};
  const [url, name, appId, lastWrite] = process.argv.slice(2);
  let writes = -1;
  const arm = () => { writes = 0; };
  for (const method of ['insertOne', 'insertMany', 'updateOne', 'updateMany', 'bulkWrite', 'deleteOne',
    'deleteMany']) {
    const original = Collection.prototype[method];
    Collection.prototype[method] = function (...parameters) {
      if (writes >= 0) {
        writes += 1;
        if (writes > Number(lastWrite)) process.kill(process.pid, 'SIGKILL');
      }
      return original.apply(this, parameters);
    };
  }
  const store = await openMongoStore(url, name);
`;

const appendScript = `
  const counters = ['get', 'install'].map((counter) =>
    ({ date: '2026-01-15', bundle: '1.0.0', channel: '', platform: 'ios', counter }));
  const effects = { counters, failedInstall: '1.0.0' };
  const events = Array.from({ length: Number(process.argv[6]) }, () =>
    buildRecordedEvent(
      { id: randomBytes(12).toString('hex'), appId, metadata: { text: 'x'.repeat(Number(process.argv[7])) } },
      { effects, device: buildDeviceRecord({ appId }) },
    ));
  arm();
  await store.appendDeviceEvents(events);
  console.log('appended');
  process.exit();
`;

const deleteScript = `
  const { items } = await store.listBundles({ appId }, { limit: 5 });
  arm();
  await store.deleteBundle(items[0].id, someAuthor);
  console.log('deleted');
  process.exit();
`;

/** All there are. */
async function migrationNames(): Promise<string[]> {
  const files = await readdir(join(import.meta.dirname, 'migrations'));
  return files.map((file) => file.replace(/\.ts$/, '')).toSorted();
}

describe.skipIf(testMongoUrl === '')('MongoDB (needs TEST_MONGO_URL)', { timeout: 300_000 }, () => {
  let folder: string;
  let name: string;
  let appId: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-mongo-'));
    name = newDatabaseName();
    appId = newAppId();
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    await dropDatabase(name);
  });

  /** Runs a script that dies before its n-th write; answers whether it came to its end. */
  async function runUntilWrite(script: string, write: number, ...more: number[]): Promise<boolean> {
    const path = join(folder, 'script.mjs');
    await writeFile(path, preamble + script);
    const run = spawnSync(
      process.execPath,
      ['--conditions=source', path, testMongoUrl, name, appId, String(write), ...more.map(String)],
      { encoding: 'utf8' },
    );
    if (run.signal === 'SIGKILL') return false;
    if (run.status !== 0) throw new Error(run.stderr);
    return true;
  }

  /** What a living node sees, and then a node that starts. */
  async function seenBy(living: Store, see: (store: Store) => Promise<unknown>): Promise<unknown[]> {
    const atOnce = await see(living);
    const started = await openMongoStore(testMongoUrl, name);
    const afterStart = await see(started);
    await started.close();
    return [atOnce, afterStart];
  }

  it.each([
    ['', 3, 0],
    [' that takes more than one document', 30, 400_000],
  ])(
    'has all of an append%s or nothing, wherever its process was killed',
    async (_size, count, textLength) => {
      const living = await openMongoStore(testMongoUrl, name);
      const see = async (store: Store) => {
        const days = { fromDate: '2026-01-01', toDate: '2026-12-31' };
        const { items } = await store.listCounters({ appId, ...days }, { limit: 2 });
        const { failedInstalls } = await readDeviceState(store, appId, someDeviceId);
        return {
          events: await store.countDeviceEvents({ appId }),
          counters: items.map(({ get, install }) => [get, install]),
          failures: failedInstalls.get('1.0.0') ?? 0,
          isInInventory: (await store.findDevice(appId, someDeviceId)) !== undefined,
        };
      };
      const after = (times: number) => ({
        events: count * times,
        counters: times === 0 ? [] : [[count * times, count * times]],
        failures: count * times,
        isInInventory: times > 0,
      });
      let kept = 0;
      let deaths = 0;
      for (; !(await runUntilWrite(appendScript, deaths, count, textLength)); deaths += 1) {
        const [atOnce, afterStart] = await seenBy(living, see);
        if (JSON.stringify(atOnce) === JSON.stringify(after(kept + 1))) kept += 1;
        expect(atOnce).toStrictEqual(after(kept));
        expect(afterStart).toStrictEqual(after(kept));
      }
      expect(await see(living)).toStrictEqual(after(kept + 1));
      expect(deaths).toBeGreaterThan(kept);
      expect(kept).toBeGreaterThan(2);
      await living.close();
    },
  );

  it('has all of a change or nothing, wherever its process was killed', async () => {
    const living = await openMongoStore(testMongoUrl, name);
    let kept = 0;
    for (let death = 0; ; death += 1) {
      appId = newAppId();
      const bundle = buildBundle({ appId });
      await living.insertBundle(bundle, someAuthor);
      await living.appendDeviceEvents([
        buildRecordedEvent({ appId }, { effects: { failedInstall: bundle.versionName } }),
      ]);
      const { revision } = await living.readChanges(null);
      const isDone = await runUntilWrite(deleteScript, death);
      const seen = await seenBy(living, async (store) => ({
        isThere: (await store.findBundle(bundle.id)) !== undefined,
        isPlanned: (await store.listDueObjectDeletions(someTimeMs, 100)).includes(bundle.objectKey ?? ''),
        failures: (await readDeviceState(store, appId, someDeviceId)).failedInstalls.size,
        changes: (await store.readChanges(revision)).changes?.length,
      }));
      const before = { isThere: true, isPlanned: false, failures: 1, changes: 0 };
      const after = { isThere: false, isPlanned: true, failures: 0, changes: 1 };
      const isKept = JSON.stringify(seen[0]) === JSON.stringify(after);
      expect(seen).toStrictEqual(isKept ? [after, after] : [before, before]);
      if (isKept) kept += 1;
      if (isDone) {
        expect(isKept).toBe(true);
        break;
      }
    }
    expect(kept).toBeGreaterThan(2);
    await living.close();
  });

  it('is made ready by one of 8 nodes that start at once', async () => {
    const opening = await Promise.allSettled(
      Array.from({ length: 8 }, () => openMongoStore(testMongoUrl, name)),
    );
    const stores = opening.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(stores).toHaveLength(8);
    await Promise.all(stores.map((store) => store.insertBundle(buildBundle({ appId }), someAuthor)));
    expect((await stores[0]?.listBundles({ appId }, { limit: 20 }))?.items).toHaveLength(8);
    await Promise.all(stores.map((store) => store.close()));
    const left = await withDatabase(name, async (db) => ({
      migrations: (await db.collection('migrations').find().toArray()).map(({ _id }) => String(_id)),
      locks: await db.collection('locks').countDocuments(),
    }));
    expect({ ...left, migrations: left.migrations.toSorted() }).toStrictEqual({
      migrations: await migrationNames(),
      locks: 0,
    });
  });

  it('is made ready although the node that was at it died', async () => {
    await withDatabase(name, async (db) => {
      await db
        .collection<{ _id: string }>('locks')
        .insertOne({ _id: 'migrations', owner: 'dead', beat: 7 } as never);
      await migrateToLatest(db, { deadAfterMs: 200 });
      expect(await db.collection('migrations').countDocuments()).toBe((await migrationNames()).length);
    });
  });

  it('is refused when a newer version has written it', async () => {
    await (await openMongoStore(testMongoUrl, name)).close();
    await withDatabase(name, (db) =>
      db.collection<{ _id: string }>('migrations').insertOne({ _id: '9999-later' }),
    );
    const refusal = await openMongoStore(testMongoUrl, name).catch((error) => error);
    expect(refusal.message).toContain('newer version');
    // It would be waited for.
    expect(refusal).not.toHaveProperty('code', 'unavailable');
  });

  it('that is not there is told within five seconds, without its password', async () => {
    const startedMs = performance.now();
    const refusal = await openMongoStore('mongodb://capgo:hunter2@127.0.0.1:1', name).catch((error) => error);
    expect(refusal).toMatchObject({ code: 'unavailable' });
    expect(`${refusal.message} ${refusal.cause}`).not.toContain('hunter2');
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('that goes away makes all that wait fail within five seconds, and works again when it is back', async () => {
    const { hostname, port } = new URL(testMongoUrl);
    const sockets = new Set<Socket>();
    let isAway = false;
    const proxy = createServer((socket) => {
      if (isAway) {
        socket.destroy();
        return;
      }
      const upstream = connect(Number(port), hostname);
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy()).on('close', () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = proxy.address();
    const proxyPort = typeof address === 'object' && address ? address.port : 0;
    const store = await openMongoStore(`mongodb://127.0.0.1:${proxyPort}`, name);
    await store.appendDeviceEvents([buildRecordedEvent({ appId })]);

    isAway = true;
    for (const socket of sockets) socket.destroy();
    const startedMs = performance.now();
    const outcomes = await outcomesOf([
      ...Array.from({ length: 5 }, () => store.appendDeviceEvents([buildRecordedEvent({ appId })])),
      store.insertBundle(buildBundle({ appId }), someAuthor),
      store.readAppState(appId),
      store.ping(),
    ]);
    expect(new Set(outcomes)).toStrictEqual(new Set(['unavailable']));
    expect(performance.now() - startedMs).toBeLessThan(6_000);

    isAway = false;
    await expect
      .poll(
        () =>
          store.ping().then(
            () => true,
            () => false,
          ),
        { timeout: 15_000 },
      )
      .toBe(true);
    await store.insertBundle(buildBundle({ appId, createdAtMs: someTimeMs }), someAuthor);
    expect(await store.countDeviceEvents({ appId })).toBe(1);
    await store.close();
    await new Promise((resolve) => proxy.close(resolve));
  });
});
