import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildActor,
  buildDeviceEventBody,
  buildDeviceRecord,
  buildUpdateCheckBody,
  someDeviceId,
} from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { createSightings } from './sightings.ts';

type Row = Record<string, unknown>;

const minuteMs = 60_000;
const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

let lastApp = 0;
async function createApp(): Promise<string> {
  lastApp += 1;
  const appId = `com.example.sightings${lastApp}`;
  await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: '1.0.1' }),
  });
  return appId;
}

async function postDevice(path: string, body: unknown, method = 'POST'): Promise<void> {
  const response = await fetch(`${server.userUrl}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

const report = (given: Row) => postDevice('/stats', buildDeviceEventBody(given));

async function check(given: Row): Promise<void> {
  await postDevice('/updates', buildUpdateCheckBody(given));
  await server.product.jobs.find((job) => job.name === 'record-checks')?.run();
}

async function devicesOf(appId: string): Promise<Row[]> {
  const response = await fetch(`${server.managementUrl}/api/v1/devices.list?app_id=${appId}`, {
    headers: { 'x-api-key': testToken },
  });
  return ((await response.json()) as { data: Row[] }).data;
}

async function deviceOf(appId: string): Promise<Row> {
  const [device, ...others] = await devicesOf(appId);
  expect(others).toEqual([]);
  return device ?? {};
}

const now = () => new Date(clock.now()).toISOString();

describe('the row of a device', () => {
  it('holds what it said last, and when it was seen first and last', async () => {
    const appId = await createApp();
    const firstSeen = now();
    await check({ app_id: appId });
    clock.advance(3 * minuteMs);
    await report({
      ...{ app_id: appId, platform: 'android', plugin_version: '8.51.14', version_os: '15' },
      ...{ version_build: '1.4', version_code: '57', version_name: '1.0.1', custom_id: 'user-7' },
      ...{ is_emulator: true, is_prod: false, defaultChannel: 'beta', key_id: 'abcd' },
      install_source: 'Google_Play',
    });
    expect(await deviceOf(appId)).toEqual({
      app_id: appId,
      device_id: someDeviceId,
      platform: 'android',
      plugin_version: '8.51.14',
      version_os: '15',
      version_build: '1.4',
      version_code: '57',
      version_name: '1.0.1',
      custom_id: 'user-7',
      is_emulator: true,
      is_prod: false,
      default_channel: 'beta',
      key_id: 'abcd',
      install_source: 'google_play',
      first_seen: firstSeen,
      last_seen: now(),
    });
  });

  it('is one for each app and device, in any letter case', async () => {
    const [appId, otherAppId] = [await createApp(), await createApp()];
    await report({ app_id: appId });
    clock.advance(minuteMs);
    await report({ app_id: appId, device_id: someDeviceId.toUpperCase() });
    await report({ app_id: otherAppId });
    expect(await devicesOf(appId)).toHaveLength(1);
    expect(await devicesOf(otherAppId)).toHaveLength(1);
    expect(await deviceOf(appId)).toMatchObject({ last_seen: now() });
  });

  it('loses its default channel when the device names none any more, in a report or in a check', async () => {
    for (const say of [report, check]) {
      const appId = await createApp();
      for (const [given, expected] of [
        [{ defaultChannel: 'beta' }, 'beta'],
        [{}, null],
        [{ defaultChannel: 'beta' }, 'beta'],
        [{ defaultChannel: '' }, null],
      ] as const) {
        await say({ app_id: appId, ...given });
        expect((await deviceOf(appId))['default_channel']).toBe(expected);
      }
    }
  });

  it('loses its custom id, key and store in the same way', async () => {
    const appId = await createApp();
    await report({ app_id: appId, custom_id: 'me', key_id: 'abcd', install_source: 'app_store' });
    await report({ app_id: appId });
    expect(await deviceOf(appId)).toMatchObject({ custom_id: null, key_id: null, install_source: null });
  });

  it.each(['set_fail', 'update_fail', 'download_fail', 'my_own_fail'])(
    'is not touched by %s, which names the bundle that failed and not the one that runs',
    async (action) => {
      const appId = await createApp();
      await report({ app_id: appId, action, version_name: '1.0.2' });
      expect(await devicesOf(appId)).toEqual([]);
      await report({ app_id: appId });
      const before = await deviceOf(appId);
      clock.advance(10 * minuteMs);
      await report({ app_id: appId, action, version_name: '1.0.2', defaultChannel: 'beta' });
      expect(await deviceOf(appId)).toEqual(before);
    },
  );

  it.each(['download_complete', 'download_50', 'set_next', 'delete'])(
    'keeps the bundle that runs when %s names another, also after a restart',
    async (action) => {
      const folder = await mkdtemp(join(tmpdir(), 'capgo-server-sightings-'));
      const env = { DATABASE_URL: `sqlite:${join(folder, 'capgo.db')}` };
      const first = server;
      try {
        server = await startTestServer({ clock, env });
        const appId = await createApp();
        await report({ app_id: appId, version_name: '1.0.0' });
        clock.advance(minuteMs);
        await report({ app_id: appId, action, version_name: '1.0.1' });
        expect(await deviceOf(appId)).toMatchObject({ version_name: '1.0.0', last_seen: now() });
        await server.close();
        server = await startTestServer({ clock, env });
        await report({ app_id: appId, action, version_name: '1.0.1' });
        expect(await deviceOf(appId)).toMatchObject({ version_name: '1.0.0', last_seen: now() });
      } finally {
        await server.close();
        server = first;
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

  it('names no bundle while the device has told of none that it runs', async () => {
    const appId = await createApp();
    await report({ app_id: appId, action: 'download_complete', version_name: '1.0.1' });
    expect(await deviceOf(appId)).toMatchObject({ version_name: null });
  });

  it('keeps the versions of plugin, native build and system that an event does not tell', async () => {
    const appId = await createApp();
    await report({ app_id: appId, plugin_version: '8.45.11', version_code: '57' });
    const {
      plugin_version: _unsaid,
      version_code: _too,
      ...without
    } = buildDeviceEventBody({ app_id: appId });
    await postDevice('/stats', { ...without, version_name: '1.0.2' });
    expect(await deviceOf(appId)).toMatchObject({
      ...{ plugin_version: '8.45.11', version_code: '57', version_name: '1.0.2' },
    });
  });

  it('shows the new bundle after a set, and not the one it replaced', async () => {
    const appId = await createApp();
    await report({ app_id: appId, version_name: '1.0.2', old_version_name: '1.0.1' });
    expect(await deviceOf(appId)).toMatchObject({ version_name: '1.0.2' });
  });

  it('is written when the device asks for a channel', async () => {
    const appId = await createApp();
    await server.product.services.channels.create(
      { appId, name: 'beta', isPublic: true },
      buildActor('olga'),
    );
    await postDevice('/channel_self', buildUpdateCheckBody({ app_id: appId }), 'PUT');
    await server.product.jobs.find((job) => job.name === 'record-checks')?.run();
    expect(await deviceOf(appId)).toMatchObject({ version_name: '1.0.0', last_seen: now() });
  });
});

describe('a device that says the same again', () => {
  it('within a minute is not written, and after a minute is', async () => {
    const appId = await createApp();
    await report({ app_id: appId });
    const before = await deviceOf(appId);
    clock.advance(minuteMs - 1);
    await report({ app_id: appId });
    await report({ app_id: appId, action: 'app_moved_to_foreground' });
    expect(await deviceOf(appId)).toEqual(before);
    clock.advance(1);
    await report({ app_id: appId });
    expect(await deviceOf(appId)).toEqual({ ...before, last_seen: now() });
  });

  it('to /updates is not written either, also when it is answered something else', async () => {
    const appId = await createApp();
    await check({ app_id: appId });
    const before = await deviceOf(appId);
    clock.advance(30_000);
    await check({ app_id: appId });
    await server.product.services.channels.create(
      { appId, name: 'production', isPublic: true },
      buildActor('olga'),
    );
    await check({ app_id: appId });
    expect(await deviceOf(appId)).toEqual(before);
    clock.advance(minuteMs);
    await check({ app_id: appId });
    expect(await deviceOf(appId)).toEqual({ ...before, last_seen: now() });
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
    { defaultChannel: 'beta' },
    { key_id: 'abcd' },
    { install_source: 'app_store' },
  ])('is written at once when %j changes, by a report or by a check', async (change) => {
    for (const say of [report, check]) {
      const appId = await createApp();
      await say({ app_id: appId });
      clock.advance(1);
      await say({ app_id: appId, ...change });
      expect(await deviceOf(appId)).toMatchObject({ last_seen: now() });
    }
  });
});

describe('sightings', () => {
  it('take back what was not written after all', () => {
    const sightings = createSightings();
    const device = buildDeviceRecord();
    expect(sightings.isNews(device)).toBe(true);
    expect(sightings.isNews(device)).toBe(false);
    sightings.forget(device);
    expect(sightings.isNews(device)).toBe(true);
  });

  it('know what a device runs and what it was given, each app for itself, also when the state was not written', () => {
    const sightings = createSightings();
    const device = buildDeviceRecord({ versionName: '1.0.0' });
    expect(sightings.known(device)).toMatchObject({ runningVersionName: null, offeredVersionName: null });
    sightings.isNews(device);
    sightings.noteOffer(device, '1.0.1');
    sightings.forget(device);
    sightings.isNews({ ...device, versionName: null });
    expect(sightings.known(device)).toMatchObject({
      runningVersionName: '1.0.0',
      offeredVersionName: '1.0.1',
    });
    const elsewhere = { ...device, appId: 'com.example.other' };
    expect(sightings.known(elsewhere)).toMatchObject({ runningVersionName: null, offeredVersionName: null });
  });

  it('remember the last state only: to and fro is news both ways', () => {
    const sightings = createSightings();
    const answers = ['1.0.1', '1.0.2', '1.0.1', '1.0.1'].map((versionName) =>
      sightings.isNews(buildDeviceRecord({ versionName })),
    );
    expect(answers).toEqual([true, true, true, false]);
  });

  it('remember 50,000 devices; the one that was longest not seen is forgotten first', () => {
    const sightings = createSightings();
    const see = (number: number) => sightings.isNews(buildDeviceRecord({ deviceId: `device-${number}` }));
    for (let number = 0; number < 50_000; number += 1) see(number);
    expect(see(0)).toBe(false);
    expect(see(50_000)).toBe(true);
    expect(see(1)).toBe(false);
    expect(see(0)).toBe(true);
  });
});
