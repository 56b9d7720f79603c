import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../domain/errors.ts';

/** The code of a system's error, such as ENOENT; '' of any other. */
export function codeOf(error: unknown): string {
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

/** Does work on the file system; its errors come in the port's words. */
export async function onFileSystem<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

export async function assertWritable(...folders: readonly string[]): Promise<void> {
  try {
    for (const folder of folders) await access(folder, constants.W_OK);
  } catch (error) {
    throw new AppError('unavailable', 'The folder for bundles cannot be written to', { cause: error });
  }
}

/** Bytes that arrived whole, as a file of ours. */
export interface StagedFile {
  readonly filePath: string;
  readonly sizeBytes: number;
  /** Removes the file; one that is gone is no error. */
  discard(): Promise<void>;
}

export interface StagingFolder {
  readonly path: string;
  /** A new folder in it. */
  makeFolder(): Promise<string>;
  /** Writes the source into a new file; when it fails, rejects with its error and leaves no file. */
  take(source: AsyncIterable<Uint8Array>): Promise<StagedFile>;
}

async function writeAll(filePath: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await onFileSystem(() => open(filePath, 'wx'));
  let sizeBytes = 0;
  try {
    for await (const bytes of source) {
      await onFileSystem(() => file.writeFile(bytes));
      sizeBytes += bytes.byteLength;
    }
    await onFileSystem(() => file.sync());
  } finally {
    await file.close();
  }
  return sizeBytes;
}

/** How many files are written at once: more would only wait for the disk, or for the storage. */
const filesAtOnce = 8;

/** Does the work for each; after a failure begins no further one, and rejects when those under way have ended. */
export async function forEachFile<File>(
  files: readonly File[],
  work: (file: File) => Promise<void>,
): Promise<void> {
  const waiting = [...files];
  const workInTurn = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      try {
        await work(file);
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: filesAtOnce }, workInTurn));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Opens the folder of one process, empty: what a killed one had left there is removed. */
export async function openStagingFolder(path: string): Promise<StagingFolder> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  return {
    path,
    async makeFolder() {
      const folder = join(path, randomUUID());
      await onFileSystem(() => mkdir(folder));
      return folder;
    },
    async take(source) {
      const filePath = join(path, randomUUID());
      try {
        const sizeBytes = await writeAll(filePath, source);
        return { filePath, sizeBytes, discard: () => onFileSystem(() => rm(filePath, { force: true })) };
      } catch (error) {
        await rm(filePath, { force: true });
        throw error;
      }
    },
  };
}
