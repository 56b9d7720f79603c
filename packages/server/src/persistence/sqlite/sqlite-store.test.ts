import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import BetterSqlite3 from 'better-sqlite3';
import { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildBundle, buildRecordedEvent, someAuthor } from '../../testing/builders.ts';
import { describeManifestRaces } from '../contract/manifest-races-contract.ts';
import { describeOlderSchemas } from '../contract/older-schemas-contract.ts';
import type { OpenedStore } from '../contract/opened-store.ts';
import { newAppId } from '../contract/opened-store.ts';
import { describeRaces, type OpenedNodes } from '../contract/races-contract.ts';
import { describeStoreContract } from '../contract/store-contract.ts';
import { migrateToLatest } from '../sql/migrate.ts';
import { openSqliteConnection } from './connection.ts';
import { createSqliteDialect, Turns } from './dialect.ts';
import { openSqliteStore } from './open-sqlite-store.ts';

async function openInFile(): Promise<OpenedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-sqlite-'));
  const filePath = join(folder, 'new folder', 'capgo.sqlite');
  let store = await openSqliteStore(filePath);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openSqliteStore(filePath);
      return store;
    },
    async destroy() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

describeStoreContract('an SQLite file', openInFile);

const openTwoNodes = async (): Promise<OpenedNodes> => {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-sqlite-'));
  const filePath = join(folder, 'capgo.sqlite');
  const here = await openSqliteStore(filePath);
  const there = await openSqliteStore(filePath);
  return {
    nodes: [here, there],
    async destroy() {
      await Promise.all([here.close(), there.close()]);
      await rm(folder, { recursive: true });
    },
  };
};
describeRaces('two stores over one SQLite file', openTwoNodes);
describeManifestRaces('two stores over one SQLite file', openTwoNodes);

describeOlderSchemas('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-sqlite-'));
  const filePath = join(folder, 'capgo.sqlite');
  return {
    db: new Kysely({ dialect: createSqliteDialect(openSqliteConnection(filePath), new Turns()) }),
    openStore: () => openSqliteStore(filePath),
    destroy: () => rm(folder, { recursive: true }),
  };
});

const urlOf = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** JavaScript for another process. */
const preamble = `
  import { openSqliteStore } from ${urlOf('./open-sqlite-store.ts')};
  import { buildBundle, buildRecordedEvent, someAuthor } from ${urlOf('../../testing/builders.ts')};
  const [filePath] = process.argv.slice(2);
`;

