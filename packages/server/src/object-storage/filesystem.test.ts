import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStorage } from '../ports/object-storage.ts';
import { describeObjectStorage, newKey, sourceOf, storeObject } from './contract/object-storage-contract.ts';
import { createFilesystemObjectStorage } from './filesystem.ts';

describeObjectStorage('the file system', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-objects-'));
  return {
    storage: await createFilesystemObjectStorage(folder),
    restart: () => createFilesystemObjectStorage(folder),
    destroy: () => rm(folder, { recursive: true }),
  };
});

describe('objects on the file system', () => {
  let folder: string;
  let storage: ObjectStorage;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-objects-'));
    storage = await createFilesystemObjectStorage(join(folder, 'new', 'folder'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Paths of all files below the folder. */
  async function files(): Promise<string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }

  it('leave no file when the source fails midway', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* sourceOf('the first half');
      throw new Error('the connection was cut');
    }
    await expect(storage.stage(failing())).rejects.toThrow('the connection was cut');
    expect(await files()).toStrictEqual([]);
  });

  it('leave one file for each object, and none of what was discarded or refused', async () => {
    const key = newKey();
    await storeObject(storage, key, 'content');
    await (await storage.stage(sourceOf('discarded'))).discard();
    const refused = await storage.stage(sourceOf('refused'));
    await expect(refused.store(key)).rejects.toMatchObject({ code: 'internal' });
    await refused.discard();
    expect(await files()).toHaveLength(1);
    await storage.remove(key);
    expect(await files()).toStrictEqual([]);
  });

  it('clear what a killed process had staged at the next start', async () => {
    await storage.stage(sourceOf('left behind'));
    expect(await files()).toHaveLength(1);
    await createFilesystemObjectStorage(join(folder, 'new', 'folder'));
    expect(await files()).toStrictEqual([]);
  });

  it('are unavailable while their folder is gone', async () => {
    const staged = await storage.stage(sourceOf('staged'));
    await rm(folder, { recursive: true });
    await expect(storage.ping()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(storage.stage(sourceOf('bytes'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(staged.store(newKey())).rejects.toMatchObject({ code: 'unavailable' });
  });

  /** Runs a command as the root of a world of its own, where it may mount what it likes. */
  const spawnAlone = (...command: string[]) => {
    const [program, ...flags] = ['unshare', '--user', '--map-root-user', '--mount'];
    return spawnSync(program ?? '', [...flags, ...command], { encoding: 'utf8' });
  };
  const canMount = spawnAlone('mount', '-t', 'tmpfs', 'none', tmpdir()).status === 0;
  const urlOf = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

  /** Runs a script with a disk of 1 MB at `disk`; answers what it prints last, as JSON. */
  async function onSmallDisk(script: string): Promise<unknown> {
    const disk = join(folder, 'disk');
    const scriptPath = join(folder, 'script.mjs');
    await mkdir(disk);
    await writeFile(
      scriptPath,
      `import { spawnSync } from 'node:child_process';
      import { readdirSync } from 'node:fs';
      import { createFilesystemObjectStorage } from ${urlOf('./filesystem.ts')};
      const [disk] = process.argv.slice(2);
      const storage = await createFilesystemObjectStorage(disk);
      const codeOf = (promise) => promise.then(() => 'done', (error) => error.code);
      const stage = async (count) => storage.stage((async function* () {
        for (let index = 0; index < count; index += 1) yield Buffer.alloc(100_000);
      })());
      ${script}`,
    );
    const mounting = 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"';
    const command = [process.execPath, '--conditions=source', scriptPath, disk];
    const run = spawnAlone('sh', '-c', mounting, 'sh', disk, ...command);
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout);
  }

  it.skipIf(!canMount)(
    'are refused on a full disk, leave nothing there and fit again (needs unshare)',
    async () => {
      const answer = await onSmallDisk(`
      const tooMuch = await codeOf(stage(30));
      const left = readdirSync(disk + '/staging').length;
      const little = await codeOf(stage(3).then((staged) => staged.store('a/b')));
      console.log(JSON.stringify({ tooMuch, left, little, found: await storage.find('a/b') }));
    `);
      expect(answer).toStrictEqual({
        tooMuch: 'insufficient_storage',
        left: 0,
        little: 'done',
        found: { sizeBytes: 300_000 },
      });
    },
  );

  it.skipIf(!canMount)('are unavailable for writing on a read-only disk (needs unshare)', async () => {
    const answer = await onSmallDisk(`
      await (await stage(1)).store('kept');
      const staged = await stage(1);
      const isReadOnly = spawnSync('mount', ['-o', 'remount,ro', disk]).status === 0;
      console.log(JSON.stringify({
        isReadOnly,
        codes: await Promise.all([
          storage.ping(), stage(1), staged.store('new'), staged.store('new/folder'), staged.discard(), storage.remove('kept'),
        ].map(codeOf)),
        kept: await storage.find('kept'),
      }));
    `);
    expect(answer).toStrictEqual({
      isReadOnly: true,
      codes: Array.from({ length: 6 }, () => 'unavailable'),
      kept: { sizeBytes: 100_000 },
    });
  });
});
