import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkOneTree, findRootFolder } from '../domain/archive-rules.ts';
import type { ArchiveLimits, ArchiveSummary, BundleArchive } from '../ports/bundle-archive.ts';
import { FileWindow } from './file-window.ts';
import { smallUnpackedBytes, verifyContent } from './zip-content.ts';
import { locateDirectory, readDirectory } from './zip-directory.ts';
import { checkEntryEnd, checkLocalHeader, placeEntries } from './zip-layout.ts';
import { openZipParser } from './zip-parser.ts';

/** After inflating this much at once, other requests get their turn: one or two milliseconds. */
const bytesPerTurn = 512 * 1024;

/** What an entry costs besides its bytes, in bytes inflated in that time. */
const bytesPerEntry = 8 * 1024;

/**
 * Reads bundles with yauzl and node:zlib. It holds one buffer of 256 KiB, the names of the entries and, one
 * at a time, an entry of at most 256 KiB; larger ones pass in pieces. Errors of the file system pass through
 * as they are.
 */
export function createZipBundleArchive(): BundleArchive {
  return {
    async inspect(filePath, limits) {
      const handle = await open(filePath, 'r');
      try {
        const { size } = await handle.stat();
        return await inspectWindow(new FileWindow(handle, size), limits);
      } finally {
        await handle.close();
      }
    },
  };
}

async function inspectWindow(window: FileWindow, limits: ArchiveLimits): Promise<ArchiveSummary> {
  const directory = await locateDirectory(window, limits);
  const parser = await openZipParser(window);
  const entries = await readDirectory(window, parser, directory, limits);
  checkOneTree(entries);
  const rootFolder = findRootFolder(entries);

  let work = 0;
  for (const placed of placeEntries(entries, directory)) {
    const dataStart = await checkLocalHeader(parser, placed);
    await verifyContent(window, placed.entry, dataStart);
    await checkEntryEnd(window, placed, dataStart + placed.entry.compressedBytes);

    work += bytesPerEntry + Math.min(placed.entry.unpackedBytes, smallUnpackedBytes);
    if (work >= bytesPerTurn) {
      work = 0;
      await nextTurn();
    }
  }
  return {
    fileCount: entries.filter((entry) => !entry.isFolder).length,
    unpackedBytes: entries.reduce((sum, entry) => sum + entry.unpackedBytes, 0),
    rootFolder,
  };
}
