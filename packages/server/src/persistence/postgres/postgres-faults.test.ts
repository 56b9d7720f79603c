import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildRecordedEvent,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import {
  createPostgresDatabase,
  type PostgresServer,
  runOnPostgres,
  startPostgresServer,
  type TestDatabase,
} from '../../testing/postgres-server.ts';
import { openTcpProxy } from '../../testing/tcp-proxy.ts';
import { newAppId, outcomesOf } from '../contract/opened-store.ts';
import { openPostgresStore } from './open-postgres-store.ts';

const serverUrl = inject('postgresUrl');

/** What a test opened, to be closed after it, the last one first. */
const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

async function newDatabase(): Promise<TestDatabase> {
  const database = await createPostgresDatabase(serverUrl);
  opened.push(database.drop);
  return database;
}

async function open(url: string): Promise<Store> {
  const store = await openPostgresStore(url);
  opened.push(() => store.close());
  return store;
}

function withUrl(url: string, change: (url: URL) => void): string {
  const changed = new URL(url);
  change(changed);
  return changed.href;
}

/** Everything an error says, down to its last cause. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${JSON.stringify(error)} ${error.stack} ${wordsOf(error.cause)}`;
}

const refusalOf = (url: string): Promise<unknown> =>
  openPostgresStore(url).then(
    (store) => store.close().then(() => 'opened'),
    (error: unknown) => error,
  );

/** The other connections to a database. */
const othersOf = 'from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';

describe('a database that cannot be opened', () => {
  it.each<[name: string, change: (url: URL) => void, message: RegExp]>([
    [
      'a server that is not there',
      (url) => {
        url.port = '1';
      },
      /cannot be reached/,
    ],
    [
      'a wrong password',
      (url) => {
        url.password = 'hunter2';
      },
      /refuses the user or the password/,
    ],
    [
      'a database that does not exist',
      (url) => {
        url.pathname = '/nothing-here';
      },
      /does not exist; create it/,
    ],
    [
      'a certificate that is not there',
      (url) => {
        url.searchParams.set('sslmode', 'verify-full');
        url.searchParams.set('sslrootcert', '/nowhere/ca.pem');
      },
      /cannot be reached/,
    ],
    [
      'a search path without a schema',
      (url) => {
        url.searchParams.set('options', '-c search_path=nowhere');
      },
      /no schema/,
    ],
  ])('is told from others by its reason, and for now only: %s', async (_name, change, message) => {
    const database = await newDatabase();
    const url = withUrl(database.url, change);
    const refusal = await refusalOf(url);
    expect(refusal).toMatchObject({ code: 'unavailable', message: expect.stringMatching(message) });
    const { password } = new URL(url);
    expect(password).not.toBe('');
    expect(wordsOf(refusal)).not.toContain(password);
  });

  it('because its user may create no tables is refused for good, with the reason', async () => {
    const database = await newDatabase();
    const user = `reader_${newAppId().replaceAll('.', '_')}`;
    await runOnPostgres(database.url, `create role ${user} login password 'reader-secret'`);
    opened.unshift(() => runOnPostgres(serverUrl, `drop role ${user}`));
    const refusal = await refusalOf(
      withUrl(database.url, (url) => {
        url.username = user;
        url.password = 'reader-secret';
      }),
    );
    expect(refusal).toMatchObject({
      message: expect.stringContaining('permission denied for schema public'),
    });
    expect(refusal).not.toMatchObject({ code: 'unavailable' });
  });
});

it('a database that a newer version has written is refused in words, and not waited for', async () => {
  const { url } = await newDatabase();
  await (await openPostgresStore(url)).close();
  await runOnPostgres(url, "insert into kysely_migration values ('9999-later', '2030-01-01')");
  const refusal = await refusalOf(url);
  expect(refusal).toMatchObject({
    message: 'The database was written by a newer version of this server (9999-later); start that version',
  });
  expect(refusal).not.toHaveProperty('code', 'unavailable');
});

