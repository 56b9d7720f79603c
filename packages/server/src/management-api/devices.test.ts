import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDeviceEventBody, buildRecordedEvent, someDeviceId } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

type Row = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly body: Row;
}

const dayMs = 24 * 60 * 60 * 1_000;
const clock = createFakeClock(Date.UTC(2026, 0, 31, 23, 59, 59, 999));
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

let lastApp = 0;
async function createApp(): Promise<string> {
  lastApp += 1;
  const appId = `com.example.inventory${lastApp}`;
  await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: '1.0.1' }),
  });
  return appId;
}

function deviceIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

async function report(...events: readonly Row[]): Promise<void> {
  const response = await fetch(`${server.userUrl}/stats`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events.map(buildDeviceEventBody)),
  });
  expect(response.status).toBe(200);
}

async function read(path: string, query: Record<string, string> | string): Promise<Answer> {
  const response = await fetch(`${server.managementUrl}/api/v1/${path}?${new URLSearchParams(query)}`, {
    headers: { 'x-api-key': testToken },
  });
  return { status: response.status, body: (await response.json()) as Row };
}

async function idsOf(query: Record<string, string>): Promise<{ ids: unknown[]; next: string | undefined }> {
  const { status, body } = await read('devices.list', query);
  expect(status).toBe(200);
  const { data, next_cursor: next } = body as { data: Row[]; next_cursor?: string };
  return { ids: data.map((device) => device['device_id']), next };
}

const invalid = { error: expect.any(String), code: 'invalid_request' };

describe('the list of devices', () => {
  it('shows each with exactly these keys, null where it said nothing', async () => {
    const appId = await createApp();
    const seen = new Date(clock.now()).toISOString();
    await report({ app_id: appId, plugin_version: undefined, version_build: undefined, version_code: '' });
    expect(await read('devices.list', { app_id: appId })).toEqual({
      status: 200,
      body: {
        data: [
          {
            app_id: appId,
            device_id: someDeviceId,
            platform: 'ios',
            plugin_version: null,
            version_os: '17.0',
            version_build: null,
            version_code: null,
            version_name: '1.0.1',
            custom_id: null,
            is_emulator: false,
            is_prod: true,
            default_channel: null,
            key_id: null,
            install_source: null,
            first_seen: seen,
            last_seen: seen,
          },
        ],
      },
    });
  });

  it('is of one app, newest first by when a device was first seen, however often it reports', async () => {
    const [appId, otherAppId] = [await createApp(), await createApp()];
    for (const number of [1, 2, 3]) {
      clock.advance(1_000);
      await report({ app_id: appId, device_id: deviceIdOf(number) });
    }
    await report({ app_id: otherAppId, device_id: deviceIdOf(9) });
    clock.advance(60_000);
    await report({ app_id: appId, device_id: deviceIdOf(1) });
    const expected = [3, 2, 1].map(deviceIdOf);
    expect(await idsOf({ app_id: appId })).toEqual({ ids: expected, next: undefined });
    expect((await idsOf({ app_id: otherAppId })).ids).toEqual([deviceIdOf(9)]);
  });

  it('is empty for an app without devices, known or not', async () => {
    for (const app_id of [await createApp(), 'com.example.nobody']) {
      expect(await read('devices.list', { app_id })).toEqual({ status: 200, body: { data: [] } });
    }
  });

  it('goes through pages without a gap or a repetition while devices come and report, also of one moment', async () => {
    const appId = await createApp();
    const devices = Array.from({ length: 7 }, (_, number) => deviceIdOf(number));
    await report(...devices.map((device_id) => ({ app_id: appId, device_id })));
    const seen: unknown[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const { ids, next } = await idsOf({ app_id: appId, limit: '3', ...(cursor ? { cursor } : {}) });
      seen.push(...ids);
      cursor = next;
      pages += 1;
      clock.advance(60_000);
      await report(
        { app_id: appId, device_id: deviceIdOf(100 + pages) },
        ...devices.map((device_id) => ({ app_id: appId, device_id })),
      );
    } while (cursor !== undefined);
    expect(seen).toEqual(devices.toReversed());
    expect(pages).toBe(3);
  });

  it('shows 100 devices unless told otherwise, and up to 1,000', async () => {
    const appId = await createApp();
    const events = Array.from({ length: 101 }, (_, number) => ({
      app_id: appId,
      device_id: deviceIdOf(number),
    }));
    await report(...events);
    const { ids, next } = await idsOf({ app_id: appId });
    expect([ids.length, typeof next]).toEqual([100, 'string']);
    expect((await idsOf({ app_id: appId, limit: '1000' })).ids).toHaveLength(101);
    expect((await idsOf({ app_id: appId, limit: '101' })).next).toBeUndefined();
  });

  it.each<Row>([
    { app_id: '' },
    { app_id: 'nodots' },
    { limit: '0' },
    { limit: '1001' },
    { limit: '-1' },
    { limit: '1.5' },
    { limit: 'ten' },
    { cursor: 'x' },
    { cursor: '!!!' },
    { cursor: Buffer.from('1:abc').toString('base64url') },
    { cursor: Buffer.from(`1:${'f'.repeat(24)}`).toString('base64url') },
    { cursor: Buffer.from(`x:${someDeviceId}`).toString('base64url') },
  ])('with %j is 400', async (query) => {
    const answer = await read('devices.list', {
      app_id: 'com.example.app',
      ...(query as Record<string, string>),
    });
    expect(answer).toEqual({ status: 400, body: invalid });
  });

  it.each(['', 'app_id=com.example.app&app_id=com.example.app', 'app_id=com.example.app&limit=1&limit=2'])(
    'asked with "%s" is 400',
    async (query) => {
      expect(await read('devices.list', query)).toEqual({ status: 400, body: invalid });
    },
  );
});

