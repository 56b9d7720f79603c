import { checkOneTree, findRootFolder } from '../domain/archive-rules.ts';
import type { ArchiveLimits } from '../ports/bundle-archive.ts';
import type { FileWindow } from './file-window.ts';
import { locateDirectory, readDirectory, type ZipEntry } from './zip-directory.ts';
import { checkEntryEnd, checkLocalHeader, placeEntries } from './zip-layout.ts';
import { openZipParser } from './zip-parser.ts';

/**
 * Reads a zip from its first entry to its last.
 * @param visit called for each entry in the order in which they lie in the file, with the offset of its data
 * @returns the entries in the order of the central directory
 * @throws AppError invalid_bundle
 */
export async function readZip(
  window: FileWindow,
  limits: ArchiveLimits,
  visit: (entry: ZipEntry, dataStart: number) => Promise<void>,
): Promise<{ readonly entries: readonly ZipEntry[]; readonly rootFolder: string }> {
  const directory = await locateDirectory(window, limits);
  const parser = await openZipParser(window);
  const entries = await readDirectory(window, parser, directory, limits);
  checkOneTree(entries);
  const rootFolder = findRootFolder(entries);
  for (const placed of placeEntries(entries, directory)) {
    const dataStart = await checkLocalHeader(parser, placed);
    await visit(placed.entry, dataStart);
    await checkEntryEnd(window, placed, dataStart + placed.entry.compressedBytes);
  }
  return { entries, rootFolder };
}
