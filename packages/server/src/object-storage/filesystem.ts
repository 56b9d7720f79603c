import { createReadStream } from 'node:fs';
import { link, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import type { ByteRange, ObjectStorage, StagedObject } from '../ports/object-storage.ts';
import { assertWritable, codeOf, onFileSystem, openStagingFolder } from './staging-folder.ts';

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
  const staging = await openStagingFolder(join(folder, 'staging'));
  await mkdir(objectsFolder, { recursive: true });
  const pathOf = (key: string) => join(objectsFolder, ...key.split('/'));

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
      const staged = await staging.take(source);
      return { ...staged, store: (key) => onFileSystem(() => store(staged.filePath, key)) };
    },

    find: (key) =>
      onFileSystem(async () => {
        try {
          const found = await stat(pathOf(key));
          return found.isFile() ? { sizeBytes: found.size } : undefined;
        } catch (error) {
          if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
          throw error;
        }
      }),

    read: (key, range?: ByteRange): Promise<Readable> =>
      onFileSystem(async () => {
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
      onFileSystem(async () => {
        try {
          await unlink(pathOf(key));
        } catch (error) {
          if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) throw error;
        }
      }),

    ping: () => assertWritable(staging.path, objectsFolder),
  };
}
