import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ArchiveLimits, ArchiveSummary, BundleArchive } from '../ports/bundle-archive.ts';
import { FileWindow } from './file-window.ts';
import { smallUnpackedBytes, verifyContent } from './zip-content.ts';
import { readZip } from './zip-entries.ts';

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
  let work = 0;
  const { entries, rootFolder } = await readZip(window, limits, async (entry, dataStart) => {
    await verifyContent(window, entry, dataStart);
    work += bytesPerEntry + Math.min(entry.unpackedBytes, smallUnpackedBytes);
    if (work >= bytesPerTurn) {
      work = 0;
      await nextTurn();
    }
  });
  return {
    fileCount: entries.filter((entry) => !entry.isFolder).length,
    unpackedBytes: entries.reduce((sum, entry) => sum + entry.unpackedBytes, 0),
    rootFolder,
  };
}
