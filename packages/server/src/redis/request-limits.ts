import type { RequestLimits } from '../ports/request-limits.ts';
import type { RedisConnection } from './connection.ts';

const keyPrefix = 'capgo-server:limit';
const minuteUs = 60_000_000;
const millisecondUs = 1_000;

/** Limits that all nodes with one Redis share. Each key goes with the last thing it remembers, within a minute or so. */
export function createRedisRequestLimits(connection: Pick<RedisConnection, 'ask'>): RequestLimits {
  return {
    refilling({ name, perMinute }) {
      const refillUs = minuteUs / perMinute;
      // As a node for itself has it, so that both let as many pass.
      const graceUs = Math.min(millisecondUs, refillUs / 2);
      return {
        async take(key) {
          const waitUs = await connection.ask((client) =>
            client.takeFromRefilling(`${keyPrefix}:${name}:${key}`, refillUs, minuteUs, graceUs),
          );
          return waitUs / millisecondUs;
        },
      };
    },
    windowed({ name, max, windowMs }) {
      const keyOf = (key: string) => `${keyPrefix}:${name}:${key}`;
      return {
        waitMs: (key) => connection.ask((client) => client.waitOfWindow(keyOf(key), max)),
        async record(key) {
          await connection.ask((client) => client.recordInWindow(keyOf(key), windowMs));
        },
      };
    },
  };
}
