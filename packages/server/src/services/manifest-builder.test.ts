import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import type { ManifestEntry } from '../domain/manifest.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';
import type { Store } from '../ports/store.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { usersOf } from '../testing/manifest-server.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';
import { createManifestBuilder, type UnbuiltManifest } from './manifest-builder.ts';

const clock = createFakeClock();
const hourMs = 60 * 60 * 1_000;
let server: TestServer;
let users: ReturnType<typeof usersOf>;
beforeAll(async () => {
  server = await startTestServer({ clock });
  users = usersOf(server);
});
afterAll(() => server.close());

let lastApp = 0;
function newAppId(): string {
  lastApp += 1;
  return `com.example.files${lastApp}`;
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const text = 'const answer = 42;\n'.repeat(1_000);

async function entriesOf(bundleId: string): Promise<readonly ManifestEntry[]> {
  return (await server.product.services.manifests.get(bundleId)).entries;
}

/** Names of the file objects of an app. */
async function storedFiles(appId: string): Promise<readonly string[]> {
  const folder = join(server.dataDir, 'storage', 'objects', 'apps', appId, 'files');
  return (await readdir(folder).catch(() => [])).toSorted();
}

async function build(appId: string, version: string, files: Record<string, string | Buffer>) {
  const bundle = await users.upload(appId, version, buildZip(files));
  await users.buildManifests();
  return bundle;
}

describe('the manifest of an uploaded bundle', () => {
  it('lists every file by its real path, with the hash of its bytes, compressed where that saves something', async () => {
    const appId = newAppId();
    const noise = randomBytes(20_000);
    const files: Record<string, string | Buffer> = {
      'index.html': '<!doctype html>',
      'empty.txt': '',
      'assets/größe 100% @2x.js': text,
      'assets/noise.bin': noise,
      'just/below': 'a'.repeat(8_191),
      'just/enough': 'a'.repeat(8_192),
    };
    const bundle = await users.upload(appId, '1.0.0', buildZip({ ...files, 'empty-folder/': '' }));
    expect(await users.status(bundle.id)).toEqual(['pending', null]);
    await users.buildManifests();
    expect(await users.status(bundle.id)).toEqual(['ready', null]);

    const entries = await entriesOf(bundle.id);
    expect(entries.map(({ fileName }) => fileName)).toEqual([
      'assets/größe 100% @2x.js.br',
      'assets/noise.bin',
      'empty.txt',
      'index.html',
      'just/below',
      'just/enough.br',
    ]);
    for (const { fileName, hash, objectKey, sizeBytes } of entries) {
      const path = fileName.replace(/\.br$/, '');
      const stored = await readFile(join(server.dataDir, 'storage', 'objects', objectKey));
      const content = Buffer.from(files[path] ?? 'missing');
      expect(stored.length).toBe(sizeBytes);
      expect(fileName === path ? stored : brotliDecompressSync(stored)).toEqual(content);
      expect(hash).toBe(sha256(content));
    }
  });

  it('leaves out the name of a single root folder', async () => {
    const { id } = await build(newAppId(), '1.0.0', { 'www/index.html': 'x', 'www/a/b.js': 'y' });
    expect((await entriesOf(id)).map(({ fileName }) => fileName)).toEqual(['a/b.js', 'index.html']);
  });

  it('stores a file once for all bundles of the app, and not with another app’s', async () => {
    const [appId, otherId] = [newAppId(), newAppId()];
    await build(appId, '1.0.0', { 'index.html': 'same', 'a.js': text, 'copy/of-a.js': text });
    const before = await storedFiles(appId);
    expect(before).toHaveLength(2);
    const next = await build(appId, '1.0.1', { 'index.html': 'same', 'b/moved.js': text });
    expect(await storedFiles(appId)).toEqual(before);
    expect((await entriesOf(next.id)).map(({ fileName }) => fileName)).toEqual([
      'b/moved.js.br',
      'index.html',
    ]);
    await build(otherId, '1.0.0', { 'index.html': 'same' });
    expect(await storedFiles(otherId)).toHaveLength(1);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a file whose real name ends in .br', { 'index.html': 'x', 'a/data.json.br': 'y' }, 'brotli_names'],
    [
      'more than 10,000 files',
      {
        'index.html': 'x',
        ...Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`f/${at}`, ''])),
      },
      'too_many_files',
    ],
  ])('is none for a bundle with %s, which is served as a zip', async (_what, files, reason) => {
    const appId = newAppId();
    const { id } = await build(appId, '2.0.0', files);
    expect(await users.status(id)).toEqual(['none', reason]);
    expect(await storedFiles(appId)).toEqual([]);
    await users.serve(appId, id);
    const { answer } = await users.check(appId);
    expect(answer).toMatchObject({ version: '2.0.0' });
    expect(answer).not.toHaveProperty('manifest');
  });

  it('of 10,000 files is made, and a name with .BR or .br inside is no obstacle', async () => {
    const appId = newAppId();
    const many = Object.fromEntries(Array.from({ length: 9_997 }, (_, at) => [`f/${at}`, '']));
    const { id } = await build(appId, '2.0.0', { 'index.html': 'x', 'a.BR': 'y', 'b.br/c': 'z', ...many });
    expect(await users.status(id)).toEqual(['ready', null]);
    expect(await entriesOf(id)).toHaveLength(10_000);
    await users.manage('bundles.delete', { bundle_id: id });
  });

  it('is none for an encrypted bundle, with the reason', async () => {
    const fields = { session_key: 'a:b', checksum: 'c' };
    const { id } = await users.upload(newAppId(), '1.0.0', randomBytes(50), fields);
    await users.buildManifests();
    expect(await users.status(id)).toEqual(['none', 'encrypted']);
  });

  it('fails for good when the stored zip is damaged, and the next bundle is built all the same', async () => {
    const appId = newAppId();
    const broken = await users.upload(appId, '1.0.0', buildZip({ 'index.html': randomBytes(5_000) }));
    const path = join(server.dataDir, 'storage/objects/apps', appId, 'bundles', `${broken.id}.zip`);
    const bytes = await readFile(path);
    bytes.writeUInt8(bytes.readUInt8(2_000) ^ 0xff, 2_000);
    await writeFile(path, bytes);
    const whole = await build(appId, '1.0.1', { 'index.html': 'x' });
    expect(await users.status(broken.id)).toEqual(['failed', 'damaged']);
    expect(await users.status(whole.id)).toEqual(['ready', null]);
  });

  it('is put off while the zip cannot be had, and made later', async () => {
    const appId = newAppId();
    const bundle = await users.upload(appId, '1.0.0', buildZip({ 'index.html': 'x' }));
    const path = join(server.dataDir, 'storage/objects/apps', appId, 'bundles', `${bundle.id}.zip`);
    const bytes = await readFile(path);
    await rm(path);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      await users.buildManifests();
      clock.advance(2 * hourMs);
    }
    expect(await users.status(bundle.id)).toEqual(['pending', null]);
    await writeFile(path, bytes);
    await users.buildManifests();
    expect(await users.status(bundle.id)).toEqual(['ready', null]);
  });

  it('is given up for a bundle that ends the process again and again', async () => {
    const bundle = await users.upload(newAppId(), '1.0.0', buildZip({ 'index.html': 'x' }));
    for (let attempt = 0; attempt < 5; attempt += 1) await server.product.store.beginManifest(bundle.id);
    await users.buildManifests();
    expect(await users.status(bundle.id)).toEqual(['failed', 'interrupted']);
  });

  describe('while nobody can unpack it', () => {
    /** A builder over the server's store whose attempts fail with that error. */
    function failingBuilder(error: Error, store: Store = server.product.store) {
      const unbuilt: UnbuiltManifest[] = [];
      const builder = createManifestBuilder({
        ...{ store, clock, node: 'failing', ids: { next: () => 'f'.repeat(24) } },
        objectStorage: {
          checkOut: async () => ({ filePath: 'a.zip', release: async () => undefined }),
        } as Partial<ObjectStorage> as ObjectStorage,
        unpacker: { open: () => Promise.reject(error) },
        appSnapshots: { refresh: async () => undefined },
        onUnbuilt: (each) => unbuilt.push(each),
      });
      const tryTimes = async (times: number) => {
        for (let attempt = 0; attempt < times; attempt += 1) {
          await builder.run().catch(() => undefined);
          clock.advance(2 * hourMs);
        }
      };
      return { builder, unbuilt, tryTimes };
    }

    it('is given up after five attempts that failed by a fault', async () => {
      const { id } = await users.upload(newAppId(), '1.0.0', buildZip({ 'index.html': 'x' }));
      const { unbuilt, tryTimes } = failingBuilder(new TypeError('a fault'));
      await tryTimes(5);
      expect(await users.status(id)).toEqual(['pending', null]);
      await tryTimes(1);
      expect(await users.status(id)).toEqual(['failed', 'interrupted']);
      expect(unbuilt.map(({ reason }) => reason)).toEqual([...Array(5).fill(undefined), 'interrupted']);
    });

    it('is tried for ever while something is away, also when the store cannot be told', async () => {
      const { id } = await users.upload(newAppId(), '1.0.0', buildZip({ 'index.html': 'x' }));
      const away = new AppError('unavailable', 'away');
      let isAway = true;
      const { builder, unbuilt, tryTimes } = failingBuilder(away, {
        ...server.product.store,
        postponeManifest: (bundleId) =>
          isAway ? Promise.reject(away) : server.product.store.postponeManifest(bundleId),
      });
      await tryTimes(1);
      isAway = false;
      await tryTimes(7);
      expect(await users.status(id)).toEqual(['pending', null]);
      // It waits longer each time.
      const before = unbuilt.length;
      await builder.run();
      await builder.run();
      expect(unbuilt.length - before).toBeLessThanOrEqual(1);
      builder.stop();
      clock.advance(2 * hourMs);
      await builder.run();
      expect(unbuilt.length - before).toBeLessThanOrEqual(1);
      await users.buildManifests();
      expect(await users.status(id)).toEqual(['ready', null]);
    });
  });

  it('is not gone on with once its bundle is deleted: others wait for their turn', async () => {
    const { id } = await users.upload(newAppId(), '1.0.0', buildZip({ 'index.html': 'x' }));
    const { store } = server.product;
    const files = Array.from({ length: 2_000 }, (_, index) => {
      return { index, path: `${index}`, hash: sha256(`${index}`), sizeBytes: 1 };
    });
    let extracted = 0;
    const ids = Array.from({ length: 2_000 }, (_, at) => String(at).padStart(24, 'e'));
    const builder = createManifestBuilder({
      ...{ clock, node: 'busy', appSnapshots: { refresh: async () => undefined } },
      ids: { next: () => ids.pop() ?? '' },
      store: {
        ...store,
        async addFiles(added, nowMs) {
          await users.manage('bundles.delete', { bundle_id: id });
          return store.addFiles(added, nowMs);
        },
      },
      objectStorage: {
        checkOut: async () => ({ filePath: 'a.zip', release: async () => undefined }),
        openWorkspace: async () => ({
          ...{ path: '', store: async () => undefined, remove: async () => undefined },
        }),
      } as Partial<ObjectStorage> as ObjectStorage,
      unpacker: {
        open: async () => ({
          ...{ files, close: async () => undefined },
          extract: async (indexes) => {
            extracted += indexes.length;
            return indexes.map((index) => ({ index, fileName: `${index}`, sizeBytes: 1, isBrotli: false }));
          },
        }),
      },
      onUnbuilt: ({ error }) => {
        throw error;
      },
    });
    await builder.run();
    // A batch, and the one that was begun meanwhile.
    expect(extracted).toBe(500);
  });

  it('is left to the node that is at it, until its lease ends', async () => {
    const bundle = await users.upload(newAppId(), '1.0.0', buildZip({ 'index.html': 'x' }));
    const nowMs = clock.now();
    const lease = { name: `manifest:${bundle.id}`, holder: 'another', nowMs, untilMs: nowMs + 60_000 };
    expect(await server.product.store.takeLease(lease)).toBe(true);
    await users.buildManifests();
    expect(await users.status(bundle.id)).toEqual(['pending', null]);
    clock.advance(60_000);
    await users.buildManifests();
    expect(await users.status(bundle.id)).toEqual(['ready', null]);
    // It is free again at once.
    expect(await server.product.store.takeLease({ ...lease, nowMs: clock.now() })).toBe(true);
  });
});

