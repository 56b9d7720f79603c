import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Entry } from 'yauzl';
import {
  type ArchiveRule,
  archiveRefusal,
  checkCompressionRatio,
  type NamedEntry,
  readEntryName,
} from '../domain/archive-rules.ts';
import type { AppError } from '../domain/errors.ts';
import type { ArchiveLimits } from '../ports/bundle-archive.ts';
import type { FileWindow } from './file-window.ts';
import type { ExtraField, ZipParser } from './zip-parser.ts';

/** Where the central directory lies, as the record at the end of the zip says and the file confirms. */
export interface ZipDirectory {
  readonly entryCount: number;
  /** First byte of the directory. */
  readonly offset: number;
  /** First byte behind the directory, which is the first of the end record. */
  readonly end: number;
}

/** One entry as the central directory tells it, found acceptable by itself. Sizes in bytes. */
export interface ZipEntry extends NamedEntry {
  readonly flags: number;
  readonly method: number;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly unpackedBytes: number;
  readonly localHeaderOffset: number;
}

export const methodStored = 0;
const methodDeflated = 8;

/** General purpose bits that change how an entry is read. */
export const flagEncrypted = 1 << 0;
export const flagDescriptor = 1 << 3;
export const flagStrongEncryption = 1 << 6;
export const flagUtf8 = 1 << 11;
export const flagMasked = 1 << 13;

const endRecordBytes = 22;
const centralHeaderBytes = 46;
const masked16 = 0xffff;
const masked32 = 0xffffffff;
const entriesPerTurn = 256;

/**
 * Finds the end record and checks all of it.
 * @throws AppError invalid_bundle
 */
export async function locateDirectory(window: FileWindow, limits: ArchiveLimits): Promise<ZipDirectory> {
  const position = await findEndRecord(window);
  const record = await window.read(position, endRecordBytes);
  const thisDisk = record.readUInt16LE(4);
  const directoryDisk = record.readUInt16LE(6);
  const entriesOnDisk = record.readUInt16LE(8);
  const entryCount = record.readUInt16LE(10);
  const bytes = record.readUInt32LE(12);
  const offset = record.readUInt32LE(16);

  const counts = [thisDisk, directoryDisk, entriesOnDisk, entryCount];
  if (counts.includes(masked16) || bytes === masked32 || offset === masked32) throw zip64Refusal();
  if (position >= 20 && (await window.read(position - 20, 4)).readUInt32LE(0) === 0x07064b50) {
    throw zip64Refusal();
  }
  if (thisDisk !== 0 || directoryDisk !== 0 || entriesOnDisk !== entryCount) throw multiDiskRefusal();
  if (entryCount > limits.maxEntries) {
    throw archiveRefusal(
      'too-many-entries',
      `The zip has ${entryCount} entries; at most ${limits.maxEntries} are allowed.`,
    );
  }
  if (offset + bytes !== position) {
    throw archiveRefusal(
      'central-directory',
      'The central directory of the zip is not where its end record says, or has another size: something was ' +
        'put before or into the zip.',
    );
  }
  return { entryCount, offset, end: position };
}

/**
 * Reads the central directory and checks each entry by itself, before anything is unpacked.
 * @throws AppError invalid_bundle
 */
export async function readDirectory(
  window: FileWindow,
  parser: ZipParser,
  directory: ZipDirectory,
  limits: ArchiveLimits,
): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  let cursor = directory.offset;
  let unpackedBytes = 0;
  while (entries.length < directory.entryCount) {
    if (cursor + centralHeaderBytes > directory.end) throw wrongCountRefusal();
    const header = await window.read(cursor, centralHeaderBytes);
    if (header.readUInt32LE(0) !== 0x02014b50) throw wrongCountRefusal();
    const diskStart = header.readUInt16LE(34);
    if ((header.readUInt16LE(8) & flagStrongEncryption) !== 0) {
      // The parser gives up on such an entry before it has read its name.
      const nameBytes = header.readUInt16LE(28);
      throw encryptedRefusal(await window.read(cursor + centralHeaderBytes, nameBytes));
    }
    const parsed = await parser.nextEntry();
    cursor += centralHeaderBytes + parsed.fileNameLength + parsed.extraFieldLength + parsed.fileCommentLength;

    const entry = checkEntry(parsed, diskStart);
    unpackedBytes += entry.unpackedBytes;
    if (unpackedBytes > limits.maxUnpackedBytes) {
      throw archiveRefusal(
        'too-much-unpacked',
        `The zip unpacks to more than ${limits.maxUnpackedBytes} bytes, the most that is allowed.`,
      );
    }
    entries.push(entry);
    if (entries.length % entriesPerTurn === 0) await nextTurn();
  }
  if (cursor !== directory.end) throw wrongCountRefusal();
  return entries;
}

/**
 * The file must end with the record and its comment: readers that search differently then find the same one.
 */
async function findEndRecord(window: FileWindow): Promise<number> {
  const tailBytes = Math.min(window.fileBytes, endRecordBytes + masked16);
  const tailStart = window.fileBytes - tailBytes;
  const tail = tailBytes === 0 ? Buffer.alloc(0) : await window.read(tailStart, tailBytes);
  for (let at = tailBytes - endRecordBytes; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) !== 0x06054b50) continue;
    if (tail.readUInt16LE(at + 20) !== tailBytes - at - endRecordBytes) {
      throw archiveRefusal(
        'trailing-bytes',
        'The file does not end where the zip does: bytes were added to its end, or its comment is broken.',
      );
    }
    return tailStart + at;
  }
  const head = window.fileBytes < 4 ? 0 : (await window.read(0, 4)).readUInt32LE(0);
  if (head === 0x04034b50) {
    throw archiveRefusal('truncated', 'The zip has a start but no end: it is incomplete.');
  }
  throw archiveRefusal('not-a-zip', 'The file is not a zip.');
}

