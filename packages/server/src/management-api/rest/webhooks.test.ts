import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { askRest, callerOf, type RestRequest, serveRoutesTo } from '../../testing/rest-client.ts';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { restWebhookRoutes } from './webhooks.ts';

const received: { readonly headers: NodeJS.Dict<string | string[]>; readonly text: string }[] = [];
let status = 200;
const receiver = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  received.push({ headers: request.headers, text: Buffer.concat(parts).toString() });
  response.writeHead(status).end('x'.repeat(600));
});
let url: string;
let server: TestServer;
beforeAll(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  server = await startTestServer({ env: { ALLOW_PRIVATE_URLS: 'true' } });
});
afterAll(async () => {
  receiver.close();
  await server.close();
});

const orgId = defaultOrganizationId;
const ask = (request: RestRequest, base = server.managementUrl) => askRest(base, request);
const send = (method: string, path: string, given: object = {}) =>
  ask({ method, path, body: { orgId, ...given } });
const outcome = (answer: { status: number; body: { code?: string } }) => [answer.status, answer.body.code];

async function create(given: object = {}) {
  const { body } = await send('POST', '/webhooks', { name: 'bell', url, events: ['channels'], ...given });
  return body.webhook;
}
async function run(...names: string[]): Promise<void> {
  for (const name of names) await server.product.jobs.find((job) => job.name === name)?.run();
}
const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/);

