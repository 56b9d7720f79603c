import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { startTestServer, type TestServer, testToken } from '../../testing/test-server.ts';

const clock = createFakeClock();
const now = '2026-01-15T12:00:00.000Z';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

let lastClient = 0;
interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what each test is about.
  readonly body: any;
}

/** As the official CLI asks, unless `documented`. */
async function ask(
  method: string,
  url: string,
  given: { readonly key?: string; readonly body?: unknown; readonly documented?: boolean } = {},
): Promise<Answer> {
  lastClient += 1;
  const { key = testToken, body, documented = false } = given;
  const answer = await server.product.managementApi.inject({
    ...{ method: method as 'GET', url, remoteAddress: `10.2.${lastClient >> 8}.${lastClient & 255}` },
    headers: { capgkey: key, ...(documented ? {} : { capgo_api: '2025-10-01' }) },
    ...(body === undefined
      ? {}
      : {
          payload: typeof body === 'string' ? body : JSON.stringify(body),
          headers: {
            capgkey: key,
            'content-type': 'application/json',
            ...(documented ? {} : { capgo_api: '2025-10-01' }),
          },
        }),
  });
  return { status: answer.statusCode, body: answer.body === '' ? undefined : JSON.parse(answer.body) };
}

let lastName = 0;
async function makeKey(facts: Record<string, unknown> = {}) {
  lastName += 1;
  const { status, body } = await ask('POST', '/apikey', {
    body: { name: `key ${lastName}`, role: 'read', ...facts },
  });
  expect([status, body]).toEqual([200, expect.objectContaining({ key: expect.stringMatching(uuid) })]);
  return body as { id: number; key: string };
}
const isAccepted = async (key: string) => (await ask('GET', '/api/v1/bundles.list', { key })).status === 200;

