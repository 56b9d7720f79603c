import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import type { StorageFinding } from '../ports/storage-check.ts';
import { createFilesystemObjectStorage } from './filesystem.ts';

async function* probe(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('0123456789');
}

/** Tries out a folder for bundles beside them, so that a server that uses it at the same time is not disturbed. */
export async function* checkFilesystem(folder: string): AsyncGenerator<StorageFinding> {
  let own: string | undefined;
  try {
    own = await mkdtemp(join(folder, 'storage-check-'));
    const storage = await createFilesystemObjectStorage(own);
    await (await storage.stage(probe())).store('probe');
    const read = await storage.read('probe', { start: 3, end: 5 });
    const text = (await read.toArray()).join('');
    await storage.remove('probe');
    yield text === '345'
      ? { kind: 'ok', text: `bundles can be written to, read from and deleted in ${folder}` }
      : { kind: 'problem', text: `${folder} gives back other bytes than were written` };
  } catch (error) {
    const cause = error instanceof AppError ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    yield { kind: 'problem', text: `bundles cannot be kept in ${folder}: ${reason}` };
  } finally {
    if (own !== undefined) await rm(own, { recursive: true, force: true });
  }
}
