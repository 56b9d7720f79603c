import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStorage } from '../../ports/object-storage.ts';

/** A storage made for a test, over data of its own. */
export interface OpenedObjectStorage {
  readonly storage: ObjectStorage;
  /** A storage over the same data as a new process has it after this one was killed. */
  restart(): Promise<ObjectStorage>;
  destroy(): Promise<void>;
}

let lastNumber = 0;

/** A key that no other test uses, so that tests can share a storage. */
export function newKey(): string {
  lastNumber += 1;
  return `apps/com.example.app/bundles/${lastNumber}.zip`;
}

/** Bytes as they come from a network: in pieces. */
export async function* sourceOf(content: string | Uint8Array, pieceBytes = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    yield bytes.subarray(start, start + pieceBytes);
  }
}

export async function storeObject(storage: ObjectStorage, key: string, content: string): Promise<void> {
  const staged = await storage.stage(sourceOf(content));
  await staged.store(key);
}

export async function bytesOf(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The object as text, or the code of the refusal. */
export async function contentOf(storage: ObjectStorage, key: string): Promise<string> {
  try {
    return (await bytesOf(await storage.read(key))).toString('utf8');
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const missing = (path: string) =>
  stat(path).then(
    () => false,
    () => true,
  );

/** Bytes held outside the heap, garbage not counted. */
function bufferedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What the first one finds is freed in another thread; the second one waits for that.
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** The suite every ObjectStorage must pass. */
export function describeObjectStorage(name: string, open: () => Promise<OpenedObjectStorage>): void {
  describe(`the object storage contract on ${name}`, { timeout: 20_000 }, () => {
    let opened: OpenedObjectStorage;
    let storage: ObjectStorage;
    beforeAll(async () => {
      opened = await open();
      storage = opened.storage;
    });
    afterAll(() => opened.destroy());

    it.each([
      ['text', 'some bytes that came in pieces'],
      ['nothing', ''],
      ['every byte', String.fromCharCode(...Array.from({ length: 256 }, (_each, byte) => byte))],
    ])('gives back an object of %s as it came in', async (_what, content) => {
      const key = newKey();
      const bytes = Buffer.from(content, 'latin1');
      const staged = await storage.stage(sourceOf(bytes));
      expect(staged.sizeBytes).toBe(bytes.length);
      await staged.store(key);
      expect(await storage.find(key)).toStrictEqual({ sizeBytes: bytes.length });
      expect(await bytesOf(await storage.read(key))).toStrictEqual(bytes);
    });

    it('shows staged bytes as a local file, and not as an object', async () => {
      const key = newKey();
      const staged = await storage.stage(sourceOf('staged'));
      expect(await readFile(staged.filePath, 'utf8')).toBe('staged');
      expect(await storage.find(key)).toBeUndefined();
      await staged.store(key);
      expect(await missing(staged.filePath)).toBe(true);
      expect(await contentOf(storage, key)).toBe('staged');
    });

    it('forgets staged bytes that are discarded, as often as it is asked to', async () => {
      const staged = await storage.stage(sourceOf('unwanted'));
      await staged.discard();
      expect(await missing(staged.filePath)).toBe(true);
      await expect(staged.discard()).resolves.toBeUndefined();
    });

    it('keeps an object that is discarded after it was stored', async () => {
      const key = newKey();
      const staged = await storage.stage(sourceOf('kept'));
      await staged.store(key);
      await staged.discard();
      expect(await contentOf(storage, key)).toBe('kept');
    });

    it('refuses a key that exists already, leaves the object as it was and can still discard', async () => {
      const key = newKey();
      await storeObject(storage, key, 'the first bytes');
      const second = await storage.stage(sourceOf('other bytes, and more of them'));
      await expect(second.store(key)).rejects.toMatchObject({ code: 'internal' });
      expect(await storage.find(key)).toStrictEqual({ sizeBytes: 'the first bytes'.length });
      expect(await contentOf(storage, key)).toBe('the first bytes');
      await second.discard();
      expect(await missing(second.filePath)).toBe(true);
    });

    it('lets exactly one of 20 that store the same key at once win', async () => {
      const key = newKey();
      const contents = Array.from({ length: 20 }, (_each, index) => `content ${index}`);
      const staged = await Promise.all(contents.map((content) => storage.stage(sourceOf(content))));
      const outcomes = await Promise.allSettled(staged.map((each) => each.store(key)));
      const winners = outcomes.flatMap(({ status }, index) =>
        status === 'fulfilled' ? [contents[index]] : [],
      );
      expect(winners).toHaveLength(1);
      expect(await contentOf(storage, key)).toBe(winners[0]);
      await Promise.all(staged.map((each) => each.discard()));
    });

    it('takes in 20 sources at once without mixing them', async () => {
      const contents = Array.from({ length: 20 }, (_each, index) => `${index};`.repeat(200 + index));
      const keys = contents.map(newKey);
      await Promise.all(contents.map((content, index) => storeObject(storage, keys[index] ?? '', content)));
      expect(await Promise.all(keys.map((key) => contentOf(storage, key)))).toStrictEqual(contents);
    });

    it('fails with the error of a source that fails midway', async () => {
      const cut = new Error('the connection was cut');
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('the first half');
        throw cut;
      }
      await expect(storage.stage(failing())).rejects.toBe(cut);
    });

    it.each([
      ['the first byte', { start: 0, end: 0 }, '0'],
      ['the last byte', { start: 9, end: 9 }, '9'],
      ['some in the middle', { start: 3, end: 6 }, '3456'],
      ['all of them', { start: 0, end: 9 }, '0123456789'],
    ])('reads of a range %s', async (_which, range, expected) => {
      const key = newKey();
      await storeObject(storage, key, '0123456789');
      expect((await bytesOf(await storage.read(key, range))).toString()).toBe(expected);
    });

    it('finds no object that was never stored', async () => {
      const key = newKey();
      expect(await storage.find(key)).toBeUndefined();
      await expect(storage.read(key)).rejects.toMatchObject({ code: 'not_found' });
      await expect(storage.read(key, { start: 0, end: 1 })).rejects.toMatchObject({ code: 'not_found' });
    });

    it('removes an object; removing one that does not exist is no error', async () => {
      const key = newKey();
      const neighbour = newKey();
      await storeObject(storage, key, 'gone soon');
      await storeObject(storage, neighbour, 'stays');
      await storage.remove(key);
      await expect(storage.remove(key)).resolves.toBeUndefined();
      await expect(storage.remove('never/was/there')).resolves.toBeUndefined();
      expect(await storage.find(key)).toBeUndefined();
      expect(await contentOf(storage, key)).toBe('not_found');
      expect(await contentOf(storage, neighbour)).toBe('stays');
    });

    it.each([
      ['the beginning of its key', 'apps/com.example.app'],
      ['a key below it', 'apps/com.example.app/bundles/whole.zip/part'],
    ])('does not take for an object %s', async (_what, key) => {
      const whole = 'apps/com.example.app/bundles/whole.zip';
      await storage.remove(whole);
      await storeObject(storage, whole, 'whole');
      expect(await storage.find(key)).toBeUndefined();
      expect(await contentOf(storage, key)).toBe('not_found');
      await expect(storage.remove(key)).resolves.toBeUndefined();
      expect(await contentOf(storage, whole)).toBe('whole');
    });

    it('tells keys apart to the letter', async () => {
      const keys = [
        'keys/a b',
        'keys/a%20b',
        'keys/a+b',
        'keys/%2e%2e/b',
        'keys/A b',
        'keys/é',
        'keys/e\u0301',
        'keys/👩‍👧 – 100 %.zip',
        'keys/.hidden',
        'keys/..name',
        'keys/...',
        'keys/a?b#c&d=e',
        `keys/"quoted" 'text' $HOME *`,
        `keys/${'x'.repeat(255)}`,
      ];
      for (const key of keys) await storeObject(storage, key, `content of ${key}`);
      for (const key of keys) expect(await contentOf(storage, key)).toBe(`content of ${key}`);
    });

    it('forgets at a restart what was only staged, and keeps what was stored', async () => {
      const own = await open();
      try {
        const key = newKey();
        await storeObject(own.storage, key, 'stored');
        const staged = await own.storage.stage(sourceOf('staged'));
        const restarted = await own.restart();
        expect(await missing(staged.filePath)).toBe(true);
        expect(await contentOf(restarted, key)).toBe('stored');
        await storeObject(restarted, newKey(), 'works on');
      } finally {
        await own.destroy();
      }
    });

    it('takes in and gives out a large object without ever holding it whole', async () => {
      const pieces = 50;
      const piece = Buffer.alloc(1_000_000, 'x');
      const before = bufferedBytes();
      let most = 0;
      const look = (index: number) => {
        if (index % 10 === 9) most = Math.max(most, bufferedBytes() - before);
      };
      async function* large(): AsyncGenerator<Uint8Array> {
        for (let index = 0; index < pieces; index += 1) {
          look(index);
          yield Buffer.from(piece);
        }
      }
      const key = newKey();
      const staged = await storage.stage(large());
      await staged.store(key);
      expect(await storage.find(key)).toStrictEqual({ sizeBytes: pieces * piece.length });

      let readBytes = 0;
      let looks = 0;
      for await (const bytes of await storage.read(key)) {
        readBytes += (bytes as Buffer).length;
        if (readBytes > looks * 10_000_000) {
          looks += 1;
          look(9);
        }
      }
      expect(readBytes).toBe(pieces * piece.length);
      expect(most).toBeLessThan(10_000_000);
      await storage.remove(key);
    });

    it('lends an object as a file, and keeps it when the file is given back', async () => {
      const key = newKey();
      await storeObject(storage, key, 'Grüße 👋');
      const copy = await storage.checkOut(key);
      expect(await readFile(copy.filePath, 'utf8')).toBe('Grüße 👋');
      await copy.release();
      expect(await contentOf(storage, key)).toBe('Grüße 👋');
      await expect(storage.checkOut(newKey())).rejects.toMatchObject({ code: 'not_found' });
    });

    it('makes many files of a workspace objects, empty ones too, and takes them away from there', async () => {
      const workspace = await storage.openWorkspace();
      const files = Array.from({ length: 30 }, (_each, index) => ({
        fileName: `file ${index}`,
        key: newKey(),
      }));
      for (const [index, { fileName }] of files.entries()) {
        await writeFile(join(workspace.path, fileName), 'x'.repeat(index));
      }
      await writeFile(join(workspace.path, 'left'), 'left');
      await workspace.store([]);
      await workspace.store(files);
      for (const [index, { key }] of files.entries()) {
        expect(await contentOf(storage, key)).toBe('x'.repeat(index));
        expect(await storage.find(key)).toStrictEqual({ sizeBytes: index });
      }
      expect(await readdir(workspace.path)).toStrictEqual(['left']);
      await workspace.remove();
      expect(await missing(workspace.path)).toBe(true);
      await workspace.remove();
    });

    it('never puts a file of a workspace over an object', async () => {
      const [taken, fresh] = [newKey(), newKey()];
      await storeObject(storage, taken, 'first');
      const workspace = await storage.openWorkspace();
      for (const name of ['one', 'other']) await writeFile(join(workspace.path, name), 'second');
      const files = [
        { fileName: 'one', key: taken },
        { fileName: 'other', key: fresh },
      ];
      await expect(workspace.store(files)).rejects.toMatchObject({ code: 'internal' });
      expect(await contentOf(storage, taken)).toBe('first');
      await workspace.remove();
    });

    it('gives each workspace a folder of its own, which a restart forgets with what is lent', async () => {
      const own = await open();
      try {
        const key = newKey();
        await storeObject(own.storage, key, 'stored');
        const [one, other] = [await own.storage.openWorkspace(), await own.storage.openWorkspace()];
        expect(one.path).not.toBe(other.path);
        await writeFile(join(one.path, 'unpacked'), 'unpacked');
        await own.storage.checkOut(key);
        const restarted = await own.restart();
        expect(await missing(one.path)).toBe(true);
        expect(await contentOf(restarted, key)).toBe('stored');
      } finally {
        await own.destroy();
      }
    });

    it('answers a ping', async () => {
      await expect(storage.ping()).resolves.toBeUndefined();
    });
  });
}
