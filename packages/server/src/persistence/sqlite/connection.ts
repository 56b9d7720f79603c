import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { AppError } from '../../domain/errors.ts';
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts';

/** SQLite's own error; `code` is one of its extended result codes, such as `SQLITE_CONSTRAINT_UNIQUE`. */
export class SqliteFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'SqliteFailure';
    this.code = code;
  }
}

/** Codes that say "not now", as opposed to "never like this". */
const unavailableCodes =
  /^SQLITE_(BUSY|LOCKED|READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB|PERM|AUTH|NOMEM|PROTOCOL)/;

function translate(code: string, message: string): Error {
  const cause = new SqliteFailure(code, message);
  if (code.startsWith('SQLITE_FULL')) {
    return new AppError('insufficient_storage', 'The disk of the database is full', { cause });
  }
  if (unavailableCodes.test(code)) {
    return new AppError('unavailable', 'The database refuses work right now', { cause });
  }
  return cause;
}

export interface SqliteConnection {
  /** Rejects with `unavailable`, `insufficient_storage` or a SqliteFailure. */
  query(text: string, parameters: readonly unknown[]): Promise<{ rows: unknown[]; changes: number }>;
  /**
   * Runs a statement with each row, for a caller who began a transaction and will roll it back when this rejects;
   * answers how many rows each run changed.
   */
  runMany(text: string, rows: readonly (readonly unknown[])[]): Promise<readonly number[]>;
  close(): Promise<void>;
}

interface Waiter {
  readonly resolve: (answer: { rows: unknown[]; changes: number }) => void;
  readonly reject: (error: Error) => void;
}

type Request = WorkerRequest extends infer Each
  ? Each extends { id: number }
    ? Omit<Each, 'id'>
    : never
  : never;

/**
 * Opens a database file, or `:memory:`, in a thread of its own. Statements run one after the other in the order
 * they were sent. A thread that dies answers everything with `unavailable`.
 */
export function openSqliteConnection(filePath: string): SqliteConnection {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
    workerData: { filePath },
    // A thread has a compile cache of its own, and learns of it in no other way.
    env: { NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' },
    // Its rows are garbage as soon as they are sent; by default 48 MB of them would be kept.
    resourceLimits: { maxYoungGenerationSizeMb: 12 },
  });
  const waiting = new Map<number, Waiter>();
  let lastId = 0;
  let death: Error | undefined;

  function die(cause: unknown): void {
    death ??= new AppError(
      'unavailable',
      'The database connection is closed',
      cause === undefined ? {} : { cause },
    );
    for (const waiter of waiting.values()) waiter.reject(death);
    waiting.clear();
  }
  worker.on('message', (answer: WorkerAnswer) => {
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) worker.unref();
    if ('error' in answer) waiter?.reject(translate(answer.error.code, answer.error.message));
    else waiter?.resolve(answer);
  });
  worker.on('error', die);
  worker.on('exit', () => die(undefined));
  worker.unref();

  function send(request: Request): Promise<{ rows: unknown[]; changes: number }> {
    return new Promise((resolve, reject) => {
      if (death) {
        reject(death);
        return;
      }
      lastId += 1;
      // Throws for a value that cannot be sent; then there is nothing to wait for.
      worker.postMessage({ ...request, id: lastId });
      waiting.set(lastId, { resolve, reject });
      worker.ref();
    });
  }

  return {
    query: (text, parameters) => send({ kind: 'query', text, parameters }),
    async runMany(text, rows) {
      const answer = await send({ kind: 'run-many', text, rows });
      return answer.rows as number[];
    },
    async close() {
      if (death) return;
      const closed = send({ kind: 'close' });
      death = new AppError('unavailable', 'The database connection is closed');
      await closed;
    },
  };
}