describe('a webhook', () => {
  it('is made with a secret that is shown this once, listed, shown, changed and deleted', async () => {
    const made = await send('POST', '/webhooks', { name: 'bell', url, events: ['channels', 'channels'] });
    const row = {
      ...{ id: uuid, org_id: orgId, name: 'bell', url, enabled: true, events: ['channels'] },
      ...{ delivery_version: 'legacy', created_at: timestamp, updated_at: timestamp },
      created_by: 'management-token-1',
    };
    expect(made).toStrictEqual({
      status: 201,
      body: {
        status: 'Webhook created',
        webhook: { ...row, secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/) },
      },
    });
    const { id } = made.body.webhook;
    const one = `/webhooks?orgId=${orgId}&webhookId=${id}`;
    const shown = await ask({ path: one });
    expect(shown).toStrictEqual({
      status: 200,
      body: { ...row, stats_24h: { success: 0, failed: 0, pending: 0 } },
    });
    expect(await ask({ path: one, as: 'hosted' })).toStrictEqual(shown);
    expect((await ask({ path: `/webhooks?orgId=${orgId}` })).body).toContainEqual(row);

    const changes = {
      webhookId: id,
      events: 'apps, bundle.failing',
      enabled: false,
      delivery_version: 'standard',
    };
    expect(await send('PUT', '/webhooks', changes)).toStrictEqual({
      status: 200,
      body: {
        status: 'Webhook updated',
        webhook: {
          ...{ ...row, events: ['apps', 'bundle.failing'], enabled: false, delivery_version: 'standard' },
        },
      },
    });
    expect(await ask({ method: 'DELETE', path: one })).toStrictEqual({
      status: 200,
      body: { status: 'Webhook deleted', webhookId: id },
    });
    expect(outcome(await ask({ path: one }))).toStrictEqual([400, 'webhook_not_found']);
  });

  it('is listed in pages of 50, newest first', async () => {
    const { body } = await send('POST', '/organization', { name: 'Many' });
    for (let each = 0; each < 51; each += 1) {
      await create({ orgId: body.id, name: `hook ${each}` });
    }
    const pageOf = async (page: number) =>
      (await ask({ path: `/webhooks?orgId=${body.id}&page=${page}` })).body as { name: string }[];
    const [first, second, third] = [await pageOf(0), await pageOf(1), await pageOf(2)];
    expect([first.length, second.map(({ name }) => name), third]).toStrictEqual([50, ['hook 0'], []]);
    expect(first[0]?.name).toBe('hook 50');
  });

  it.each([
    ['no name', { name: '' }, 'invalid_body'],
    ['no events', { events: [] }, 'invalid_events'],
    ['events that nobody knows', { events: ['channels', 'users'] }, 'invalid_events'],
    ['events that are no texts', { events: [1] }, 'invalid_body'],
    ['another signature', { deliveryVersion: 'newest' }, 'invalid_delivery_version'],
    ['a URL that is none', { url: 'hook' }, 'invalid_url'],
    ['a URL of another kind', { url: 'ftp://example.com/' }, 'invalid_url'],
    ['a URL with a password', { url: 'https://a:b@example.com/' }, 'invalid_url'],
  ])('is not made or changed with %s', async (_which, given, code) => {
    const made = await send('POST', '/webhooks', { name: 'x', url, events: ['apps'], ...given });
    expect(outcome(made)).toStrictEqual([400, code]);
    const { id } = await create();
    expect(outcome(await send('PUT', '/webhooks', { webhookId: id, ...given }))).toStrictEqual([400, code]);
  });

  it('tells which events there are when one is unknown', async () => {
    const body = { orgId, name: 'x', url, events: ['users'] };
    const { moreInfo } = (await ask({ method: 'POST', path: '/webhooks', body, as: 'hosted' })).body;
    expect(moreInfo.invalid).toStrictEqual(['users']);
    expect(moreInfo.allowed).toEqual(expect.arrayContaining(['apps', 'channels.UPDATE', 'rollout.paused']));
  });

  it('that is not there, not named, or of another organization is told so', async () => {
    const { id } = await create();
    const { body } = await send('POST', '/organization', { name: 'Other' });
    for (const [organization, webhookId, code] of [
      [orgId, randomUUID(), 'webhook_not_found'],
      [body.id, id, 'webhook_not_found'],
      [randomUUID(), id, 'invalid_org_id'],
    ]) {
      const given = { orgId: organization, webhookId };
      const query = `orgId=${organization}&webhookId=${webhookId}`;
      for (const answer of [
        await ask({ path: `/webhooks?${query}` }),
        await ask({ path: `/webhooks/deliveries?${query}` }),
        await send('PUT', '/webhooks', { ...given, name: 'x' }),
        await send('POST', '/webhooks/test', given),
        await send('DELETE', '/webhooks', given),
      ]) {
        expect(outcome(answer)).toStrictEqual([400, code]);
      }
    }
    expect(outcome(await send('PUT', '/webhooks', { webhookId: id }))).toStrictEqual([400, 'no_updates']);
    expect(outcome(await send('POST', '/webhooks/test'))).toStrictEqual([400, 'invalid_body']);
    expect(outcome(await ask({ path: '/webhooks' }))).toStrictEqual([400, 'invalid_body']);
  });
});

describe('a test call', () => {
  it('says what the receiver answered, signed as every delivery', async () => {
    const { id, secret } = await create({ deliveryVersion: 'standard', enabled: false });
    received.length = 0;
    const answer = await send('POST', '/webhooks/test', { webhookId: id });
    expect(answer).toMatchObject({
      status: 200,
      body: { success: true, status: 200, response_preview: 'x'.repeat(500), delivery_id: uuid },
    });
    const [{ headers, text }] = received as [(typeof received)[number]];
    const body = JSON.parse(text);
    expect(body).toMatchObject({ type: 'test.ping', event: 'test.ping', org_id: orgId });
    const at = String(headers['x-capgo-timestamp']);
    const hex = createHmac('sha256', secret).update(`${at}.${text}`).digest('hex');
    expect(headers['x-capgo-signature']).toBe(`v1=${at}.${hex}`);
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const base64 = createHmac('sha256', key).update(`${body.event_id}.${at}.${text}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${base64}`);

    status = 500;
    const failed = await send('POST', '/webhooks/test', { webhookId: id });
    status = 200;
    expect(failed).toMatchObject({ status: 200, body: { success: false, status: 500 } });
  });
});

