import { createHash } from 'node:crypto';
import { closeSync, createWriteStream, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { platform, setPriority } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { brotliCompressSync, constants, createBrotliCompress } from 'node:zlib';
import { AppError } from '../domain/errors.ts';
import type { ExtractedFile, UnpackedFile } from '../ports/bundle-unpacker.ts';
import { FileWindow } from './file-window.ts';
import type { UnpackAnswer, UnpackRequest } from './unpack-messages.ts';
import { verifyContent } from './zip-content.ts';
import type { ZipEntry } from './zip-directory.ts';
import { readZip } from './zip-entries.ts';

/** Unpacks, hashes and compresses bundles, so that none of it holds up the event loop that answers devices. */
const { brotliQuality } = workerData as { brotliQuality: number };

// On Linux this is the priority of the thread, elsewhere that of the whole process. Requests come first.
if (platform() === 'linux') setPriority(5);

/** What devices expect of a file before it is worth compressing, and of compressing it (protocol §3.3). */
const minCompressedBytes = 8_192;
const minSavedBytes = 10;
/** Larger files are compressed from disk to disk. */
const maxHeldBytes = 2 * 1024 * 1024;
/** Where a file is held, or a piece of it: buffers of their own would be garbage that grows faster than it is collected. */
const held = Buffer.allocUnsafeSlow(maxHeldBytes);
const pieceBytes = 256 * 1024;

/** What was found safe at upload is not measured again, when limits may be others by now. */
const noLimits = { maxEntries: Number.MAX_SAFE_INTEGER, maxUnpackedBytes: Number.MAX_SAFE_INTEGER };

interface OpenZip {
  readonly handle: FileHandle;
  readonly window: FileWindow;
  readonly located: readonly { readonly entry: ZipEntry; readonly dataStart: number }[];
}

let opened: OpenZip | undefined;

async function close(): Promise<void> {
  const { handle } = opened ?? {};
  opened = undefined;
  await handle?.close();
}

async function openZip(zipPath: string): Promise<readonly UnpackedFile[]> {
  await close();
  const handle = await open(zipPath, 'r');
  try {
    const window = new FileWindow(handle, (await handle.stat()).size);
    const located: { entry: ZipEntry; dataStart: number; hash: string }[] = [];
    const { rootFolder } = await readZip(window, noLimits, async (entry, dataStart) => {
      const sha256 = createHash('sha256');
      await verifyContent(window, entry, dataStart, (bytes) => sha256.update(bytes));
      located.push({ entry, dataStart, hash: sha256.digest('hex') });
    });
    opened = { handle, window, located };
    return located
      .flatMap(({ entry, hash }, index): UnpackedFile[] => {
        if (entry.isFolder) return [];
        return [{ index, path: entry.path.slice(rootFolder.length), hash, sizeBytes: entry.unpackedBytes }];
      })
      .sort((one, other) => (one.path < other.path ? -1 : 1));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * No larger than the file: a larger window finds nothing more in it, and up to 64 KiB the encoder then takes tables that need
 * a megabyte instead of 32, which it would fill and forget again for each of thousands of files.
 */
function windowBitsFor(sizeBytes: number): number {
  // A window of n bits holds 2^n - 16 bytes.
  const bits = Math.ceil(Math.log2(sizeBytes + 16));
  return Math.min(Math.max(bits, constants.BROTLI_MIN_WINDOW_BITS), constants.BROTLI_DEFAULT_WINDOW);
}

const brotliOptions = (sizeBytes: number) => ({
  params: {
    [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
    [constants.BROTLI_PARAM_LGWIN]: windowBitsFor(sizeBytes),
    [constants.BROTLI_PARAM_SIZE_HINT]: sizeBytes,
  },
});

const isWorthIt = (compressedBytes: number, sizeBytes: number) => compressedBytes < sizeBytes - minSavedBytes;

async function extractHeld(filePath: string, { window }: OpenZip, entry: ZipEntry, dataStart: number) {
  const content = held.subarray(0, entry.unpackedBytes);
  let filled = 0;
  await verifyContent(window, entry, dataStart, (bytes) => {
    filled += bytes.copy(content, filled);
  });
  if (content.length >= minCompressedBytes) {
    const compressed = brotliCompressSync(content, brotliOptions(content.length));
    if (isWorthIt(compressed.length, content.length)) {
      await writeFile(filePath, compressed);
      return { sizeBytes: compressed.length, isBrotli: true };
    }
  }
  await writeFile(filePath, content);
  return { sizeBytes: content.length, isBrotli: false };
}

/** A file piece by piece, each in the same place. */
function* piecesOf(filePath: string): Generator<Buffer> {
  const file = openSync(filePath, 'r');
  try {
    for (;;) {
      const length = readSync(file, held, 0, pieceBytes, null);
      if (length === 0) return;
      yield held.subarray(0, length);
    }
  } finally {
    closeSync(file);
  }
}

async function extractLarge(filePath: string, { window }: OpenZip, entry: ZipEntry, dataStart: number) {
  const file = openSync(filePath, 'wx');
  try {
    await verifyContent(window, entry, dataStart, (bytes) => {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    });
  } finally {
    closeSync(file);
  }
  const compressedPath = `${filePath}.br`;
  // It takes one piece at a time, so that none is overwritten before it was read.
  const options = { ...brotliOptions(entry.unpackedBytes), writableHighWaterMark: 1 };
  await pipeline(
    piecesOf(filePath),
    createBrotliCompress(options),
    createWriteStream(compressedPath, { flags: 'wx' }),
  );
  const { size } = statSync(compressedPath);
  const isBrotli = isWorthIt(size, entry.unpackedBytes);
  unlinkSync(isBrotli ? filePath : compressedPath);
  return { sizeBytes: isBrotli ? size : entry.unpackedBytes, isBrotli };
}

async function extract(indexes: readonly number[], folder: string): Promise<readonly ExtractedFile[]> {
  const zip = opened;
  if (!zip) throw new Error('No bundle is open');
  const extracted: ExtractedFile[] = [];
  for (const index of indexes) {
    const found = zip.located[index];
    if (!found) throw new RangeError(`The bundle has no file ${index}`);
    const isLarge = found.entry.unpackedBytes > maxHeldBytes;
    const extractOne = isLarge ? extractLarge : extractHeld;
    const file = await extractOne(join(folder, String(index)), zip, found.entry, found.dataStart);
    extracted.push({ index, fileName: isLarge && file.isBrotli ? `${index}.br` : String(index), ...file });
  }
  return extracted;
}

async function answer(request: UnpackRequest): Promise<UnpackAnswer> {
  const { id } = request;
  switch (request.kind) {
    case 'open':
      return { id, files: await openZip(request.zipPath) };
    case 'extract':
      return { id, extracted: await extract(request.indexes, request.folder) };
    case 'close':
      await close();
      return { id, closed: true };
  }
}

function failure(id: number, error: unknown): UnpackAnswer {
  const isOurs = error instanceof AppError;
  const systemCode = error instanceof Error && 'syscall' in error && 'code' in error ? error.code : undefined;
  return {
    id,
    error: {
      code: isOurs ? error.code : undefined,
      message: error instanceof Error ? error.message : String(error),
      details: isOurs ? error.details : undefined,
      systemCode: systemCode === undefined ? undefined : String(systemCode),
    },
  };
}

let last: Promise<unknown> = Promise.resolve();
parentPort?.on('message', (request: UnpackRequest) => {
  last = last
    .then(() => answer(request))
    .catch((error: unknown) => failure(request.id, error))
    .then((message) => parentPort?.postMessage(message));
});
