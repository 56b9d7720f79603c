import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStorage } from '../ports/object-storage.ts';
import { contentOf, describeObjectStorage, sourceOf } from './contract/object-storage-contract.ts';
import { createFilesystemObjectStorage } from './filesystem.ts';
import { isObjectKey, validated } from './validated.ts';

const open = async (folder: string) => validated(await createFilesystemObjectStorage(folder));

describeObjectStorage('a validated storage', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-objects-'));
  return {
    storage: await open(folder),
    restart: () => open(folder),
    destroy: () => rm(folder, { recursive: true }),
  };
});

describe('a validated storage', () => {
  let outside: string;
  let storage: ObjectStorage;
  beforeEach(async () => {
    outside = await mkdtemp(join(tmpdir(), 'capgo-outside-'));
    storage = await open(join(outside, 'storage'));
    await writeFile(join(outside, 'secret'), 'secret');
    await writeFile(join(outside, 'storage', 'secret'), 'secret');
    const staged = await storage.stage(sourceOf('an object'));
    await staged.store('apps/object');
  });
  afterEach(() => rm(outside, { recursive: true }));

  const hostileKeys = [
    ['empty', ''],
    ['the folder itself', '.'],
    ['the folder above', '..'],
    ['a file above', '../secret'],
    ['a file two above', '../../secret'],
    ['a way out through a folder', 'apps/../../secret'],
    ['a way out that comes back', 'apps/../apps/object'],
    ['a dot on the way', './apps/object'],
    ['a dot within', 'apps/./object'],
    ['a dot at the end', 'apps/object/.'],
    ['absolute', '/etc/passwd'],
    ['absolute twice', '//etc/passwd'],
    ['ended by a slash', 'apps/object/'],
    ['an empty segment', 'apps//object'],
    ['nothing but a slash', '/'],
    ['a backslash way out', '..\\..\\secret'],
    ['a backslash', 'apps\\object'],
    ['a drive', 'C:\\secret'],
    ['cut by NUL', '../secret\0.zip'],
    ['a NUL', 'apps/object\0'],
    ['a line break', 'apps/ob\nject'],
    ['another control character', 'apps/ob\x7fject'],
    ['a segment too long', `apps/${'x'.repeat(256)}`],
    ['a segment too long in bytes', `apps/${'é'.repeat(128)}`],
    ['too long', 'ab/'.repeat(342)],
    ['far too long', 'a/'.repeat(100_000)],
  ] as const;

  it.each(hostileKeys)('finds nothing under a key that is %s', async (_what, key) => {
    expect(isObjectKey(key)).toBe(false);
    expect(await storage.find(key)).toBeUndefined();
    expect(await contentOf(storage, key)).toBe('not_found');
    await expect(storage.read(key, { start: 0, end: 0 })).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each(hostileKeys)('neither stores nor removes under a key that is %s', async (_what, key) => {
    const before = await readdir(outside, { recursive: true });
    const staged = await storage.stage(sourceOf('hostile'));
    await expect(staged.store(key)).rejects.toMatchObject({ code: 'internal' });
    await expect(storage.remove(key)).rejects.toMatchObject({ code: 'internal' });
    await staged.discard();
    expect(await readdir(outside, { recursive: true })).toStrictEqual(before);
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(await contentOf(storage, 'apps/object')).toBe('an object');
  });

  it('can still store under a good key what it refused under a bad one', async () => {
    const staged = await storage.stage(sourceOf('content'));
    await expect(staged.store('../secret')).rejects.toMatchObject({ code: 'internal' });
    await staged.store('apps/good');
    expect(await contentOf(storage, 'apps/good')).toBe('content');
  });

  it('takes the longest key there may be', async () => {
    const key = `${'abc/'.repeat(255)}abcd`;
    expect(Buffer.byteLength(key)).toBe(1_024);
    const staged = await storage.stage(sourceOf('content'));
    await staged.store(key);
    expect(await contentOf(storage, key)).toBe('content');
    expect(isObjectKey(`${key}e`)).toBe(false);
  });
});
