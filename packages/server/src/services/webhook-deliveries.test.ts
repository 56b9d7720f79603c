import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { autoPauseDefaults } from '../domain/channel.ts';
import { defaultOrganizationId } from '../domain/organization.ts';
import type { Delivery, Webhook } from '../domain/webhook.ts';
import { createOutboundHttp } from '../outbound/http.ts';
import {
  buildActor,
  buildBundle,
  buildDeviceEventBody,
  buildNewChannel,
  buildRecordedEvent,
  someAuthor,
} from '../testing/builders.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { sendDueDeliveries } from './webhook-deliveries.ts';
import type { WebhookFacts } from './webhooks.ts';

interface Received {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly body: Record<string, unknown> & { readonly data: Record<string, unknown> };
}

/** A receiver that answers what it is told, each answer once and then the last one for ever. */
async function openReceiver() {
  const received: Received[] = [];
  let answers: { status: number; headers?: Record<string, string>; body?: string; waitMs?: number }[] = [
    { status: 200 },
  ];
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      received.push({ headers: request.headers, text, body: JSON.parse(text) });
      const [answer = { status: 200 }] = answers;
      if (answers.length > 1) answers = answers.slice(1);
      setTimeout(
        () => response.writeHead(answer.status, answer.headers).end(answer.body ?? 'taken'),
        answer.waitMs ?? 0,
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    answer: (...given: typeof answers) => {
      answers = given;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

let clock: FakeClock;
let server: TestServer;
let receiver: Awaited<ReturnType<typeof openReceiver>>;
let appId: string;
let appCount = 0;

beforeAll(async () => {
  clock = createFakeClock();
  server = await startTestServer({ clock, env: { ALLOW_PRIVATE_URLS: 'true' } });
});
afterAll(() => server.close());
beforeEach(async () => {
  receiver = await openReceiver();
  appCount += 1;
  appId = `com.example.hooked${appCount}`;
});
afterEach(async () => {
  const { webhooks } = server.product.services;
  for (const { id } of await webhooks.list(defaultOrganizationId, 0)) {
    await webhooks.delete(defaultOrganizationId, id, buildActor());
  }
  await run('webhook-events');
  await receiver.close();
});

async function run(...names: string[]): Promise<void> {
  for (const name of names) await server.product.jobs.find((job) => job.name === name)?.run();
}
const deliver = () => run('webhook-events', 'webhook-deliveries');

/** A webhook that is told of nothing that happened before. */
async function hook(given: Partial<WebhookFacts> = {}): Promise<Webhook> {
  await run('webhook-events');
  return server.product.services.webhooks.create(
    defaultOrganizationId,
    {
      ...{ name: 'bell', url: receiver.url, events: ['channels'], isEnabled: true },
      ...{ deliveryVersion: 'legacy', ...given },
    },
    buildActor('olga'),
  );
}

const change = (name = 'beta') =>
  server.product.services.channels.create({ appId, name }, buildActor('olga'));
const deliveriesOf = async ({ id }: Webhook) =>
  (await server.product.services.webhooks.listDeliveries(defaultOrganizationId, id, {}, 0)).deliveries;
const lastOf = async (webhook: Webhook) => (await deliveriesOf(webhook))[0] as Delivery;
const isEnabled = async ({ id }: Webhook) => (await server.product.store.findWebhook(id))?.isEnabled;

describe('a change', () => {
  it('is told once to each webhook that asks for it, with one id, signed by each one’s own secret', async () => {
    const legacy = await hook();
    const standard = await hook({ deliveryVersion: 'standard', events: ['channels.INSERT'] });
    await hook({ events: ['channels.DELETE', 'app_versions', 'apps.UPDATE'] });
    await hook({ isEnabled: false });
    const channel = await change();
    await deliver();
    await deliver();
    expect(receiver.received.map(({ body }) => body['event'])).toStrictEqual([
      'channels.INSERT',
      'channels.INSERT',
    ]);
    const [one, other] = receiver.received as [Received, Received];
    expect(one.body['event_id']).toBe(other.body['event_id']);
    expect(one.body.data).toMatchObject({
      ...{ table: 'channels', operation: 'INSERT', record_id: String(channel.id), old_record: null },
      ...{ new_record: { app_id: appId, name: 'beta' }, changed_fields: null },
      ...{ actor_type: 'apikey', actor_apikey_name: 'olga' },
    });
    const timestamp = String(Math.floor(clock.now() / 1000));
    for (const { headers, text } of receiver.received) {
      const secret = headers['webhook-id'] === undefined ? legacy.secret : standard.secret;
      const hex = createHmac('sha256', secret).update(`${timestamp}.${text}`).digest('hex');
      expect(headers).toMatchObject({
        ...{ 'x-capgo-signature': `v1=${timestamp}.${hex}`, 'x-capgo-event': 'channels.INSERT' },
        ...{ 'content-type': 'application/json', 'x-capgo-event-id': one.body['event_id'] },
      });
    }
    const signed = receiver.received.find(({ headers }) => headers['webhook-id'] !== undefined);
    const key = Buffer.from(standard.secret.slice('whsec_'.length), 'base64');
    const message = `${signed?.headers['webhook-id']}.${timestamp}.${signed?.text}`;
    expect(signed?.headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', key).update(message).digest('base64')}`,
    );
    expect(signed?.body['type']).toBe('channels.INSERT');
    expect(await deliveriesOf(legacy)).toMatchObject([
      {
        status: 'success',
        attemptCount: 1,
        responseStatus: 200,
        responseBody: 'taken',
        nextAttemptAtMs: null,
      },
    ]);
  });

  it('before there was a webhook is not told to it', async () => {
    await change();
    await hook();
    await deliver();
    expect(receiver.received).toStrictEqual([]);
  });

  it('is told in the order of the changes', async () => {
    await hook();
    for (const name of ['a', 'b', 'c', 'd']) await change(name);
    await deliver();
    expect(
      receiver.received.map(({ body }) => (body.data['new_record'] as { name: string }).name),
    ).toStrictEqual([...['a', 'b', 'c', 'd']]);
  });

  it('is told once, also by several nodes at once', async () => {
    await hook();
    await change();
    await Promise.all([deliver(), deliver(), deliver()]);
    expect(receiver.received).toHaveLength(1);
  });

  it('of more than is read at once is told whole', async () => {
    await hook({ events: ['app_versions'] });
    await server.product.store.insertBundle(buildBundle({ appId }), someAuthor);
    for (let each = 0; each < 230; each += 1) {
      await server.product.store.insertBundle(buildBundle({ appId }), someAuthor);
    }
    await run('webhook-events');
    const [webhook] = await server.product.services.webhooks.list(defaultOrganizationId, 0);
    expect(await server.product.store.countDeliveries(webhook?.id ?? '', {})).toBe(231);
  });

  it('never tells a secret, of bundles, of webhooks, or in the log', async () => {
    const webhook = await hook({ events: ['webhooks', 'app_versions'] });
    const other = await hook({ url: `${receiver.url}/path-secret?token=query-secret` });
    await server.product.store.insertBundle(buildBundle({ appId, sessionKey: 'session-secret' }), someAuthor);
    await deliver();
    expect(receiver.received.length).toBeGreaterThanOrEqual(2);
    const told = JSON.stringify([receiver.received, await deliveriesOf(webhook)]);
    for (const secret of [webhook.secret, other.secret, 'path-secret', 'query-secret', 'session-secret']) {
      expect(told).not.toContain(secret);
    }
  });
});

describe('an event that the receiver does not take', () => {
  it('is sent again after ever longer waits with the same id, and given up with its webhook after ten attempts', async () => {
    receiver.answer({ status: 500, body: 'broken' });
    const webhook = await hook();
    await change();
    await deliver();
    const waits: number[] = [];
    for (let attempt = 1; attempt < 10; attempt += 1) {
      const delivery = await lastOf(webhook);
      expect(delivery).toMatchObject({ status: 'pending', attemptCount: attempt, responseStatus: 500 });
      const waitMs = (delivery.nextAttemptAtMs ?? 0) - clock.now();
      waits.push(waitMs);
      clock.advance(waitMs - 1);
      await deliver();
      expect(receiver.received).toHaveLength(attempt);
      clock.advance(1);
      await deliver();
    }
    const hourMs = 3_600_000;
    const least = [5_000, 300_000, 1_800_000, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * hourMs)];
    for (const [index, waitMs] of waits.entries()) {
      expect(waitMs).toBeGreaterThanOrEqual(least[index] as number);
      expect(waitMs).toBeLessThanOrEqual(Math.min((least[index] as number) * 1.1 + 1, 24 * hourMs));
    }
    expect(new Set(receiver.received.map(({ body }) => body['event_id'])).size).toBe(1);
    expect(receiver.received).toHaveLength(10);
    expect(await lastOf(webhook)).toMatchObject({
      ...{ status: 'failed', attemptCount: 10, nextAttemptAtMs: null, completedAtMs: clock.now() },
      responseBody: 'broken',
    });
    expect(await isEnabled(webhook)).toBe(false);
    const [disabling] = (await server.product.store.listAudit({ table: 'webhooks' }, { limit: 1 })).items;
    expect(disabling).toMatchObject({
      changedFields: ['enabled'],
      actor: { kind: 'system', id: 'webhooks' },
    });
    await change('later');
    await deliver();
    expect(receiver.received).toHaveLength(10);
  });

  it('is taken at a later attempt', async () => {
    receiver.answer({ status: 503 }, { status: 204 });
    const webhook = await hook();
    await change();
    await deliver();
    clock.advance(5_500);
    await deliver();
    expect(await lastOf(webhook)).toMatchObject({ status: 'success', attemptCount: 2, responseStatus: 204 });
    const [first, second] = receiver.received as [Received, Received];
    expect(second.text).toBe(first.text);
    expect(second.headers['x-capgo-timestamp']).not.toBe(first.headers['x-capgo-timestamp']);
  });

  it.each([
    [{ status: 429 }, 300_000],
    [{ status: 502 }, 300_000],
    [{ status: 504 }, 300_000],
    [{ status: 500, headers: { 'retry-after': '7200' } }, 7_200_000],
    [{ status: 429, headers: { 'retry-after': '1' } }, 300_000],
    [{ status: 500, headers: { 'retry-after': '999999' } }, 86_400_000],
    [{ status: 301, headers: { location: 'http://127.0.0.1:1/' } }, 5_000],
    [{ status: 404 }, 5_000],
  ])('with %j waits at least %d ms', async (answer, leastMs) => {
    receiver.answer(answer);
    const webhook = await hook();
    await change();
    await deliver();
    const { nextAttemptAtMs } = await lastOf(webhook);
    expect((nextAttemptAtMs ?? 0) - clock.now()).toBeGreaterThanOrEqual(leastMs);
    expect((nextAttemptAtMs ?? 0) - clock.now()).toBeLessThanOrEqual(Math.min(leastMs * 1.1 + 1, 86_400_000));
    expect(receiver.received).toHaveLength(1);
  });

  it('because it is gone for good is given up at once, and its webhook is disabled', async () => {
    receiver.answer({ status: 410 });
    const webhook = await hook();
    await change();
    await deliver();
    expect(await lastOf(webhook)).toMatchObject({ status: 'failed', attemptCount: 1 });
    expect(await isEnabled(webhook)).toBe(false);
  });

  it('because nobody is there is told by what is known of that', async () => {
    const webhook = await hook({ url: 'http://127.0.0.1:1/' });
    await change();
    await deliver();
    expect(await lastOf(webhook)).toMatchObject({
      ...{ status: 'pending', responseStatus: null, responseHeaders: null },
      responseBody: 'The URL cannot be reached: ECONNREFUSED',
    });
  });

  it('waits while its webhook is disabled, and goes on when it is enabled again', async () => {
    receiver.answer({ status: 500 }, { status: 200 });
    const webhook = await hook();
    const { webhooks } = server.product.services;
    await change();
    await deliver();
    await webhooks.change(defaultOrganizationId, webhook.id, { isEnabled: false }, buildActor());
    clock.advance(60_000);
    await deliver();
    expect(receiver.received).toHaveLength(1);
    await webhooks.change(defaultOrganizationId, webhook.id, { isEnabled: true }, buildActor());
    await deliver();
    expect(await lastOf(webhook)).toMatchObject({ status: 'success', attemptCount: 2 });
  });

  it('can be sent again by hand, once its webhook is enabled', async () => {
    receiver.answer({ status: 410 }, { status: 200 });
    const webhook = await hook();
    await change();
    await deliver();
    const { webhooks } = server.product.services;
    const { id } = await lastOf(webhook);
    const retry = () => webhooks.retry(defaultOrganizationId, id);
    await expect(retry()).rejects.toMatchObject({ details: { reason: 'webhook_disabled' } });
    await webhooks.change(defaultOrganizationId, webhook.id, { isEnabled: true }, buildActor());
    await retry();
    await expect(retry()).rejects.toMatchObject({ details: { reason: 'delivery_not_failed' } });
    await deliver();
    expect(await lastOf(webhook)).toMatchObject({ status: 'success', attemptCount: 1 });
    const [first, second] = receiver.received as [Received, Received];
    expect(second.text).toBe(first.text);
  });

  it('keeps only the beginning of what was answered, and no cookie', async () => {
    receiver.answer({
      status: 500,
      body: '€'.repeat(40_000),
      headers: { 'set-cookie': 'a=secret', 'x-a': 'b' },
    });
    const webhook = await hook();
    await change();
    await deliver();
    const { responseBody, responseHeaders } = await lastOf(webhook);
    expect(Buffer.byteLength(responseBody ?? '')).toBeLessThanOrEqual(10_000);
    expect(responseBody).toMatch(/^€{3000,}$/);
    expect(responseHeaders).toMatchObject({ 'x-a': 'b' });
    expect(JSON.stringify(responseHeaders)).not.toContain('secret');
  });
});

it('a receiver that is slow holds up no other', async () => {
  const slow = await openReceiver();
  try {
    slow.answer({ status: 200, waitMs: 1_500 });
    await hook({ url: slow.url, name: 'slow' });
    const fast = await hook({ name: 'fast' });
    await change('one');
    await run('webhook-events');
    const sending = run('webhook-deliveries');
    await expect.poll(() => receiver.received.length, { timeout: 1_000 }).toBe(1);
    expect(slow.received.length).toBeLessThanOrEqual(1);
    // Also what comes while the slow one is waited for.
    await change('two');
    await run('webhook-events');
    await expect.poll(() => receiver.received.length, { timeout: 1_200 }).toBe(2);
    await sending;
    expect((await deliveriesOf(fast)).every(({ status }) => status === 'success')).toBe(true);
  } finally {
    await slow.close();
  }
});

it('a node that dies in the midst of an attempt is followed by another after a minute, and not sooner', async () => {
  const webhook = await hook();
  await change();
  await run('webhook-events');
  const { store } = server.product;
  const outbound = createOutboundHttp({ allowPrivate: true });
  const dies = { ...store, finishAttempt: () => Promise.reject(new Error('dead')) };
  await expect(sendDueDeliveries({ store: dies, outbound, clock, random: Math.random })).rejects.toThrow(
    'dead',
  );
  expect(receiver.received).toHaveLength(1);
  clock.advance(59_000);
  await deliver();
  expect(receiver.received).toHaveLength(1);
  clock.advance(1_000);
  await deliver();
  expect(receiver.received).toHaveLength(2);
  expect(await lastOf(webhook)).toMatchObject({ status: 'success', attemptCount: 1 });
});

describe('a test', () => {
  it('is sent at once, also to a webhook that is disabled, and is one attempt whatever comes of it', async () => {
    const { webhooks } = server.product.services;
    const webhook = await hook({ isEnabled: false, deliveryVersion: 'standard' });
    expect(await webhooks.test(defaultOrganizationId, webhook.id)).toMatchObject({
      ...{ status: 'success', attemptCount: 1, maxAttempts: 1, eventType: 'test.ping', responseStatus: 200 },
    });
    expect(receiver.received[0]?.body).toMatchObject({ event: 'test.ping', type: 'test.ping' });
    receiver.answer({ status: 410, body: 'no' });
    const failed = await webhooks.test(defaultOrganizationId, webhook.id);
    expect(failed).toMatchObject({
      status: 'failed',
      responseStatus: 410,
      responseBody: 'no',
      nextAttemptAtMs: null,
    });
    expect((await deliveriesOf(webhook)).map(({ status }) => status).toSorted()).toStrictEqual([
      'failed',
      'success',
    ]);
    clock.advance(86_400_000);
    await deliver();
    expect(receiver.received).toHaveLength(2);
  });
});

describe('a rollout that fails too often', () => {
  it('is told of when it pauses itself', async () => {
    const { store, services } = server.product;
    const [stable, next] = [buildBundle({ appId }), buildBundle({ appId, versionName: '2.0.0' })];
    for (const bundle of [stable, next]) await store.insertBundle(bundle, someAuthor);
    const rollout = {
      ...buildNewChannel().rollout,
      bundleId: next.id,
      isEnabled: true,
      percentageBps: 10_000,
    };
    const autoPause = { ...autoPauseDefaults, isEnabled: true, failureRateBps: 100 };
    const channel = await store.insertChannel(
      buildNewChannel({ appId, name: 'production', isPublic: true, bundleId: stable.id, rollout, autoPause }),
      undefined,
      someAuthor,
    );
    await services.channels.setBundle(channel.id, stable.id, buildActor());
    await hook({ events: ['rollout.paused'] });
    for (let device = 0; device < 10; device += 1) {
      const outcome = { result: 'fail', bundle: '2.0.0' } as const;
      await store.appendDeviceEvents([
        buildRecordedEvent(
          {
            appId,
            deviceId: `00000000-0000-4000-8000-00000000000${device}`,
            channelName: 'production',
            receivedAtMs: clock.now(),
          },
          { effects: { outcome } },
        ),
      ]);
    }
    await run('auto-pause');
    await deliver();
    await run('auto-pause');
    await deliver();
    expect(receiver.received.map(({ body }) => body['event'])).toStrictEqual(['rollout.paused']);
    expect(receiver.received[0]?.body.data).toMatchObject({
      ...{
        app_id: appId,
        channel: 'production',
        rollout_version: next.id,
        action: 'pause',
        is_automatic: true,
      },
      ...{ actor_type: 'system', reason: expect.stringContaining('10 of 10 installs failed') },
    });
  });
});

describe('a bundle that fails on many devices', () => {
  async function report(device: number, action: string, versionName = '1.0.1') {
    const body = buildDeviceEventBody({
      ...{ app_id: appId, action, version_name: versionName, version_build: '1.0.0' },
      device_id: `00000000-0000-4000-8000-0000000000${String(device).padStart(2, '0')}`,
    });
    const response = await fetch(`${server.userUrl}/stats`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
    });
    expect(response.status).toBe(200);
  }

  it('is told of once a day, with or without a channel, and not for a few devices', async () => {
    const { store, services } = server.product;
    const bundle = buildBundle({ appId, versionName: '1.0.1' });
    await store.insertBundle(bundle, someAuthor);
    await server.product.services.apps.change(appId, { name: 'Known' }, buildActor());
    await services.bundles.change(bundle.id, { comment: 'seen' }, buildActor());
    await hook({ events: ['bundle.failing'] });
    for (let device = 0; device < 4; device += 1) await report(device, 'set_fail');
    await run('failing-bundles');
    await deliver();
    expect(receiver.received).toStrictEqual([]);
    await report(4, 'set_fail');
    await run('failing-bundles', 'failing-bundles');
    await deliver();
    expect(receiver.received.map(({ body }) => body['event'])).toStrictEqual(['bundle.failing']);
    expect(receiver.received[0]?.body.data).toStrictEqual({
      ...{ app_id: appId, bundle_id: bundle.id, version_name: '1.0.1', failing_devices: 5 },
      ...{ installs: 0, failures: 5, window_minutes: 60 },
    });
    clock.advance(86_400_000 - 1_000);
    for (let device = 0; device < 6; device += 1) await report(device, 'set_fail');
    await run('failing-bundles');
    await deliver();
    expect(receiver.received).toHaveLength(1);
    clock.advance(1_000);
    await run('failing-bundles');
    await deliver();
    expect(receiver.received).toHaveLength(2);
  });

  it('among many on which it works is not told of', async () => {
    const { store, services } = server.product;
    const bundle = buildBundle({ appId, versionName: '1.0.1' });
    await store.insertBundle(bundle, someAuthor);
    await services.bundles.change(bundle.id, { comment: 'seen' }, buildActor());
    await hook({ events: ['bundle.failing'] });
    for (let device = 0; device < 60; device += 1) await report(device, 'set');
    for (let device = 60; device < 65; device += 1) await report(device, 'set_fail');
    await run('failing-bundles');
    await deliver();
    expect(receiver.received).toStrictEqual([]);
  });
});

it('entries and deliveries are kept as many days as AUDIT_RETENTION_DAYS says, and pending ones longer', async () => {
  const webhook = await hook();
  await change();
  await deliver();
  receiver.answer({ status: 500 });
  await change('second');
  await deliver();
  clock.advance(90 * 86_400_000);
  await run('audit-retention');
  expect(await deliveriesOf(webhook)).toHaveLength(2);
  clock.advance(1);
  await run('audit-retention');
  expect((await deliveriesOf(webhook)).map(({ status }) => status)).toStrictEqual(['pending']);
  expect(await server.product.store.countAudit({ appId })).toBe(0);
});
