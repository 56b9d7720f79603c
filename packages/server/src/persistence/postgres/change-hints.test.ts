import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { createPostgresDatabase, runOnPostgres, type TestDatabase } from '../../testing/postgres-server.ts';
import { openTcpProxy } from '../../testing/tcp-proxy.ts';
import { createPostgresChangeHints } from './change-hints.ts';

describe('hints between nodes on one PostgreSQL database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createPostgresDatabase(inject('postgresUrl'));
  });
  afterAll(() => database.drop());

  function listener() {
    const hints = createPostgresChangeHints(database.url);
    let heard = 0;
    hints.onHint(() => {
      heard += 1;
    });
    return { hints, heard: () => heard };
  }

  /** Two nodes that hear each other. */
  async function twoNodes() {
    const [here, there] = [listener(), listener()];
    // Each hears once, by itself, that it listens from now on.
    await expect.poll(() => here.heard() * there.heard()).toBe(1);
    return { here, there };
  }

  it('reach the others and not the one who announces', async () => {
    const { here, there } = await twoNodes();
    here.hints.announce();
    await expect.poll(() => there.heard()).toBe(2);
    there.hints.announce();
    await expect.poll(() => here.heard()).toBe(2);
    expect(there.heard()).toBe(2);
    await Promise.all([here.hints.close(), there.hints.close()]);
  });

  it('are heard again after the connections were ended, and what was missed counts as a hint', async () => {
    const { here, there } = await twoNodes();
    await runOnPostgres(
      database.url,
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'capgo-server' and pid <> pg_backend_pid() and datname = current_database()",
    );
    await expect.poll(() => here.heard() * there.heard(), { timeout: 15_000 }).toBe(4);
    here.hints.announce();
    await expect.poll(() => there.heard()).toBe(3);
    await Promise.all([here.hints.close(), there.hints.close()]);
  });

  it('end with the node, also while it cannot connect', async () => {
    const { hints, heard } = listener();
    await expect.poll(() => heard()).toBe(1);
    await hints.close();
    hints.announce();
    const lost = createPostgresChangeHints('postgres://nobody:x@127.0.0.1:9/none');
    lost.announce();
    await lost.close();
    expect(heard()).toBe(1);
  });

  it('end within two seconds with a node whose database is silent', async () => {
    const proxy = await openTcpProxy(Number(new URL(database.url).port));
    onTestFinished(() => proxy.close());
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const listening = createPostgresChangeHints(url.href);
    let heard = 0;
    listening.onHint(() => {
      heard += 1;
    });
    await expect.poll(() => heard).toBe(1);
    proxy.stall();
    const beginning = createPostgresChangeHints(url.href);
    const startedAt = performance.now();
    await Promise.all([listening.close(), beginning.close()]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('are heard again after the database was silent while it was asked for them', async () => {
    const proxy = await openTcpProxy(Number(new URL(database.url).port));
    onTestFinished(() => proxy.close());
    const url = new URL(database.url);
    url.port = String(proxy.port);
    // Nothing comes back once it is asked to tell.
    proxy.onRequest((bytes) => {
      if (bytes.includes('listen') && proxy.connectionCount === 1) proxy.stall();
    });
    const hints = createPostgresChangeHints(url.href);
    onTestFinished(() => hints.close());
    let heard = 0;
    hints.onHint(() => {
      heard += 1;
    });
    await expect.poll(() => proxy.connectionCount, { timeout: 15_000 }).toBe(2);
    expect(heard).toBe(0);
    proxy.resume();
    await expect.poll(() => heard, { timeout: 15_000 }).toBe(1);
  });
});
