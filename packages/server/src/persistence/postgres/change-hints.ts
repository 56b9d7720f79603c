import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { ChangeHints } from '../../ports/change-hints.ts';

/** Of all the databases of a server, only those who listen to this one hear it. */
const channel = 'capgo_changes';
const connectTimeoutMs = 4_000;
const reconnectAfterMs = 2_000;
/** Time the database has to say goodbye. */
const farewellMs = 1_000;

/**
 * Hints by LISTEN and NOTIFY, over a connection of its own, because who listens has to keep it. While it is lost, and
 * behind a pooler that gives connections to transactions only, nothing is heard.
 *
 * @param url as for `openPostgresStore`
 */
export function createPostgresChangeHints(url: string): ChangeHints {
  const self = randomUUID();
  const callbacks: (() => void)[] = [];
  let connected: Client | undefined;
  /** Of the connection that is there or being made. */
  let socket = new Socket();
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  function tryLater(): void {
    if (isClosed || retry) return;
    retry = setTimeout(() => {
      retry = undefined;
      connecting = connect();
    }, reconnectAfterMs);
    retry.unref();
  }

  async function connect(): Promise<void> {
    const own = new Socket();
    socket = own;
    const client = new Client({
      ...{
        connectionString: url,
        connectionTimeoutMillis: connectTimeoutMs,
        query_timeout: connectTimeoutMs,
      },
      // Finds out that a server is gone which never said so.
      ...{ keepAlive: true, keepAliveInitialDelayMillis: 10_000, fallback_application_name: 'capgo-server' },
      stream: () => own,
    });
    const lose = () => {
      if (connected === client) connected = undefined;
      tryLater();
    };
    // Without a listener a lost connection would end the process.
    client.on('error', lose);
    client.on('end', lose);
    client.on('notification', ({ payload }) => {
      // What this node changed it knows already.
      if (payload !== self) for (const call of callbacks) call();
    });
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      connected = client;
      // What was announced while nobody listened.
      for (const call of callbacks) call();
    } catch {
      // No goodbye: a database that is silent would never answer it.
      own.destroy();
      tryLater();
    }
  }
  let connecting = connect();

  return {
    announce() {
      connected?.query('select pg_notify($1, $2)', [channel, self]).catch(() => undefined);
    },
    onHint(callback) {
      callbacks.push(callback);
    },
    async close() {
      isClosed = true;
      callbacks.length = 0;
      clearTimeout(retry);
      const ended = connected?.end().catch(() => undefined);
      const abort = new AbortController();
      await Promise.race([ended, delay(farewellMs, undefined, abort)]);
      abort.abort();
      socket.destroy();
      await connecting;
    },
  };
}
