import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNodeLimits } from '../http/node-limits.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { createFailedAuthLimit } from './failed-auth-limit.ts';

const minuteMs = 60_000;

describe('a client that fails to prove who it is', () => {
  const clock = createFakeClock();
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ clock, env: { TRUSTED_PROXIES: '127.0.0.1' } });
  });
  afterAll(() => server.close());

  let lastClient = 0;
  function newClient(): string {
    lastClient += 1;
    return `2001:db8:0:${lastClient.toString(16)}::1`;
  }

  function ask(client: string, headers: Record<string, string>, path = '/api/v1/bundles.list') {
    return fetch(`${server.managementUrl}${path}`, { headers: { 'x-forwarded-for': client, ...headers } });
  }
  const statusesOf = (answers: readonly Response[]) => answers.map(({ status }) => status);

  async function fail(client: string, times: number): Promise<number[]> {
    const statuses: number[] = [];
    for (let time = 0; time < times; time += 1) {
      statuses.push((await ask(client, { capgkey: randomUUID() })).status);
    }
    return statuses;
  }

  it('is refused after 20 failures, also with a right key, until 15 minutes after the first', async () => {
    const client = newClient();
    expect(new Set(await fail(client, 20))).toEqual(new Set([401]));
    clock.advance(5 * minuteMs);
    for (const headers of [{ capgkey: randomUUID() }, { 'x-api-key': testToken }]) {
      const refused = await ask(client, headers as Record<string, string>);
      expect(refused.status).toBe(429);
      expect(refused.headers.get('retry-after')).toBe('600');
      expect(refused.headers.get('x-ratelimit-reset')).toBe(String((clock.now() + 10 * minuteMs) / 1_000));
      expect(await refused.json()).toEqual({
        ...{ error: 'Too many requests', code: 'too_many_requests' },
        details: {
          reason: 'too_many_failed_auth_attempts',
          ...{ rateLimitResetAt: clock.now() + 10 * minuteMs, retryAfterSeconds: 600 },
        },
      });
    }
    clock.advance(10 * minuteMs);
    expect((await ask(client, { 'x-api-key': testToken })).status).toBe(200);
  });

  it('is told so in the words of the REST API', async () => {
    const client = newClient();
    await fail(client, 20);
    const hosted = await ask(client, { capgkey: testToken, capgo_api: '2025-10-01' }, '/apikey');
    expect(hosted.status).toBe(429);
    expect(await hosted.json()).toMatchObject({
      ...{ error: 'too_many_requests', message: 'Too many requests' },
      moreInfo: { reason: 'too_many_failed_auth_attempts', retryAfterSeconds: 900 },
    });
    const documented = await ask(client, { capgkey: testToken }, '/apikey');
    expect([documented.status, await documented.json()]).toEqual([
      429,
      expect.objectContaining({ error: 'Too many requests', status: 'KO', code: 'too_many_requests' }),
    ]);
  });

  it('is one however many addresses of its network it has, and no other', async () => {
    const client = newClient();
    await fail(client, 20);
    expect((await ask(client.replace('::1', '::2'), { capgkey: testToken })).status).toBe(429);
    expect((await ask(newClient(), { capgkey: testToken })).status).toBe(200);
  });

  it('finds out nothing by sending many at once', async () => {
    const client = newClient();
    const keys = [...Array.from({ length: 60 }, () => randomUUID()), testToken];
    const statuses = statusesOf(await Promise.all(keys.map((capgkey) => ask(client, { capgkey }))));
    expect(statuses.filter((status) => status === 401).length).toBe(20);
    expect(statuses.filter((status) => status === 429).length).toBe(41);
  });

  it('does not fail without a credential, or with a right one and too small a role', async () => {
    const client = newClient();
    for (let time = 0; time < 25; time += 1) expect((await ask(client, {})).status).toBe(401);
    const reader = await server.product.services.apiKeys.create(
      { name: 'reader', role: 'read', apps: null, expiresAtMs: null },
      { kind: 'management_token', id: 'x', name: 'x', role: 'admin', apps: null },
    );
    for (let time = 0; time < 25; time += 1) {
      expect((await ask(client, { capgkey: reader.text }, '/apikey')).status).toBe(403);
    }
    expect((await ask(client, { capgkey: testToken })).status).toBe(200);
  });

  it('is told to the operator once', async () => {
    const told: string[] = [];
    const limit = createFailedAuthLimit(createNodeLimits(clock), clock, (ip) => told.push(ip));
    for (let time = 0; time < 25; time += 1) await limit.conclude('10.0.0.1', true).catch(() => undefined);
    await limit.conclude('10.0.0.2', true);
    expect(told).toEqual(['10.0.0.1']);
  });

  it('still sees what is for everybody', async () => {
    const client = newClient();
    await fail(client, 21);
    for (const path of ['/apipublic/v1/oauth2.config', '/_healthz']) {
      expect((await ask(client, { capgkey: randomUUID() }, path)).status).toBe(200);
    }
  });
});
