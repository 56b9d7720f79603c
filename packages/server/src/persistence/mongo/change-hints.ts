import { setTimeout as delay } from 'node:timers/promises';
import { MongoClient } from 'mongodb';
import type { ChangeHints } from '../../ports/change-hints.ts';
import { sparingly } from '../sparing-hints.ts';
import { commitsName } from './commit-log.ts';

const connectTimeoutMs = 2_500;
/** How long the server holds an answer back until there is something to tell. */
const maxAwaitTimeMs = 10_000;
/** A server that is silent for longer is gone. */
const socketTimeoutMs = maxAwaitTimeMs + 10_000;
/** A standalone server refuses every time: it is asked less and less often, in case it becomes a replica set. */
const firstRetryMs = 2_000;
const maxRetryMs = 60_000;

/** Commits that change what update checks are answered from, told by nothing but their position in the stream. */
const pipeline = [
  { $match: { operationType: 'insert', 'fullDocument.changes.0': { $exists: true } } },
  { $project: { _id: 1 } },
];

/**
 * Hints by a change stream over the log of commits: a commit announces itself. Only replica sets have change streams;
 * with any other server nothing is heard.
 *
 * @param url as for `openMongoStore`
 */
export function createMongoChangeHints(url: string, databaseName: string): ChangeHints {
  const callbacks: (() => void)[] = [];
  const stopped = new AbortController();
  let client: MongoClient | undefined;

  const hint = sparingly(() => {
    for (const call of callbacks) call();
  });

  /** Until the stream or the connection is lost, or cannot be had. */
  async function listen(onOpen: () => void): Promise<void> {
    client = new MongoClient(url, {
      ...{ appName: 'capgo-server', maxPoolSize: 2, socketTimeoutMS: socketTimeoutMs },
      ...{ serverSelectionTimeoutMS: connectTimeoutMs, connectTimeoutMS: connectTimeoutMs },
    });
    try {
      const commits = client.db(databaseName).collection(commitsName);
      const stream = commits.watch(pipeline, { maxAwaitTimeMS: maxAwaitTimeMs });
      // Nothing is asked of the server before the first read.
      await stream.tryNext();
      onOpen();
      // That one, and what was committed while nobody listened.
      hint.now();
      for await (const _commit of stream) hint.now();
    } finally {
      await client.close().catch(() => undefined);
    }
  }

  async function keepListening(): Promise<void> {
    let retryMs = firstRetryMs;
    while (!stopped.signal.aborted) {
      try {
        await listen(() => {
          retryMs = firstRetryMs;
        });
      } catch {
        // Whoever follows the changes looks for them anyway.
      }
      await delay(retryMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
  }
  const listening = keepListening();

  return {
    announce() {
      // The commit has done so.
    },
    onHint(callback) {
      callbacks.push(callback);
    },
    async close() {
      callbacks.length = 0;
      hint.end();
      stopped.abort();
      await client?.close().catch(() => undefined);
      await listening;
    },
  };
}
