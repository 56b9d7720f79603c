import { createReadStream } from 'node:fs';
import { link, mkdir, open, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../domain/errors.ts';
import type { ByteRange, ObjectStorage, StagedObject, Workspace } from '../ports/object-storage.ts';
import { assertWritable, codeOf, forEachFile, onFileSystem, openStagingFolder } from './staging-folder.ts';

async function syncPath(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes what was written to a file survive a power cut. */
const syncFile = (path: string) => syncPath(path, 'r+');

/** Makes a rename or link in the folder survive a power cut. */
const syncFolder = (path: string) => syncPath(path, 'r');

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
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

  /**
   * Links files to where objects lie. Folders are synced at the end, each once: one that is new has to be synced into its
   * parent, or it could vanish with what is in it.
   */
  async function store(files: readonly { readonly filePath: string; readonly key: string }[]): Promise<void> {
    const unsynced = new Set<string>();
    await forEachFile(files, async ({ filePath, key }) => {
      const target = pathOf(key);
      const firstNew = await mkdir(dirname(target), { recursive: true });
      try {
        await link(filePath, target);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        throw new AppError('internal', `Object ${key} exists already`, { cause: error });
      }
      for (let path = dirname(target); ; path = dirname(path)) {
        unsynced.add(path);
        if (!firstNew || path.length < firstNew.length) break;
      }
    });
    for (const path of unsynced) await syncFolder(path);
    await forEachFile(files, ({ filePath }) => unlink(filePath));
  }

  return {
    async stage(source): Promise<StagedObject> {
      const staged = await staging.take(source);
      return { ...staged, store: (key) => onFileSystem(() => store([{ filePath: staged.filePath, key }])) };
    },

    find: (key) =>
      onFileSystem(async () => {
        try {
          const found = await stat(pathOf(key));
          return found.isFile() ? { sizeBytes: found.size } : undefined;
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),

    read: (key, range?: ByteRange): Promise<Readable> =>
      onFileSystem(async () => {
        const file = await open(pathOf(key), 'r').catch((error: unknown) => {
          const missing = isMissing(error);
          throw missing ? new AppError('not_found', `There is no object ${key}`, { cause: error }) : error;
        });
        if (!(await file.stat()).isFile()) {
          await file.close();
          throw new AppError('not_found', `There is no object ${key}`);
        }
        return createReadStream('', { fd: file, ...range });
      }),

    checkOut: (key) =>
      onFileSystem(async () => {
        const filePath = pathOf(key);
        const found = await stat(filePath).catch((error: unknown) => {
          if (isMissing(error)) return undefined;
          throw error;
        });
        if (!found?.isFile()) throw new AppError('not_found', `There is no object ${key}`);
        return { filePath, release: async () => undefined };
      }),

    async openWorkspace(): Promise<Workspace> {
      const path = await staging.makeFolder();
      return {
        path,
        store: (files) =>
          onFileSystem(async () => {
            const located = files.map(({ fileName, key }) => ({ filePath: join(path, fileName), key }));
            await forEachFile(located, ({ filePath }) => syncFile(filePath));
            await store(located);
          }),
        remove: () => onFileSystem(() => rm(path, { recursive: true, force: true })),
      };
    },

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