describe('a new database', () => {
  it('comes up for 8 nodes that start at once', async () => {
    const database = await newDatabase();
    const opening = await Promise.allSettled(Array.from({ length: 8 }, () => open(database.url)));
    expect(opening).not.toContainEqual(expect.objectContaining({ status: 'rejected' }));
    const appId = newAppId();
    for (const each of opening) {
      if (each.status === 'fulfilled') await each.value.insertBundle(buildBundle({ appId }), someAuthor);
    }
    const migrations = await runOnPostgres(database.url, 'select name from kysely_migration');
    expect(new Set(migrations.map(({ name }) => name)).size).toBe(migrations.length);
  });

  it('comes up for nodes whose user may have one connection each', async () => {
    const database = await newDatabase();
    const user = `narrow_${newAppId().replaceAll('.', '_')}`;
    await runOnPostgres(database.url, `create role ${user} login password 'narrow' connection limit 3`);
    opened.unshift(() => runOnPostgres(serverUrl, `drop role ${user}`));
    await runOnPostgres(database.url, `alter schema public owner to ${user}`);
    const url = withUrl(database.url, (each) => {
      each.username = user;
      each.password = 'narrow';
    });
    expect(await outcomesOf([open(url), open(url), open(url)])).toStrictEqual(['done', 'done', 'done']);
  });

  it('holds several installations, each in its schema', async () => {
    const database = await newDatabase();
    await runOnPostgres(database.url, 'create schema tenant');
    const inPublic = await open(database.url);
    const inTenant = await open(
      withUrl(database.url, (url) => url.searchParams.set('options', '-c search_path=tenant')),
    );
    const appId = newAppId();
    const bundle = buildBundle({ appId });
    await inPublic.insertBundle(bundle, someAuthor);
    expect(await inTenant.findBundle(bundle.id)).toBeUndefined();
    await inTenant.insertBundle(bundle, someAuthor);
    expect(await inTenant.findBundle(bundle.id)).toStrictEqual(bundle);
    const tables = await runOnPostgres(
      database.url,
      "select table_schema, count(*)::int from information_schema.tables where table_schema in ('public', 'tenant') group by 1",
    );
    expect(new Set(tables.map(({ count }) => count)).size).toBe(1);
    expect(tables).toHaveLength(2);
  });

  it('sorts every text by its bytes', async () => {
    const database = await newDatabase();
    await open(database.url);
    const others = await runOnPostgres(
      database.url,
      `select table_name, column_name from information_schema.columns
       where table_schema = 'public' and data_type = 'text' and collation_name is distinct from 'C'`,
    );
    expect(others).toStrictEqual([]);
  });
});

describe('a lost connection', () => {
  it('is replaced before it is missed, when nothing was under way', async () => {
    const database = await newDatabase();
    const store = await open(database.url);
    const appId = newAppId();
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([
        store.ping(),
        store.readAllAppStates(),
        store.insertBundle(buildBundle({ appId }), someAuthor),
      ]);
      await runOnPostgres(database.url, `select pg_terminate_backend(pid) ${othersOf}`);
      // At once, when we may or may not have been told.
      const bundle = buildBundle({ appId });
      await store.insertBundle(bundle, someAuthor);
      expect(await store.findBundle(bundle.id)).toStrictEqual(bundle);
    }
  });

  it('in the middle of a change leaves nothing of it, and its lock to the next', async () => {
    const database = await newDatabase();
    const store = await open(database.url);
    const appId = newAppId();
    // Held up behind the table, with the lock of all changes.
    await runOnPostgres(database.url, 'create table gate (id int primary key)');
    await runOnPostgres(
      database.url,
      `create function wait_at_gate() returns trigger language plpgsql as
       $$ begin if new.description = 'held up' then perform pg_sleep(60); end if; return new; end $$`,
    );
    await runOnPostgres(
      database.url,
      'create trigger gate before insert on bundles for each row execute function wait_at_gate()',
    );
    const bundle = buildBundle({ appId, description: 'held up' });
    const change = outcomesOf([store.insertBundle(bundle, someAuthor)]);
    await expect
      .poll(() => runOnPostgres(database.url, `select 1 ${othersOf} and wait_event = 'PgSleep'`))
      .toHaveLength(1);
    const next = outcomesOf([store.insertBundle(buildBundle({ appId }), someAuthor)]);
    await runOnPostgres(
      database.url,
      `select pg_terminate_backend(pid) ${othersOf} and wait_event = 'PgSleep'`,
    );
    expect(await change).toStrictEqual(['unavailable']);
    expect(await next).toStrictEqual(['done']);
    expect(await store.findBundle(bundle.id)).toBeUndefined();
    const { changes } = await store.readChanges(0);
    expect(changes).toHaveLength(1);
  });
});

