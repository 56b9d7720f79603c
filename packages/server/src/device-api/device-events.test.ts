import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildDeviceEventBody, someDeviceId } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

type EventBody = Record<string, unknown>;
const ok = { status: 'ok' };
const appNotFound = { error: 'app_not_found', message: expect.any(String) as string };

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

async function send(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Record<string, unknown> };
}

let lastApp = 0;
/** The id of an app that is registered and has reported nothing yet. */
async function registerApp(): Promise<string> {
  lastApp += 1;
  const appId = `com.example.events${lastApp}`;
  const { status } = await send(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: '1.0.1' }),
  });
  if (status !== 200) throw new Error(`upload answered ${status}`);
  return appId;
}

function report(body: unknown, path = '/stats'): Promise<Answer> {
  return send(`${server.userUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function read(path: string, query: Record<string, string>): Promise<Answer> {
  return send(`${server.managementUrl}/api/v1/${path}?${new URLSearchParams(query)}`, {
    headers: { 'x-api-key': testToken },
  });
}

/** Newest first. */
async function storedEvents(appId: string, query: Record<string, string> = {}): Promise<EventBody[]> {
  const { status, text, body } = await read('events.list', { app_id: appId, limit: '1000', ...query });
  if (status !== 200) throw new Error(`events.list answered ${status} ${text}`);
  return body['data'] as EventBody[];
}

async function storedCount(appId: string, query: Record<string, string> = {}): Promise<unknown> {
  return (await read('events.count', { app_id: appId, ...query })).body['count'];
}

function expectNested(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(Object.keys(answer.body).sort()).toEqual(['error', 'message', 'moreInfo']);
  expect(answer.body['error']).toBe(code);
}

describe('the forms of a report', () => {
  it('one event is answered ok and stored', async () => {
    const appId = await registerApp();
    for (const path of ['/stats', '/plugin/stats']) {
      const answer = await report(buildDeviceEventBody({ app_id: appId }), path);
      expect([answer.status, answer.body]).toEqual([200, ok]);
    }
    expect(await storedCount(appId)).toBe(2);
  });

  it('a batch is answered with one result for each event, in order', async () => {
    const appId = await registerApp();
    const answer = await report(
      ['set', 'reset', 'delete'].map((action) => buildDeviceEventBody({ app_id: appId, action })),
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ status: 'ok', results: [0, 1, 2].map((index) => ({ ...ok, index })) });
    expect((await storedEvents(appId)).map(({ action }) => action)).toEqual(['delete', 'reset', 'set']);
  });

  it('a batch of one stays a batch', async () => {
    const appId = await registerApp();
    const answer = await report([buildDeviceEventBody({ app_id: appId })]);
    expect(answer.body).toEqual({ status: 'ok', results: [{ ...ok, index: 0 }] });
  });

  it('an empty batch is fine, whoever sends it', async () => {
    const answer = await report([]);
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok', results: [] }]);
  });

  it.each([null, 5, 'com.example.app', true, {}, { app_id: '' }, { app_id: 5 }, { app_id: 'app' }])(
    '%j is 400 invalid_app_id',
    async (body) => {
      expectNested(await report(body), 400, 'invalid_app_id');
    },
  );

  it.each([[null], [5], [{}], [{ app_id: 'app' }], [[]], [{ app_id: ['com.example.app'] }]])(
    'a batch whose first element is %j is 400 invalid_app_id',
    async (first) => {
      expectNested(await report([first, buildDeviceEventBody()]), 400, 'invalid_app_id');
    },
  );

  it.each([[null], [5], [{}], [{ app_id: 'app' }], [[]]])(
    'a batch whose later element is %j is answered flat, with 200, and nothing of it is stored',
    async (later) => {
      const appId = await registerApp();
      const answer = await report([buildDeviceEventBody({ app_id: appId }), later]);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ error: 'invalid_app_id', message: expect.any(String) });
      expect(await storedCount(appId)).toBe(0);
    },
  );

  it('a batch of several apps is answered flat, with 200, and nothing of it is stored', async () => {
    const [one, other] = [await registerApp(), await registerApp()];
    const answer = await report([
      buildDeviceEventBody({ app_id: one }),
      buildDeviceEventBody({ app_id: other }),
    ]);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ error: 'mixed_app_ids', message: expect.any(String) });
    expect(await storedCount(one)).toBe(0);
    expect(await storedCount(other)).toBe(0);
  });

  it('one event of an unknown app is answered flat, with 200', async () => {
    const answer = await report(buildDeviceEventBody({ app_id: 'com.example.nobody' }));
    expect([answer.status, answer.body]).toEqual([200, appNotFound]);
  });

  it('each event of a batch of an unknown app is answered for itself, with 200', async () => {
    const body = buildDeviceEventBody({ app_id: 'com.example.nobody' });
    const answer = await report([body, body]);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: 'ok',
      results: [0, 1].map((index) => ({ status: 'error', ...appNotFound, index })),
    });
    expect(await storedCount('com.example.nobody')).toBe(0);
  });

  it('the bad events of a batch are named by their place, the good ones are stored', async () => {
    const appId = await registerApp();
    const event = (given: EventBody) => buildDeviceEventBody({ app_id: appId, ...given });
    const answer = await report([
      event({ action: 'set' }),
      event({ action: undefined }),
      event({ device_id: '' }),
      event({ version_build: 'abc' }),
      event({ action: 'reset' }),
      event({ action: 'a b' }),
      event({ device_id: 'x' }),
    ]);
    expect(answer.status).toBe(200);
    const failed = (index: number, error: string) => ({
      status: 'error',
      error,
      message: expect.any(String) as string,
      index,
    });
    expect(answer.body).toEqual({
      status: 'ok',
      results: [
        { ...ok, index: 0 },
        failed(1, 'invalid_json_body'),
        failed(2, 'missing_device_id'),
        failed(3, 'semver_error'),
        { ...ok, index: 4 },
        failed(5, 'invalid_json_body'),
        failed(6, 'invalid_json_body'),
      ],
    });
    expect((await storedEvents(appId)).map(({ action }) => action)).toEqual(['reset', 'set']);
  });

  it('a batch of 1,000 events is stored whole, one of 1,001 is refused whole', async () => {
    const appId = await registerApp();
    const events = Array.from({ length: 1_000 }, (_, index) =>
      buildDeviceEventBody({ app_id: appId, action: `n${index}` }),
    );
    const answer = await report(events);
    expect(answer.status).toBe(200);
    expect(answer.body['results']).toEqual(events.map((_, index) => ({ ...ok, index })));
    expect(await storedCount(appId)).toBe(1_000);
    expectNested(await report([...events, events[0]]), 400, 'invalid_json_body');
    expect(await storedCount(appId)).toBe(1_000);
  });

  it('a body of 2 MB is read, a larger one is 413', async () => {
    const appId = await registerApp();
    const bodyOf = (bytes: number) => {
      const event = buildDeviceEventBody({ app_id: appId, ignored: '' });
      return { ...event, ignored: 'x'.repeat(bytes - JSON.stringify(event).length) };
    };
    expect((await report(bodyOf(2 * 1024 * 1024))).body).toEqual(ok);
    expectNested(await report(bodyOf(2 * 1024 * 1024 + 1)), 413, 'payload_too_large');
    expect(await storedCount(appId)).toBe(1);
  });
});

describe('the fields of an event', () => {
  let appId: string;
  beforeAll(async () => {
    appId = await registerApp();
  });

  const accepted: readonly [field: string, value: unknown][] = [
    ...['set', 'download_fail', 'from_the_future', 'a', 'A.b:c-d_9', 'x'.repeat(64)].map(
      (value) => ['action', value] as [string, unknown],
    ),
    ['version_name', ''],
    ['version_name', '1.2.3:C:/x/y.js'],
    ['version_name', '1.2.3:'],
    ['version_name', ':x'],
    ['version_name', '9.9.9'],
    ['version_name', '1.2.3:with space [and] (brackets).js'],
    ['platform', 'web'],
    ['platform', 'iOS'],
    ['version_build', undefined],
    ['version_build', '1.2'],
    ['version_code', undefined],
    ['plugin_version', undefined],
    ['plugin_version', 'not semver'],
    ['old_version_name', undefined],
    ['old_version_name', '1.0.0'],
    ['custom_id', 'x'.repeat(36)],
    ['custom_id', ''],
    ['custom_id', null],
    ['custom_id', undefined],
    ['install_source', 'x'.repeat(64)],
    ['key_id', 'x'.repeat(20)],
    ['defaultChannel', ''],
    ['is_emulator', null],
    ['is_prod', undefined],
    ['metadata', {}],
    ['metadata', Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`key${n}`, 'v']))],
    ['metadata', { ['k'.repeat(64)]: 'v'.repeat(2_048) }],
    ...['version_os', 'version_code', 'old_version_name', 'defaultChannel'].map(
      (field) => [field, 'x'.repeat(255)] as [string, unknown],
    ),
    ['version_name', `1.2.3:${'x'.repeat(2_042)}`],
    ['plugin_version', 'x'.repeat(128)],
    ['platform', 'x'.repeat(64)],
    ['timestamp', 'yesterday'],
    ['timestamp', -1],
    ['timestamp', null],
    ['unknown_key', { deep: [1] }],
  ];
  it.each(accepted)('accept as %s the value %j', async (field, value) => {
    const before = Number(await storedCount(appId));
    const answer = await report(buildDeviceEventBody({ app_id: appId, [field]: value }));
    expect([answer.status, answer.body]).toEqual([200, ok]);
    expect(await storedCount(appId)).toBe(before + 1);
  });

  const refused: readonly [field: string, value: unknown, code: string][] = [
    ['device_id', '', 'missing_device_id'],
    ['device_id', undefined, 'missing_device_id'],
    ['device_id', 5, 'invalid_json_body'],
    ['device_id', 'b5c2b0b4', 'invalid_json_body'],
    ['version_build', 'V1.2.3', 'semver_error'],
    ['version_build', 5, 'invalid_json_body'],
    ...[undefined, null, '', 5, 'a b', 'ä', 'x'.repeat(65), 'set\n', '<b>', 'a/b'].map(
      (value) => ['action', value, 'invalid_json_body'] as [string, unknown, string],
    ),
    ['version_name', undefined, 'invalid_json_body'],
    ['version_name', 5, 'invalid_json_body'],
    ['version_os', undefined, 'invalid_json_body'],
    ['version_os', 17, 'invalid_json_body'],
    ['platform', undefined, 'invalid_json_body'],
    ['platform', 5, 'invalid_json_body'],
    ['version_code', 5, 'invalid_json_body'],
    ['plugin_version', 5, 'invalid_json_body'],
    ['old_version_name', 5, 'invalid_json_body'],
    ['custom_id', 'x'.repeat(37), 'invalid_json_body'],
    ['custom_id', 5, 'invalid_json_body'],
    ['install_source', 'x'.repeat(65), 'invalid_json_body'],
    ['key_id', 'x'.repeat(21), 'invalid_json_body'],
    ['defaultChannel', 5, 'invalid_json_body'],
    ['is_emulator', 'true', 'invalid_json_body'],
    ['is_prod', 1, 'invalid_json_body'],
    ...['version_os', 'version_code', 'old_version_name', 'defaultChannel'].map(
      (field) => [field, 'x'.repeat(256), 'invalid_json_body'] as [string, unknown, string],
    ),
    ['version_name', `1.2.3:${'x'.repeat(2_043)}`, 'invalid_json_body'],
    ['plugin_version', 'x'.repeat(129), 'invalid_json_body'],
    ['platform', '', 'invalid_json_body'],
    ['platform', 'x'.repeat(65), 'invalid_json_body'],
    ...[
      ...['version_name', 'version_os', 'version_code', 'old_version_name', 'defaultChannel', 'action'],
      ...['plugin_version', 'platform', 'custom_id', 'install_source', 'key_id'],
    ].map((field) => [field, 'a\0b', 'invalid_json_body'] as [string, unknown, string]),
    ['version_build', '1.0.0\0', 'semver_error'],
    ['metadata', { key: 'a\0b' }, 'invalid_json_body'],
    ['metadata', { 'a\0b': 'v' }, 'invalid_json_body'],
    ['metadata', 'text', 'invalid_json_body'],
    ['metadata', [], 'invalid_json_body'],
    ['metadata', { key: 5 }, 'invalid_json_body'],
    ['metadata', { key: null }, 'invalid_json_body'],
    ['metadata', { key: { deep: '1' } }, 'invalid_json_body'],
    ['metadata', { ['k'.repeat(65)]: 'v' }, 'invalid_json_body'],
    ['metadata', { key: 'v'.repeat(2_049) }, 'invalid_json_body'],
    [
      'metadata',
      Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`key${n}`, 'v'])),
      'invalid_json_body',
    ],
  ];
  it.each(refused)('refuse as %s the value %j', async (field, value, code) => {
    const before = await storedCount(appId);
    const answer = await report(buildDeviceEventBody({ app_id: appId, [field]: value }));
    expectNested(answer, 400, code);
    if (code === 'invalid_json_body') {
      const { parseResult } = answer.body['moreInfo'] as {
        parseResult: { error: { issues: { path: string[] }[] } };
      };
      expect(parseResult.error.issues.map(({ path }) => path)).toEqual([[field]]);
    }
    expect(await storedCount(appId)).toBe(before);
  });

  it('refuse without repeating what a device put into metadata, its keys included', async () => {
    const metadata = { 'zq8 key': 5, ['zq8 long '.repeat(10)]: 'v', other: `zq8${'v'.repeat(2_048)}` };
    const answer = await report(buildDeviceEventBody({ app_id: appId, metadata }));
    expectNested(answer, 400, 'invalid_json_body');
    expect(answer.text).not.toContain('zq8');
  });

  it('take a builtin without a native version for an event without a bundle: 400', async () => {
    const body = buildDeviceEventBody({ app_id: appId, version_name: 'builtin', version_build: undefined });
    expectNested(await report(body), 400, 'invalid_json_body');
  });
});

describe('a stored event', () => {
  it('has every field of the report, and the time it came', async () => {
    const appId = await registerApp();
    await report(
      buildDeviceEventBody({
        app_id: appId,
        device_id: someDeviceId.toUpperCase(),
        platform: 'android',
        action: 'set_next',
        version_name: '1.0.2',
        old_version_name: '1.0.1',
        version_build: '1.2',
        version_code: '42',
        version_os: '15',
        plugin_version: '8.51.14',
        is_emulator: true,
        is_prod: false,
        custom_id: '  Jörg 😀 ',
        defaultChannel: 'beta',
        key_id: 'MIIBCgKCAQEA',
        install_source: ' Google_Play ',
        metadata: { reason: 'because', ключ: '値' },
        timestamp: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
      }),
    );
    const [event, ...others] = await storedEvents(appId);
    expect(others).toEqual([]);
    expect(event).toEqual({
      id: expect.any(String),
      app_id: appId,
      device_id: someDeviceId,
      platform: 'android',
      action: 'set_next',
      version_name: '1.0.2',
      old_version_name: '1.0.1',
      version_build: '1.2.0',
      version_code: '42',
      version_os: '15',
      plugin_version: '8.51.14',
      is_emulator: true,
      is_prod: false,
      custom_id: 'Jörg 😀',
      default_channel: 'beta',
      key_id: 'MIIBCgKCAQEA',
      install_source: 'google_play',
      metadata: { reason: 'because', ключ: '値' },
      channel: null,
      device_time: '2026-01-02T03:04:05.006Z',
      received_at: new Date(clock.now()).toISOString(),
    });
  });

  it('has null where the device said nothing or an empty text', async () => {
    const appId = await registerApp();
    const empty = {
      custom_id: ' ',
      defaultChannel: '',
      key_id: '',
      install_source: '  ',
      old_version_name: '',
    };
    await report(buildDeviceEventBody({ app_id: appId, ...empty, is_emulator: null, is_prod: null }));
    await report(buildDeviceEventBody({ app_id: appId, custom_id: null, old_version_name: undefined }));
    for (const event of await storedEvents(appId)) {
      expect(event).toMatchObject({
        old_version_name: null,
        custom_id: null,
        default_channel: null,
        key_id: null,
        install_source: null,
        metadata: null,
        device_time: null,
        is_emulator: false,
        is_prod: true,
      });
    }
    expect(await storedCount(appId)).toBe(2);
  });

  it.each([
    ['builtin', '1.2', '1.2.0'],
    ['1.2.3:www/index.js', '1.2.0', '1.2.3:www/index.js'],
    ['unheard.of', '1.2.0', 'unheard.of'],
    ['', '1.2.0', ''],
  ])('has for version_name %j of native version %s the text %j', async (sent, build, stored) => {
    const appId = await registerApp();
    await report(buildDeviceEventBody({ app_id: appId, version_name: sent, version_build: build }));
    expect((await storedEvents(appId)).map((event) => event['version_name'])).toEqual([stored]);
  });

  it('of a plugin too old to mean a download_fail is stored like any other', async () => {
    const appId = await registerApp();
    const body = { app_id: appId, action: 'download_fail', plugin_version: '5.0.0' };
    expect((await report(buildDeviceEventBody(body))).body).toEqual(ok);
    expect(await storedCount(appId, { action: 'download_fail' })).toBe(1);
  });

  it.each([
    [Date.UTC(2026, 5, 1), '2026-06-01T00:00:00.000Z'],
    [1.5, null],
    ['1767225600000', null],
    [-5, null],
    [8_640_000_000_000_001, null],
    [Number.MAX_SAFE_INTEGER, null],
    [1e300, null],
  ])('of the device time %j can be read back and says %j', async (timestamp, deviceTime) => {
    const appId = await registerApp();
    expect((await report(buildDeviceEventBody({ app_id: appId, timestamp }))).body).toEqual(ok);
    expect((await storedEvents(appId)).map((event) => event['device_time'])).toEqual([deviceTime]);
  });
});

describe('reading events back', () => {
  const startMs = Date.UTC(2026, 3, 1, 12);
  const otherDevice = '00000000-1111-4222-8333-444444444444';
  let appId: string;
  beforeAll(async () => {
    appId = await registerApp();
    clock.advance(startMs - clock.now());
    for (let minute = 0; minute < 6; minute += 1) {
      await report(
        buildDeviceEventBody({
          app_id: appId,
          action: minute % 2 === 0 ? 'set' : 'download_complete',
          device_id: minute < 2 ? otherDevice : someDeviceId,
          version_name: `1.0.${minute}`,
        }),
      );
      clock.advance(60_000);
    }
  });

  async function names(query: Record<string, string>): Promise<unknown[]> {
    const events = await storedEvents(appId, query);
    expect(await storedCount(appId, query)).toBe(events.length);
    return events.map((event) => event['version_name']);
  }
  const at = (minute: number) => new Date(startMs + minute * 60_000).toISOString();

  const filters: readonly [query: Record<string, string>, minutes: number[]][] = [
    [{}, [5, 4, 3, 2, 1, 0]],
    [{ action: 'set' }, [4, 2, 0]],
    [{ action: 'nothing' }, []],
    [{ device_id: otherDevice }, [1, 0]],
    [{ device_id: someDeviceId.toUpperCase() }, [5, 4, 3, 2]],
    [{ device_id: 'unheard-of' }, []],
    [{ device_id: someDeviceId, action: 'set' }, [4, 2]],
    [{ from: at(2) }, [5, 4, 3, 2]],
    [{ to: at(2) }, [1, 0]],
    [{ from: at(1), to: at(3), action: 'set' }, [2]],
    [{ from: at(3), to: at(1) }, []],
    [{ from: String(startMs + 4 * 60_000) }, [5, 4]],
    [{ from: '2026-04-01T14:04:00+02:00' }, [5, 4]],
    [{ from: '2026-04-01', to: '2026-04-02' }, [5, 4, 3, 2, 1, 0]],
    [{ from: '2026-04-02' }, []],
    [{ action: '', device_id: '', from: '', to: '' }, [5, 4, 3, 2, 1, 0]],
  ];
  it.each(filters)('with %j lists and counts what fits, newest first', async (query, minutes) => {
    expect(await names(query)).toEqual(minutes.map((minute) => `1.0.${minute}`));
  });

  it('goes through pages without a gap or a repetition, also while events come in', async () => {
    const seen: unknown[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const query = { app_id: appId, action: 'set', limit: '1', ...(cursor ? { cursor } : {}) };
      const { body } = await read('events.list', query);
      const data = body['data'] as EventBody[];
      expect(data.length).toBe(1);
      seen.push(...data.map((event) => event['version_name']));
      cursor = body['next_cursor'] as string | undefined;
      pages += 1;
      await report(buildDeviceEventBody({ app_id: appId, action: 'set', version_name: 'newer' }));
    } while (cursor !== undefined);
    expect(seen).toEqual(['1.0.4', '1.0.2', '1.0.0']);
    expect(pages).toBe(3);
  });

  it('tells apart events of the same millisecond', async () => {
    const many = await registerApp();
    await report(
      Array.from({ length: 25 }, (_, index) =>
        buildDeviceEventBody({ app_id: many, action: `n${index}`, version_name: '1.0.0' }),
      ),
    );
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await read('events.list', {
        app_id: many,
        limit: '10',
        ...(cursor ? { cursor } : {}),
      });
      seen.push(...(body['data'] as EventBody[]).map((event) => event['action']));
      cursor = body['next_cursor'] as string | undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `n${24 - index}`));
  });

  it('shows 100 events unless told otherwise, and says that there are more', async () => {
    const many = await registerApp();
    await report(Array.from({ length: 101 }, () => buildDeviceEventBody({ app_id: many })));
    const { body } = await read('events.list', { app_id: many });
    expect(body['data']).toHaveLength(100);
    expect(body['next_cursor']).toEqual(expect.any(String));
    const whole = await read('events.list', { app_id: many, limit: '1000' });
    expect(whole.body['data']).toHaveLength(101);
    expect(whole.body).not.toHaveProperty('next_cursor');
  });

  it('shows nothing of another app', async () => {
    const other = await registerApp();
    expect(await storedEvents(other)).toEqual([]);
    expect(await storedCount(other)).toBe(0);
  });

  const bad: readonly Record<string, string>[] = [
    { app_id: '' },
    { app_id: 'nodots' },
    { limit: '0' },
    { limit: '1001' },
    { limit: '-1' },
    { limit: '1.5' },
    { limit: 'ten' },
    { limit: '1e2' },
    { cursor: 'x' },
    { cursor: '!!!' },
    { cursor: Buffer.from('1:abc').toString('base64url') },
    { cursor: Buffer.from("1:1' or 1=1").toString('base64url') },
    { action: 'set\0' },
    { device_id: '\0' },
    { from: 'yesterday' },
    { from: '2026-02-30' },
    { from: '2026-04-01T12:00:00' },
    { to: '-5' },
    { to: '1e12' },
    { to: '9999999999999999' },
  ];
  it.each(bad)('with %j is 400', async (query) => {
    const answer = await read('events.list', { app_id: appId, ...query });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: expect.any(String), code: 'invalid_request' });
    if ('limit' in query || 'cursor' in query) return;
    expect((await read('events.count', { app_id: appId, ...query })).status).toBe(400);
  });

  it('needs an app, given once', async () => {
    expect((await read('events.list', {})).status).toBe(400);
    expect((await read('events.count', {})).status).toBe(400);
    const twice = `${server.managementUrl}/api/v1/events.list?app_id=${appId}&app_id=${appId}`;
    expect((await send(twice, { headers: { 'x-api-key': testToken } })).status).toBe(400);
  });
});

describe('many reports at once', () => {
  it('are all stored by the time they are answered, each batch in its order', async () => {
    const appId = await registerApp();
    await Promise.all(
      Array.from({ length: 40 }, async (_, sender) => {
        const batch = Array.from({ length: 5 }, (_each, place) =>
          buildDeviceEventBody({ app_id: appId, action: `s${sender}`, version_name: `1.0.${place}` }),
        );
        expect((await report(batch)).status).toBe(200);
        const mine = await storedEvents(appId, { action: `s${sender}` });
        expect(mine.map((event) => event['version_name'])).toEqual(
          [4, 3, 2, 1, 0].map((place) => `1.0.${place}`),
        );
      }),
    );
    expect(await storedCount(appId)).toBe(200);
  });
});