describe('POST /apikey', () => {
  it('makes a key, shows it once and keeps only its SHA-256', async () => {
    const body = { name: ' CI ', role: 'upload', apps: ['com.example.b', 'com.example.a', 'com.example.b'] };
    const made = await ask('POST', '/apikey', { body: { ...body, expires_at: '2026-01-16' } });
    const apps = ['com.example.a', 'com.example.b'];
    const row = {
      ...{ id: expect.any(Number), created_at: now, updated_at: now, name: 'CI' },
      ...{ user_id: 'management-token-1', rbac_id: expect.stringMatching(uuid) },
      ...{ expires_at: '2026-01-16T00:00:00.000Z', last_used_at: null, is_hashed_key: true },
      ...{ global_permissions: [], role: 'upload', apps, mode: 'upload', limited_to_apps: apps },
    };
    expect(made).toEqual({ status: 200, body: { ...row, key: expect.stringMatching(uuid) } });
    const { id, key } = made.body;
    expect(await isAccepted(key)).toBe(true);
    for (const path of ['/apikey', `/apikey/${id}`, `/apikey/${key}`, '/api/v1/keys.list']) {
      const read = await ask('GET', path);
      expect(read.status).toBe(200);
      expect(JSON.stringify(read.body)).not.toContain(key);
    }
    expect((await ask('GET', `/apikey/${id}`)).body).toEqual(row);
    const hashes = await server.product.store.readApiKeyHashes();
    expect([...hashes.keys()].every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  });

  it('answers a caller of the documentation in its shapes', async () => {
    const body = { name: 'doc', mode: 'all' };
    const made = await ask('POST', '/apikey/', { documented: true, body });
    expect(made.status).toBe(200);
    expect(made.body.apikey).toMatchObject({ name: 'doc', mode: 'all', role: 'admin', key: made.body.key });
    const list = await ask('GET', '/apikey/', { documented: true });
    expect(list.body.data[0]).toMatchObject({ id: made.body.id, mode: 'all' });
    const gone = await ask('DELETE', `/apikey/${made.body.key}/`, { documented: true });
    expect(gone).toEqual({ status: 200, body: { status: 'ok', success: true } });
    expect(await isAccepted(made.body.key)).toBe(false);
  });

  it.each([
    ['a role for all apps', { role: 'write' }, 'write', null],
    ['null for all apps', { role: 'write', apps: null }, 'write', null],
    [
      'the words of the documentation',
      { mode: 'upload', limited_to_apps: ['com.example.a'] },
      'upload',
      ['com.example.a'],
    ],
    ['an empty limit of the documentation', { mode: 'read', limited_to_apps: [] }, 'read', null],
    [
      'a binding of the organization',
      { bindings: [{ role_name: 'org_admin', scope_type: 'org', org_id: 'x' }] },
      'admin',
      null,
    ],
    ['a member', { bindings: [{ role_name: 'org_member', scope_type: 'org' }] }, 'read', null],
    [
      'bindings of apps',
      {
        bindings: ['com.example.b', 'com.example.a'].map((app_id) => ({
          role_name: 'app_uploader',
          scope_type: 'app',
          app_id,
        })),
      },
      ...(['upload', ['com.example.a', 'com.example.b']] as const),
    ],
    [
      'a developer of an app',
      { bindings: [{ role_name: 'app_developer', scope_type: 'app', app_id: 'com.example.a' }] },
      'write',
      ['com.example.a'],
    ],
    ['that it is hashed', { role: 'read', hashed: false, global_permissions: [] }, 'read', null],
  ] as const)('takes %s', async (_which, facts, role, apps) => {
    const { status, body } = await ask('POST', '/apikey', { body: { name: 'x', ...facts } });
    expect([status, body.role, body.apps]).toEqual([200, role, apps]);
  });

  const appBinding = { role_name: 'app_reader', scope_type: 'app', app_id: 'com.example.a' };
  it.each([
    ['nothing', undefined, 'invalid_json_parse_body'],
    ['a list', [], 'invalid_json_parse_body'],
    ['text', '{"name":', 'invalid_json_parse_body'],
    ['no name', { role: 'read' }, 'name_is_required'],
    ['an empty name', { name: '', role: 'read' }, 'name_is_required'],
    ['a name of blanks', { name: ' ', role: 'read' }, 'invalid_body'],
    ['a name that is a number', { name: 1, role: 'read' }, 'name_must_be_a_string'],
    ['a name that is too long', { name: 'x'.repeat(201), role: 'read' }, 'invalid_body'],
    ['a name with a line break', { name: 'a\nb', role: 'read' }, 'invalid_body'],
    ['no role', { name: 'x' }, 'bindings_required'],
    ['an unknown role', { name: 'x', role: 'root' }, 'invalid_body'],
    ['a role of every object', { name: 'x', mode: 'constructor' }, 'invalid_body'],
    ['no app', { name: 'x', role: 'read', apps: [] }, 'invalid_body'],
    ['an app that is none', { name: 'x', role: 'read', apps: ['com.example.a', '../x'] }, 'invalid_body'],
    ['apps that are no list', { name: 'x', role: 'read', apps: 'com.example.a' }, 'invalid_body'],
    ['no text as app', { name: 'x', role: 'read', apps: [1] }, 'invalid_body'],
    ['no binding', { name: 'x', bindings: [] }, 'invalid_bindings'],
    ['a binding that is none', { name: 'x', bindings: [null] }, 'invalid_bindings'],
    [
      'a binding of a channel',
      { name: 'x', bindings: [{ role_name: 'channel_admin', scope_type: 'channel', channel_id: 1 }] },
      'invalid_bindings',
    ],
    [
      'a binding of every object',
      { name: 'x', bindings: [{ role_name: 'toString', scope_type: '__proto__' }] },
      'invalid_bindings',
    ],
    [
      'a binding of no app',
      { name: 'x', bindings: [{ ...appBinding, app_id: undefined }] },
      'invalid_bindings',
    ],
    [
      'bindings of two roles',
      {
        name: 'x',
        bindings: [appBinding, { ...appBinding, app_id: 'com.example.b', role_name: 'app_admin' }],
      },
      'invalid_bindings',
    ],
    [
      'bindings of both kinds',
      { name: 'x', bindings: [appBinding, { role_name: 'org_member', scope_type: 'org' }] },
      'invalid_bindings',
    ],
    ['an end that is none', { name: 'x', role: 'read', expires_at: 'tomorrow' }, 'invalid_expiration_date'],
    [
      'an end that is a number',
      { name: 'x', role: 'read', expires_at: 1_800_000_000 },
      'invalid_expiration_date',
    ],
    ['an end that has passed', { name: 'x', role: 'read', expires_at: now }, 'invalid_expiration_date'],
    [
      'the right to make organizations',
      { name: 'x', role: 'read', global_permissions: ['org.create'] },
      'invalid_global_permissions',
    ],
  ])('refuses %s', async (_which, body, code) => {
    const before = (await ask('GET', '/apikey')).body.length;
    expect(await ask('POST', '/apikey', { body })).toMatchObject({ status: 400, body: { error: code } });
    expect((await ask('GET', '/apikey')).body).toHaveLength(before);
  });

  it('says in the words of the documentation what a mode can be', async () => {
    const { body } = await ask('POST', '/apikey', { documented: true, body: { name: 'x', mode: 'x' } });
    expect(body).toMatchObject({
      error: 'Invalid mode specified. Must be one of: read, write, upload, all',
      status: 'KO',
    });
  });

  it('refuses two bindings that are the same with 409', async () => {
    const answer = await ask('POST', '/apikey', { body: { name: 'x', bindings: [appBinding, appBinding] } });
    expect(answer).toMatchObject({ status: 409, body: { error: 'duplicate_binding' } });
  });

  it('is not for keys, whatever they may do, and says so before anything else', async () => {
    const { key } = await makeKey({ role: 'admin' });
    for (const body of [{ name: 'x', role: 'read' }, {}, undefined]) {
      const answer = await ask('POST', '/apikey', { key, body });
      expect(answer).toMatchObject({ status: 400, body: { error: 'cannot_create_apikey' } });
    }
    const own = await ask('POST', '/api/v1/keys.create', { key, body: { name: 'x', role: 'read' } });
    expect(own).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });
});

describe('a key', () => {
  it('is good until it expires, on the millisecond', async () => {
    const { key } = await makeKey({ expires_at: '2026-01-15T12:00:10Z' });
    clock.advance(9_999);
    expect(await isAccepted(key)).toBe(true);
    clock.advance(1);
    expect(await ask('GET', '/apikey', { key })).toMatchObject({
      status: 401,
      body: { error: 'invalid_apikey' },
    });
  });

  it('is proven by its text alone, to the letter', async () => {
    const { id, key } = await makeKey();
    for (const wrong of [key.toUpperCase(), `${key}0`, key.slice(1), String(id)]) {
      expect(await isAccepted(wrong)).toBe(false);
    }
  });

  it('tells when it was used, within a minute', async () => {
    const { id, key } = await makeKey();
    const used = new Date(clock.now()).toISOString();
    await isAccepted(key);
    await server.product.jobs.find(({ name }) => name === 'record-key-uses')?.run();
    expect((await ask('GET', `/apikey/${id}`)).body.last_used_at).toBe(used);
  });

  it('says who it is, and what it may do', async () => {
    const { id, key } = await makeKey({ name: 'me', role: 'write', apps: ['com.example.a'] });
    const { body } = await ask('GET', '/api/v1/session.get', { key });
    expect(body).toMatchObject({
      kind: 'api_key',
      id: String(id),
      name: 'me',
      role: 'write',
      apps: ['com.example.a'],
    });
  });
});

describe('PUT /apikey', () => {
  it('changes name, rights and end, also of the key that the body names', async () => {
    const { id, key } = await makeKey({ role: 'read' });
    expect((await ask('POST', '/api/v1/releases.create', { key, body: {} })).status).toBe(403);
    const body = { name: 'other', role: 'write', apps: ['com.example.a'], expires_at: '2027-01-01' };
    const changed = await ask('PUT', `/apikey/${id}`, { body });
    expect(changed).toMatchObject({ status: 200, body: { ...body, expires_at: '2027-01-01T00:00:00.000Z' } });
    expect((await ask('POST', '/api/v1/releases.create', { key, body: {} })).status).toBe(400);
    for (const named of [id, String(id), key]) {
      const again = await ask('PUT', '/apikey', { body: { id: named, expires_at: null, apps: null } });
      expect(again).toMatchObject({ status: 200, body: { id, name: 'other', expires_at: null, apps: null } });
    }
  });

  it('gives a key another text, which is shown once; the old one is refused at once', async () => {
    const { id, key } = await makeKey();
    const { status, body } = await ask('PUT', `/apikey/${id}`, { body: { regenerate: true, name: 'again' } });
    expect([status, body.id, body.name, body.is_hashed_key]).toEqual([200, id, 'again', true]);
    expect(body.key).toMatch(uuid);
    expect([await isAccepted(key), await isAccepted(body.key)]).toEqual([false, true]);
  });

  it.each([
    ['/apikey', { name: 'x' }, 400, 'api_key_id_required'],
    ['/apikey', { id: {}, name: 'x' }, 400, 'invalid_id_format'],
    ['/apikey/a%20b', { name: 'x' }, 400, 'invalid_id_format'],
    ['/apikey/99999999999', { name: 'x' }, 404, 'api_key_not_found_or_access_denied'],
    ['/apikey/2000000000', { name: 'x' }, 404, 'api_key_not_found_or_access_denied'],
    [`/apikey/${randomUUID()}`, { name: 'x' }, 404, 'api_key_not_found_or_access_denied'],
    ['/apikey/1', { name: 7 }, 400, 'name_must_be_a_string'],
    ['/apikey/1', { regenerate: 'yes' }, 400, 'regenerate_must_be_boolean'],
    ['/apikey/1', { regenerate: false, unknown: 1 }, 400, 'no_valid_fields_provided_for_update'],
    ['/apikey/1', { expires_at: '2020-01-01' }, 400, 'invalid_expiration_date'],
    ['/apikey/1', undefined, 400, 'invalid_json_parse_body'],
  ])('%s with %j is %i %s', async (url, body, status, code) => {
    await makeKey();
    expect(await ask('PUT', url, { body })).toMatchObject({ status, body: { error: code } });
  });

  it('lets a key rename another one, and nothing that brings forth rights', async () => {
    const [admin, other] = [await makeKey({ role: 'admin' }), await makeKey()];
    const put = (id: number, body: object) => ask('PUT', `/apikey/${id}`, { key: admin.key, body });
    expect((await put(other.id, { name: 'renamed' })).status).toBe(200);
    for (const [id, body] of [
      [admin.id, { name: 'me' }],
      [other.id, { role: 'admin' }],
      [other.id, { apps: null }],
      [other.id, { regenerate: true }],
    ] as const) {
      expect(await put(id, body)).toMatchObject({ status: 401, body: { error: 'cannot_update_apikey' } });
    }
  });
});

describe('GET and DELETE /apikey/:id', () => {
  it.each([
    ['/apikey/2000000000', 404, 'failed_to_get_apikey', 'api_key_not_found'],
    ['/apikey/legacy-token.1:2', 404, 'failed_to_get_apikey', 'api_key_not_found'],
    ['/apikey/short', 400, 'invalid_id_format', 'invalid_id_format'],
    ['/apikey/0', 400, 'invalid_id_format', 'invalid_id_format'],
    ['/apikey/-1', 400, 'invalid_id_format', 'invalid_id_format'],
  ])('%s is %i', async (url, status, onGet, onDelete) => {
    expect(await ask('GET', url)).toMatchObject({ status, body: { error: onGet } });
    expect(await ask('DELETE', url)).toMatchObject({ status, body: { error: onDelete } });
  });

  it('revokes a key, which is refused from then on, and stays unknown', async () => {
    const { id, key } = await makeKey();
    expect(await ask('DELETE', `/apikey/${id}`)).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await isAccepted(key)).toBe(false);
    expect((await ask('DELETE', `/apikey/${id}`)).status).toBe(404);
  });

  it('lets a key revoke another one but not itself', async () => {
    const [admin, other] = [await makeKey({ role: 'admin' }), await makeKey()];
    expect((await ask('DELETE', `/apikey/${other.id}`, { key: admin.key })).status).toBe(200);
    expect(await ask('DELETE', `/apikey/${admin.id}`, { key: admin.key })).toMatchObject({
      ...{ status: 401, body: { error: 'cannot_delete_apikey' } },
    });
  });

  it('never repeats the text of a key in a refusal', async () => {
    const text = randomUUID();
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const { body } = await ask(method, `/apikey/${text}`, method === 'PUT' ? { body: { name: 'x' } } : {});
      expect(JSON.stringify(body)).not.toContain(text);
    }
  });
});

