import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import { AppError } from '../domain/errors.ts';
import type { BundleUnpacker, OpenedBundle } from '../ports/bundle-unpacker.ts';
import type { UnpackAnswer, UnpackRequest } from './unpack-messages.ts';

/** A thread that has nothing to do for so long is ended: its memory is worth more than the time it takes to start. */
const idleMs = 10_000;

type Request = UnpackRequest extends infer Each
  ? Each extends { id: number }
    ? Omit<Each, 'id'>
    : never
  : never;

interface Waiter {
  resolve(answer: UnpackAnswer): void;
  reject(error: unknown): void;
}

/** What went wrong in the thread, as it would be thrown here. */
function toError({ error }: Extract<UnpackAnswer, { error: object }>): Error {
  if (error.code !== undefined) {
    const options = error.details === undefined ? {} : { details: error.details };
    return new AppError(error.code as ErrorCode, error.message, options);
  }
  const cause = new Error(error.message);
  switch (error.systemCode) {
    case undefined:
      return cause;
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('insufficient_storage', 'The disk for unpacked bundles is full', { cause });
    default:
      return new AppError('unavailable', 'The folder for unpacked bundles cannot be used right now', {
        cause,
      });
  }
}

/** One thread and what it was asked. */
function startThread(brotliQuality: number, onEnd: () => void) {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./unpack-worker.${extension}`, import.meta.url), {
    workerData: { brotliQuality },
    env: { NODE_COMPILE_CACHE: getCompileCacheDir() ?? '' },
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 192 },
  });
  const waiting = new Map<number, Waiter>();
  let lastId = 0;
  let end: unknown;

  function die(reason: unknown): void {
    if (end !== undefined) return;
    end = reason;
    onEnd();
    for (const waiter of waiting.values()) waiter.reject(reason);
    waiting.clear();
  }
  worker.on('message', (answer: UnpackAnswer) => {
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) waiter?.reject(toError(answer));
    else waiter?.resolve(answer);
  });
  worker.on('error', (cause) => die(new Error('The thread that unpacks bundles failed', { cause })));
  worker.on('exit', () => die(new Error('The thread that unpacks bundles has ended')));
  // Whoever waits for an answer keeps the process alive by other means; a server that stops need not wait for us.
  worker.unref();

  return {
    ask<Kind extends Request['kind']>(request: Extract<Request, { kind: Kind }>): Promise<UnpackAnswer> {
      return new Promise((resolve, reject) => {
        if (end !== undefined) {
          reject(end);
          return;
        }
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        worker.postMessage({ ...request, id: lastId });
      });
    },
    /** Ends it, whatever it is at. */
    async kill(reason: unknown): Promise<void> {
      die(reason);
      await worker.terminate();
    },
  };
}

type Thread = ReturnType<typeof startThread>;

function answerOf<Key extends string>(
  answer: UnpackAnswer,
  key: Key,
): Extract<UnpackAnswer, Record<Key, unknown>> {
  if (!(key in answer)) throw new Error(`The thread that unpacks bundles answered without ${key}`);
  return answer as Extract<UnpackAnswer, Record<Key, unknown>>;
}

/**
 * Unpacks in a thread of its own, one bundle at a time: who opens another one waits until the one before is closed.
 *
 * @param brotliQuality 0 to 11
 */
export function createBundleUnpacker(brotliQuality: number): BundleUnpacker {
  let thread: Thread | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function wake(): Thread {
    clearTimeout(idle);
    thread ??= startThread(brotliQuality, () => {
      thread = undefined;
    });
    return thread;
  }

  function rest(): void {
    idle = setTimeout(() => void thread?.kill(new Error('idle')), idleMs);
    idle.unref();
  }

  return {
    async open(zipPath, signal): Promise<OpenedBundle> {
      const { promise: turn, resolve: endTurn } = Promise.withResolvers<void>();
      const before = last;
      last = before.then(() => turn);
      await before;
      let mine: Thread | undefined;
      const stop = () => void mine?.kill(signal.reason);

      async function end(): Promise<void> {
        signal.removeEventListener('abort', stop);
        rest();
        endTurn();
      }
      try {
        signal.throwIfAborted();
        mine = wake();
        signal.addEventListener('abort', stop);
        const own = mine;
        const { files } = answerOf(await own.ask({ kind: 'open', zipPath }), 'files');
        return {
          files,
          async extract(indexes, folder) {
            return answerOf(await own.ask({ kind: 'extract', indexes, folder }), 'extracted').extracted;
          },
          async close() {
            await own.ask({ kind: 'close' }).catch(() => undefined);
            await end();
          },
        };
      } catch (error) {
        await end();
        throw error;
      }
    },
  };
}
