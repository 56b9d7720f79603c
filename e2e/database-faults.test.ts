import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import AdmZip from 'adm-zip';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openTcpProxy } from '../packages/server/src/testing/tcp-proxy.ts';
import { type DatabaseServer, servedEngine } from './database.ts';
import { eventually } from './deadline.ts';
import { managementOf } from './management.ts';
import { type RunningServer, startServer } from './start-server.ts';

/** How long the database is away while devices go on asking. */
const outageMs = Number(process.env['E2E_OUTAGE_MS'] ?? 4_000);
const appId = 'com.example.outage';
const password = 'admin-secret';

const { scheme, devicesUnderLoad, ...engine } = servedEngine();

/** For the tests that take it down. */
let databaseServer: DatabaseServer;
beforeAll(async () => {
  databaseServer = await engine.startServer();
});
afterAll(() => databaseServer?.destroy());

async function newDatabase(on: Pick<DatabaseServer, 'createDatabase'> = engine): Promise<string> {
  const database = await on.createDatabase();
  onTestFinished(database.remove);
  return database.url;
}

/** A new database behind a network that can fail. */
async function newProxiedDatabase() {
  const url = new URL(await newDatabase());
  const proxy = await openTcpProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  const directUrl = url.href;
  url.port = String(proxy.port);
  return { url: url.href, directUrl, proxy };
}

async function startOn(databaseUrl: string): Promise<RunningServer> {
  const server = await startServer({ env: { DATABASE_URL: databaseUrl } });
  onTestFinished(async () => {
    await server.kill();
    expect(server.output()).not.toContain(password);
  });
  return server;
}

function zipOf(title: string): Buffer {
  const zip = new AdmZip();
  zip.addFile('index.html', Buffer.from(`<!doctype html><title>${title}</title>`));
  return zip.toBuffer();
}

/** An app whose devices are to get 1.1.0. */
async function publishApp(server: RunningServer): Promise<void> {
  const management = managementOf(server);
  const upload = (version: string) =>
    management.uploadBundle(zipOf(version), { app_id: appId, version_name: version });
  const builtin = await upload('1.0.0');
  const release = await management.createRelease({
    ...{ app_id: appId, platform: 'ios', version_name: '1.0.0', version_code: '1' },
    builtin_bundle_id: builtin.id,
  });
  await management.setActiveBundle(release.id, (await upload('1.1.0')).id);
}

const infoOf = (device: number) => ({
  ...{ app_id: appId, device_id: `00000000-0000-4000-8000-${String(device).padStart(12, '0')}` },
  ...{ platform: 'ios', version_build: '1.0.0', version_code: '1', version_os: '17' },
  ...{ plugin_version: '8.51.14', is_emulator: false, is_prod: true },
});

const post = (url: string, body: object) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Load {
  readonly checks: { answered: number; readonly unexpected: unknown[]; slowestMs: number };
  readonly events: {
    acknowledged: number;
    refused: number;
    readonly unexpected: unknown[];
    slowestMs: number;
  };
  stop(): Promise<void>;
}

