import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildActor,
  buildDeviceEventBody,
  buildUpdateCheckBody,
  someDeviceId,
  someTimeMs,
} from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

type Row = Record<string, unknown>;

const minuteMs = 60_000;
const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

let lastApp = 0;
function newAppId(): string {
  lastApp += 1;
  return `com.example.settings${lastApp}`;
}

async function upload(appId: string, versionName: string, fields: Record<string, string> = {}) {
  const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: versionName, ...fields }),
  });
  if (response.status !== 200) throw new Error(`upload answered ${response.status}`);
  return ((await response.json()) as { bundle: { id: string } }).bundle.id;
}

/** An app whose public channel serves 1.0.1, and that knows 1.0.2. */
async function createApp(fields: Record<string, string> = {}): Promise<string> {
  const appId = newAppId();
  const bundleId = await upload(appId, '1.0.1', fields);
  await upload(appId, '1.0.2');
  const { channels } = server.product.services;
  const settings = { isPublic: true, allowDeviceSelfSet: true };
  const { id } = await channels.create({ appId, name: 'production', ...settings }, buildActor('olga'));
  await channels.setBundle(id, bundleId, buildActor('olga'));
  return appId;
}

async function send(method: string, path: string, body: unknown): Promise<Row> {
  const response = await fetch(`${server.userUrl}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Row;
}

const check = (given: Row) => send('POST', '/updates', buildUpdateCheckBody(given));
const report = (given: Row) => send('POST', '/stats', buildDeviceEventBody(given));
const reportAll = (given: readonly Row[]) => send('POST', '/stats', given.map(buildDeviceEventBody));

async function recordChecks(): Promise<void> {
  await server.product.jobs.find(({ name }) => name === 'record-checks')?.run();
}

async function read(path: string, appId: string): Promise<Row[]> {
  const response = await fetch(`${server.managementUrl}/api/v1/${path}?app_id=${appId}`, {
    headers: { 'x-api-key': testToken },
  });
  return ((await response.json()) as { data: Row[] }).data;
}

/** Action, bundle and custom id of each event, oldest first. */
async function eventsOf(appId: string): Promise<string[]> {
  const events = (await read('events.list', appId)).toReversed();
  return events.map((event) => [event['action'], event['version_name'], event['custom_id']].join(' ').trim());
}

async function customIdOf(appId: string): Promise<unknown> {
  const [device] = await read('devices.list', appId);
  return device?.['custom_id'];
}

async function setSettings(
  appId: string,
  change: { exposeMetadata?: boolean; allowDeviceCustomId?: boolean },
) {
  const { exposeMetadata, allowDeviceCustomId } = await server.product.services.apps.change(
    appId,
    change,
    buildActor(),
  );
  return { exposeMetadata, allowDeviceCustomId };
}

describe('the settings of an app', () => {
  it('are answered whole, whatever is set', async () => {
    const appId = await createApp();
    expect(await setSettings(appId, {})).toEqual({ exposeMetadata: false, allowDeviceCustomId: true });
    expect(await setSettings(appId, { exposeMetadata: true })).toEqual({
      exposeMetadata: true,
      allowDeviceCustomId: true,
    });
  });

  it('are none of an app that is not registered', async () => {
    const appId = newAppId();
    await expect(setSettings(appId, { exposeMetadata: true })).rejects.toMatchObject({
      code: 'app_not_found',
    });
    expect(await check({ app_id: appId })).toMatchObject({ error: 'app_not_found' });
  });
});

describe('link and comment of a bundle', () => {
  const link = 'https://example.com/notes?v=1';
  const comment = 'Grüße 👋 "neu"';
  const plain = ['checksum', 'session_key', 'url', 'version'];

  it('are in the answer of an app that exposes them, from the next check on, and only there', async () => {
    const appId = await createApp({ link, comment });
    expect(Object.keys(await check({ app_id: appId })).sort()).toEqual(plain);
    await setSettings(appId, { exposeMetadata: true });
    const answer = await check({ app_id: appId });
    expect(answer).toMatchObject({ version: '1.0.1', link, comment });
    expect(Object.keys(answer).sort()).toEqual([...plain, 'comment', 'link'].sort());
    await setSettings(appId, { exposeMetadata: false });
    expect(Object.keys(await check({ app_id: appId })).sort()).toEqual(plain);
  });

  it.each([
    [{ link }, { link }],
    [{ comment }, { comment }],
    [{}, {}],
    [{ link: '', comment: '' }, {}],
  ])('given as %j are answered as %j, and never as null', async (fields, told) => {
    const appId = await createApp(fields as Record<string, string>);
    await setSettings(appId, { exposeMetadata: true });
    const { version, url, session_key, checksum, ...rest } = await check({ app_id: appId });
    expect(rest).toEqual(told);
  });

  it.each([
    ['ios', '4.17.48', false],
    ['ios', '5.34.0', false],
    ['android', '5.35.0', true],
    ['ios', '6.34.9', false],
    ['android', '6.35.0', true],
    ['android', '7.34.9', false],
    ['ios', '7.35.0', true],
    ['ios', '8.35.0-beta.1', false],
    ['android', '8.35.0', true],
    ['ios', '9.0.0', true],
    ['android', '10.0.0', false],
    ['android', '10.0.1', true],
    ['electron', '0.0.1', true],
  ])('are told on %s to plugin %s: %s', async (platform, plugin_version, isTold) => {
    const appId = await createApp({ link, comment });
    await setSettings(appId, { exposeMetadata: true });
    const answer = await check({ app_id: appId, platform, plugin_version });
    expect(answer['version']).toBe('1.0.1');
    expect([answer['link'], answer['comment']]).toEqual(isTold ? [link, comment] : [undefined, undefined]);
  });

  it('are in no answer without an update', async () => {
    const appId = await createApp({ link, comment });
    await setSettings(appId, { exposeMetadata: true });
    const upToDate = await check({ app_id: appId, version_name: '1.0.1' });
    expect(Object.keys(upToDate).sort()).toEqual(['error', 'kind', 'message']);
  });
});

describe('custom ids that an app does not allow', () => {
  async function createStrictApp(): Promise<string> {
    const appId = await createApp();
    await setSettings(appId, { allowDeviceCustomId: false });
    return appId;
  }

  it('are left out of a reported event and the inventory, and an event of its own says so', async () => {
    const appId = await createStrictApp();
    const answer = await report({ app_id: appId, custom_id: ' me ', metadata: { a: 'b' } });
    expect(answer).toEqual({ status: 'ok' });
    expect(await eventsOf(appId)).toEqual(['set 1.0.1', 'customIdBlocked 1.0.1']);
    const [blocked] = await read('events.list', appId);
    expect(blocked).toMatchObject({
      ...{ device_id: someDeviceId, custom_id: null, metadata: null, old_version_name: null },
      ...{ channel: 'production', received_at: new Date(clock.now()).toISOString() },
    });
    expect(await customIdOf(appId)).toBeNull();
  });

  it.each([[''], ['   '], [null], [undefined]])('are not blocked when given as %j', async (custom_id) => {
    const appId = await createStrictApp();
    await report({ app_id: appId, custom_id });
    expect(await eventsOf(appId)).toEqual(['set 1.0.1']);
  });

  it('are kept, and no event is added, where the app allows them', async () => {
    const appId = await createApp();
    await report({ app_id: appId, custom_id: ' me ' });
    expect(await eventsOf(appId)).toEqual(['set 1.0.1 me']);
    expect(await customIdOf(appId)).toBe('me');
  });

  it('are blocked for each event of a batch, and the answer has one result for each that was sent', async () => {
    const appId = await createStrictApp();
    const answer = await reportAll([
      { app_id: appId, custom_id: 'me', action: 'download_complete' },
      { app_id: appId, custom_id: '', action: 'set' },
      { app_id: appId, custom_id: 'me', action: 'set', version_name: '1.0.2', old_version_name: '1.0.1' },
    ]);
    expect(answer).toEqual({ status: 'ok', results: [0, 1, 2].map((index) => ({ status: 'ok', index })) });
    expect(await eventsOf(appId)).toEqual([
      ...['download_complete 1.0.1', 'customIdBlocked 1.0.1', 'set 1.0.1'],
      ...['set 1.0.2', 'uninstall 1.0.1', 'customIdBlocked 1.0.2'],
    ]);
  });

  it('are blocked once for an event that is told again', async () => {
    const appId = await createStrictApp();
    const event = { app_id: appId, custom_id: 'me', timestamp: someTimeMs };
    await reportAll([event, event]);
    await report(event);
    await report({ ...event, timestamp: someTimeMs + 1 });
    expect(await eventsOf(appId)).toEqual([
      ...['set 1.0.1', 'customIdBlocked 1.0.1'],
      ...['set 1.0.1', 'customIdBlocked 1.0.1'],
    ]);
  });

  it('change no counter, and nothing that is known of bundles on the device', async () => {
    const [strict, free] = [await createStrictApp(), await createApp()];
    for (const appId of [strict, free]) {
      await reportAll([
        { app_id: appId, custom_id: 'me', action: 'set', version_name: '1.0.1' },
        { app_id: appId, custom_id: 'me', action: 'update_fail', version_name: '1.0.2' },
        { app_id: appId, custom_id: 'me', action: 'get', version_name: '1.0.2' },
      ]);
    }
    expect(await read('counters.list', strict)).toEqual(await read('counters.list', free));
    const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text();
    expect(metrics).toContain('update_fail');
    expect(metrics).not.toContain('customIdBlocked');
  });

  it('that come with a failure do not make the bundle that failed the one that runs', async () => {
    const appId = await createStrictApp();
    await report({ app_id: appId, custom_id: 'me', version_name: '1.0.1' });
    clock.advance(2 * minuteMs);
    await report({ app_id: appId, custom_id: 'me', action: 'update_fail', version_name: '1.0.2' });
    const [device] = await read('devices.list', appId);
    expect(device).toMatchObject({ version_name: '1.0.1', custom_id: null });
  });

  it('of a device that had one before are gone from the inventory with its next event', async () => {
    const appId = await createApp();
    await report({ app_id: appId, custom_id: 'me' });
    await setSettings(appId, { allowDeviceCustomId: false });
    await report({ app_id: appId, custom_id: 'me' });
    expect(await customIdOf(appId)).toBeNull();
    await setSettings(appId, { allowDeviceCustomId: true });
    await report({ app_id: appId, custom_id: 'me' });
    expect(await customIdOf(appId)).toBe('me');
  });

  it('are left out of update checks without a word', async () => {
    const appId = await createStrictApp();
    expect(await check({ app_id: appId, custom_id: 'me' })).toMatchObject({ version: '1.0.1' });
    await recordChecks();
    expect(await eventsOf(appId)).toEqual(['get 1.0.1']);
    expect(await customIdOf(appId)).toBeNull();
  });

  it('are left out of what a device does with channels without a word', async () => {
    const appId = await createStrictApp();
    const body = buildUpdateCheckBody({ app_id: appId, custom_id: 'me', version_name: '1.0.1' });
    await send('PUT', '/channel_self', body);
    await send('POST', '/channel_self', { ...body, channel: 'production' });
    await recordChecks();
    expect(await eventsOf(appId)).toEqual(['getChannel 1.0.1', 'setChannel 1.0.1']);
    expect(await customIdOf(appId)).toBeNull();
  });
});
