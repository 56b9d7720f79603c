import { randomUUID } from 'node:crypto';
import type { ChangeHints } from '../ports/change-hints.ts';
import type { RedisConnection } from './connection.ts';

/** A stream of reports from devices must not become a stream of hints: more often than that they tell nothing new. */
const announceEveryMs = 50;

/** Hints by publish and subscribe. */
export function createRedisChangeHints(
  connection: Pick<RedisConnection, 'ask' | 'subscribe'>,
  channel: string,
): ChangeHints {
  const self = randomUUID();
  const callbacks: (() => void)[] = [];
  let pause: NodeJS.Timeout | undefined;
  let isWaiting = false;

  function publish(): void {
    connection.ask((client) => client.publish(channel, self)).catch(() => undefined);
    pause = setTimeout(() => {
      pause = undefined;
      if (!isWaiting) return;
      isWaiting = false;
      publish();
    }, announceEveryMs);
    pause.unref();
  }

  return {
    announce() {
      if (pause) isWaiting = true;
      else publish();
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
      clearTimeout(pause);
      callbacks.length = 0;
    },
  };
}
