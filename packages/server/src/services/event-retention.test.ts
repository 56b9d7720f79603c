import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildActor, buildDeviceCheck, buildDeviceEventBody } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock, env: { STATS_RETENTION_DAYS: '2' } });
});
afterAll(() => server.close());

let lastApp = 0;
async function createApp(on = server): Promise<string> {
  lastApp += 1;
  const appId = `com.example.retention${lastApp}`;
  await fetch(`${on.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: '1.0.1' }),
  });
  return appId;
}

async function report(appId: string, count = 1, on = server): Promise<void> {
  const events = Array.from({ length: count }, () => buildDeviceEventBody({ app_id: appId }));
  const response = await fetch(`${on.userUrl}/stats`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  });
  expect(response.status).toBe(200);
}

async function read(path: string, appId: string, on = server): Promise<Record<string, unknown>> {
  const response = await fetch(`${on.managementUrl}/api/v1/${path}?app_id=${appId}`, {
    headers: { 'x-api-key': testToken },
  });
  return (await response.json()) as Record<string, unknown>;
}

const countOf = async (appId: string, on = server) => (await read('events.count', appId, on))['count'];

async function runJob(on = server): Promise<void> {
  await on.product.jobs.find((job) => job.name === 'event-retention')?.run();
}

describe('old device events', () => {
  it('are deleted once they are older than the days they are kept, to the millisecond', async () => {
    const appId = await createApp();
    await report(appId);
    clock.advance(1);
    await report(appId);
    clock.advance(2 * dayMs - 1);
    await runJob();
    expect(await countOf(appId)).toBe(2);
    clock.advance(1);
    await runJob();
    expect(await countOf(appId)).toBe(1);
    clock.advance(1);
    await runJob();
    expect(await countOf(appId)).toBe(0);
  });

  it('leave their counters and their devices', async () => {
    const appId = await createApp();
    await report(appId, 3);
    const [counters, devices] = [await read('counters.list', appId), await read('devices.list', appId)];
    expect(counters['data']).toEqual([expect.objectContaining({ install: 3 })]);
    expect(devices['data']).toHaveLength(1);
    clock.advance(400 * dayMs);
    await runJob();
    expect(await countOf(appId)).toBe(0);
    expect(await read('counters.list', appId)).toEqual(counters);
    expect(await read('devices.list', appId)).toEqual(devices);
  });

  it('are deleted all in one run, of every app, and newer ones stay', async () => {
    const [one, other] = [await createApp(), await createApp()];
    for (let batch = 0; batch < 6; batch += 1) await report(one, 1_000);
    await report(other);
    clock.advance(3 * dayMs);
    await report(one);
    await runJob();
    expect([await countOf(one), await countOf(other)]).toEqual([1, 0]);
  });

  it('are kept for 90 days unless told otherwise', async () => {
    const own = createFakeClock();
    const other = await startTestServer({ clock: own });
    try {
      const appId = await createApp(other);
      await report(appId, 1, other);
      own.advance(90 * dayMs);
      await runJob(other);
      expect(await countOf(appId, other)).toBe(1);
      own.advance(1);
      await runJob(other);
      expect(await countOf(appId, other)).toBe(0);
    } finally {
      await other.close();
    }
  });
});

describe('what failed on a device', () => {
  it('is forgotten when it is as old and did not fail again since', async () => {
    const appId = await createApp();
    const { channels, bundles } = server.product.services;
    const [bundle] = (await bundles.list({ appId }, { limit: 1 })).items;
    const { id } = await channels.create({ appId, name: 'production', isPublic: true }, buildActor('olga'));
    await channels.setBundle(id, bundle?.id ?? '', buildActor('olga'));
    const fail = () =>
      fetch(`${server.userUrl}/stats`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(buildDeviceEventBody({ app_id: appId, action: 'update_fail' })),
      });
    const isOffered = async () => {
      await server.product.jobs.find((job) => job.name === 'refresh-all')?.run();
      const device = buildDeviceCheck({ appId });
      return (
        server.product.services.updateChecks.explain(device, true).decision.outcome === 'update_available'
      );
    };
    for (let time = 0; time < 3; time += 1) await fail();
    clock.advance(dayMs);
    await fail();
    clock.advance(2 * dayMs);
    await runJob();
    expect(await isOffered()).toBe(false);
    clock.advance(1);
    await runJob();
    expect(await isOffered()).toBe(true);
  });
});