function checkEntry(parsed: Entry, diskStart: number): ZipEntry {
  // A copy: the parser's buffer also holds extra fields and comment, which need not stay in memory.
  const name = Buffer.from(parsed.fileNameRaw);
  const flags = parsed.generalPurposeBitFlag;
  const entry: ZipEntry = {
    ...readEntryName(name, (flags & flagUtf8) !== 0),
    flags,
    method: parsed.compressionMethod,
    crc32: parsed.crc32,
    compressedBytes: parsed.compressedSize,
    unpackedBytes: parsed.uncompressedSize,
    localHeaderOffset: parsed.relativeOffsetOfLocalHeader,
  };
  checkExtraFields(parsed.extraFields, name);
  const sizes = [entry.compressedBytes, entry.unpackedBytes, entry.localHeaderOffset];
  if (sizes.includes(masked32) || diskStart === masked16) throw zip64Refusal(name);
  if (diskStart !== 0) throw multiDiskRefusal(name);
  checkKind(entry, parsed.externalFileAttributes);
  checkEncoding(entry);
  // Readers built on ZIPFoundation take "needs version 4.5" for zip64 and stop there, without an error.
  if ((parsed.versionNeededToExtract & 0xff) >= 45) throw zip64Refusal(name);
  checkCompressionRatio(name, entry.compressedBytes, entry.unpackedBytes);
  return entry;
}

/** Extra fields that would make one reader see other sizes or another name than the rest. */
export function checkExtraFields(fields: readonly ExtraField[], name: Uint8Array): void {
  for (const { id, data } of fields) {
    if (id === 0x0001) throw zip64Refusal(name);
    // Info-ZIP's Unicode path: version (1 byte), CRC-32 of the name (4), the name. Electron follows it.
    if (id === 0x7075 && !data.subarray(5).equals(name)) {
      throw archiveRefusal('unicode-path-field', 'its header holds a second, different name.', name);
    }
  }
}

/**
 * A file must be a file and a folder a folder to all readers: Android goes by the trailing slash, iOS by the
 * Unix mode when the host system is Unix, Electron by the Unix mode whatever the host system.
 */
function checkKind(entry: ZipEntry, attributes: number): void {
  const refuse = (rule: ArchiveRule, sentence: string) => archiveRefusal(rule, sentence, entry.name);
  const type = (attributes >>> 16) & 0o170000;
  const isRegular = type === 0o100000;
  const isDirectory = type === 0o040000;
  const hasDosFolderBit = (attributes & 0x10) !== 0;

  if (type === 0o120000) throw refuse('symlink', 'it is a symbolic link.');
  if (type !== 0 && !isRegular && !isDirectory) {
    throw refuse('special-file', 'it is a device, pipe or socket, not a file.');
  }
  if (entry.isFolder && isRegular) {
    throw refuse(
      'folder-mismatch',
      'its name is that of a folder (it ends with "/"), its mode that of a file.',
    );
  }
  if (!entry.isFolder && (isDirectory || (hasDosFolderBit && !isRegular))) {
    throw refuse(
      'folder-mismatch',
      'its attributes are those of a folder, but its name does not end with "/".',
    );
  }
  if (entry.isFolder && entry.unpackedBytes !== 0) {
    throw refuse('folder-with-content', 'it is a folder and yet has content.');
  }
}

function checkEncoding(entry: ZipEntry): void {
  const refuse = (rule: ArchiveRule, sentence: string) => archiveRefusal(rule, sentence, entry.name);
  if ((entry.flags & (flagEncrypted | flagMasked)) !== 0) throw encryptedRefusal(entry.name);
  if (entry.method !== methodStored && entry.method !== methodDeflated) {
    throw refuse(
      'compression-method',
      `it is compressed with method ${entry.method}; the plugins know 0 (stored) and 8 (deflate).`,
    );
  }
  if (entry.method === methodDeflated) return;
  if ((entry.flags & flagDescriptor) !== 0) {
    throw refuse(
      'stored-with-descriptor',
      'it is stored without compression and its size comes after it (a data descriptor); Android cannot read that.',
    );
  }
  if (entry.compressedBytes !== entry.unpackedBytes) {
    throw refuse('stored-size-mismatch', 'it is stored without compression, yet its two sizes differ.');
  }
}

function zip64Refusal(name?: Uint8Array): AppError {
  const subject = name === undefined ? 'The zip' : 'it';
  return archiveRefusal('zip64', `${subject} uses zip64, which not every plugin can read.`, name);
}

function multiDiskRefusal(name?: Uint8Array): AppError {
  const subject = name === undefined ? 'The file' : 'it';
  return archiveRefusal('multi-disk', `${subject} is a part of a zip split over several files.`, name);
}

function encryptedRefusal(name: Uint8Array): AppError {
  return archiveRefusal('encrypted', 'it is encrypted by the zip tool; the plugins cannot open it.', name);
}

function wrongCountRefusal(): AppError {
  return archiveRefusal(
    'central-directory',
    'The central directory of the zip does not hold exactly the entries its end record counts.',
  );
}
