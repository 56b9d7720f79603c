import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildRawZip, buildZip } from '../testing/zip-builder.ts';
import { createBundleUnpacker } from './unpacker.ts';

const forever = new AbortController().signal;
const unpacker = createBundleUnpacker(5);
let folder: string;
let lastFile = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capgo-unpack-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(zip: Buffer): Promise<string> {
  lastFile += 1;
  const path = join(folder, `${lastFile}.zip`);
  await writeFile(path, zip);
  return path;
}

async function newFolder(): Promise<string> {
  lastFile += 1;
  const path = join(folder, `out${lastFile}`);
  await mkdir(path);
  return path;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

it('hashes every file, stored or deflated, small or large, in the order of paths', async () => {
  const large = Buffer.alloc(3_000_000, 'abcdefghij');
  const zip = buildRawZip({
    entries: [
      { name: 'www/z.txt', data: 'z' },
      { name: 'www/', data: '' },
      { name: 'www/index.html', data: 'i', method: 0 },
      { name: 'www/large.js', data: large },
      { name: 'www/Empty', data: '' },
      { name: 'www/folder/', data: '' },
    ],
  });
  const opened = await unpacker.open(await write(zip), forever);
  try {
    expect(opened.files.map(({ path, hash, sizeBytes }) => [path, hash, sizeBytes])).toEqual([
      ['Empty', sha256(Buffer.alloc(0)), 0],
      ['index.html', sha256(Buffer.from('i')), 1],
      ['large.js', sha256(large), 3_000_000],
      ['z.txt', sha256(Buffer.from('z')), 1],
    ]);
  } finally {
    await opened.close();
  }
});

it('extracts the files that are asked for, compressed where that saves more than 10 bytes, of any size', async () => {
  const files: Record<string, Buffer> = {
    'index.html': Buffer.from('x'),
    'small.js': Buffer.alloc(8_191, 'a'),
    'held.js': Buffer.alloc(8_192, 'a'),
    'noise.bin': randomBytes(10_000),
    'large.js': Buffer.alloc(9 * 1024 * 1024, 'a line of it\n'),
    'large-noise.bin': randomBytes(9 * 1024 * 1024),
    'not-asked-for': Buffer.from('y'),
  };
  const opened = await unpacker.open(await write(buildZip(files)), forever);
  try {
    const wanted = opened.files.filter(({ path }) => path !== 'not-asked-for');
    const out = await newFolder();
    const extracted = await opened.extract(
      wanted.map(({ index }) => index),
      out,
    );
    expect(extracted.map(({ index }) => index)).toEqual(wanted.map(({ index }) => index));
    const brotli: string[] = [];
    for (const [at, { fileName, sizeBytes, isBrotli }] of extracted.entries()) {
      const { path = '' } = wanted[at] ?? {};
      const stored = await readFile(join(out, fileName));
      expect(stored.length).toBe(sizeBytes);
      expect((isBrotli ? brotliDecompressSync(stored) : stored).equals(files[path] ?? stored)).toBe(true);
      if (isBrotli) brotli.push(path);
    }
    expect(brotli).toEqual(['held.js', 'large.js']);
    // Nothing lies beside them.
    expect(await readdir(out)).toHaveLength(extracted.length);
  } finally {
    await opened.close();
  }
});

it('compresses as hard as it is told to', async () => {
  const words = Array.from({ length: 4_000 }, (_, at) => `word${(at * 7_919) % 641} `).join('');
  const path = await write(buildZip({ 'index.html': words }));
  const sizeAt = async (quality: number) => {
    const own = await createBundleUnpacker(quality).open(path, forever);
    const [file] = await own.extract([0], await newFolder());
    await own.close();
    return file?.sizeBytes ?? 0;
  };
  expect(await sizeAt(11)).toBeLessThan(await sizeAt(1));
});

it('refuses what is damaged by now, names it, and goes on with the next bundle', async () => {
  const zip = buildZip({ 'index.html': randomBytes(5_000) });
  zip.writeUInt8(zip.readUInt8(2_000) ^ 0xff, 2_000);
  await expect(unpacker.open(await write(zip), forever)).rejects.toMatchObject({ code: 'invalid_bundle' });
  await expect(unpacker.open(join(folder, 'gone.zip'), forever)).rejects.toMatchObject({
    code: 'unavailable',
  });
  const opened = await unpacker.open(await write(buildZip({ 'index.html': 'x' })), forever);
  await expect(opened.extract([7], await newFolder())).rejects.toThrow('no file 7');
  await expect(opened.extract([0], join(folder, 'no folder'))).rejects.toMatchObject({ code: 'unavailable' });
  await opened.close();
});

it('works at one bundle at a time, in the order in which they are opened', async () => {
  const path = await write(buildZip({ 'index.html': 'x' }));
  const order: string[] = [];
  const first = await unpacker.open(path, forever);
  const second = unpacker.open(path, forever).then(async (opened) => {
    order.push('second');
    await opened.close();
  });
  await first.extract([0], await newFolder());
  order.push('first');
  await first.close();
  await second;
  expect(order).toEqual(['first', 'second']);
});

it('ends at once when it is told to, and works on afterwards', async () => {
  const own = createBundleUnpacker(11);
  const path = await write(
    buildZip({ 'index.html': 'x', 'slow.bin': Buffer.from(randomBytes(3_000_000).toString('hex')) }),
  );
  const stop = new AbortController();
  const opened = await own.open(path, stop.signal);
  const slow = opened.files.find((file) => file.path === 'slow.bin');
  const extracting = opened.extract([slow?.index ?? -1], await newFolder());
  stop.abort(new Error('the server is stopping'));
  await expect(extracting).rejects.toThrow('the server is stopping');
  await opened.close();
  await expect(own.open(path, stop.signal)).rejects.toThrow('the server is stopping');
  const again = await own.open(path, forever);
  expect(again.files).toHaveLength(2);
  await again.close();
});

it('keeps the event loop free while it unpacks and compresses', async () => {
  const path = await write(
    buildZip({ 'index.html': 'x', 'a.js': Buffer.from(randomBytes(2_000_000).toString('hex')) }),
  );
  let longestMs = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - last);
    last = performance.now();
  }, 5);
  const opened = await unpacker.open(path, forever);
  const out = await newFolder();
  const extracted = await opened.extract(
    opened.files.map(({ index }) => index),
    out,
  );
  clearInterval(beat);
  await opened.close();
  expect(extracted.map(({ isBrotli }) => isBrotli).toSorted()).toEqual([false, true]);
  // Compressing it takes several times as long as that.
  expect(longestMs).toBeLessThan(150);
});
