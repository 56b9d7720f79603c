import { archiveRefusal } from '../domain/archive-rules.ts';
import type { AppError } from '../domain/errors.ts';
import type { FileWindow } from './file-window.ts';
import {
  checkExtraFields,
  flagDescriptor,
  flagEncrypted,
  flagMasked,
  flagStrongEncryption,
  flagUtf8,
  type ZipDirectory,
  type ZipEntry,
} from './zip-directory.ts';
import type { ZipParser } from './zip-parser.ts';

/*
 * Android reads local headers as they come in the stream, iOS and Electron the central directory. They unpack
 * the same only if each entry says the same in both places and nothing else lies before, between or behind
 * entries.
 */

/**
 * An entry and the first byte behind all that belongs to it: the next local header, or the central directory.
 */
export interface PlacedEntry {
  readonly entry: ZipEntry;
  readonly end: number;
}

const comparedFlags = flagEncrypted | flagDescriptor | flagStrongEncryption | flagUtf8 | flagMasked;

/**
 * The entries as they lie in the file, by the offsets the central directory gives.
 * @throws AppError invalid_bundle when the first does not start the file or two start at one place
 */
export function placeEntries(entries: readonly ZipEntry[], directory: ZipDirectory): PlacedEntry[] {
  const sorted = entries.toSorted((a, b) => a.localHeaderOffset - b.localHeaderOffset);
  if ((sorted[0]?.localHeaderOffset ?? directory.offset) !== 0) {
    throw archiveRefusal('leading-bytes', 'The file has bytes before the first entry of the zip.');
  }
  return sorted.map((entry, index) => {
    const end = sorted[index + 1]?.localHeaderOffset ?? directory.offset;
    if (end === entry.localHeaderOffset && index + 1 < sorted.length) {
      throw archiveRefusal(
        'shared-local-header',
        'it shares its local header with another entry.',
        entry.name,
      );
    }
    return { entry, end };
  });
}

/**
 * Compares an entry's local header with the central directory.
 * @returns the offset of its data
 * @throws AppError invalid_bundle
 */
export async function checkLocalHeader(parser: ZipParser, { entry, end }: PlacedEntry): Promise<number> {
  const local = await parser.localHeader(entry);
  // With a data descriptor, the local values are usually still unknown, hence 0.
  const mayBeZero = (entry.flags & flagDescriptor) !== 0;
  const same = (here: number, central: number) => here === central || (mayBeZero && here === 0);
  const differing = [
    local.fileName.equals(entry.name) ? [] : ['name'],
    local.compressionMethod === entry.method ? [] : ['compression method'],
    ((local.generalPurposeBitFlag ^ entry.flags) & comparedFlags) === 0 ? [] : ['flags'],
    same(local.crc32, entry.crc32) ? [] : ['CRC-32'],
    same(local.compressedSize, entry.compressedBytes) ? [] : ['compressed size'],
    same(local.uncompressedSize, entry.unpackedBytes) ? [] : ['unpacked size'],
  ].flat();
  if (differing.length > 0) {
    throw archiveRefusal(
      'local-header-mismatch',
      `its local header and the central directory differ (${differing.join(', ')}), so iOS and Android would ` +
        'unpack different things.',
      entry.name,
    );
  }
  checkExtraFields(parser.extraFields(local.extraField, 'local-header', entry.name), entry.name);
  if (local.fileDataStart + entry.compressedBytes > end) throw overlap(entry);
  return local.fileDataStart;
}

/**
 * Checks what follows an entry's data: its data descriptor, if it has one, and then directly the next entry.
 * @param dataEnd the first byte behind the data
 * @throws AppError invalid_bundle
 */
export async function checkEntryEnd(
  window: FileWindow,
  { entry, end }: PlacedEntry,
  dataEnd: number,
): Promise<void> {
  let position = dataEnd;
  if ((entry.flags & flagDescriptor) !== 0) {
    // As Java's stream reader does: the four bytes of the signature are always taken for one.
    const isSigned = (await window.read(position, 4)).readUInt32LE(0) === 0x08074b50;
    const values = await window.read(position + (isSigned ? 4 : 0), 12);
    position += isSigned ? 16 : 12;
    if (position > end) throw overlap(entry);
    if (
      values.readUInt32LE(0) !== entry.crc32 ||
      values.readUInt32LE(4) !== entry.compressedBytes ||
      values.readUInt32LE(8) !== entry.unpackedBytes
    ) {
      const sentence = 'its data descriptor and the central directory differ.';
      throw archiveRefusal('descriptor-mismatch', sentence, entry.name);
    }
  }
  if (position < end) {
    const sentence = `it is followed by ${end - position} bytes that belong to no entry.`;
    throw archiveRefusal('gap', sentence, entry.name);
  }
}

function overlap(entry: ZipEntry): AppError {
  return archiveRefusal('overlap', 'it overlaps what follows it in the zip.', entry.name);
}
