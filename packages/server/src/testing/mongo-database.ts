import { randomUUID } from 'node:crypto';
import { MongoClient } from 'mongodb';

/** Where tests find a MongoDB, or a program that speaks like one; '' when there is none. */
export const testMongoUrl = process.env.TEST_MONGO_URL ?? '';
/** The same with change streams, which the other one need not have. */
export const testMongoStreamsUrl = process.env.TEST_MONGO_CHANGE_STREAMS_URL ?? '';

/** The name of a database that no other test uses. */
export function newDatabaseName(): string {
  return `capgo-test-${randomUUID().slice(0, 13)}`;
}

/** Runs something with a database as the driver shows it. */
export async function withDatabase<Result>(
  name: string,
  run: (db: ReturnType<MongoClient['db']>) => Promise<Result>,
  url = testMongoUrl,
): Promise<Result> {
  const client = new MongoClient(url);
  try {
    return await run(client.db(name));
  } finally {
    await client.close();
  }
}

export async function dropDatabase(name: string, url = testMongoUrl): Promise<void> {
  await withDatabase(name, (db) => db.dropDatabase(), url);
}
