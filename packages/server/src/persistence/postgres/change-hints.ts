import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { ChangeHints } from '../../ports/change-hints.ts';

/** Of all the databases of a server, only those who listen to this one hear it. */
const channel = 'capgo_changes';
const connectTimeoutMs = 4_000;
const reconnectAfterMs = 2_000;

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
  let connecting: Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  function tryLater(): void {
    if (isClosed || retry) return;
    retry = setTimeout(() => {
      retry = undefined;
      void connect();
    }, reconnectAfterMs);
    retry.unref();
  }

  async function connect(): Promise<void> {
    const client = new Client({
      ...{ connectionString: url, connectionTimeoutMillis: connectTimeoutMs },
      ...{ keepAlive: true, fallback_application_name: 'capgo-server' },
    });
    connecting = client;
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
      if (isClosed) await client.end();
      else connected = client;
      // What was announced while nobody listened.
      for (const call of callbacks) call();
    } catch {
      await client.end().catch(() => undefined);
      tryLater();
    }
  }
  const firstConnection = connect();

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
      await connected?.end().catch(() => undefined);
      if (!connected) await connecting?.end().catch(() => undefined);
      await firstConnection;
    },
  };
}
