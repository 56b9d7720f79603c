import { randomUUID } from 'node:crypto';
import type { ChangeHints } from '../ports/change-hints.ts';
import type { RedisConnection } from './connection.ts';

/** Hints by publish and subscribe. */
export function createRedisChangeHints(
  connection: Pick<RedisConnection, 'ask' | 'subscribe'>,
  channel: string,
): ChangeHints {
  const self = randomUUID();
  const callbacks: (() => void)[] = [];

  return {
    announce() {
      connection.ask((client) => client.publish(channel, self)).catch(() => undefined);
    },
    onHint(callback) {
      if (callbacks.push(callback) > 1) return;
      connection.subscribe(channel, (sender) => {
        // What this node changed it knows already.
        if (sender === self) return;
        for (const call of callbacks) call();
      });
    },
    async close() {
      callbacks.length = 0;
    },
  };
}