describe('who does not prove to be somebody', () => {
  const ofKeys = ['GET', '/apikey'] as const;
  it.each([
    ['no credential', {}, 'no_jwt_apikey_or_subkey', 'No API key provided'],
    ['a wrong key', { 'x-api-key': randomUUID() }, 'invalid_apikey', 'Invalid API key'],
    ['a JWT', { authorization: 'Bearer a.b.c' }, 'invalid_jwt', 'Invalid token'],
    ['a subkey', { capgkey: testToken, 'x-limited-key-id': '1' }, 'invalid_subkey', 'Invalid subkey'],
  ])('with %s is told so in the words of the API, to both audiences', async (_which, headers, code, text) => {
    const [method, url] = ofKeys;
    const inject = (more: Record<string, string>) =>
      server.product.managementApi.inject({ method, url, headers: { ...(headers as object), ...more } });
    const hosted = await inject({ capgo_api: '2025-10-01' });
    expect([hosted.statusCode, hosted.json()]).toEqual([
      401,
      { error: code, message: expect.any(String), moreInfo: {} },
    ]);
    const documented = await inject({});
    expect([documented.statusCode, documented.json()]).toEqual([401, { error: text, status: 'KO', code }]);
  });
});

describe('/api/v1/keys.*', () => {
  it('makes, lists, changes, regenerates and revokes keys', async () => {
    const facts = {
      name: 'own',
      role: 'upload',
      apps: ['com.example.a'],
      expires_at: '2027-01-01T00:00:00.000Z',
    };
    const made = await ask('POST', '/api/v1/keys.create', { body: facts });
    const at = new Date(clock.now()).toISOString();
    const view = {
      ...{ ...facts, id: expect.any(Number), created_by: 'management-token-1' },
      ...{ created_at: at, updated_at: at, last_used_at: null },
    };
    expect(made).toEqual({
      status: 200,
      body: { message: 'API key created', api_key: view, key: expect.stringMatching(uuid) },
    });
    const key_id = made.body.api_key.id;
    expect((await ask('GET', '/api/v1/keys.list')).body.data[0]).toEqual({ ...view, id: key_id });
    const changed = await ask('POST', '/api/v1/keys.update', {
      body: { key_id, apps: null, expires_at: null },
    });
    expect(changed.body.api_key).toEqual({ ...view, id: key_id, apps: null, expires_at: null });
    const again = await ask('POST', '/api/v1/keys.regenerate', { body: { key_id } });
    expect([await isAccepted(made.body.key), await isAccepted(again.body.key)]).toEqual([false, true]);
    expect((await ask('POST', '/api/v1/keys.revoke', { body: { key_id } })).status).toBe(200);
    expect(await isAccepted(again.body.key)).toBe(false);
    for (const name of ['update', 'regenerate', 'revoke']) {
      const gone = await ask('POST', `/api/v1/keys.${name}`, { body: { key_id, name: 'x' } });
      expect(gone).toMatchObject({ status: 404, body: { code: 'api_key_not_found' } });
    }
  });

  it.each([
    ['create', {}],
    ['create', { name: 'x', role: 'root' }],
    ['create', { name: 'x', role: 'read', apps: [] }],
    ['create', { name: '', role: 'read' }],
    ['create', { name: 'x', role: 'read', expires_at: '2020-01-01' }],
    ['create', { name: 'x', role: 'read', expires_at: 'soon' }],
    ['update', { key_id: 1 }],
    ['update', { key_id: '1', name: 'x' }],
    ['update', { key_id: 2 ** 40, name: 'x' }],
    ['regenerate', {}],
    ['revoke', { key_id: 0 }],
  ])('refuses to %s with %j', async (name, body) => {
    expect(await ask('POST', `/api/v1/keys.${name}`, { body })).toMatchObject({
      ...{ status: 400, body: { code: 'invalid_request' } },
    });
  });
});
