import BetterSqlite3 from 'better-sqlite3';

/** What SQLite finds wrong with a database file and with what its rows refer to; nothing when it is intact. */
export function sqliteFaults(path: string): readonly unknown[] {
  const database = new BetterSqlite3(path);
  try {
    const integrity = database.pragma('integrity_check') as { integrity_check: string }[];
    const lines = integrity.map((row) => row.integrity_check).filter((line) => line !== 'ok');
    return [...lines, ...(database.pragma('foreign_key_check') as unknown[])];
  } finally {
    database.close();
  }
}
