import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { roles } from '../../domain/access.ts';
import { buildDeviceEventBody, buildUpdateCheckBody, someDeviceId } from '../../testing/builders.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { askRest, callerOf, type RestRequest, serveRoutesTo } from '../../testing/rest-client.ts';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { restDeviceRoutes } from './devices.ts';

const dayMs = 86_400_000;
const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { VERIFY_EXTERNAL_BUNDLES: 'false' }, clock });
});
afterAll(() => server.close());

const ask = (request: RestRequest) => askRest(server.managementUrl, request);
const idOf = (first: string) => someDeviceId.replace(/^./, first);

let appCount = 0;
/** Each test has an app of its own, with bundles 1.0.0 and 1.0.1, public channel production and channel beta. */
let appId: string;
beforeEach(async () => {
  appCount += 1;
  appId = `com.example.devices${appCount}`;
  for (const version of ['1.0.0', '1.0.1']) {
    const body = {
      app_id: appId,
      version,
      external_url: 'https://example.com/a.zip',
      checksum: 'ab'.repeat(32),
    };
    expect((await ask({ method: 'POST', path: '/bundle', body })).status).toBe(200);
  }
  for (const channel of [
    { channel: 'production', version: '1.0.0', public: true },
    { channel: 'beta', version: '1.0.1' },
  ]) {
    const body = { app_id: appId, ...channel };
    expect((await ask({ method: 'POST', path: '/channel', body })).status).toBe(200);
  }
});