describe('the deliveries of a webhook', () => {
  it('are listed with what became of them, by status, and sent again once they failed', async () => {
    const { id } = await create();
    await run('webhook-events');
    await send('POST', '/app', { app_id: 'com.example.hooked', name: 'Hooked' });
    status = 410;
    await send('POST', '/channel', { app_id: 'com.example.hooked', channel: 'beta' });
    await run('webhook-events', 'webhook-deliveries');
    status = 200;
    const path = `/webhooks/deliveries?orgId=${orgId}&webhookId=${id}`;
    const { body } = await ask({ path });
    expect(body).toMatchObject({
      deliveries: [
        {
          ...{ webhook_id: id, org_id: orgId, event_type: 'channels.INSERT', status: 'failed' },
          ...{ response_status: 410, attempt_count: 1, max_attempts: 10, next_retry_at: null },
          ...{ audit_log_id: expect.any(Number), delivery_version: 'legacy', completed_at: timestamp },
          request_payload: { event: 'channels.INSERT', org_id: orgId },
        },
      ],
      pagination: { page: 0, per_page: 50, total: 1, has_more: false },
    });
    expect((await ask({ path: `${path}&status=failed` })).body.pagination.total).toBe(1);
    expect((await ask({ path: `${path}&status=success` })).body.deliveries).toStrictEqual([]);
    expect(outcome(await ask({ path: `${path}&status=lost` }))).toStrictEqual([400, 'invalid_body']);

    const deliveryId = body.deliveries[0].id;
    const retry = (given: object = { deliveryId }) => send('POST', '/webhooks/deliveries/retry', given);
    expect(outcome(await retry())).toStrictEqual([400, 'webhook_disabled']);
    await send('PUT', '/webhooks', { webhookId: id, enabled: true });
    expect(await retry()).toStrictEqual({
      ...{ status: 200, body: { status: 'Delivery queued for retry', deliveryId } },
    });
    expect(outcome(await retry())).toStrictEqual([400, 'delivery_not_failed']);
    expect(outcome(await retry({ deliveryId: randomUUID() }))).toStrictEqual([400, 'delivery_not_found']);
    await run('webhook-deliveries');
    const [again] = (await ask({ path })).body.deliveries;
    expect(again).toMatchObject({ id: deliveryId, status: 'success', response_status: 200 });
    expect((await ask({ path: `/webhooks?orgId=${orgId}&webhookId=${id}` })).body.stats_24h).toStrictEqual({
      ...{ success: 1, failed: 0, pending: 0 },
    });
  });
});

it('webhooks are for admins of all apps only', async () => {
  const { organizations, webhooks } = server.product.services;
  for (const [caller, expected] of [
    [callerOf('admin'), 200],
    [callerOf('write'), 403],
    [callerOf('admin', ['com.example.a']), 403],
  ] as const) {
    const served = await serveRoutesTo(caller, restWebhookRoutes({ organizations, webhooks }));
    try {
      expect((await ask({ path: `/webhooks?orgId=${orgId}` }, served.url)).status).toBe(expected);
    } finally {
      await served.close();
    }
  }
});

it('without ALLOW_PRIVATE_URLS neither this machine nor its network is called', async () => {
  const guarded = await startTestServer();
  try {
    for (const inward of [
      url,
      ...['https://127.0.0.1/', 'https://10.0.0.1/', 'https://169.254.169.254/latest/', 'https://[::1]/'],
      ...['https://localhost/', 'https://8.8.8.8/', 'http://example.com/'],
    ]) {
      const body = { orgId, name: 'x', url: inward, events: ['apps'] };
      const answer = await ask({ method: 'POST', path: '/webhooks', body }, guarded.managementUrl);
      expect([inward, ...outcome(answer)]).toStrictEqual([inward, 400, 'invalid_url']);
    }
  } finally {
    await guarded.close();
  }
});
