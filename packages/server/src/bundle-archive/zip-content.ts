import { crc32, createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib';
import { archiveRefusal } from '../domain/archive-rules.ts';
import { AppError } from '../domain/errors.ts';
import type { FileWindow } from './file-window.ts';
import { methodStored, type ZipEntry } from './zip-directory.ts';

/**
 * Up to these sizes an entry is inflated at once, in about a millisecond; a stream for each would cost more.
 */
const smallCompressedBytes = 64 * 1024;
export const smallUnpackedBytes = 256 * 1024;

const stepBytes = 64 * 1024;

/** What inflating made of an entry's data. */
interface Inflated {
  readonly unpackedBytes: number;
  readonly crc32: number;
  /** How much of the data the deflate stream took, up to its own end. */
  readonly consumedBytes: number;
}

/** Takes an entry's bytes as they are unpacked; they are its own only until it returns. */
export type ContentSink = (bytes: Buffer) => void;

const toNowhere: ContentSink = () => undefined;

/**
 * Unpacks an entry, without keeping it, and compares size and CRC-32 with the declared ones. Stops at the
 * declared size: what is declared is bounded before, by the limits.
 * @param dataStart offset of the entry's data in the file
 * @param sink gets what is unpacked, also when it then proves to be wrong
 * @throws AppError invalid_bundle
 */
export async function verifyContent(
  window: FileWindow,
  entry: ZipEntry,
  dataStart: number,
  sink: ContentSink = toNowhere,
): Promise<void> {
  const inflated = await unpack(window, entry, dataStart, sink);
  if (inflated.consumedBytes !== entry.compressedBytes) {
    // Android's stream reader looks for the next entry right behind the deflate stream.
    throw archiveRefusal(
      'content-end',
      'its compressed data ends before the size the zip declares for it.',
      entry.name,
    );
  }
  if (inflated.unpackedBytes !== entry.unpackedBytes) throw wrongSize(entry);
  if (inflated.crc32 !== entry.crc32) {
    throw archiveRefusal('content-crc', 'its content does not match its CRC-32: it is damaged.', entry.name);
  }
}

function unpack(
  window: FileWindow,
  entry: ZipEntry,
  dataStart: number,
  sink: ContentSink,
): Promise<Inflated> {
  if (entry.method === methodStored) return readStored(window, entry, dataStart, sink);
  const isSmall = entry.compressedBytes <= smallCompressedBytes && entry.unpackedBytes <= smallUnpackedBytes;
  return isSmall
    ? inflateSmall(window, entry, dataStart, sink)
    : inflateLarge(window, entry, dataStart, sink);
}

async function readStored(
  window: FileWindow,
  entry: ZipEntry,
  dataStart: number,
  sink: ContentSink,
): Promise<Inflated> {
  const bytes = entry.compressedBytes;
  let checksum = 0;
  for (let done = 0; done < bytes; done += stepBytes) {
    const piece = await window.read(dataStart + done, Math.min(stepBytes, bytes - done));
    checksum = crc32(piece, checksum);
    sink(piece);
  }
  return { unpackedBytes: bytes, crc32: checksum, consumedBytes: bytes };
}

async function inflateSmall(
  window: FileWindow,
  entry: ZipEntry,
  dataStart: number,
  sink: ContentSink,
): Promise<Inflated> {
  const data = await window.read(dataStart, entry.compressedBytes);
  try {
    // One byte more than declared, so that the output fits in one chunk.
    const chunkSize = Math.max(64, entry.unpackedBytes + 1);
    const maxOutputLength = Math.max(1, entry.unpackedBytes);
    const { buffer, engine } = inflateSmallSync(data, { chunkSize, maxOutputLength, info: true });
    sink(buffer);
    return { unpackedBytes: buffer.length, crc32: crc32(buffer), consumedBytes: engine.bytesWritten };
  } catch (error) {
    throw translated(error, entry);
  }
}

/** The types of Node do not know what `info: true` returns. */
const inflateSmallSync = inflateRawSync as unknown as (
  data: Buffer,
  options: { chunkSize: number; maxOutputLength: number; info: true },
) => { buffer: Buffer; engine: InflateRaw };

async function inflateLarge(
  window: FileWindow,
  entry: ZipEntry,
  dataStart: number,
  sink: ContentSink,
): Promise<Inflated> {
  const inflate = createInflateRaw({ chunkSize: stepBytes });
  let unpackedBytes = 0;
  let checksum = 0;
  let isOver = false;
  const over = new Promise<void>((resolve, reject) => {
    inflate.on('data', (chunk: Buffer) => {
      unpackedBytes += chunk.length;
      if (unpackedBytes > entry.unpackedBytes) {
        inflate.destroy(wrongSize(entry));
        return;
      }
      checksum = crc32(chunk, checksum);
      try {
        sink(chunk);
      } catch (error) {
        inflate.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    inflate.once('end', resolve);
    inflate.once('error', reject);
  });
  // It may fail while the file is read; the next await of it tells.
  over.then(
    () => {
      isOver = true;
    },
    () => {},
  );
  try {
    for (let done = 0; done < entry.compressedBytes && !isOver; done += stepBytes) {
      const chunk = await window.read(dataStart + done, Math.min(stepBytes, entry.compressedBytes - done));
      // The window's buffer may change only when the stream is done with it. A stream that met its end never
      // answers a write that holds more.
      await Promise.race([over, taken(inflate, chunk)]);
    }
    inflate.end();
    await over;
    return { unpackedBytes, crc32: checksum, consumedBytes: inflate.bytesWritten };
  } catch (error) {
    throw translated(error, entry);
  } finally {
    inflate.destroy();
  }
}

function taken(inflate: InflateRaw, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    inflate.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

function wrongSize(entry: ZipEntry): AppError {
  return archiveRefusal(
    'content-size',
    `it does not unpack to the ${entry.unpackedBytes} bytes the zip declares.`,
    entry.name,
  );
}

function translated(error: unknown, entry: ZipEntry): unknown {
  if (!(error instanceof Error) || error instanceof AppError || !('code' in error)) return error;
  if (error.code === 'ERR_BUFFER_TOO_LARGE') return wrongSize(entry);
  const isDamaged =
    error.code === 'Z_DATA_ERROR' || error.code === 'Z_BUF_ERROR' || error.code === 'Z_NEED_DICT';
  if (!isDamaged) return error;
  return archiveRefusal('corrupt-content', 'its compressed data is damaged or incomplete.', entry.name);
}
