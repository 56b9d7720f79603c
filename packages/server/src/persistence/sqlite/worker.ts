import { parentPort, workerData } from 'node:worker_threads';
import BetterSqlite3 from 'better-sqlite3';
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts';

/** Runs the statements of one SQLite connection, so that a commit's fsync never holds up the event loop that answers devices. */
const { filePath } = workerData as { filePath: string };
const database = new BetterSqlite3(filePath);
database.pragma('journal_mode = WAL');
// With FULL a commit is on disk when it is acknowledged, also after a power cut; group commit pays for it.
database.pragma('synchronous = FULL');
database.pragma('foreign_keys = ON');
database.pragma('busy_timeout = 5000');
// In KiB. Must hold all pages that one group of device events changes: what does not fit is written twice.
database.pragma('cache_size = -12288');
// In pages, 80 MB: device events change pages all over their indexes, and each is copied once however often it changed.
database.pragma('wal_autocheckpoint = 20000');

const maxCachedStatements = 200;
const statements = new Map<string, BetterSqlite3.Statement<unknown[]>>();

function prepare(text: string): BetterSqlite3.Statement<unknown[]> {
  const known = statements.get(text);
  if (known) return known;
  const statement = database.prepare<unknown[]>(text);
  statements.set(text, statement);
  if (statements.size > maxCachedStatements) {
    const [oldest] = statements.keys();
    if (oldest !== undefined) statements.delete(oldest);
  }
  return statement;
}

function runMany(text: string, rows: readonly (readonly unknown[])[]): number[] {
  const statement = prepare(text);
  return rows.map((row) => statement.run(...row).changes);
}

function answer(request: WorkerRequest): WorkerAnswer {
  switch (request.kind) {
    case 'query': {
      const statement = prepare(request.text);
      if (statement.reader) return { id: request.id, rows: statement.all(...request.parameters), changes: 0 };
      return { id: request.id, rows: [], changes: statement.run(...request.parameters).changes };
    }
    case 'run-many':
      return { id: request.id, rows: runMany(request.text, request.rows), changes: 0 };
    case 'close':
      database.close();
      return { id: request.id, rows: [], changes: 0 };
  }
}

function tryAnswer(request: WorkerRequest): WorkerAnswer {
  try {
    return answer(request);
  } catch (error) {
    const code = error instanceof BetterSqlite3.SqliteError ? error.code : 'UNKNOWN';
    return {
      id: request.id,
      error: { code, message: error instanceof Error ? error.message : String(error) },
    };
  }
}

parentPort?.on('message', (request: WorkerRequest) => {
  parentPort?.postMessage(tryAnswer(request));
  if (request.kind === 'close') parentPort?.close();
});
