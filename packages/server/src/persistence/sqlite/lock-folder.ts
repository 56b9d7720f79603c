import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { AppError } from '../../domain/errors.ts';

export interface FolderLock {
  release(): void;
}

/**
 * Keeps other processes out of a folder until it is released or this process is gone, however it ends: SQLite's lock on
 * an empty database is the operating system's, and dies with its holder. Rejects with `unavailable` when it is held.
 */
export function lockFolder(folder: string): FolderLock {
  const database = new BetterSqlite3(join(folder, 'lock'), { timeout: 0 });
  try {
    database.exec('begin exclusive');
  } catch (error) {
    database.close();
    if (!(error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY'))) throw error;
    throw new AppError(
      'unavailable',
      `${folder} is in use by another running server; give this one its own`,
      {
        cause: error,
      },
    );
  }
  return { release: () => database.close() };
}