describe('an SQLite file', { timeout: 20_000 }, () => {
  let folder: string;
  let filePath: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-sqlite-'));
    filePath = join(folder, 'capgo.sqlite');
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** The arguments with which node runs the script; it is told the path of a database. */
  async function argumentsFor(script: string, databasePath: string): Promise<string[]> {
    const scriptPath = join(folder, 'script.mjs');
    await writeFile(scriptPath, preamble + script);
    return ['--conditions=source', scriptPath, databasePath];
  }

  it('is in WAL mode, so that readers do not wait for writers', async () => {
    const store = await openSqliteStore(filePath);
    const reader = new BetterSqlite3(filePath, { readonly: true });
    expect(reader.pragma('journal_mode', { simple: true })).toBe('wal');
    reader.close();
    await store.close();
  });

  it('leaves no lock behind when its store is closed', async () => {
    await (await openSqliteStore(filePath)).close();
    const other = new BetterSqlite3(filePath, { timeout: 0 });
    expect(() => other.exec('begin exclusive; rollback')).not.toThrow();
    other.close();
  });

  it('is refused with its reason when it is a folder', async () => {
    const refusal = await openSqliteStore(folder).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'unavailable' });
    expect(String((refusal as Error).cause)).toMatch(/unable to open database file/);
  });

  it('is refused with its reason when it is no database', async () => {
    await writeFile(filePath, 'This is a text. '.repeat(1_000));
    const refusal = await openSqliteStore(filePath).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'unavailable' });
    expect(String((refusal as Error).cause)).toMatch(/file is not a database/);
  });

  it('is refused in words when a newer version has written it', async () => {
    await (await openSqliteStore(filePath)).close();
    const other = new BetterSqlite3(filePath);
    other.exec("insert into kysely_migration values ('9999-later', '2030-01-01')");
    other.close();
    await expect(openSqliteStore(filePath)).rejects.toThrow(
      'The database was written by a newer version of this server (9999-later); start that version',
    );
  });

  it('takes writes of two stores at the same time, none lost', async () => {
    const stores = [await openSqliteStore(filePath), await openSqliteStore(filePath)];
    const appId = newAppId();
    await Promise.all(
      stores.map(async (store) => {
        for (let round = 0; round < 50; round += 1) {
          await store.insertBundle(buildBundle({ appId }), someAuthor);
          await store.appendDeviceEvents([buildRecordedEvent({ appId }), buildRecordedEvent({ appId })]);
        }
      }),
    );
    for (const store of stores) {
      expect((await store.listBundles({ appId }, { limit: 200 })).items).toHaveLength(100);
      expect(await store.countDeviceEvents({ appId })).toBe(200);
      await store.close();
    }
  });

  it('can be opened by several stores at once when it is new', async () => {
    const opening = await Promise.allSettled([1, 2, 3, 4].map(() => openSqliteStore(filePath)));
    for (const each of opening) if (each.status === 'fulfilled') await each.value.close();
    expect(opening).not.toContainEqual(expect.objectContaining({ status: 'rejected' }));
  });

  it.each([
    'create table "releases"',
    'create index "device_events_newest_of_app"',
    'insert into "kysely_migration" ',
  ])('is completed by the next start after one that died before: %s', async (lastWords) => {
    const connection = openSqliteConnection(filePath);
    const dying = new Kysely<never>({
      dialect: createSqliteDialect(
        {
          ...connection,
          async query(text, parameters) {
            if (text.startsWith(lastWords)) {
              await connection.close();
              throw new Error('killed');
            }
            return connection.query(text, parameters);
          },
        },
        new Turns(),
      ),
    });
    await expect(migrateToLatest(dying)).rejects.toThrow();

    const store = await openSqliteStore(filePath);
    const bundle = buildBundle({ appId: newAppId() });
    await store.insertBundle(bundle, someAuthor);
    expect(await store.findBundle(bundle.id)).toStrictEqual(bundle);
    await store.close();
  });

  it('has all that was acknowledged and nothing half done after the process was killed', async () => {
    const script = `
      const appId = 'com.example.killed';
      const eventsOf = (count) => Array.from({ length: count }, () => buildRecordedEvent({ appId }));
      const store = await openSqliteStore(filePath);
      for (let round = 0; round < 20; round += 1) {
        const bundle = buildBundle({ appId });
        await store.insertBundle(bundle, someAuthor);
        await store.appendDeviceEvents(eventsOf(50));
        console.log(bundle.id);
      }
      console.log('huge');
      const metadata = { text: 'x'.repeat(2_000) };
      await store.appendDeviceEvents(Array.from({ length: 30_000 }, () => buildRecordedEvent({ appId, metadata })));
      console.log('done');
    `;
    const child = spawn(process.execPath, await argumentsFor(script, filePath), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const acknowledged: string[] = [];
    let isHugeUnderWay = false;
    const closed = new Promise((resolve) => child.once('close', resolve));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'huge') isHugeUnderWay = true;
      else acknowledged.push(line);
    });
    // A transaction larger than the cache reaches the log file before it is committed: that is its middle.
    await expect
      .poll(async () => isHugeUnderWay && (await stat(`${filePath}-wal`)).size > 6_000_000, {
        timeout: 15_000,
        interval: 5,
      })
      .toBe(true);
    child.kill('SIGKILL');
    await closed;

    expect(acknowledged).toHaveLength(20);
    const store = await openSqliteStore(filePath);
    for (const id of acknowledged) expect(await store.findBundle(id)).toMatchObject({ id });
    expect(await store.countDeviceEvents({ appId: 'com.example.killed' })).toBe(1_000);
    await store.insertBundle(buildBundle({ appId: 'com.example.killed', versionName: '9.9.9' }), someAuthor);
    await store.close();
  });

  /** Runs a command as the root of a world of its own, where it may mount what it likes. */
  const spawnAlone = (...command: string[]) => {
    const [program, ...flags] = ['unshare', '--user', '--map-root-user', '--mount'];
    return spawnSync(program ?? '', [...flags, ...command], { encoding: 'utf8' });
  };
  const canMount = spawnAlone('mount', '-t', 'tmpfs', 'none', tmpdir()).status === 0;

  /** Runs a script with a database on a disk of 4 MB; answers what it prints last, as JSON. */
  async function onSmallDisk(script: string): Promise<unknown> {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    const mounting = 'mount -t tmpfs -o size=4m none "$1" && shift && exec "$@"';
    const command = [process.execPath, ...(await argumentsFor(script, join(disk, 'capgo.sqlite')))];
    const run = spawnAlone('sh', '-c', mounting, 'sh', disk, ...command);
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '');
  }

  it.skipIf(!canMount)(
    'on a full disk refuses writes, goes on reading and recovers (needs unshare)',
    async () => {
      const answer = await onSmallDisk(`
      import { rmSync, writeFileSync } from 'node:fs';
      const appId = 'com.example.full';
      const eventsOf = (count) => Array.from({ length: count }, () => buildRecordedEvent({ appId }));
      const store = await openSqliteStore(filePath);
      const bundle = buildBundle({ appId });
      await store.insertBundle(bundle, someAuthor);
      const filler = filePath + '.filler';
      writeFileSync(filler, Buffer.alloc(2_000_000));
      let kept = 0;
      let refusal;
      while (!refusal && kept < 100_000) {
        await store.appendDeviceEvents(eventsOf(100)).then(
          () => { kept += 100; },
          (error) => { refusal = error; },
        );
      }
      const huge = buildBundle({ appId, description: 'x'.repeat(4_000_000) });
      const hugeRefusal = await store.insertBundle(huge, someAuthor).catch((error) => error);
      const isBundleThere = (await store.findBundle(bundle.id))?.id === bundle.id;
      const missing = kept - (await store.countDeviceEvents({ appId }));
      rmSync(filler);
      await store.appendDeviceEvents(eventsOf(1));
      const keptAfterwards = (await store.countDeviceEvents({ appId })) - kept;
      await store.close();
      const codes = [refusal?.code, hugeRefusal?.code];
      console.log(JSON.stringify({ codes, isBundleThere, missing, keptAfterwards }));
    `);
      expect(answer).toStrictEqual({
        codes: ['insufficient_storage', 'insufficient_storage'],
        isBundleThere: true,
        missing: 0,
        keptAfterwards: 1,
      });
    },
  );

  it.skipIf(!canMount)('on a read-only disk is refused as unavailable (needs unshare)', async () => {
    const answer = await onSmallDisk(`
      import { spawnSync } from 'node:child_process';
      import { dirname } from 'node:path';
      await (await openSqliteStore(filePath)).close();
      const remounting = spawnSync('mount', ['-o', 'remount,ro', dirname(filePath)]);
      const code = await openSqliteStore(filePath).then(
        (store) => store.insertBundle(buildBundle(), someAuthor).then(() => 'written', (error) => error.code),
        (error) => error.code,
      );
      console.log(JSON.stringify({ isReadOnly: remounting.status === 0, code }));
      process.exit();
    `);
    expect(answer).toStrictEqual({ isReadOnly: true, code: 'unavailable' });
  });
});