describe('one device', () => {
  it('is what the list shows of it, found in any letter case', async () => {
    const appId = await createApp();
    await report({ app_id: appId, defaultChannel: 'beta' });
    const [listed] = (await read('devices.list', { app_id: appId })).body['data'] as Row[];
    for (const device_id of [someDeviceId, someDeviceId.toUpperCase()]) {
      expect(await read('devices.get', { app_id: appId, device_id })).toEqual({
        status: 200,
        body: { data: { ...listed, override: null } },
      });
    }
  });

  it('says what it is pinned to and until when, 90 days at most', async () => {
    const appId = await createApp();
    await report({ app_id: appId });
    const post = (path: string, body: object) =>
      fetch(`${server.managementUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': testToken },
        body: JSON.stringify({ app_id: appId, ...body }),
      });
    await post('/channel', { channel: 'testers', public: false });
    expect((await post('/device', { device_id: someDeviceId, channel: 'testers' })).status).toBe(200);
    const overrideNow = async () => {
      const { body } = await read('devices.get', { app_id: appId, device_id: someDeviceId });
      return (body['data'] as Row)['override'];
    };
    const end = Math.floor((clock.now() + 90 * dayMs) / 60_000) * 60_000;
    expect(await overrideNow()).toEqual({
      channel_id: expect.any(Number),
      expires_at: new Date(end).toISOString(),
    });
    clock.advance(end - clock.now());
    expect(await overrideNow()).toBeNull();
  });

  it('that was never heard of in that app is 404', async () => {
    const [appId, otherAppId] = [await createApp(), await createApp()];
    await report({ app_id: otherAppId });
    for (const query of [
      { app_id: appId, device_id: someDeviceId },
      { app_id: 'com.example.nobody', device_id: someDeviceId },
    ]) {
      expect(await read('devices.get', query)).toEqual({
        status: 404,
        body: { error: expect.any(String), code: 'device_not_found' },
      });
    }
  });

  it.each([
    ...['', 'no-uuid', someDeviceId.slice(1), `${someDeviceId}0`, someDeviceId.replaceAll('-', '')],
    ...["' or 1=1 --", `{${someDeviceId}}`, ` ${someDeviceId}`, `${someDeviceId}\n`, `${someDeviceId}\0`],
  ])('asked for by %j is 400 and says what is wrong, the app first', async (device_id) => {
    const answer = await read('devices.get', { app_id: 'com.example.app', device_id });
    expect(answer).toEqual({ status: 400, body: invalid });
    expect(answer.body['error']).toContain('device_id');
    const unknownApp = await read('devices.get', { app_id: 'nodots', device_id });
    expect(unknownApp.body['error']).toContain('app_id');
  });

  it.each([
    '',
    'app_id=com.example.app',
    `device_id=${someDeviceId}`,
    `app_id=nodots&device_id=${someDeviceId}`,
    `app_id=com.example.app&device_id=${someDeviceId}&device_id=${someDeviceId}`,
    'app_id=com.example.app&device_id=',
  ])('asked for with "%s" is 400', async (query) => {
    expect(await read('devices.get', query)).toEqual({ status: 400, body: invalid });
  });
});

describe('the list of counters', () => {
  /** An app with an install on each of three days; the first of them a millisecond before midnight. */
  async function createCounted(): Promise<{ appId: string; days: string[] }> {
    const appId = await createApp();
    clock.advance(dayMs - (clock.now() % dayMs) - 1);
    const days: string[] = [];
    for (const step of [0, 1, dayMs]) {
      clock.advance(step);
      await report({ app_id: appId });
      days.push(new Date(clock.now()).toISOString().slice(0, 10));
    }
    return { appId, days };
  }

  async function daysOf(query: Record<string, string>): Promise<unknown[]> {
    const { status, body } = await read('counters.list', query);
    expect(status).toBe(200);
    return (body['data'] as Row[]).map((row) => row['date']);
  }

  it('is of one app, by day, with exactly these keys', async () => {
    const { appId, days } = await createCounted();
    await createCounted();
    const row = {
      bundle: '1.0.1',
      channel: null,
      platform: 'ios',
      get: 0,
      install: 1,
      uninstall: 0,
      fail: 0,
    };
    expect(await read('counters.list', { app_id: appId })).toEqual({
      status: 200,
      body: { data: days.map((date) => ({ date, ...row })) },
    });
  });

  it('is cut to days, both included, given as dates, times with zone or milliseconds', async () => {
    const { appId, days } = await createCounted();
    const [first = '', second = '', third = ''] = days;
    const rows: readonly [Record<string, string>, string[]][] = [
      [{ from: second }, [second, third]],
      [{ to: second }, [first, second]],
      [{ from: second, to: second }, [second]],
      [{ from: `${second}T23:59:59Z`, to: `${second}T00:00:00Z` }, [second]],
      [{ from: `${second}T00:30:00+01:00`, to: `${second}T00:30:00+01:00` }, [first]],
      [{ from: String(Date.parse(third)) }, [third]],
      [{ to: String(Date.parse(second) - 1) }, [first]],
      [{ from: '', to: '' }, days],
      [{ from: '2020-01-01', to: '9999-12-31' }, days],
      [{ from: '0', to: '253402300799999' }, days],
      [{ to: '999999999999999' }, days],
      [{ from: '999999999999999' }, []],
    ];
    for (const [query, expected] of rows) {
      expect([query, await daysOf({ app_id: appId, ...query })]).toEqual([query, expected]);
    }
  });

  it('has one row for all platforms that devices make up', async () => {
    const appId = await createApp();
    const platforms = ['web', 'iOS', 'ios ', 'electron', 'zz-1', 'zz-2'];
    await report(...platforms.map((platform) => ({ app_id: appId, platform })));
    const { body } = await read('counters.list', { app_id: appId });
    expect((body['data'] as Row[]).map(({ platform, install }) => [platform, install])).toEqual([
      ['electron', 1],
      ['unknown', 5],
    ]);
  });

  it('goes through pages while counters grow', async () => {
    const { appId, days } = await createCounted();
    const seen: Row[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const query = { app_id: appId, limit: '1', ...(cursor ? { cursor } : {}) };
      const { status, body } = await read('counters.list', query);
      expect(status).toBe(200);
      const { data, next_cursor: next } = body as { data: Row[]; next_cursor?: string };
      seen.push(...data);
      cursor = next;
      pages += 1;
      if (pages < 3) await report({ app_id: appId });
    } while (cursor !== undefined);
    expect(seen.map(({ date, install }) => [date, install])).toEqual([
      ...days.slice(0, 2).map((day) => [day, 1]),
      [days[2], 3],
    ]);
    expect(pages).toBe(3);
  });

  it('shows 1,000 rows unless told otherwise, and says that there are more', async () => {
    const appId = await createApp();
    const receivedAtMs = clock.now();
    const counters = Array.from({ length: 1_001 }, (_, number) => ({
      ...{ date: '2026-01-01', bundle: `1.0.${number}`, channel: '', platform: 'ios' as const },
      counter: 'get' as const,
    }));
    const event = buildRecordedEvent({ appId, receivedAtMs }, { effects: { counters } });
    await server.product.store.appendDeviceEvents([event]);
    const { body } = await read('counters.list', { app_id: appId });
    expect(body['data']).toHaveLength(1_000);
    const rest = await read('counters.list', { app_id: appId, cursor: String(body['next_cursor']) });
    expect(rest.body).toEqual({ data: [expect.objectContaining({ bundle: '1.0.999' })] });
  });

  it('from a day after the last one is 400 and says which is which', async () => {
    for (const [from, to] of [
      ['2026-01-02', '2026-01-01'],
      ['2026-01-02T00:00:00Z', '2026-01-01T23:59:59Z'],
      ['999999999999999', '2026-01-01'],
    ] as const) {
      const { status, body } = await read('counters.list', { app_id: 'com.example.app', from, to });
      expect([status, body]).toEqual([
        400,
        { error: 'from must not be a day after to', code: 'invalid_request' },
      ]);
    }
  });

  it('is empty for an app that nobody knows', async () => {
    expect(await daysOf({ app_id: 'com.example.nobody' })).toEqual([]);
  });

  it.each([
    '',
    'app_id=nodots',
    'app_id=com.example.app&app_id=com.example.app',
    'app_id=com.example.app&from=yesterday',
    'app_id=com.example.app&from=2026-02-30',
    'app_id=com.example.app&to=2026-01-01T12:00:00',
    'app_id=com.example.app&to=-5',
    'app_id=com.example.app&to=9999999999999999',
    'app_id=com.example.app&from=2026-01-01&from=2026-01-02',
    'app_id=com.example.app&limit=0',
    'app_id=com.example.app&limit=1001',
    'app_id=com.example.app&cursor=x',
    `app_id=com.example.app&cursor=${Buffer.from(`1:${someDeviceId}`).toString('base64url')}`,
  ])('asked with "%s" is 400', async (query) => {
    expect(await read('counters.list', query)).toEqual({ status: 400, body: invalid });
  });
});
