import { randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, link, mkdir, open, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import type { ByteRange, ObjectStorage, StagedObject } from '../ports/object-storage.ts';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Passes on our own errors and a source's; a file system's are put into the port's words. */
function translate(error: unknown): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('insufficient_storage', 'The disk for bundles is full', { cause: error });
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EIO':
    case 'EMFILE':
    case 'ENFILE':
      return new AppError('unavailable', 'The folder for bundles cannot be used right now', { cause: error });
    default:
      return error;
  }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

/** Makes a rename or link in the folder survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Objects as files below a folder of one process. Staged bytes lie beside them, on the same file system, so that
 * storing is a link and never a copy.
 */
export async function createFilesystemObjectStorage(folder: string): Promise<ObjectStorage> {
  const objectsFolder = join(folder, 'objects');
  const stagingFolder = join(folder, 'staging');
  await rm(stagingFolder, { recursive: true, force: true });
  await mkdir(stagingFolder, { recursive: true });
  await mkdir(objectsFolder, { recursive: true });
  const pathOf = (key: string) => join(objectsFolder, ...key.split('/'));

  async function writeStaged(filePath: string, source: AsyncIterable<Uint8Array>): Promise<number> {
    const file = await translated(() => open(filePath, 'wx'));
    let sizeBytes = 0;
    try {
      for await (const bytes of source) {
        await translated(() => file.writeFile(bytes));
        sizeBytes += bytes.byteLength;
      }
      await translated(() => file.sync());
    } finally {
      await file.close();
    }
    return sizeBytes;
  }

  async function store(filePath: string, key: string): Promise<void> {
    const target = pathOf(key);
    // A folder that is new has to be synced into its parent, or it could vanish with the object in it.
    const firstNew = await mkdir(dirname(target), { recursive: true });
    try {
      await link(filePath, target);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      throw new AppError('internal', `Object ${key} exists already`, { cause: error });
    }
    for (let path = dirname(target); ; path = dirname(path)) {
      await syncFolder(path);
      if (!firstNew || path.length < firstNew.length) break;
    }
    await unlink(filePath);
  }

  return {
    async stage(source): Promise<StagedObject> {
      const filePath = join(stagingFolder, randomUUID());
      try {
        const sizeBytes = await writeStaged(filePath, source);
        return {
          filePath,
          sizeBytes,
          store: (key) => translated(() => store(filePath, key)),
          discard: () => translated(() => rm(filePath, { force: true })),
        };
      } catch (error) {
        await rm(filePath, { force: true });
        throw error;
      }
    },

    find: (key) =>
      translated(async () => {
        try {
          const found = await stat(pathOf(key));
          return found.isFile() ? { sizeBytes: found.size } : undefined;
        } catch (error) {
          if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
          throw error;
        }
      }),

    read: (key, range?: ByteRange): Promise<Readable> =>
      translated(async () => {
        const file = await open(pathOf(key), 'r').catch((error: unknown) => {
          const missing = codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
          throw missing ? new AppError('not_found', `There is no object ${key}`, { cause: error }) : error;
        });
        if (!(await file.stat()).isFile()) {
          await file.close();
          throw new AppError('not_found', `There is no object ${key}`);
        }
        return createReadStream('', { fd: file, ...range });
      }),

    remove: (key) =>
      translated(async () => {
        try {
          await unlink(pathOf(key));
        } catch (error) {
          if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) throw error;
        }
      }),

    ping: () =>
      translated(async () => {
        try {
          await access(stagingFolder, constants.W_OK);
          await access(objectsFolder, constants.W_OK);
        } catch (error) {
          throw new AppError('unavailable', 'The folder for bundles cannot be written to', { cause: error });
        }
      }),
  };
}