describe('a network that swallows everything', () => {
  it('makes every call unavailable within 6 s, and does not outlast the trouble', async () => {
    const database = await newDatabase();
    const { port } = new URL(database.url);
    const proxy = await openTcpProxy(Number(port));
    opened.push(() => proxy.close());
    const store = await open(
      withUrl(database.url, (url) => {
        url.port = String(proxy.port);
      }),
    );
    const appId = newAppId();
    await Promise.all(
      Array.from({ length: 10 }, () => store.insertBundle(buildBundle({ appId }), someAuthor)),
    );

    proxy.stall();
    const startedAt = performance.now();
    const outcomes = await outcomesOf([
      store.appendDeviceEvents([buildRecordedEvent({ appId })]),
      store.insertBundle(buildBundle({ appId }), someAuthor),
      store.readAllAppStates(),
      store.ping(),
      ...Array.from({ length: 20 }, () => store.listBundles({ appId }, { limit: 1 })),
    ]);
    expect(new Set(outcomes)).toStrictEqual(new Set(['unavailable']));
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    proxy.resume();
    await store.appendDeviceEvents([buildRecordedEvent({ appId })]);
    expect(await store.countDeviceEvents({ appId })).toBe(1);
  });

  it('does not keep a store from being closed', async () => {
    const database = await newDatabase();
    const proxy = await openTcpProxy(Number(new URL(database.url).port));
    opened.push(() => proxy.close());
    const store = await open(
      withUrl(database.url, (url) => {
        url.port = String(proxy.port);
      }),
    );
    await store.ping();
    proxy.stall();
    const startedAt = performance.now();
    await store.close();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('does not keep a start from being given up', async () => {
    const database = await newDatabase();
    const proxy = await openTcpProxy(Number(new URL(database.url).port));
    opened.push(() => proxy.close());
    proxy.stall();
    const stop = new AbortController();
    const url = withUrl(database.url, (each) => {
      each.port = String(proxy.port);
    });
    const opening = outcomesOf([openPostgresStore(url, stop.signal)]);
    await expect.poll(() => proxy.connectionCount).toBe(1);
    const startedAt = performance.now();
    stop.abort();
    expect(await opening).toStrictEqual(['unavailable']);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe('a database that refuses', () => {
  it('writes because it is read-only is not available', async () => {
    const database = await newDatabase();
    const store = await open(database.url);
    const bundle = buildBundle();
    await store.insertBundle(bundle, someAuthor);
    await runOnPostgres(
      database.url,
      `alter database ${new URL(database.url).pathname.slice(1)} set default_transaction_read_only = on`,
    );
    await runOnPostgres(database.url, `select pg_terminate_backend(pid) ${othersOf}`);
    expect(await outcomesOf([store.insertBundle(buildBundle(), someAuthor), store.ping()])).toStrictEqual([
      'unavailable',
      'unavailable',
    ]);
    expect(await store.findBundle(bundle.id)).toStrictEqual(bundle);
  });

  /** Makes the first, or every, event that is inserted fail with this SQLSTATE. */
  async function failWith(url: string, sqlState: string, times: number): Promise<void> {
    await runOnPostgres(url, 'create sequence attempts');
    await runOnPostgres(
      url,
      `create function fail() returns trigger language plpgsql as
       $$ begin if nextval('attempts') <= ${times} then raise exception 'no' using errcode = '${sqlState}'; end if; return new; end $$`,
    );
    await runOnPostgres(
      url,
      'create trigger fail before insert on device_events for each row execute function fail()',
    );
  }

  it.each([
    ['53100', 'insufficient_storage'],
    ['53200', 'unavailable'],
    ['53300', 'unavailable'],
    ['57P01', 'unavailable'],
    ['57014', 'unavailable'],
    ['55P03', 'unavailable'],
    ['58030', 'unavailable'],
    ['08006', 'unavailable'],
    ['22003', '22003'],
  ])('with %s makes its caller see %s', async (sqlState, code) => {
    const database = await newDatabase();
    const store = await open(database.url);
    await failWith(database.url, sqlState, 1);
    const append = () => store.appendDeviceEvents([buildRecordedEvent()]);
    expect(await outcomesOf([append()])).toStrictEqual([code]);
    expect(await outcomesOf([append()])).toStrictEqual(['done']);
  });

  it.each(['40P01', '40001'])('with %s is asked again, and nothing counts twice', async (sqlState) => {
    const database = await newDatabase();
    const store = await open(database.url);
    await failWith(database.url, sqlState, 2);
    const appId = newAppId();
    await store.appendDeviceEvents([buildRecordedEvent({ appId }), buildRecordedEvent({ appId })]);
    expect(await store.countDeviceEvents({ appId })).toBe(2);
  });
});

describe('two nodes', () => {
  it('that are told the same events in opposite orders never wait for each other for ever', async () => {
    const database = await newDatabase();
    const [here, there] = [await open(database.url), await open(database.url)];
    const appId = newAppId();
    for (let round = 0; round < 15; round += 1) {
      const events = () =>
        Array.from({ length: 300 }, (_each, index) =>
          buildRecordedEvent(
            { appId, deviceId: `device-${index}`, deviceTimeMs: someTimeMs + round * 1_000 + index },
            { effects: { failedInstall: index % 50 === 0 ? '1.0.0' : null } },
          ),
        );
      await Promise.all([
        here.appendDeviceEvents(events()),
        there.appendDeviceEvents(events().toReversed()),
        here.insertChannel(buildNewChannel({ appId }), undefined, someAuthor),
      ]);
    }
    expect(await here.countDeviceEvents({ appId })).toBe(15 * 300);
    const deadlocks = await runOnPostgres(
      database.url,
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    );
    expect(deadlocks).toStrictEqual([{ deadlocks: 0 }]);
  });
});

const openssl = 'openssl';
const hasOpenssl = spawnSync(openssl, ['version']).status === 0;

describe.skipIf(!hasOpenssl)('a server with TLS (needs openssl)', () => {
  let folder: string;
  let server: PostgresServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-postgres-tls-'));
    spawnSync(openssl, [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
      ...['-subj', '/CN=database', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ]);
    const read = (name: string) => readFile(join(folder, name), 'utf8');
    server = await startPostgresServer({ tls: { cert: await read('cert.pem'), key: await read('key.pem') } });
  });
  afterAll(async () => {
    await server.destroy();
    await rm(folder, { recursive: true });
  });

  it.each([
    ['verify-full', true, 'done', 1],
    ['verify-full', false, 'unavailable', 0],
    ['no-verify', false, 'done', 1],
    ['disable', false, 'done', 0],
  ])('with sslmode=%s, its authority named: %s, is %s', async (mode, isNamed, outcome, encrypted) => {
    const database = await createPostgresDatabase(server.url);
    opened.push(database.drop);
    const url = withUrl(database.url, ({ searchParams }) => {
      searchParams.set('sslmode', mode);
      if (isNamed) searchParams.set('sslrootcert', join(folder, 'cert.pem'));
    });
    expect(await outcomesOf([open(url).then((store) => store.ping())])).toStrictEqual([outcome]);
    const rows = await runOnPostgres(
      database.url,
      `select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid)
       where ssl and datname = current_database() and pid <> pg_backend_pid()`,
    );
    expect(rows).toHaveLength(encrypted);
  });

  it('is not mistaken for one without', async () => {
    const url = withUrl(serverUrl, ({ searchParams }) => searchParams.set('sslmode', 'no-verify'));
    expect(wordsOf(await refusalOf(url))).toContain('does not support SSL');
  });
});

describe('a server that is restarted', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgresServer();
  });
  afterAll(() => server.destroy());

  it('is unavailable meanwhile and then used again, with all that was acknowledged', async () => {
    const store = await open(server.url);
    const appId = newAppId();
    let acknowledged = 0;
    let refused = 0;
    let isOver = false;
    const refusals = new Set<unknown>();
    async function keepAppending(): Promise<void> {
      while (!isOver) {
        const [outcome] = await outcomesOf([store.appendDeviceEvents([buildRecordedEvent({ appId })])]);
        if (outcome === 'done') acknowledged += 1;
        else {
          refused += 1;
          refusals.add(outcome);
        }
      }
    }
    const load = [keepAppending(), keepAppending(), keepAppending()];
    await expect.poll(() => acknowledged).toBeGreaterThan(50);
    await server.stop();
    await expect.poll(() => refusals.size).toBe(1);
    expect(await outcomesOf([store.ping(), store.readAllAppStates()])).toStrictEqual([
      'unavailable',
      'unavailable',
    ]);
    const acknowledgedBefore = acknowledged;
    await server.start();
    await expect.poll(() => acknowledged, { timeout: 10_000 }).toBeGreaterThan(acknowledgedBefore + 50);
    isOver = true;
    await Promise.all(load);
    expect(refusals).toStrictEqual(new Set(['unavailable']));
    // What was refused may have been written: its acknowledgement was lost with the connection.
    const written = await store.countDeviceEvents({ appId });
    expect(written).toBeGreaterThanOrEqual(acknowledged);
    expect(written).toBeLessThanOrEqual(acknowledged + refused);
  });
});
