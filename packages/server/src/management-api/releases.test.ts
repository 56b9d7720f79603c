import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

type ReleaseBody = Record<string, unknown> & { readonly id: string };

const releaseKeys = [
  ...['active_bundle_id', 'app_id', 'builtin_bundle_id', 'created_at', 'id', 'platform', 'release_date'],
  ...['updated_at', 'version_code', 'version_name'],
];
const unknownId = 'f'.repeat(24);

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

async function send(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${server.managementUrl}/api/v1/${path}`, {
    ...init,
    headers: { 'x-api-key': testToken, ...init.headers },
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Record<string, unknown> };
}

function postText(path: string, text: string, contentType: string): Promise<Answer> {
  return send(path, { method: 'POST', headers: { 'content-type': contentType }, body: text });
}

function post(path: string, body: unknown): Promise<Answer> {
  return postText(path, JSON.stringify(body), 'application/json');
}

async function upload(appId: string, versionName: string): Promise<string> {
  const { status, text, body } = await send('bundles.upload', {
    method: 'POST',
    body: bundleForm({ app_id: appId, version_name: versionName }),
  });
  if (status !== 200) throw new Error(`upload answered ${status} ${text}`);
  return (body['bundle'] as { id: string }).id;
}

interface App {
  readonly appId: string;
  readonly bundleId: string;
}

let lastApp = 0;
async function newApp(): Promise<App> {
  lastApp += 1;
  const appId = `com.example.releases${lastApp}`;
  return { appId, bundleId: await upload(appId, '1.0.0') };
}

function createBody({ appId, bundleId }: App, given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    platform: 'ios',
    app_id: appId,
    version_name: '1.0.0',
    version_code: '1',
    builtin_bundle_id: bundleId,
    ...given,
  };
}

async function create(app: App, given: Record<string, unknown> = {}): Promise<ReleaseBody> {
  const { status, text, body } = await post('releases.create', createBody(app, given));
  if (status !== 200) throw new Error(`releases.create answered ${status} ${text}`);
  return body['release'] as ReleaseBody;
}

async function listed(appId: string, query = ''): Promise<ReleaseBody[]> {
  const { status, text, body } = await send(`releases.list?app_id=${appId}${query}`);
  if (status !== 200) throw new Error(`releases.list answered ${status} ${text}`);
  return body['data'] as ReleaseBody[];
}

function expectError(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body]).toEqual([status, { error: expect.any(String), code }]);
  expect(answer.body['error']).not.toBe('');
}

function now(): string {
  return new Date(clock.now()).toISOString();
}

describe('creating a release', () => {
  it('answers a message and the release, with exactly the keys the clients know', async () => {
    const app = await newApp();
    const answer = await post('releases.create', createBody(app, { version_code: '007' }));
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(['message', 'release']);
    expect(answer.body['message']).toEqual(expect.any(String));
    const release = answer.body['release'] as ReleaseBody;
    expect(Object.keys(release).sort()).toEqual(releaseKeys);
    expect(release).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      app_id: app.appId,
      platform: 'ios',
      version_name: '1.0.0',
      version_code: '007',
      release_date: null,
      builtin_bundle_id: app.bundleId,
      active_bundle_id: null,
      created_at: now(),
      updated_at: now(),
    });
    expect(await listed(app.appId)).toEqual([release]);
  });

  it.each([
    ['ios', 'ios'],
    ['iOS', 'ios'],
    ['IOS', 'ios'],
    ['Android', 'android'],
    ['ANDROID', 'android'],
    ['Electron', 'electron'],
  ])('takes the platform %s and keeps it as %s', async (platform, kept) => {
    const app = await newApp();
    expect((await create(app, { platform }))['platform']).toBe(kept);
    expect(await listed(app.appId)).toMatchObject([{ platform: kept }]);
  });

  it.each(['1', '1.2', 'v1', '1.2.3 (45)', 'Version Ä', '2024.01.05', 'x'.repeat(128)])(
    'takes the native version %j as the build states it',
    async (version) => {
      const app = await newApp();
      await create(app, { version_name: version, version_code: version });
      expect(await listed(app.appId)).toMatchObject([{ version_name: version, version_code: version }]);
    },
  );

  it.each([
    'application/json; charset=utf-8',
    'text/plain',
    'text/plain;charset=UTF-8',
    'application/octet-stream',
  ])('reads JSON that is sent as %s', async (contentType) => {
    const app = await newApp();
    const answer = await postText('releases.create', JSON.stringify(createBody(app)), contentType);
    expect(answer.status).toBe(200);
  });

  it("reads JSON under curl's default content type, and under none", async () => {
    const form = await newApp();
    const curl = JSON.stringify(createBody(form));
    expect((await postText('releases.create', curl, 'application/x-www-form-urlencoded')).status).toBe(200);
    const none = await newApp();
    const body = new Uint8Array(Buffer.from(JSON.stringify(createBody(none))));
    expect((await send('releases.create', { method: 'POST', body })).status).toBe(200);
  });

  it('takes the id of its bundle in any letter case', async () => {
    const app = await newApp();
    const release = await create(app, { builtin_bundle_id: app.bundleId.toUpperCase() });
    expect(release['builtin_bundle_id']).toBe(app.bundleId);
  });

  it('is 409 for the same build of the same app and platform', async () => {
    const app = await newApp();
    const release = await create(app);
    const answer = await post('releases.create', createBody(app, { platform: 'IOS' }));
    expectError(answer, 409, 'release_already_exists');
    expect(await listed(app.appId)).toEqual([release]);
  });

  it('is fine for another platform, name, code or app', async () => {
    const app = await newApp();
    await create(app);
    await create(app, { platform: 'android' });
    await create(app, { version_name: '1.0.1' });
    await create(app, { version_code: '2' });
    await create(app, { version_code: '01' });
    await create(await newApp());
    expect(await listed(app.appId)).toHaveLength(5);
  });

  it('of the same build by several callers at the same time succeeds once', async () => {
    const app = await newApp();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => post('releases.create', createBody(app))),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
    expect(await listed(app.appId)).toHaveLength(1);
  });

  it('is possible again after it was deleted', async () => {
    const app = await newApp();
    const first = await create(app);
    await post('releases.delete', { release_id: first.id });
    expect((await create(app)).id).not.toBe(first.id);
  });

  it('with a bundle of another app is 404, and so is one that was deleted or never was', async () => {
    const app = await newApp();
    const other = await newApp();
    const deleted = await upload(app.appId, '2.0.0');
    await post('bundles.delete', { bundle_id: deleted });
    for (const id of [other.bundleId, deleted, unknownId]) {
      const answer = await post('releases.create', createBody(app, { builtin_bundle_id: id }));
      expectError(answer, 404, 'bundle_not_found');
    }
    expect(await listed(app.appId)).toEqual([]);
  });

  it('does not make an app known when it fails', async () => {
    const body = createBody({ appId: 'com.example.never', bundleId: unknownId });
    expectError(await post('releases.create', body), 404, 'bundle_not_found');
    const check = await fetch(`${server.userUrl}/stats`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ app_id: 'com.example.never', device_id: '00000000-0000-4000-8000-000000000000', action: 'set' },
        ...{ platform: 'ios', version_name: '1', version_os: '1' },
      }),
    });
    expect(await check.json()).toMatchObject({ error: 'app_not_found' });
  });

  let app: App;
  beforeAll(async () => {
    app = await newApp();
  });
  const bad: readonly [field: string, value: unknown][] = [
    ...[undefined, null, '', 'web', 5, ['ios'], 'ios,android'].map(
      (value) => ['platform', value] as [string, unknown],
    ),
    ...[undefined, null, '', 'nodots', 5, 'com.example/x', `com.${'x'.repeat(300)}`].map(
      (value) => ['app_id', value] as [string, unknown],
    ),
    ...[undefined, null, '', ' ', 5, 1.5, {}, 'x'.repeat(129), 'a\u0000'].flatMap((value) => [
      ['version_name', value] as [string, unknown],
      ['version_code', value] as [string, unknown],
    ]),
    ...[undefined, null, '', 'x', 5, unknownId.slice(1), `${unknownId}0`, `${unknownId}\n`].map(
      (value) => ['builtin_bundle_id', value] as [string, unknown],
    ),
  ];
  it.each(bad)('with %s being %j is 400, and the field is named', async (field, value) => {
    const answer = await post('releases.create', createBody(app, { [field]: value }));
    expectError(answer, 400, 'invalid_request');
    expect(answer.body['error']).toContain(field);
    expect(await listed(app.appId)).toEqual([]);
  });
});

describe('the list of releases', () => {
  it('shows an app newest first', async () => {
    const app = await newApp();
    const codes = ['5', '1', '9', '3'];
    for (const [index, version_code] of codes.entries()) {
      await create(app, { version_code });
      if (index === 1) clock.advance(1_000);
    }
    const data = await listed(app.appId);
    expect(data.map((release) => release['version_code'])).toEqual(codes.toReversed());
    for (const release of data) expect(Object.keys(release).sort()).toEqual(releaseKeys);
  });

  it('comes in pages, without a gap or a repetition while releases come and go', async () => {
    const app = await newApp();
    const ids: string[] = [];
    for (let code = 0; code < 7; code += 1) ids.push((await create(app, { version_code: `${code}` })).id);
    const seen: unknown[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const query = new URLSearchParams({ app_id: app.appId, limit: '3', ...(cursor ? { cursor } : {}) });
      const { body } = await send(`releases.list?${query}`);
      seen.push(...(body['data'] as ReleaseBody[]).map(({ id }) => id));
      cursor = body['next_cursor'] as string | undefined;
      pages += 1;
      await create(app, { version_code: `new ${pages}` });
      await post('releases.delete', { release_id: seen[0] });
    } while (cursor !== undefined);
    expect(seen).toEqual(ids.toReversed());
    expect(pages).toBe(3);
  });

  it('without app_id shows every app', async () => {
    const [one, other] = [await newApp(), await newApp()];
    const ids = [(await create(one)).id, (await create(other)).id];
    const { body } = await send('releases.list');
    expect((body['data'] as ReleaseBody[]).slice(0, 2).map(({ id }) => id)).toEqual(ids.toReversed());
  });

  it('is empty for an app nobody registered', async () => {
    expect((await send('releases.list?app_id=com.example.nobody')).body).toEqual({ data: [] });
  });

  it.each([
    ...['limit=0', 'limit=1001', 'limit=-1', 'limit=1.5', 'limit=abc', 'limit=1&limit=2'],
    ...['cursor=abc', 'cursor=%00', 'app_id=nodots', 'app_id=a.b&app_id=a.b'],
  ])('with %s is 400', async (query) => {
    expectError(await send(`releases.list?${query}`), 400, 'invalid_request');
  });
});

describe('the release date', () => {
  it.each([
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.123Z', '2026-01-31T12:00:00.123Z'],
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31T00:30:00-05:30', '2026-01-31T06:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['1999-12-31', '1999-12-31T00:00:00.000Z'],
  ])('%s is kept as %s', async (release_date, kept) => {
    const app = await newApp();
    const release = await create(app);
    clock.advance(5_000);
    const answer = await post('releases.update', { release_id: release.id.toUpperCase(), release_date });
    expect(answer.status).toBe(200);
    const expected = { ...release, release_date: kept, updated_at: now() };
    expect(answer.body).toEqual({ message: expect.any(String), release: expected });
    expect(await listed(app.appId)).toEqual([expected]);
  });

  it('goes away with null', async () => {
    const app = await newApp();
    const { id: release_id } = await create(app);
    await post('releases.update', { release_id, release_date: '2026-01-31' });
    const answer = await post('releases.update', { release_id, release_date: null });
    expect(answer.body['release']).toMatchObject({ release_date: null });
    expect(await listed(app.appId)).toMatchObject([{ release_date: null }]);
  });

  let app: App;
  let release: ReleaseBody;
  beforeAll(async () => {
    app = await newApp();
    release = await create(app);
  });
  it.each([
    ...['', 'tomorrow', '31.01.2026', '2026-02-30', '2026-13-01', '2025-02-29', '2026-01-31T12:00:00'],
    ...['2026-01-31T25:00:00Z', '2026-1-1', '20260131', '1769860800000', '2026-01-31T12:00:00Z extra'],
    ...[1_769_860_800_000, true, {}, [], undefined],
  ])('%j is 400 and changes nothing', async (release_date) => {
    clock.advance(5_000);
    const answer = await post('releases.update', { release_id: release.id, release_date });
    expectError(answer, 400, 'invalid_request');
    expect(answer.body['error']).toContain('release_date');
    expect(await listed(app.appId)).toEqual([release]);
  });
});

describe('the active bundle', () => {
  it('is set, replaced and taken away with null', async () => {
    const app = await newApp();
    const release = await create(app);
    const [one, two] = [await upload(app.appId, '1.0.1'), await upload(app.appId, '1.0.2')];
    for (const bundle_id of [one, two, two.toUpperCase(), app.bundleId, null]) {
      clock.advance(1_000);
      const answer = await post('releases.set-active', { release_id: release.id, bundle_id });
      expect(answer.status).toBe(200);
      const expected = {
        ...release,
        active_bundle_id: bundle_id?.toLowerCase() ?? null,
        updated_at: now(),
      };
      expect(answer.body).toEqual({ message: expect.any(String), release: expected });
      expect(await listed(app.appId)).toEqual([expected]);
    }
  });

  it('cannot be one of another app, a deleted one or one that never was: 404', async () => {
    const app = await newApp();
    const release = await create(app);
    const other = await newApp();
    const deleted = await upload(app.appId, '1.0.1');
    await post('bundles.delete', { bundle_id: deleted });
    for (const bundle_id of [other.bundleId, deleted, unknownId]) {
      const answer = await post('releases.set-active', { release_id: release.id, bundle_id });
      expectError(answer, 404, 'bundle_not_found');
    }
    expect(await listed(app.appId)).toEqual([release]);
  });

  it.each([[undefined], [''], ['x'], [5], [false], ['null'], [[unknownId]]])(
    'cannot be %j: 400',
    async (bundle_id) => {
      const app = await newApp();
      const release = await create(app);
      const answer = await post('releases.set-active', { release_id: release.id, bundle_id });
      expectError(answer, 400, 'invalid_request');
      expect(answer.body['error']).toContain('bundle_id');
      expect(await listed(app.appId)).toEqual([release]);
    },
  );

  it('is either set or its bundle deleted when both are asked for at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const app = await newApp();
      const release = await create(app);
      const bundle_id = await upload(app.appId, '1.0.1');
      const [set, deleted] = await Promise.all([
        post('releases.set-active', { release_id: release.id, bundle_id }),
        post('bundles.delete', { bundle_id }),
      ]);
      expect([
        [200, 409],
        [404, 200],
      ]).toContainEqual([set?.status, deleted?.status]);
      const [stored] = await listed(app.appId);
      expect(stored?.['active_bundle_id']).toBe(set?.status === 200 ? bundle_id : null);
    }
  });
});

describe('deleting a release', () => {
  it('takes it away once', async () => {
    const app = await newApp();
    const [kept, gone] = [await create(app), await create(app, { version_code: '2' })];
    const answer = await post('releases.delete', { release_id: gone.id.toUpperCase() });
    expect([answer.status, answer.body]).toEqual([200, { message: expect.any(String) }]);
    expect(await listed(app.appId)).toEqual([kept]);
    expectError(await post('releases.delete', { release_id: gone.id }), 404, 'release_not_found');
  });
});

describe('every change of a release', () => {
  const routes: readonly [route: string, rest: Record<string, unknown>][] = [
    ['releases.update', { release_date: null }],
    ['releases.set-active', { bundle_id: null }],
    ['releases.delete', {}],
  ];

  it.each(routes)('%s of an unknown release is 404', async (route, rest) => {
    expectError(await post(route, { release_id: unknownId, ...rest }), 404, 'release_not_found');
  });

  it.each(routes)('%s with a malformed release_id is 400', async (route, rest) => {
    for (const release_id of [
      undefined,
      null,
      '',
      5,
      'x',
      unknownId.slice(1),
      `${unknownId}\n`,
      [unknownId],
    ]) {
      const answer = await post(route, { ...rest, release_id });
      expectError(answer, 400, 'invalid_request');
      expect(answer.body['error']).toContain('release_id');
    }
  });

  it.each([...routes.map(([route]) => route), 'releases.create', 'bundles.delete'])(
    '%s refuses what is no JSON object with 400, and what is too large with 413',
    async (route) => {
      for (const body of ['', 'null', '[]', '5', '"x"', '{}']) {
        expectError(await postText(route, body, 'application/json'), 400, 'invalid_request');
      }
      for (const body of ['{', '{"release_id":', '{"__proto__":{}}', '{"constructor":{"prototype":{}}}']) {
        expectError(await postText(route, body, 'application/json'), 400, 'invalid_json_parse_body');
      }
      expectError(await send(route, { method: 'POST' }), 400, 'invalid_request');
      const form = await send(route, { method: 'POST', body: bundleForm({ release_id: unknownId }) });
      expect(form.status).toBe(400);
      const large = JSON.stringify({ release_id: unknownId, filler: 'x'.repeat(1024 * 1024) });
      expectError(await postText(route, large, 'application/json'), 413, 'payload_too_large');
    },
  );
});

describe('any JSON at all', () => {
  it('is answered without a 5xx', { timeout: 20_000 }, async () => {
    const app = await newApp();
    const release = await create(app);
    const value = fc.oneof(
      fc.constantFrom(
        ...[app.appId, app.bundleId, release.id, unknownId, 'ios', '1', null, '2026-01-31', ''],
      ),
      fc.jsonValue({ maxDepth: 1 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
    );
    const fields = [
      ...['release_id', 'bundle_id', 'app_id', 'platform', 'version_name', 'version_code'],
      ...['builtin_bundle_id', 'release_date'],
    ];
    const body = fc.dictionary(fc.constantFrom(...fields), value).map((given) => ({
      ...createBody(app, { release_id: release.id, bundle_id: app.bundleId }),
      ...given,
    }));
    const routes = fc.constantFrom('create', 'update', 'set-active');
    const answers = fc.asyncProperty(routes, body, async (route, given) => {
      const answer = await post(`releases.${route}`, given);
      expect(answer.status).toBeLessThan(500);
      if (answer.status !== 200) expect(answer.body).toMatchObject({ code: expect.any(String) });
    });
    await fc.assert(answers, { numRuns: 120 });
    expect((await send(`releases.list?app_id=${app.appId}`)).status).toBe(200);
  });
});
