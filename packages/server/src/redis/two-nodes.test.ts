import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newAppId } from '../persistence/contract/opened-store.ts';
import { buildUpdateCheckBody } from '../testing/builders.ts';
import { createRedisServer, needsTestRedis, testRedisUrl } from '../testing/redis-server.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

const updatesPerMinute = 5;

/** Two servers over one database, without the job that looks for changes. */
async function startTwo(env: Record<string, string>): Promise<readonly [TestServer, TestServer]> {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-nodes-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const start = async () => {
    const server = await startTestServer({
      env: {
        DATABASE_URL: `sqlite:${join(folder, 'capgo.sqlite')}`,
        LIMIT_REQUEST_PER_MINUTE: String(updatesPerMinute),
        TRUSTED_PROXIES: '127.0.0.1',
        ...env,
      },
    });
    onTestFinished(() => server.close());
    return server;
  };
  return [await start(), await start()];
}

let lastAddress = 0;
/** A client that no other test is, nor another run over the same Redis. */
function newAddress(): string {
  lastAddress += 1;
  return `2001:db8:${randomUUID().slice(0, 4)}:${lastAddress}::1`;
}

function ask(server: TestServer, path: string, method: string, body: object, address: string) {
  return fetch(`${server.userUrl}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
    body: JSON.stringify(body),
  });
}

const checkFrom = (server: TestServer, address: string, appId = 'com.example.unknown') =>
  ask(server, '/updates', 'POST', buildUpdateCheckBody({ app_id: appId }), address);

async function passingChecks(server: TestServer, address: string, requests: number): Promise<number> {
  let passed = 0;
  for (let request = 0; request < requests; request += 1) {
    passed += Number((await checkFrom(server, address)).status === 200);
  }
  return passed;
}

async function create(server: TestServer, name: string, body: FormData | object): Promise<{ id: string }> {
  const isForm = body instanceof FormData;
  const answer = await fetch(`${server.managementUrl}/api/v1/${name}`, {
    method: 'POST',
    headers: { 'x-api-key': testToken, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    body: isForm ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  expect([name, answer.ok, text]).toEqual([name, true, text]);
  return { id: /[0-9a-f]{24}/.exec(text)?.[0] ?? '' };
}

/** Soon, because on a busy machine a node may have fallen back for a second. */
const shareSoon = (a: TestServer, b: TestServer) =>
  vi.waitFor(
    async () => {
      const address = newAddress();
      expect([await passingChecks(a, address, 3), await passingChecks(b, address, 3)]).toEqual([3, 2]);
      return address;
    },
    { timeout: 10_000, interval: 100 },
  );

describe('two servers without REDIS_URL', () => {
  it('each count update checks for themselves', async () => {
    const [a, b] = await startTwo({});
    const address = newAddress();
    expect([await passingChecks(a, address, 8), await passingChecks(b, address, 8)]).toEqual([5, 5]);
  });
});

describe.skipIf(testRedisUrl === '')(`two servers with one Redis${needsTestRedis}`, () => {
  it('count update checks together, and say rightly when the next may come', async () => {
    const [a, b] = await startTwo({ REDIS_URL: testRedisUrl });
    const address = await shareSoon(a, b);
    const before = Date.now();
    const refused = await checkFrom(a, address);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toMatch(/^1[012]$/);
    const { moreInfo } = (await refused.json()) as { moreInfo: { rateLimitResetAt: number } };
    expect(moreInfo.rateLimitResetAt).toBeGreaterThan(before + 9_000);
    expect(moreInfo.rateLimitResetAt).toBeLessThanOrEqual(Date.now() + 12_000);
  });

  it('count what devices do with their channels together', async () => {
    const [a, b] = await startTwo({ REDIS_URL: testRedisUrl });
    await shareSoon(a, b);
    const body = { ...buildUpdateCheckBody({ device_id: randomUUID() }), channel: 'beta' };
    const address = newAddress();
    expect((await ask(a, '/channel_self', 'POST', body, address)).status).toBe(200);
    const refused = await ask(b, '/channel_self', 'POST', body, address);
    expect(refused.status).toBe(429);
    const waitSeconds = Number(refused.headers.get('retry-after'));
    expect(waitSeconds).toBeGreaterThan(50);
    expect(waitSeconds).toBeLessThanOrEqual(60);
    const { moreInfo } = (await refused.json()) as { moreInfo: { rateLimitResetAt: number } };
    expect(Math.abs(moreInfo.rateLimitResetAt - Date.now() - waitSeconds * 1_000)).toBeLessThan(2_000);
    expect((await ask(b, '/channel_self', 'POST', { ...body, channel: 'alpha' }, address)).status).toBe(200);
  });

  it('count failed attempts to prove who somebody is together', async () => {
    const [a, b] = await startTwo({ REDIS_URL: testRedisUrl });
    await shareSoon(a, b);
    const address = newAddress();
    const statusOf = async (server: TestServer, key: string) => {
      const headers = { 'x-forwarded-for': address, capgkey: key };
      return (await fetch(`${server.managementUrl}/api/v1/bundles.list`, { headers })).status;
    };
    for (const server of [a, b]) {
      for (let time = 0; time < 10; time += 1) expect(await statusOf(server, randomUUID())).toBe(401);
    }
    for (const server of [a, b]) {
      expect([await statusOf(server, randomUUID()), await statusOf(server, testToken)]).toEqual([429, 429]);
    }
  });

  it('serve within a second what the other changed, without looking for it themselves', async () => {
    const [a, b] = await startTwo({ REDIS_URL: testRedisUrl });
    const appId = newAppId();
    const upload = (version_name: string) =>
      create(a, 'bundles.upload', bundleForm({ app_id: appId, version_name }));
    const [builtin, update] = [await upload('1.0.0'), await upload('1.0.1')];
    const release = await create(a, 'releases.create', {
      ...{ app_id: appId, platform: 'android', version_name: '1.0.0', version_code: '1' },
      builtin_bundle_id: builtin.id,
    });
    const offered = async (server: TestServer) => {
      const facts = { app_id: appId, platform: 'android', version_build: '1.0.0', version_code: '1' };
      const body = buildUpdateCheckBody({ ...facts, version_name: 'builtin' });
      const answer = await ask(server, '/updates', 'POST', body, newAddress());
      return ((await answer.json()) as { version?: string }).version;
    };
    await create(a, 'releases.set-active', { release_id: release.id, bundle_id: update.id });
    const start = performance.now();
    expect(await offered(a)).toBe('1.0.1');
    await vi.waitFor(async () => expect(await offered(b)).toBe('1.0.1'), { timeout: 1_000, interval: 5 });
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it('go on while Redis is stopped, each counting for itself, and count together when it is back', async () => {
    const redis = await createRedisServer();
    await redis.start();
    onTestFinished(() => redis.stop());
    const [a, b] = await startTwo({ REDIS_URL: redis.url });
    await shareSoon(a, b);

    await redis.stop();
    const meanwhile = newAddress();
    expect([await passingChecks(a, meanwhile, 7), await passingChecks(b, meanwhile, 7)]).toEqual([5, 5]);
    const device = { ...buildUpdateCheckBody({ device_id: randomUUID() }), channel: 'beta' };
    for (const server of [a, b]) {
      const statuses: number[] = [];
      for (let times = 0; times < 2; times += 1) {
        statuses.push((await ask(server, '/channel_self', 'POST', device, meanwhile)).status);
      }
      expect(statuses).toEqual([200, 429]);
      expect((await fetch(`${server.userUrl}/_readyz`)).status).toBe(200);
    }

    await redis.start();
    await shareSoon(a, b);
  });

  it('delay no update check by more than a tenth of a second when Redis says nothing more', async () => {
    const redis = await createRedisServer();
    await redis.start();
    onTestFinished(() => redis.stop());
    const [a] = await startTwo({ REDIS_URL: redis.url });
    await passingChecks(a, newAddress(), 2);
    redis.freeze();
    for (const [method, path] of [
      ['POST', '/updates'],
      ['PUT', '/channel_self'],
    ] as const) {
      const start = performance.now();
      const body = buildUpdateCheckBody({ device_id: randomUUID() });
      expect((await ask(a, path, method, body, newAddress())).status).toBe(200);
      // What is over the tenth of a second is for the request itself.
      expect(performance.now() - start).toBeLessThan(150);
    }
  });
});