describe('files of deleted bundles', () => {
  it('stay for a day, and as long as another bundle has them; then their objects go', async () => {
    const appId = newAppId();
    const first = await build(appId, '1.0.0', { 'index.html': 'one', 'shared.js': text });
    const second = await build(appId, '1.0.1', { 'index.html': 'two', 'shared.js': text });
    const [own] = (await entriesOf(first.id)).filter(({ fileName }) => fileName === 'index.html');
    expect(await storedFiles(appId)).toHaveLength(3);
    await users.manage('bundles.delete', { bundle_id: first.id });
    clock.advance(24 * hourMs);
    await users.job('file-sweep');
    await users.job('object-deletions');
    expect(await storedFiles(appId)).toHaveLength(3);
    clock.advance(1);
    await users.job('file-sweep');
    await users.job('object-deletions');
    expect(await storedFiles(appId)).toHaveLength(2);
    expect((await storedFiles(appId)).some((name) => own?.objectKey.endsWith(name))).toBe(false);

    await users.manage('bundles.delete', { bundle_id: second.id });
    clock.advance(25 * hourMs);
    await users.job('file-sweep');
    await users.job('object-deletions');
    expect(await storedFiles(appId)).toEqual([]);
    // What comes again is stored again, as another object.
    await build(appId, '1.0.2', { 'index.html': 'two' });
    expect(await storedFiles(appId)).toHaveLength(1);
  });

  it('are used again by a bundle that comes within the day', async () => {
    const appId = newAppId();
    const first = await build(appId, '1.0.0', { 'index.html': 'x', 'a.js': text });
    const before = await storedFiles(appId);
    await users.manage('bundles.delete', { bundle_id: first.id });
    clock.advance(23 * hourMs);
    await build(appId, '1.0.1', { 'index.html': 'x', 'a.js': text });
    clock.advance(48 * hourMs);
    await users.job('file-sweep');
    await users.job('object-deletions');
    expect(await storedFiles(appId)).toEqual(before);
  });
});
