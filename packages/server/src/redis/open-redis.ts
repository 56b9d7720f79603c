import type { ChangeHints } from '../ports/change-hints.ts';
import type { RequestLimits } from '../ports/request-limits.ts';
import { createRedisChangeHints } from './change-hints.ts';
import { connectRedis } from './connection.ts';
import { createRedisRequestLimits } from './request-limits.ts';

/** With a Redis that is there, a server starts with it and not without. */
const maxStartMs = 1_000;

/** What nodes share through Redis. */
export interface Redis {
  readonly limits: RequestLimits;
  readonly hints: ChangeHints;
  close(): Promise<void>;
}

/**
 * Resolves within a second also when Redis is not there; it is then connected to when it comes.
 *
 * @param url `redis:` or `rediss:`, with user, password and database number when needed
 */
export async function openRedis(url: string): Promise<Redis> {
  const connection = connectRedis(url);
  await connection.wait(maxStartMs);
  // Keys are apart by database, channels are not.
  const database = Number(new URL(url).pathname.slice(1));
  const hints = createRedisChangeHints(connection, `capgo-server:changes:${database}`);
  return {
    limits: createRedisRequestLimits(connection),
    hints,
    async close() {
      await hints.close();
      connection.close();
    },
  };
}