async function report(first: string, given: object = {}): Promise<void> {
  const response = await fetch(`${server.userUrl}/stats`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(
      buildDeviceEventBody({ app_id: appId, device_id: idOf(first), version_name: '1.0.1', ...given }),
    ),
  });
  expect(response.status).toBe(200);
}
async function servedTo(first: string): Promise<string> {
  const response = await fetch(`${server.userUrl}/updates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(
      buildUpdateCheckBody({ app_id: appId, device_id: idOf(first), version_name: '1.0.9' }),
    ),
  });
  return ((await response.json()) as { version: string }).version;
}
const pin = (first: string, channel: string | undefined = 'beta') =>
  ask({ method: 'POST', path: '/device', body: { app_id: appId, device_id: idOf(first), channel } });
const list = async (query = '', as: 'documented' | 'hosted' = 'hosted') =>
  (await ask({ path: `/device?app_id=${appId}${query}`, as })).body;
const firsts = (rows: readonly { device_id: string }[]) => rows.map(({ device_id }) => device_id[0]).join('');
const ok = { status: 200, body: { status: 'ok' } };

describe('GET /device', () => {
  it('shows what is known of a device, alone and in the list, to both audiences', async () => {
    await report('a', { custom_id: 'anna', is_emulator: true, version_os: '18.1' });
    expect(await pin('a')).toStrictEqual(ok);
    const { body: bundles } = await ask({ path: `/bundle?app_id=${appId}`, as: 'hosted' });
    const row = {
      ...{ device_id: idOf('a'), app_id: appId, updated_at: new Date(clock.now()).toISOString() },
      ...{ platform: 'ios', custom_id: 'anna', is_prod: true, is_emulator: true, install_source: null },
      ...{ version_name: '1.0.1', version: bundles[0].id, plugin_version: '8.45.11', os_version: '18.1' },
      ...{ version_build: '1.0.0', key_id: null, country_code: null, default_channel: null, channel: 'beta' },
    };
    for (const as of ['documented', 'hosted'] as const) {
      expect(await list('', as)).toStrictEqual({ data: [row], hasMore: false });
      const path = `/device/?app_id=${appId}&device_id=${idOf('A')}&limit=x`;
      expect(await ask({ path, as })).toStrictEqual({ status: 200, body: row });
    }
  });

  it('leaves out a channel that it has not, and a number of a bundle that is not there', async () => {
    await report('a', { version_name: '7.7.7' });
    const { channel, version, version_name, custom_id } = (await list()).data[0];
    expect({ channel, version, version_name, custom_id }).toStrictEqual({
      ...{ channel: undefined, version: null, version_name: '7.7.7', custom_id: '' },
    });
  });

  it('is in pages that go on where the last one ended', async () => {
    for (const first of ['3', '1', 'a', '2', 'f']) {
      await report(first);
      clock.advance(1_000);
    }
    for (const [query, expected] of [
      ['', '123af'],
      ['&order=asc', '31a2f'],
      ['&order=desc', 'f2a13'],
    ]) {
      let seen = '';
      let cursor: string | undefined = '';
      let pages = 0;
      while (cursor !== undefined) {
        const page = await list(`${query}&limit=2&cursor=${encodeURIComponent(cursor)}`);
        seen += firsts(page.data);
        pages += 1;
        expect(page.hasMore).toBe(page.nextCursor !== undefined);
        cursor = page.nextCursor;
      }
      expect([seen, pages]).toStrictEqual([expected, 3]);
    }
    const { nextCursor } = await list('&limit=2');
    expect(nextCursor).toMatch(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z\|2/);
    const withoutZone = `2020-01-01 00:00:00|${idOf('2')}`;
    expect(firsts((await list(`&cursor=${encodeURIComponent(withoutZone)}`)).data)).toBe('3af');
  });

  it('has 50 rows unless it is told otherwise, and is empty where there are none', async () => {
    expect(await list()).toStrictEqual({ data: [], hasMore: false });
    for (let index = 0; index < 51; index += 1) {
      await report('a', { device_id: `${String(index).padStart(8, '0')}${someDeviceId.slice(8)}` });
    }
    expect((await list()).data).toHaveLength(50);
    expect((await list('&limit=51')).data).toHaveLength(51);
    expect((await list('&limit=50000')).data).toHaveLength(51);
  });

  it('is of devices heard of later, or that have named themselves', async () => {
    const startText = new Date(clock.now()).toISOString();
    await report('1', { custom_id: 'one' });
    clock.advance(2_000);
    await report('2');
    for (const time of [startText, startText.replace('T', ' ').replace(/\..*/, '')]) {
      expect(firsts((await list(`&updated_at=${encodeURIComponent(time)}`)).data)).toBe('2');
    }
    expect(firsts((await list('&customIdMode=false')).data)).toBe('1');
    expect(firsts((await list('&customIdMode=')).data)).toBe('12');
  });
});

describe('a pin', () => {
  it('holds for 90 days, also for a device that was never heard of, and is renewed by writing it again', async () => {
    expect(await servedTo('a')).toBe('1.0.0');
    expect(await pin('a')).toStrictEqual(ok);
    expect(await servedTo('A')).toBe('1.0.1');
    clock.advance(89 * dayMs);
    expect(await pin('a')).toStrictEqual(ok);
    clock.advance(89 * dayMs);
    expect(await servedTo('a')).toBe('1.0.1');
    clock.advance(dayMs);
    expect(await servedTo('a')).toBe('1.0.0');
    await report('a');
    expect((await list()).data[0]).not.toHaveProperty('channel');
    expect(await server.product.services.devices.deleteExpiredOverrides()).toBeGreaterThan(0);
    expect(await server.product.store.readDeviceFacts([{ appId, deviceId: idOf('a') }], null)).toStrictEqual(
      [],
    );
  });

  it('is moved by another one, and taken back from the body or the query, as often as one likes', async () => {
    await ask({
      method: 'POST',
      path: '/channel',
      body: { app_id: appId, channel: 'staff', version: '1.0.0' },
    });
    await pin('a');
    await pin('a', 'staff');
    expect(await servedTo('a')).toBe('1.0.0');
    await pin('a', 'beta');
    const body = { app_id: appId, device_id: idOf('a').toUpperCase() };
    for (let time = 0; time < 2; time += 1) {
      expect(await ask({ method: 'DELETE', path: '/device/', body })).toStrictEqual(ok);
      expect(await servedTo('a')).toBe('1.0.0');
    }
    await pin('b');
    const query = `/device?app_id=${appId}&device_id=${idOf('b')}`;
    expect(await ask({ method: 'DELETE', path: query, as: 'hosted' })).toStrictEqual(ok);
    expect(await servedTo('b')).toBe('1.0.0');
  });

  it('is taken back with what an older plugin has chosen', async () => {
    await ask({
      ...{ method: 'POST', path: '/channel' },
      body: { app_id: appId, channel: 'beta', allow_device_self_set: true },
    });
    const { id } = (await ask({ path: `/channel?app_id=${appId}&channel=beta` })).body;
    await server.product.store.setSelfSetChannel({ appId, deviceId: idOf('a') }, id);
    expect(
      await ask({ method: 'DELETE', path: `/device?app_id=${appId}&device_id=${idOf('a')}` }),
    ).toStrictEqual(ok);
    expect(await server.product.store.readDeviceFacts([{ appId, deviceId: idOf('a') }], null)).toStrictEqual(
      [],
    );
  });

  it('without a channel is none', async () => {
    const body = { app_id: appId, device_id: idOf('a') };
    expect(await ask({ method: 'POST', path: '/device', body })).toStrictEqual(ok);
    expect(await server.product.store.readDeviceFacts([{ appId, deviceId: idOf('a') }], null)).toStrictEqual(
      [],
    );
  });
});

describe('a request for devices that cannot be met', () => {
  const post = (given: object) => (): RestRequest => ({
    ...{ method: 'POST', path: '/device' },
    body: { app_id: appId, device_id: someDeviceId, channel: 'beta', ...given },
  });
  const query = (text: string, method = 'GET') => ({ method, path: `/device?app_id=${appId}&${text}` });
  const noApp = 'com.example.nobody';
  type Row = [what: string, request: () => RestRequest, code: string, status?: number, text?: string];
  const rows: Row[] = [
    ['a list without app', () => ({ path: '/device' }), 'missing_app_id'],
    ['a list of what is no app id', () => ({ path: '/device?app_id=x' }), 'invalid_app_id'],
    ['a list of no app', () => ({ path: `/device?app_id=${noApp}` }), 'cannot_access_app'],
    ...['0', '-1', '1.5', 'x'].map(
      (limit): Row => [`a limit of ${limit}`, () => query(`limit=${limit}`), 'invalid_limit'],
    ),
    ['an order that is none', () => query('order=up'), 'invalid_order'],
    ...['yesterday', '2026-01-01', '2026-01-01T00:00:00', '2026-02-30T00:00:00Z'].map(
      (time): Row => [`a time of ${time}`, () => query(`updated_at=${time}`), 'invalid_updated_at'],
    ),
    ...['x', '2026-01-01T00:00:00Z', '|a', '2026-01-01T00:00:00Z|a|b'].map(
      (cursor): Row => [`a cursor of ${cursor}`, () => query(`cursor=${cursor}`), 'invalid_cursor'],
    ),
    [
      'a device that was never heard of',
      () => query(`device_id=${someDeviceId}`),
      'device_not_found',
      404,
      'Device not found',
    ],
    ['a pin without body', () => ({ method: 'POST', path: `/device?app_id=a.b` }), 'invalid_json_parse_body'],
    ['a pin without device', post({ device_id: undefined }), 'missing_device_id_or_app_id'],
    ['a pin without app', post({ app_id: '' }), 'missing_device_id_or_app_id'],
    ['a pin of what is no app id', post({ app_id: 'x' }), 'invalid_app_id'],
    ['a pin of what is no device', post({ device_id: 'device_456' }), 'invalid_device_id'],
    ['a pin to a version', post({ version_id: '1.0.0' }), 'invalid_version_id'],
    ['a pin in no app', post({ app_id: noApp }), 'cannot_access_app'],
    ['a pin to no channel', post({ channel: 'none' }), 'channel_not_found', 404, 'Channel not found'],
    ['a pin to the public channel', post({ channel: 'production' }), 'public_channel_override'],
    ['taking back nothing', () => ({ method: 'DELETE', path: '/device' }), 'invalid_json_parse_body'],
    [
      'taking back without app',
      () => ({ method: 'DELETE', path: `/device?device_id=${someDeviceId}` }),
      'missing_app_id',
    ],
    ['taking back without device', () => query('x=1', 'DELETE'), 'missing_device_id'],
    [
      'taking back in no app',
      () => ({ method: 'DELETE', path: `/device?app_id=${noApp}&device_id=${someDeviceId}` }),
      'cannot_access_app',
    ],
  ];

  it.each(rows)('is refused: %s', async (_what, given, code, status = 400, text = undefined) => {
    const hosted = await ask({ ...given(), as: 'hosted' });
    expect(hosted).toStrictEqual({
      status,
      body: { error: code, message: expect.any(String), moreInfo: expect.any(Object) },
    });
    expect(await ask(given())).toMatchObject({
      status,
      body: { error: text ?? hosted.body.message, status: 'KO', code },
    });
  });
});

describe('a caller', () => {
  const requests = (id: string): readonly RestRequest[] => [
    { path: `/device?app_id=${id}` },
    { path: `/device?app_id=${id}&device_id=${someDeviceId}` },
    { method: 'POST', path: '/device', body: { app_id: id, device_id: someDeviceId, channel: 'beta' } },
    { method: 'DELETE', path: '/device', body: { app_id: id, device_id: someDeviceId } },
  ];
  const routes = () => restDeviceRoutes(server.product.services);

  it('of one app cannot tell the devices of another from those of none', async () => {
    const nobody = `${appId}x`;
    await report('b');
    const scoped = await serveRoutesTo(callerOf('admin', ['com.example.own']), routes());
    for (const as of ['documented', 'hosted'] as const) {
      for (const [index, request] of requests(appId).entries()) {
        const answer = await askRest(scoped.url, { ...request, as });
        expect(answer.status).toBe(400);
        const ofNobody = await askRest(scoped.url, { ...requests(nobody)[index], as } as RestRequest);
        expect(JSON.parse(JSON.stringify(answer).replaceAll(appId, nobody))).toStrictEqual(ofNobody);
      }
    }
    await scoped.close();
  });

  it.each(roles)('of role %s may do what the role says', async (role) => {
    const served = await serveRoutesTo(callerOf(role), routes());
    for (const [index, request] of requests('com.example.nobody').entries()) {
      const { status, body } = await askRest(served.url, request);
      const isPermitted = index < 2 || role === 'write' || role === 'admin';
      expect([request, status]).toStrictEqual([request, isPermitted ? 400 : 403]);
      if (!isPermitted) expect(body.error).toBe('Insufficient permissions to manage devices');
    }
    await served.close();
  });
});
