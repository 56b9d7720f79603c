import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AppError } from '../domain/errors.ts';
import {
  buildActor,
  buildDeviceCheck,
  buildDeviceEventBody,
  buildUpdateCheckBody,
} from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import type { ChannelSettings } from './channel-changes.ts';

type Row = Record<string, unknown>;

const actor = buildActor('olga');
const minuteMs = 60_000;
const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

let lastApp = 0;
/** An app whose public channel `production` serves 1.0.1. */
async function createApp(settings: ChannelSettings = {}, on = server): Promise<string> {
  lastApp += 1;
  const appId = `com.example.recorder${lastApp}`;
  const response = await fetch(`${on.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: '1.0.1' }),
  });
  const { bundle } = (await response.json()) as { bundle: { id: string } };
  const { channels } = on.product.services;
  const { id } = await channels.create({ appId, name: 'production', isPublic: true, ...settings }, actor);
  await channels.setBundle(id, bundle.id, actor);
  return appId;
}

async function postDevice(path: string, body: Row, on = server): Promise<Row> {
  const response = await fetch(`${on.userUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Row;
}

function check(given: Row, on = server): Promise<Row> {
  return postDevice('/updates', buildUpdateCheckBody(given), on);
}

async function record(on = server): Promise<void> {
  await on.product.jobs.find((job) => job.name === 'record-checks')?.run();
}

async function read(path: string, appId: string, on = server): Promise<Row[]> {
  const response = await fetch(`${on.managementUrl}/api/v1/${path}?app_id=${appId}`, {
    headers: { 'x-api-key': testToken },
  });
  return ((await response.json()) as { data: Row[] }).data;
}

/** Action and bundle of each event, newest first. */
async function eventsOf(appId: string, on = server): Promise<string[]> {
  const events = await read('events.list', appId, on);
  return events.map((event) => `${event['action']} ${event['version_name']}`);
}

async function unrecorded(): Promise<number> {
  const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text();
  return Number(/^capgo_update_checks_unrecorded (\d+)$/m.exec(metrics)?.[1]);
}

describe('an update check', () => {
  it('with an update is a get in the log and in the counters of the bundle, by the time the job has run', async () => {
    const appId = await createApp();
    await check({ app_id: appId, version_os: '17.2', custom_id: ' me ', install_source: 'App_Store' });
    expect(await eventsOf(appId)).toEqual([]);
    await record();
    expect(await read('events.list', appId)).toEqual([
      expect.objectContaining({
        action: 'get',
        version_name: '1.0.1',
        old_version_name: '1.0.0',
        channel: 'production',
        version_os: '17.2',
        custom_id: 'me',
        install_source: 'app_store',
        version_build: '1.0.0',
        received_at: new Date(clock.now()).toISOString(),
      }),
    ]);
    expect(await read('counters.list', appId)).toEqual([
      {
        date: new Date(clock.now()).toISOString().slice(0, 10),
        bundle: '1.0.1',
        channel: 'production',
        platform: 'ios',
        ...{ get: 1, install: 0, uninstall: 0, fail: 0 },
      },
    ]);
  });

  it('is received when it was asked, however late it is written', async () => {
    const appId = await createApp();
    const askedAt = new Date(clock.now()).toISOString();
    await check({ app_id: appId });
    clock.advance(10 * minuteMs);
    await record();
    const [event] = await read('events.list', appId);
    expect(event?.['received_at']).toBe(askedAt);
  });

  it('of a real user only is counted', async () => {
    const appId = await createApp();
    await check({ app_id: appId, is_prod: false });
    await check({ app_id: appId, is_emulator: true, device_id: '00000000-0000-4000-8000-000000000001' });
    await record();
    expect(await eventsOf(appId)).toHaveLength(2);
    expect(await read('counters.list', appId)).toEqual([]);
  });

  it('that sends a device back is a get of builtin', async () => {
    const appId = await createApp();
    const { channels } = server.product.services;
    const [channel] = await channels.list(appId);
    await channels.setBundle(channel?.id ?? 0, null, actor);
    await check({ app_id: appId, version_name: '1.0.1' });
    await record();
    expect(await eventsOf(appId)).toEqual(['get builtin']);
    expect(await read('counters.list', appId)).toEqual([
      expect.objectContaining({ bundle: 'builtin', channel: 'production', get: 1 }),
    ]);
  });

  const refusals: readonly [action: string, versionName: string, settings: ChannelSettings, given: Row][] = [
    ['noNew', '1.0.1', {}, { version_name: '1.0.1' }],
    ['disableProdBuild', '1.0.1', { allowProd: false }, {}],
    ['disableAutoUpdateToMinor', '1.0.1', { policy: 'minor' }, { version_build: '1.1.0' }],
    ['NoChannelOrOverride', '1.2.3', {}, { defaultChannel: 'nobody', version_name: '1.2.3' }],
  ];
  it.each(refusals)('without an update is logged as %s of %s and counts as nothing', async (...row) => {
    const [action, versionName, settings, given] = row;
    const appId = await createApp(settings);
    await check({ app_id: appId, ...given });
    await record();
    expect(await eventsOf(appId)).toEqual([`${action} ${versionName}`]);
    expect(await read('counters.list', appId)).toEqual([]);
  });

  it('of an app that nobody registered leaves nothing, also when it is registered later', async () => {
    const appId = `com.example.recorder${lastApp + 1}`;
    await check({ app_id: appId });
    await record();
    expect(await createApp()).toBe(appId);
    await record();
    expect(await eventsOf(appId)).toEqual([]);
    expect(await read('devices.list', appId)).toEqual([]);
  });

  it('is counted as often as it is asked, also when it adds nothing to the log', async () => {
    const appId = await createApp();
    const gets = async () => (await read('counters.list', appId)).map((row) => row['get']);
    for (let times = 0; times < 3; times += 1) await check({ app_id: appId });
    await record();
    expect(await gets()).toEqual([3]);
    await check({ app_id: appId });
    await record();
    await record();
    expect(await gets()).toEqual([4]);
    for (let times = 0; times < 3; times += 1) {
      await check({ app_id: appId, is_emulator: true });
      await check({ app_id: appId, version_name: '1.0.1' });
    }
    await record();
    expect(await gets()).toEqual([4]);
    expect(await eventsOf(appId)).toHaveLength(7);
  });

  it.each<Row>([
    { version_name: '1.0.2' },
    { platform: 'android' },
    { plugin_version: '8.51.14' },
    { version_os: '18.0' },
    { version_build: '1.1.0' },
    { version_code: '2' },
    { custom_id: 'me' },
    { is_emulator: true },
    { is_prod: false },
    { defaultChannel: 'production' },
    { key_id: 'abcd' },
    { install_source: 'app_store' },
    { device_id: '00000000-0000-4000-8000-000000000001' },
  ])('that says something else, %j, is logged at once', async (change) => {
    const appId = await createApp();
    await check({ app_id: appId, version_name: '1.0.0' });
    await check({ app_id: appId, version_name: '1.0.0', ...change });
    await record();
    expect(await eventsOf(appId)).toHaveLength(2);
  });

  it('of the same device for another app is that app’s', async () => {
    const [appId, otherAppId] = [await createApp(), await createApp()];
    for (const id of [appId, otherAppId, appId]) await check({ app_id: id });
    await record();
    expect(await eventsOf(appId)).toContain('get 1.0.1');
    expect(await eventsOf(otherAppId)).toEqual(['get 1.0.1']);
  });

  it('that has the same answer again within a minute is not logged again; another answer is at once', async () => {
    const appId = await createApp();
    await check({ app_id: appId });
    clock.advance(minuteMs - 1);
    await check({ app_id: appId });
    await record();
    expect(await eventsOf(appId)).toEqual(['get 1.0.1']);
    await check({ app_id: appId, version_name: '1.0.1' });
    await check({ app_id: appId, device_id: '00000000-0000-4000-8000-000000000001' });
    await record();
    expect(await eventsOf(appId)).toEqual(['get 1.0.1', 'noNew 1.0.1', 'get 1.0.1']);
    clock.advance(minuteMs);
    await check({ app_id: appId, version_name: '1.0.1' });
    await record();
    expect(await eventsOf(appId)).toHaveLength(4);
  });

  it('is logged again after the clock was set back', async () => {
    const own = createFakeClock();
    const other = await startTestServer({ clock: own });
    try {
      const appId = await createApp({}, other);
      await check({ app_id: appId }, other);
      own.advance(-24 * 60 * minuteMs);
      await check({ app_id: appId }, other);
      await record(other);
      expect(await eventsOf(appId, other)).toHaveLength(2);
    } finally {
      await other.close();
    }
  });

  it('is an offer and not an installation: the inventory shows what the device runs', async () => {
    const appId = await createApp();
    await check({ app_id: appId });
    await record();
    expect(await read('devices.list', appId)).toEqual([expect.objectContaining({ version_name: '1.0.0' })]);
  });

  it('does not hide from the inventory that the device installs what it was offered a moment later', async () => {
    const appId = await createApp();
    const facts = { app_id: appId, version_os: '17.0', install_source: '' };
    await check(facts);
    await record();
    clock.advance(5_000);
    await postDevice('/stats', buildDeviceEventBody({ ...facts, action: 'set', version_name: '1.0.1' }));
    expect(await read('devices.list', appId)).toEqual([expect.objectContaining({ version_name: '1.0.1' })]);
  });
});

describe('when the store is slow or gone', () => {
  it('checks are answered while a write is under way that never ends', async () => {
    const appId = await createApp();
    let finish: (() => void) | undefined;
    const stuck = vi
      .spyOn(server.product.store, 'appendDeviceEvents')
      .mockImplementation(() => new Promise((resolve) => (finish = resolve)));
    try {
      expect(await check({ app_id: appId })).toMatchObject({ version: '1.0.1' });
      const recording = record();
      expect(await check({ app_id: appId, is_prod: false })).toMatchObject({ version: '1.0.1' });
      finish?.();
      await recording;
    } finally {
      stuck.mockRestore();
    }
    await record();
    expect(await eventsOf(appId)).toEqual(['get 1.0.1']);
  });

  it('checks are answered, go unrecorded and are counted as such; later ones are recorded again', async () => {
    const appId = await createApp();
    const before = await unrecorded();
    const refusing = vi
      .spyOn(server.product.store, 'appendDeviceEvents')
      .mockRejectedValue(new AppError('unavailable', 'The database refuses work right now'));
    try {
      expect(await check({ app_id: appId })).toMatchObject({ version: '1.0.1' });
      await expect(record()).rejects.toMatchObject({ code: 'unavailable' });
      expect(await check({ app_id: appId })).toMatchObject({ version: '1.0.1' });
    } finally {
      refusing.mockRestore();
    }
    expect(await unrecorded()).toBe(before + 1);
    await record();
    expect(await eventsOf(appId)).toEqual(['get 1.0.1']);
    expect(await read('devices.list', appId)).toHaveLength(1);
    expect(await unrecorded()).toBe(before + 1);
  });

  it('repetitions that cannot be counted are lost by number, and later ones are counted again', async () => {
    const appId = await createApp();
    await check({ app_id: appId });
    await record();
    const before = await unrecorded();
    const refusing = vi
      .spyOn(server.product.store, 'addToCounters')
      .mockRejectedValue(new AppError('unavailable', 'The database refuses work right now'));
    try {
      for (let times = 0; times < 3; times += 1) await check({ app_id: appId });
      await expect(record()).rejects.toMatchObject({ code: 'unavailable' });
    } finally {
      refusing.mockRestore();
    }
    expect(await unrecorded()).toBe(before + 3);
    await check({ app_id: appId });
    await record();
    expect(await read('counters.list', appId)).toEqual([expect.objectContaining({ get: 2 })]);
  });

  it('events that cannot be written take no repetitions along', async () => {
    const appId = await createApp();
    await check({ app_id: appId });
    await record();
    const before = await unrecorded();
    const refusing = vi
      .spyOn(server.product.store, 'appendDeviceEvents')
      .mockRejectedValue(new AppError('unavailable', 'The database refuses work right now'));
    try {
      for (let times = 0; times < 3; times += 1) await check({ app_id: appId });
      await check({ app_id: appId, version_name: '1.0.1' });
      await expect(record()).rejects.toMatchObject({ code: 'unavailable' });
    } finally {
      refusing.mockRestore();
    }
    expect(await unrecorded()).toBe(before + 1);
    expect(await read('counters.list', appId)).toEqual([expect.objectContaining({ get: 4 })]);
  });

  it('no more than 20,000 of them wait', async () => {
    const appId = await createApp();
    const before = await unrecorded();
    const facts = { osVersion: null, customId: null, installSource: null };
    for (let number = 0; number < 20_005; number += 1) {
      const deviceId = `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
      server.product.services.updateChecks.decide(buildDeviceCheck({ appId, deviceId }), facts);
    }
    expect(await unrecorded()).toBe(before + 5);
    await record();
    expect(await read('counters.list', appId)).toEqual([expect.objectContaining({ get: 20_000 })]);
  });
});

describe('the last checks before a stop', () => {
  it('are recorded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capgo-server-recorder-'));
    const env = { DATABASE_URL: `sqlite:${join(folder, 'capgo.db')}` };
    let running = await startTestServer({ env });
    try {
      const appId = await createApp({}, running);
      await check({ app_id: appId }, running);
      await running.close();
      running = await startTestServer({ env });
      expect(await eventsOf(appId, running)).toEqual(['get 1.0.1']);
    } finally {
      await running.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
