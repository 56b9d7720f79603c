import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildActor, buildDeviceEventBody, buildUpdateCheckBody } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

type Json = Record<string, unknown>;

const appId = 'com.example.overview';
const dayMs = 24 * 60 * 60 * 1000;
const clock = createFakeClock(Date.UTC(2026, 0, 14, 12));
let server: TestServer;

function deviceIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

async function post(path: string, body: Json | readonly Json[]): Promise<Json> {
  const response = await fetch(`${server.userUrl}${path}`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Json;
}

async function run(job: string): Promise<void> {
  await server.product.jobs.find(({ name }) => name === job)?.run();
}

async function read(path: string, query: Record<string, string>): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${server.managementUrl}/api/v1/${path}?${new URLSearchParams(query)}`, {
    headers: { 'x-api-key': testToken },
  });
  return { status: response.status, body: (await response.json()) as Json };
}

const facts = (device: number, given: Json = {}) => ({
  ...{ app_id: appId, device_id: deviceIdOf(device), platform: 'ios', version_build: '1.0.0' },
  ...{ version_name: '1.0.0', plugin_version: '8.0.0', is_prod: true, is_emulator: false },
  ...given,
});

/** A device that asks, gets the bundle, downloads and installs it. */
async function update(device: number): Promise<void> {
  const answer = await post('/updates', buildUpdateCheckBody(facts(device)));
  await (await fetch(answer['url'] as string)).arrayBuffer();
  clock.advance(1_000);
  const report = (action: string, given: Json = {}) =>
    buildDeviceEventBody(facts(device, { action, version_name: '1.0.1', ...given }));
  await post('/stats', [report('download_complete'), report('set', { old_version_name: '1.0.0' })]);
  await post('/updates', buildUpdateCheckBody(facts(device, { version_name: '1.0.1' })));
}

let size: number;
beforeAll(async () => {
  server = await startTestServer({ clock });
  for (const version of ['1.0.0', '1.0.1']) {
    const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
      ...{ method: 'POST', headers: { 'x-api-key': testToken } },
      body: bundleForm({ app_id: appId, version_name: version }),
    });
    const { bundle } = (await response.json()) as { bundle: { id: string; size: number } };
    size = bundle.size;
    if (version === '1.0.0') continue;
    const { channels } = server.product.services;
    const { id } = await channels.create({ appId, name: 'production', isPublic: true }, buildActor());
    await channels.setBundle(id, bundle.id, buildActor());
  }
  // Yesterday two devices were there with the old bundle; today one of them updates, one fails, and one is a debug build.
  for (const device of [1, 2]) {
    await post('/stats', buildDeviceEventBody(facts(device, { action: 'ping' })));
  }
  clock.advance(dayMs);
  await update(1);
  await post('/updates', buildUpdateCheckBody(facts(2)));
  await post('/updates', buildUpdateCheckBody(facts(2)));
  await post('/stats', buildDeviceEventBody(facts(2, { action: 'checksum_fail', version_name: '1.0.1' })));
  await post('/stats', buildDeviceEventBody(facts(2, { action: 'made_up_fail', version_name: '1.0.1' })));
  await post(
    '/updates',
    buildUpdateCheckBody(facts(3, { platform: 'android', is_prod: false, plugin_version: '7.0.0' })),
  );
  clock.advance(60_000);
  await run('record-checks');
  await run('record-usage');
}, 60_000);
afterAll(() => server.close());

describe('overview.get', () => {
  async function overview(query: Record<string, string> = {}) {
    const { status, body } = await read('overview.get', { app_id: appId, ...query });
    expect(status).toBe(200);
    return body['data'] as Json;
  }

  it('tells of each day what happened', async () => {
    const { days, from, to } = await overview({ from: '2026-01-13' });
    expect([from, to]).toEqual(['2026-01-13', '2026-01-15']);
    expect(days).toEqual([
      expect.objectContaining({ date: '2026-01-13', active_devices: 0, storage: 0 }),
      {
        ...{ date: '2026-01-14', active_devices: 2, new_devices: 2, offered: 0, downloaded: 0 },
        ...{ installed: 0, failed: 0, bytes_served: 0, bytes_redirected: 0, storage: 2 * size },
      },
      {
        ...{ date: '2026-01-15', active_devices: 3, new_devices: 1, offered: 2, downloaded: 1 },
        ...{ installed: 1, failed: 2, bytes_served: size, bytes_redirected: 0, storage: 2 * size },
      },
    ]);
  });

  it('tells how bundles and versions spread', async () => {
    const { adoption } = await overview({ from: '2026-01-14', to: '2026-01-15' });
    expect(adoption).toEqual({
      dates: ['2026-01-14', '2026-01-15'],
      bundles: [
        { name: '1.0.0', devices: [2, 2] },
        { name: '1.0.1', devices: [0, 1] },
      ],
      native_versions: [{ name: '1.0.0', devices: [2, 3] }],
      plugin_versions: [
        { name: '8.0.0', devices: [2, 2] },
        { name: '7.0.0', devices: [0, 1] },
      ],
    });
  });

  it('tells how far a bundle came with real users, and why it failed', async () => {
    const { funnel, failures, failure_rate } = await overview();
    expect(funnel).toEqual([
      {
        ...{ bundle: '1.0.1', offered: 2, downloaded: 1, installed: 1, failed: 2, failure_rate: 2 / 3 },
        ...{ running: { bundle: '1.0.1' }, failing: { failed_bundle: '1.0.1' } },
      },
    ]);
    expect(failures).toEqual([
      {
        ...{ action: 'checksum_fail', count: 1, bundles: [{ bundle: '1.0.1', count: 1 }] },
        filter: { action: 'checksum_fail', from: '2025-12-17', to: '2026-01-16' },
      },
      { action: 'other', count: 1, bundles: [{ bundle: '1.0.1', count: 1 }], filter: null },
    ]);
    expect(failure_rate).toBeCloseTo(2 / 3);
  });

  it('tells the update checks of each of the last 60 minutes', async () => {
    const { checks } = (await overview()) as { checks: { per_minute: { minute: string; checks: number }[] } };
    expect(checks.per_minute).toHaveLength(60);
    expect(checks.per_minute.at(-1)).toEqual({ minute: '2026-01-15T12:00:00.000Z', checks: 5 });
    expect(checks.per_minute.slice(0, -1).every((minute) => minute.checks === 0)).toBe(true);
  });

  it('has for each number of devices a filter that lists them', async () => {
    const { now } = (await overview()) as { now: Json };
    const groups = [
      ...(['bundles', 'native_versions', 'plugin_versions', 'platforms', 'channels'] as const).flatMap(
        (by) => now[by] as { devices: number; filter: Record<string, string> }[],
      ),
      now as { devices: number; filter: Record<string, string> },
    ];
    expect(groups.map(({ devices }) => devices)).toEqual([2, 1, 3, 2, 1, 2, 1, 3, 3]);
    for (const { devices, filter } of groups) {
      const { body } = await read('devices.list', { app_id: appId, ...filter });
      expect([filter, (body['data'] as Json[]).length]).toEqual([filter, devices]);
    }
  });

  it('has filters that show what failed', async () => {
    const { failures, funnel } = (await overview()) as { failures: Json[]; funnel: Json[] };
    const events = await read('events.list', {
      ...{ app_id: appId },
      ...(failures[0]?.['filter'] as Record<string, string>),
    });
    expect(events.body['data']).toHaveLength(1);
    const failing = await read('devices.list', {
      ...{ app_id: appId },
      ...(funnel[0]?.['failing'] as Record<string, string>),
    });
    expect((failing.body['data'] as Json[]).map((device) => device['device_id'])).toEqual([deviceIdOf(2)]);
  });

  it.each([
    ['without an app', { app_id: '' }, 400],
    ['of an app that nobody has', { app_id: 'com.example.none' }, 404],
    ['from a day after the last one', { from: '2026-01-15', to: '2026-01-14' }, 400],
    ['from tomorrow', { from: '2026-01-16' }, 400],
    ['of more than a year', { from: '2024-01-01' }, 400],
    ['with what is no date', { from: 'monday' }, 400],
  ])('refuses a request %s', async (_what, query, status) => {
    expect((await read('overview.get', { app_id: appId, ...query })).status).toBe(status);
  });

  it('is asked for any end of days, and answers until today', async () => {
    expect((await overview({ from: '2026-01-15', to: '9999-12-31' }))['to']).toBe('2026-01-15');
  });
});

describe('devices.list', () => {
  it.each<[Record<string, string>, number[]]>([
    [{ q: '000000000002' }, [2]],
    [{ version_name: '1.0.1' }, [1]],
    [{ platform: 'Android' }, [3]],
    [{ plugin_version: '7.0.0' }, [3]],
    [{ channel: 'production', bundle: '1.0.1' }, [1]],
    [{ failed_bundle: '1.0.1' }, [2]],
    [{ has_channel: 'false' }, []],
    [{ active_since: '2026-01-15', native_version: '1.0.0' }, [3, 2, 1]],
    [{ q: "%'; drop table devices; --" }, []],
  ])('lists by %j', async (filter, devices) => {
    const { body } = await read('devices.list', { app_id: appId, ...filter });
    expect((body['data'] as Json[]).map(({ device_id }) => device_id).toSorted()).toEqual(
      devices.map(deviceIdOf).toSorted(),
    );
  });

  it.each<[Record<string, string>]>([
    [{ platform: 'symbian' }],
    [{ has_channel: 'true' }],
    [{ has_channel: 'false', channel: 'production' }],
    [{ active_since: 'monday' }],
    [{ q: 'x'.repeat(2_049) }],
  ])('refuses %j', async (filter) => {
    expect((await read('devices.list', { app_id: appId, ...filter })).status).toBe(400);
  });
});