/** Devices that check for updates, and report events that they tell again until they are acknowledged. */
function putUnderLoad(server: RunningServer): Load {
  const checks: Load['checks'] = { answered: 0, unexpected: [], slowestMs: 0 };
  const events: Load['events'] = { acknowledged: 0, refused: 0, unexpected: [], slowestMs: 0 };
  let isOver = false;
  let nextDevice = 0;

  async function keepChecking(): Promise<void> {
    while (!isOver) {
      nextDevice = (nextDevice + 1) % devicesUnderLoad;
      const startedAt = performance.now();
      const response = await post(`${server.userUrl}/updates`, {
        ...infoOf(nextDevice),
        version_name: 'builtin',
      });
      const answer = (await response.json()) as { version?: string };
      if (response.status === 200 && answer.version === '1.1.0') checks.answered += 1;
      else checks.unexpected.push({ status: response.status, answer });
      checks.slowestMs = Math.max(checks.slowestMs, performance.now() - startedAt);
      await pause(2);
    }
  }
  async function keepReporting(reporter: number): Promise<void> {
    for (let timestamp = 1; !isOver; timestamp += 1) {
      const event = { ...infoOf(900_000 + reporter), action: 'set', version_name: '1.0.0', timestamp };
      for (;;) {
        const startedAt = performance.now();
        const response = await post(`${server.userUrl}/stats`, [{ ...event, old_version_name: '' }]);
        await response.arrayBuffer();
        events.slowestMs = Math.max(events.slowestMs, performance.now() - startedAt);
        if (response.status === 200) break;
        if (response.status === 503 && /^\d+$/.test(response.headers.get('retry-after') ?? '')) {
          events.refused += 1;
        } else {
          events.unexpected.push({ status: response.status });
        }
        await pause(20);
      }
      events.acknowledged += 1;
    }
  }
  const running = [
    ...Array.from({ length: 6 }, keepChecking),
    ...Array.from({ length: 4 }, (_each, reporter) => keepReporting(reporter)),
  ];
  return {
    ...{ checks, events },
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

async function readinessOf(server: RunningServer) {
  const response = await fetch(`${server.userUrl}/_readyz`);
  return { status: response.status, answer: (await response.json()) as { failing?: string[] } };
}

/** How old, by its own word, is what it answers from. */
async function snapshotAgeOf(server: RunningServer): Promise<number> {
  const text = await (await fetch(`${server.metricsUrl}/metrics`)).text();
  return Number(/^capgo_snapshot_age_seconds (\S+)$/m.exec(text)?.[1]);
}

async function countSets(server: RunningServer): Promise<number> {
  const response = await fetch(`${server.managementUrl}/api/v1/events.count?app_id=${appId}&action=set`, {
    headers: { 'x-api-key': server.token },
  });
  return ((await response.json()) as { count: number }).count;
}

interface Outage {
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

/** What must hold before, in and after an outage of the database. */
async function outlast(server: RunningServer, outage: Outage): Promise<void> {
  await publishApp(server);
  const load = putUnderLoad(server);
  const enough = (count: () => number, from = count()) =>
    eventually('progress', async () => (count() > from + 20 ? true : undefined), 20_000);
  await enough(() => load.events.acknowledged);

  await outage.begin();
  const notReady = await eventually('word that it is not ready', async () => {
    const readiness = await readinessOf(server);
    return readiness.status === 503 ? readiness : undefined;
  });
  expect(notReady.answer.failing).toEqual(['database']);
  const began = performance.now();
  while (performance.now() - began < outageMs) {
    await enough(() => load.checks.answered);
    expect((await readinessOf(server)).status).toBe(503);
  }
  expect(await snapshotAgeOf(server)).toBeGreaterThan((outageMs - 1_000) / 1_000);
  await eventually('a refused event', async () => (load.events.refused > 0 ? true : undefined));

  await outage.end();
  await eventually('readiness', async () => ((await readinessOf(server)).status === 200 ? true : undefined));
  await enough(() => load.events.acknowledged);
  await eventually('a confirmed snapshot', async () =>
    (await snapshotAgeOf(server)) < 1 ? true : undefined,
  );
  await managementOf(server).uploadBundle(zipOf('next'), {
    ...{ app_id: appId, version_name: '1.2.0' },
  });
  await load.stop();
  expect(load.checks.unexpected).toEqual([]);
  expect(load.events.unexpected).toEqual([]);
  expect(load.checks.slowestMs).toBeLessThan(1_000);
  expect(load.events.slowestMs).toBeLessThan(7_000);
  // Each was told until it was acknowledged, some of them more than once; each counts once.
  expect(await countSets(server)).toBe(load.events.acknowledged);
  if (process.env['E2E_OUTAGE_MS']) console.log(JSON.stringify({ outageMs, ...load }));
}

const longTest = { timeout: outageMs + 60_000 };

test(
  'while the database is stopped, update checks are answered and events are refused for later; then all goes on',
  longTest,
  async () => {
    const server = await startOn(await newDatabase(databaseServer));
    await outlast(server, { begin: () => databaseServer.stop(), end: () => databaseServer.start() });
  },
);

test(
  'while the database does not answer, update checks are answered and events are refused for later; then all goes on',
  longTest,
  async () => {
    const { url, proxy } = await newProxiedDatabase();
    const server = await startOn(url);
    await outlast(server, { begin: () => proxy.stall(), end: () => proxy.resume() });
  },
);

/** The lines of a node that waits, each of which says what it waits for and when it tries again. */
function waitingLines(url: string) {
  const lines: string[] = [];
  const { host, pathname } = new URL(url);
  return {
    onLog(line: string) {
      if (line.includes('database_unavailable')) lines.push(line);
    },
    count: () => lines.length,
    expectClear() {
      for (const [index, line] of lines.entries()) {
        const entry = JSON.parse(line) as { attempt: number; msg: string };
        expect(entry.attempt).toBe(index + 1);
        expect(entry.msg).toContain(`waiting for ${scheme}//${host}${pathname}: `);
        expect(entry.msg).toMatch(/next attempt in [\d.]+ s$/);
      }
    },
    reasons: () => lines.join('\n'),
  };
}

test('a node that starts while the database is down says so, and comes up with it', async () => {
  const url = await newDatabase(databaseServer);
  await databaseServer.stop();
  const waiting = waitingLines(url);
  const starting = startServer({ env: { DATABASE_URL: url }, onLog: waiting.onLog });
  await eventually('two attempts', async () => (waiting.count() >= 2 ? true : undefined), 20_000);
  waiting.expectClear();
  expect(waiting.reasons()).toContain('ECONNREFUSED');
  await databaseServer.start();
  const server = await starting;
  expect((await readinessOf(server)).status).toBe(200);
  expect(server.output()).not.toContain(password);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
});

test('a node whose database goes away while it reads what it holds waits for it, too', async () => {
  const { url, directUrl, proxy } = await newProxiedDatabase();
  const before = await startOn(directUrl);
  await publishApp(before);
  await before.stop();
  // The migrations are done, so who asks for channels now reads them all.
  let isReading = false;
  proxy.onRequest((bytes) => {
    if (isReading || !bytes.includes('channels')) return;
    isReading = true;
    proxy.cut();
  });
  const waiting = waitingLines(url);
  const starting = startServer({ env: { DATABASE_URL: url }, onLog: waiting.onLog });
  await eventually('an attempt', async () => (waiting.count() >= 1 ? true : undefined), 20_000);
  expect(isReading).toBe(true);
  proxy.restore();
  const server = await starting;
  onTestFinished(async () => {
    await server.kill();
  });
  waiting.expectClear();
  const answer = await post(`${server.userUrl}/updates`, { ...infoOf(1), version_name: 'builtin' });
  expect(await answer.json()).toMatchObject({ version: '1.1.0' });
});

test('a node that waits for its database ends with 0 when it is told to', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'capgo-waiting-'));
  const main = join(import.meta.dirname, '../packages/server/src/main.ts');
  const child = spawn(process.execPath, ['--conditions=source', main, 'serve'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      DATABASE_URL: `${scheme}//capgo:${password}@127.0.0.1:1/capgo`,
      DATA_DIR: directory,
    },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('database_unavailable')) child.kill('SIGTERM');
  }
  const [code, signal] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode, null];
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  await rm(directory, { recursive: true });
});

test('two nodes that start at once on an empty database both come up and see the same', async () => {
  const url = await newDatabase();
  const [one, other] = await Promise.all([startOn(url), startOn(url)]);
  await publishApp(one);
  expect(await (await listReleases(other)).json()).toEqual(await (await listReleases(one)).json());
});

const listReleases = (server: RunningServer) =>
  fetch(`${server.managementUrl}/api/v1/releases.list?app_id=${appId}`, {
    headers: { 'x-api-key': server.token },
  });
