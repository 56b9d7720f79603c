import { MongoClient, type MongoClientOptions, ReadPreference } from 'mongodb';
import type { Store } from '../../ports/store.ts';
import { createCommitLog } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { translateError } from './errors.ts';
import { migrateToLatest } from './migrate.ts';
import type { LeaseDocument } from './schema.ts';
import { createMongoStore } from './store.ts';

/** A request that waits for the database is told within five seconds or so that there is none, also when it is silent. */
const serverSelectionTimeoutMs = 2_000;
const connectTimeoutMs = 2_000;
/** A server that does not answer within `connectTimeoutMs` is given up, with all that was asked of it. */
const heartbeatEveryMs = 1_000;
/** Longer than any query of ours takes; what is silent for longer is gone. */
const socketTimeoutMs = 60_000;
const pingTimeoutMs = 4_000;

const options: MongoClientOptions = {
  appName: 'capgo-server',
  serverSelectionTimeoutMS: serverSelectionTimeoutMs,
  connectTimeoutMS: connectTimeoutMs,
  heartbeatFrequencyMS: heartbeatEveryMs,
  socketTimeoutMS: socketTimeoutMs,
  // What is acknowledged survives a crash and the loss of a node, and what was written is read.
  writeConcern: { w: 'majority', journal: true },
  readConcern: { level: 'local' },
  readPreference: ReadPreference.primary,
  retryWrites: true,
  retryReads: true,
  ignoreUndefined: false,
};

function createClient(url: string): MongoClient {
  try {
    return new MongoClient(url, options);
  } catch (error) {
    // Of an option it names the option; of the rest it repeats the whole, with the password.
    const reason = error instanceof Error && !error.message.includes('://') ? `: ${error.message}` : '';
    // Not `unavailable`: waiting does not mend it.
    throw new Error(`The connection string is not one of MongoDB${reason}`);
  }
}

/**
 * Connects to MongoDB 4.0 or newer and brings the database up to date. Rejects with `unavailable` when it cannot be
 * reached now.
 *
 * @param url `mongodb://…` or `mongodb+srv://…`; never repeated in an error's message
 * @param stop gives up the opening
 */
export async function openMongoStore(
  url: string,
  databaseName: string,
  stop: AbortSignal = new AbortController().signal,
): Promise<Store> {
  const client = createClient(url);
  // What is under way on a client that was closed fails.
  const giveUp = () => void client.close().catch(() => undefined);
  stop.addEventListener('abort', giveUp);
  try {
    const db = client.db(databaseName);
    await client.connect();
    await migrateToLatest(db);
    const database: MongoDatabase = {
      log: createCommitLog(db),
      collection: (name) => db.collection(name),
      leases: db.collection<LeaseDocument>('leases'),
      async ping() {
        await db.command({ ping: 1 }, { timeoutMS: pingTimeoutMs });
      },
      close: () => client.close(),
    };
    // Finishes what a node that died has begun.
    await database.log.settle();
    return createMongoStore(database);
  } catch (error) {
    await client.close().catch(() => undefined);
    throw translateError(error);
  } finally {
    stop.removeEventListener('abort', giveUp);
  }
}
