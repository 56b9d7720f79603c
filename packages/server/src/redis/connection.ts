import { createClient } from '@redis/client';
import { AppError } from '../domain/errors.ts';
import { limitScripts } from './limit-scripts.ts';

const connectTimeoutMs = 2_000;
const maxReconnectPauseMs = 1_000;
const heartbeatEveryMs = 1_000;
/** A connection on which nothing was answered for so long is given up, also when the system still thinks it is there. */
const deadAfterMs = 5_000;

function openClient(url: string) {
  return createClient({
    url,
    // With version 3 of the protocol one connection serves commands and subscriptions.
    RESP: 3,
    name: 'capgo-server',
    maintNotifications: 'disabled',
    scripts: limitScripts,
    // What cannot be sent now fails now: a request does not wait for a connection.
    disableOfflineQueue: true,
    // A timer and an AbortSignal for each command; who asks has a deadline of its own.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, maxReconnectPauseMs),
    },
  });
}

export type RedisClient = ReturnType<typeof openClient>;

/** A connection that is made again and again for as long as it is not closed. */
export interface RedisConnection {
  /** Sends a command now or rejects with `unavailable`; an answer may never come. */
  ask<Answer>(send: (client: RedisClient) => Promise<Answer>): Promise<Answer>;
  /** Tells of every message in the channel from the time on at which there is a connection. */
  subscribe(channel: string, listener: (message: string) => void): void;
  /** Resolves when there is a connection, and in any case after so long. */
  wait(maxMs: number): Promise<void>;
  close(): void;
}

/** Connects in the background. */
export function connectRedis(url: string): RedisConnection {
  const subscriptions = new Map<string, (message: string) => void>();
  const firstReady = Promise.withResolvers<void>();
  let fault = 'not connected yet';
  let answeredAtMs = performance.now();
  let client = open();

  function open(): RedisClient {
    const opened = openClient(url);
    opened.on('error', (error: Error & { readonly code?: string }) => {
      // One for several addresses has no message of its own.
      fault = error.message || error.code || error.name;
    });
    opened.on('ready', () => {
      answeredAtMs = performance.now();
      for (const [channel, listener] of subscriptions) subscribeTo(opened, channel, listener);
      firstReady.resolve();
    });
    // Its reasons are told as errors; it rejects only when it is closed.
    opened.connect().catch(() => undefined);
    return opened;
  }

  /** A second time on one client changes nothing. */
  function subscribeTo(ready: RedisClient, channel: string, listener: (message: string) => void): void {
    ready.subscribe(channel, listener).catch(() => undefined);
  }

  const heartbeat = setInterval(() => {
    if (performance.now() - answeredAtMs > deadAfterMs) {
      client.destroy();
      answeredAtMs = performance.now();
      client = open();
    } else if (client.isReady) {
      const asked = client;
      asked.ping().then(
        () => {
          if (asked === client) answeredAtMs = performance.now();
        },
        () => undefined,
      );
    }
  }, heartbeatEveryMs);
  heartbeat.unref();

  return {
    async ask(send) {
      if (!client.isReady) throw new AppError('unavailable', `no connection: ${fault}`);
      try {
        return await send(client);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new AppError('unavailable', reason, { cause: error });
      }
    },
    subscribe(channel, listener) {
      subscriptions.set(channel, listener);
      if (client.isReady) subscribeTo(client, channel, listener);
    },
    async wait(maxMs) {
      const tooLate = setTimeout(firstReady.resolve, maxMs);
      await firstReady.promise;
      clearTimeout(tooLate);
    },
    close() {
      clearInterval(heartbeat);
      client.destroy();
    },
  };
}
