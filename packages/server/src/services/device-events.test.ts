import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { readAllDeviceStates } from '../persistence/contract/read-device-state.ts';
import {
  buildActor,
  buildDeviceEventBody,
  buildUpdateCheckBody,
  someAuthor,
  someDeviceId,
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

async function upload(appId: string, versionName: string, on = server): Promise<string> {
  const response = await fetch(`${on.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: versionName }),
  });
  const { bundle } = (await response.json()) as { bundle: { id: string } };
  return bundle.id;
}

function postDevice(path: string, body: unknown, on = server): Promise<Response> {
  return fetch(`${on.userUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function report(given: Row | readonly Row[], on = server): Promise<Row> {
  const body = Array.isArray(given) ? given.map(buildDeviceEventBody) : buildDeviceEventBody(given as Row);
  const response = await postDevice('/stats', body, on);
  if (response.status !== 200) throw new Error(`/stats answered ${response.status}`);
  return (await response.json()) as Row;
}

async function check(given: Row, on = server): Promise<Row> {
  const response = await postDevice('/updates', buildUpdateCheckBody(given), on);
  return (await response.json()) as Row;
}

async function read(path: string, query: Record<string, string>, on = server): Promise<Row> {
  const response = await fetch(`${on.managementUrl}/api/v1/${path}?${new URLSearchParams(query)}`, {
    headers: { 'x-api-key': testToken },
  });
  return (await response.json()) as Row;
}

/** Each row as one line: bundle, channel, platform, and what is not 0. */
async function countersOf(appId: string): Promise<string[]> {
  const { data } = await read('counters.list', { app_id: appId });
  return (data as Row[]).map((row) => {
    const numbers = ['get', 'install', 'uninstall', 'fail'].flatMap((name) =>
      row[name] === 0 ? [] : [`${name} ${row[name]}`],
    );
    return [row['bundle'], row['channel'], row['platform'], ...numbers].join(' ');
  });
}

let lastApp = 0;
/** An app with bundles 1.0.1 and 1.0.2. */
async function createApp(on = server) {
  lastApp += 1;
  const appId = `com.example.memory${lastApp}`;
  return { appId, a: await upload(appId, '1.0.1', on), b: await upload(appId, '1.0.2', on) };
}

async function createChannel(
  appId: string,
  name: string,
  settings: ChannelSettings,
  bundleId: string | null,
  on = server,
): Promise<number> {
  const { channels } = on.product.services;
  const { id } = await channels.create({ appId, name, ...settings }, actor);
  await channels.setBundle(id, bundleId, actor);
  return id;
}

describe('the counters', () => {
  it('count installs, uninstalls and failures per bundle', async () => {
    const { appId } = await createApp();
    await report({ app_id: appId, action: 'set', version_name: '1.0.1' });
    await report([
      { app_id: appId, action: 'set', version_name: '1.0.2', old_version_name: '1.0.1' },
      { app_id: appId, action: 'update_fail', version_name: '1.0.2' },
      { app_id: appId, action: 'download_manifest_file_fail', version_name: '1.0.2:www/a.js' },
      { app_id: appId, action: 'insufficient_disk_space', version_name: '1.0.2' },
      { app_id: appId, action: 'download_complete', version_name: '1.0.2' },
      { app_id: appId, action: 'app_crash', version_name: '1.0.2' },
    ]);
    expect(await countersOf(appId)).toEqual([
      '1.0.1  ios install 1 uninstall 1',
      '1.0.2  ios install 1 fail 2',
    ]);
  });

  it('have a row for each day in UTC, bundle, channel and platform', async () => {
    const { appId, a } = await createApp();
    const dayMs = 24 * 60 * minuteMs;
    await createChannel(
      appId,
      'phones',
      { isPublic: true, platforms: { ios: true, android: true, electron: false } },
      a,
    );
    const firstDay = new Date(clock.now()).toISOString().slice(0, 10);
    clock.advance(dayMs - (clock.now() % dayMs) - 1);
    for (const platform of ['ios', 'android', 'electron']) await report({ app_id: appId, platform });
    clock.advance(1);
    await report([{ app_id: appId }, { app_id: appId }]);
    const secondDay = new Date(clock.now()).toISOString().slice(0, 10);
    const zero = { get: 0, install: 1, uninstall: 0, fail: 0 };
    expect((await read('counters.list', { app_id: appId }))['data']).toEqual([
      { date: firstDay, bundle: '1.0.1', channel: null, platform: 'electron', ...zero },
      { date: firstDay, bundle: '1.0.1', channel: 'phones', platform: 'android', ...zero },
      { date: firstDay, bundle: '1.0.1', channel: 'phones', platform: 'ios', ...zero },
      { date: secondDay, bundle: '1.0.1', channel: 'phones', platform: 'ios', ...zero, install: 2 },
    ]);
  });

  it('count an event that is told twice once, within a request and over requests', async () => {
    const { appId } = await createApp();
    const event = { app_id: appId, old_version_name: '1.0.2', timestamp: 1_768_478_400_000 };
    await report([event, event]);
    await report(event);
    await Promise.all([report(event), report([event])]);
    await report({ ...event, device_id: someDeviceId.toUpperCase() });
    expect(await countersOf(appId)).toEqual(['1.0.1  ios install 1', '1.0.2  ios uninstall 1']);
    expect(await read('events.count', { app_id: appId })).toEqual({ count: 2 });
  });

  it('count events that differ in time, device, action or bundle, or have no time, each for itself', async () => {
    const { appId } = await createApp();
    const event = { app_id: appId, timestamp: 1_768_478_400_000 };
    await report([
      event,
      { ...event, timestamp: 1_768_478_400_001 },
      { ...event, device_id: '00000000-0000-4000-8000-000000000001' },
      { ...event, action: 'set_fail' },
      { ...event, version_name: '1.0.2' },
      { app_id: appId },
      { app_id: appId },
    ]);
    expect(await countersOf(appId)).toEqual(['1.0.1  ios install 5 fail 1', '1.0.2  ios install 1']);
  });

  it('are of real users only', async () => {
    const { appId } = await createApp();
    await report([
      { app_id: appId, is_prod: false },
      { app_id: appId, is_emulator: true },
      { app_id: appId, is_prod: false, is_emulator: true, action: 'update_fail' },
    ]);
    expect(await countersOf(appId)).toEqual([]);
    await report({ app_id: appId, is_prod: null, is_emulator: undefined });
    expect(await countersOf(appId)).toEqual(['1.0.1  ios install 1']);
  });

  it('put the native bundle under builtin, and one that nobody knows under unknown', async () => {
    const { appId, b } = await createApp();
    await report([
      { app_id: appId, version_name: 'builtin', version_build: '1.4' },
      { app_id: appId, version_name: '1.4', version_build: '1.4' },
      { app_id: appId, version_name: '1.4.0', version_build: '1.4.0' },
      { app_id: appId, version_name: '9.9.9' },
      { app_id: appId, version_name: '9.9.8:index.html', action: 'manifest_path_fail' },
      { app_id: appId, version_name: '1.0.1', old_version_name: 'builtin' },
      { app_id: appId, version_name: '1.0.1', old_version_name: '9.9.9' },
      { app_id: appId, version_name: '1.0.1', old_version_name: '1.0.1' },
    ]);
    const counted = ['1.0.1  ios install 3', 'builtin  ios install 3', 'unknown  ios install 1 fail 1'];
    expect(await countersOf(appId)).toEqual(counted);
    const response = await fetch(`${server.managementUrl}/api/v1/bundles.delete`, {
      method: 'POST',
      headers: { 'x-api-key': testToken, 'content-type': 'application/json' },
      body: JSON.stringify({ bundle_id: b }),
    });
    expect(response.status).toBe(200);
    await report({ app_id: appId, version_name: '1.0.2' });
    expect((await countersOf(appId))[2]).toBe('unknown  ios install 2 fail 1');
  });

  it('know of no download_fail from plugins that mean nothing by it', async () => {
    const { appId } = await createApp();
    const event = { app_id: appId, action: 'download_fail' };
    for (const plugin_version of ['7.16.9', '6.14.24', '5.35.0', '', undefined]) {
      await report({ ...event, plugin_version });
    }
    expect(await countersOf(appId)).toEqual([]);
    for (const plugin_version of ['7.17.0', '6.14.25']) await report({ ...event, plugin_version });
    expect(await countersOf(appId)).toEqual(['1.0.1  ios fail 2']);
  });

  it('are kept under the channel that serves the device here, whatever it says of its channel', async () => {
    const { appId, a } = await createApp();
    const { store, services, jobs } = server.product;
    await createChannel(appId, 'public', { isPublic: true }, a);
    await createChannel(appId, 'beta', { allowDeviceSelfSet: true }, a);
    const hidden = await createChannel(appId, 'hidden', {}, a);
    const pinned = '00000000-0000-4000-8000-00000000000a';
    await store.setDeviceOverride({ appId, deviceId: pinned }, hidden, null, someAuthor);
    await jobs.find((job) => job.name === 'refresh-all')?.run();
    const legacy = { plugin_version: '7.0.0', version_name: '1.0.1' };
    await postDevice('/channel_self', buildUpdateCheckBody({ app_id: appId, ...legacy, channel: 'beta' }));

    const rows: readonly [given: Row, channel: string][] = [
      [{ channel: 'beta' }, 'public'],
      [{ defaultChannel: 'beta', channel: 'public' }, 'beta'],
      [{ defaultChannel: 'hidden' }, 'public'],
      [{ defaultChannel: 'nobody' }, 'public'],
      [{ device_id: pinned, defaultChannel: 'beta', channel: 'public' }, 'hidden'],
      [{ device_id: someDeviceId, ...legacy }, 'beta'],
      [{ device_id: someDeviceId, plugin_version: '8.0.0' }, 'public'],
    ];
    const before = new Map<string, number>();
    for (const [given, channel] of rows) {
      await report({ app_id: appId, device_id: '00000000-0000-4000-8000-00000000000b', ...given });
      before.set(channel, (before.get(channel) ?? 0) + 1);
    }
    expect(await countersOf(appId)).toEqual(
      [...before].map(([channel, count]) => `1.0.1 ${channel} ios install ${count}`).sort(),
    );

    await services.channels.delete(hidden, actor);
    const { data } = await read('events.list', { app_id: appId, device_id: pinned });
    expect(data).toEqual([expect.objectContaining({ channel: 'hidden' })]);
  });

  it('have no channel while a release serves the device', async () => {
    const { appId, a } = await createApp();
    const headers = { 'x-api-key': testToken, 'content-type': 'application/json' };
    const manage = (path: string, body: object) =>
      fetch(`${server.managementUrl}/api/v1/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
    const created = await manage('releases.create', {
      ...{ app_id: appId, platform: 'ios', version_name: '1.0', version_code: '1', builtin_bundle_id: a },
    });
    const { release } = (await created.json()) as { release: { id: string } };
    await manage('releases.set-active', { release_id: release.id, bundle_id: a });
    await createChannel(appId, 'public', { isPublic: true }, a);
    await report({ app_id: appId, version_build: '1.0', version_code: '1' });
    await report({ app_id: appId, version_build: '1.0', version_code: '2' });
    expect(await countersOf(appId)).toEqual(['1.0.1  ios install 1', '1.0.1 public ios install 1']);
  });
});

describe('a set that replaces a bundle', () => {
  it('is logged with the uninstall of the other one, once each', async () => {
    const { appId } = await createApp();
    const event = { app_id: appId, version_name: '1.0.2', old_version_name: '1.0.1', timestamp: 5 };
    await report([event, event]);
    const { data } = await read('events.list', { app_id: appId });
    expect(
      (data as Row[]).map((row) => [row['action'], row['version_name'], row['old_version_name']]),
    ).toEqual([
      ['uninstall', '1.0.1', null],
      ['set', '1.0.2', '1.0.1'],
    ]);
  });

  it.each(['', 'builtin', '1.0.2', '9.9.9'])('is logged alone when the other one is %j', async (old) => {
    const { appId } = await createApp();
    await report({ app_id: appId, version_name: '1.0.2', old_version_name: old });
    expect(await read('events.count', { app_id: appId })).toEqual({ count: 1 });
  });
});

describe('a store that refuses writes', () => {
  it('makes a report 503 with a time to come back, and nothing of it is kept until it is told again', async () => {
    const { appId, b } = await createApp();
    await createChannel(appId, 'production', { isPublic: true }, b);
    const events = [1, 2, 3].map((timestamp) => ({
      ...{ app_id: appId, action: 'update_fail', version_name: '1.0.2', timestamp },
    }));
    const told = [...events, { app_id: appId, version_name: '1.0.1', timestamp: 4 }];
    const refusing = vi
      .spyOn(server.product.store, 'appendDeviceEvents')
      .mockRejectedValue(new AppError('unavailable', 'The database refuses work right now'));
    try {
      const response = await postDevice('/stats', told.map(buildDeviceEventBody));
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await response.json()).toEqual({
        error: 'unavailable',
        message: expect.any(String),
        moreInfo: {},
      });
    } finally {
      refusing.mockRestore();
    }
    expect(await read('events.count', { app_id: appId })).toEqual({ count: 0 });
    expect(await countersOf(appId)).toEqual([]);
    expect(await read('devices.list', { app_id: appId })).toEqual({ data: [] });
    expect(await check({ app_id: appId })).toMatchObject({ version: '1.0.2' });

    await report(told);
    expect(await read('events.count', { app_id: appId })).toEqual({ count: 4 });
    expect(await countersOf(appId)).toEqual([
      '1.0.1 production ios install 1',
      '1.0.2 production ios fail 3',
    ]);
    expect((await read('devices.list', { app_id: appId }))['data']).toHaveLength(1);
    expect(await check({ app_id: appId })).toMatchObject({ error: 'bundle_failed_on_device' });
  });

  it('does not keep a device out of the inventory that reports again', async () => {
    const { appId } = await createApp();
    const refusing = vi
      .spyOn(server.product.store, 'appendDeviceEvents')
      .mockRejectedValue(new AppError('unavailable', 'The database refuses work right now'));
    try {
      const event = buildDeviceEventBody({ app_id: appId, timestamp: 1 });
      expect((await postDevice('/stats', event)).status).toBe(503);
    } finally {
      refusing.mockRestore();
    }
    await report({ app_id: appId, timestamp: 1 });
    expect((await read('devices.list', { app_id: appId }))['data']).toHaveLength(1);
  });

  it('makes a report 503 also when it is gone for good', async () => {
    const dead = await startTestServer();
    try {
      const { appId } = await createApp(dead);
      await dead.product.close();
      const response = await postDevice('/stats', [buildDeviceEventBody({ app_id: appId })], dead);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).not.toBeNull();
    } finally {
      await dead.close();
    }
  });
});

describe('a device that failed to install a bundle', () => {
  const offered = {
    version: '1.0.2',
    url: expect.any(String),
    session_key: '',
    checksum: expect.any(String),
  };
  const blocked = {
    error: 'bundle_failed_on_device',
    message: expect.any(String),
    kind: 'blocked',
    version: '1.0.2',
    old: '1.0.0',
  };

  /** A new app whose public channel serves 1.0.2, and a device of it. */
  async function createFailing(on = server) {
    const app = await createApp(on);
    const channelId = await createChannel(app.appId, 'production', { isPublic: true }, app.b, on);
    const fail = (given: Row = {}) =>
      report({ app_id: app.appId, action: 'update_fail', version_name: '1.0.2', ...given }, on);
    const ask = (given: Row = {}) => check({ app_id: app.appId, ...given }, on);
    return { ...app, channelId, fail, ask };
  }

  it('twice is still offered it, and the third time it is withheld with a code of its own', async () => {
    const { fail, ask } = await createFailing();
    for (let failures = 0; failures < 2; failures += 1) {
      await fail();
      expect(await ask()).toEqual(offered);
    }
    await fail();
    expect(await ask()).toEqual(blocked);
    expect(await ask({ device_id: someDeviceId.toUpperCase() })).toEqual(blocked);
    expect(await ask({ version_name: '1.0.2' })).toMatchObject({ error: 'no_new_version_available' });
  });

  it('is believed that one event is one event, however often it tells it', async () => {
    const { fail, ask } = await createFailing();
    for (let time = 0; time < 4; time += 1) await fail({ timestamp: 1_768_478_400_000 });
    await fail({ timestamp: 1_768_478_400_001 });
    expect(await ask()).toEqual(offered);
    await fail({ timestamp: 1_768_478_400_002 });
    expect(await ask()).toEqual(blocked);
  });

  it('is counted over all kinds of failed installs, also within one batch, and by its files', async () => {
    const { appId, ask } = await createFailing();
    await report([
      { app_id: appId, action: 'set_fail', version_name: '1.0.2' },
      { app_id: appId, action: 'checksum_fail', version_name: '1.0.2' },
      { app_id: appId, action: 'download_manifest_brotli_fail', version_name: '1.0.2:www/a.js' },
    ]);
    expect(await ask()).toEqual(blocked);
  });

  it.each([
    ...['set_fail', 'update_fail', 'unzip_fail', 'checksum_fail', 'decrypt_fail', 'finish_download_fail'],
    ...['windows_path_fail', 'canonical_path_fail', 'directory_path_fail', 'manifest_path_fail'],
    ...['download_manifest_checksum_fail', 'download_manifest_brotli_fail'],
  ])('by %s is remembered', async (action) => {
    const { fail, ask } = await createFailing();
    for (let time = 0; time < 3; time += 1) await fail({ action });
    expect(await ask()).toEqual(blocked);
  });

  it.each(['download_fail', 'low_mem_fail', 'download_manifest_file_fail', 'app_crash', 'my_own_fail'])(
    'by %s is not: that says nothing of the bundle',
    async (action) => {
      const { fail, ask } = await createFailing();
      for (let time = 0; time < 5; time += 1) await fail({ action });
      expect(await ask()).toEqual(offered);
    },
  );

  it('while it runs another bundle that its failures name is withheld the one it was given, not the one it runs', async () => {
    const { appId, a, b, channelId, ask } = await createFailing();
    const running = { version_name: '1.0.1' };
    expect(await ask(running)).toEqual(offered);
    await server.product.jobs.find((job) => job.name === 'record-checks')?.run();
    for (let time = 0; time < 3; time += 1) {
      await report({ app_id: appId, action: 'unzip_fail', ...running });
    }
    expect(await ask(running)).toEqual({ ...blocked, old: '1.0.1' });
    await server.product.services.channels.setBundle(channelId, a, actor);
    expect(await ask()).toMatchObject({ version: '1.0.1' });
    await server.product.services.channels.setBundle(channelId, b, actor);
  });

  it('is remembered for itself: other devices, other bundles and other apps are offered', async () => {
    const { appId, a, channelId, fail, ask } = await createFailing();
    const other = await createFailing();
    for (let time = 0; time < 3; time += 1) await fail();
    expect(await ask({ device_id: '00000000-0000-4000-8000-000000000001' })).toEqual(offered);
    expect(await other.ask()).toEqual(offered);
    await server.product.services.channels.setBundle(channelId, a, actor);
    expect(await ask()).toMatchObject({ version: '1.0.1' });
    const c = await upload(appId, '1.0.3');
    await server.product.services.channels.setBundle(channelId, c, actor);
    expect(await ask()).toMatchObject({ version: '1.0.3' });
  });

  it('is remembered whether it is an emulator or a debug build or not', async () => {
    const { fail, ask } = await createFailing();
    for (let time = 0; time < 3; time += 1) await fail({ is_emulator: true, is_prod: false });
    expect(await ask({ is_emulator: true, is_prod: false })).toEqual(blocked);
  });

  it('is withheld the bundle as that of a rollout too', async () => {
    const { a, b, channelId, fail, ask } = await createFailing();
    const { channels } = server.product.services;
    for (let time = 0; time < 3; time += 1) await fail();
    await channels.setBundle(channelId, a, actor);
    await channels.changeRollout(channelId, { bundleId: b, isEnabled: true, percentageBps: 10_000 }, actor);
    expect(await ask()).toEqual(blocked);
  });

  it('is offered it again once an operator has cleared that', async () => {
    const { appId, fail, ask } = await createFailing();
    const { devices } = server.product.services;
    const device = { appId, deviceId: someDeviceId.toUpperCase() };
    for (let time = 0; time < 3; time += 1) await fail();
    await devices.clearFailures(device, '1.0.1');
    expect(await ask()).toEqual(blocked);
    await devices.clearFailures(device, '1.0.2');
    expect(await ask()).toEqual(offered);
    for (let time = 0; time < 2; time += 1) await fail();
    expect(await ask()).toEqual(offered);
    await fail();
    expect(await ask()).toEqual(blocked);
    await devices.clearFailures(device);
    expect(await ask()).toEqual(offered);
  });

  it.each([
    ['0', 10, 'offered'],
    ['1', 1, 'offered'],
    ['1', 2, 'blocked'],
    ['5', 5, 'offered'],
    ['5', 6, 'blocked'],
  ] as const)(
    'with FAILED_BUNDLE_RETRIES=%s is after %i failures %s',
    async (retries, failures, expected) => {
      const other = await startTestServer({ env: { FAILED_BUNDLE_RETRIES: retries } });
      try {
        const { fail, ask } = await createFailing(other);
        for (let time = 0; time < failures; time += 1) await fail();
        expect(await ask()).toEqual(expected === 'offered' ? offered : blocked);
        if (retries === '0') {
          const facts = await readAllDeviceStates(other.product.store);
          expect(facts).toEqual([]);
        }
      } finally {
        await other.close();
      }
    },
  );

  it('is remembered over a restart, and so is that it was cleared', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capgo-server-memory-'));
    const env = { DATABASE_URL: `sqlite:${join(folder, 'capgo.db')}` };
    let running = await startTestServer({ env });
    try {
      const { appId, fail, ask } = await createFailing(running);
      for (let time = 0; time < 3; time += 1) await fail({ timestamp: 1_000 + time });
      expect(await ask()).toEqual(blocked);
      await running.close();

      running = await startTestServer({ env });
      expect(await check({ app_id: appId }, running)).toEqual(blocked);
      await running.product.store.clearFailedInstalls({ appId, deviceId: someDeviceId });
      await running.close();

      running = await startTestServer({ env });
      expect(await check({ app_id: appId }, running)).toEqual(offered);
    } finally {
      await running.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
