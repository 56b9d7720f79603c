import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildUpdateCheckBody, someDeviceId } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

interface BundleBody {
  readonly id: string;
  readonly checksum: string;
  readonly crc_checksum: string;
}

const zip = new Uint8Array(buildZip({ 'index.html': '<!doctype html><title>update check</title>' }));
const zipSha256 = createHash('sha256').update(zip).digest('hex');
const zipCrc32 = crc32(zip).toString(16).padStart(8, '0');

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

let lastApp = 0;
function newAppId(): string {
  lastApp += 1;
  return `com.example.check${lastApp}`;
}

function parseAnswer(status: number, headers: Headers, text: string): Answer {
  return { status, headers, text, body: JSON.parse(text) as Record<string, unknown> };
}

async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  return parseAnswer(response.status, response.headers, await response.text());
}

function postText(text: string | Uint8Array<ArrayBuffer>, path = '/updates', on = server): Promise<Answer> {
  return send(`${on.userUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: text,
  });
}

function check(given: Record<string, unknown>, on = server, path = '/updates'): Promise<Answer> {
  return postText(JSON.stringify(buildUpdateCheckBody(given)), path, on);
}

/** Like `check`, with headers that fetch does not let anyone set, such as Host. */
function checkWithHeaders(
  given: Record<string, unknown>,
  headers: Record<string, string>,
  on = server,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${on.userUrl}/updates`,
      { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(parseAnswer(response.statusCode ?? 0, new Headers(), text)));
      },
    );
    request.on('error', reject);
    request.end(JSON.stringify(buildUpdateCheckBody(given)));
  });
}

async function manage(path: string, body: object, on = server): Promise<Record<string, unknown>> {
  const {
    status,
    text,
    body: answer,
  } = await send(`${on.managementUrl}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'x-api-key': testToken, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (status !== 200) throw new Error(`${path} answered ${status} ${text}`);
  return answer;
}

async function upload(
  appId: string,
  versionName: string,
  fields: Record<string, string> = {},
  on = server,
): Promise<BundleBody> {
  const { status, text, body } = await send(`${on.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: versionName, ...fields }, zip),
  });
  if (status !== 200) throw new Error(`upload answered ${status} ${text}`);
  return body['bundle'] as BundleBody;
}

async function createRelease(
  appId: string,
  builtinBundleId: string,
  given: { platform?: string; versionName?: string; versionCode?: string } = {},
  on = server,
): Promise<string> {
  const { release } = await manage(
    'releases.create',
    {
      app_id: appId,
      platform: given.platform ?? 'ios',
      version_name: given.versionName ?? '1.0.0',
      version_code: given.versionCode ?? '1',
      builtin_bundle_id: builtinBundleId,
    },
    on,
  );
  return (release as { id: string }).id;
}

/** An app whose iOS, Android and Electron release 1.0.0 (1) serves bundle 1.0.1. */
async function createServedApp(
  on = server,
  fields: Record<string, string> = {},
): Promise<{ appId: string; builtinId: string; bundle: BundleBody; releaseIds: string[] }> {
  const appId = newAppId();
  const builtin = await upload(appId, '1.0.0', {}, on);
  const bundle = await upload(appId, '1.0.1', fields, on);
  const releaseIds: string[] = [];
  for (const platform of ['ios', 'android', 'electron']) {
    const id = await createRelease(appId, builtin.id, { platform }, on);
    await manage('releases.set-active', { release_id: id, bundle_id: bundle.id }, on);
    releaseIds.push(id);
  }
  return { appId, builtinId: builtin.id, bundle, releaseIds };
}

const successKeys = ['checksum', 'session_key', 'url', 'version'];

function expectNested(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(Object.keys(answer.body).sort()).toEqual(['error', 'message', 'moreInfo']);
  expect(answer.body['error']).toBe(code);
  expect(answer.body['message']).toEqual(expect.any(String));
  expect(answer.body['moreInfo']).toEqual(expect.any(Object));
}

function expectRefusal(
  answer: Answer,
  code: string,
  kind: string,
  facts: Record<string, unknown> = {},
): void {
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ error: code, message: expect.any(String), kind, ...facts });
  expect(answer.body['message']).not.toBe('');
}

describe('the order in which a request is looked at', () => {
  const rows: readonly [sentence: string, body: string, code: string][] = [
    ['text that is no JSON', '{"app_id":', 'invalid_json_parse_body'],
    ['no body at all', '', 'invalid_json_parse_body'],
    ['a JSON null', 'null', 'invalid_json_body'],
    ['an empty object', '{}', 'invalid_json_body'],
    ['an array', '[]', 'invalid_json_body'],
    ['a number', '5', 'invalid_json_body'],
    ['a text', '"com.example.app"', 'invalid_json_body'],
    ['a body with only a platform', '{"platform":"android"}', 'missing_device_id'],
    ['an empty device_id', '{"device_id":"","app_id":""}', 'missing_device_id'],
    ['a null device_id', '{"device_id":null,"app_id":"com.example.app"}', 'missing_device_id'],
    ['a bad app_id without a device_id', '{"app_id":"x","version_build":"abc"}', 'missing_device_id'],
    ['a device_id without an app_id', '{"device_id":"x"}', 'missing_app_id'],
    [
      'an empty app_id with a bad version',
      '{"device_id":"x","app_id":"","version_build":"a"}',
      'missing_app_id',
    ],
    [
      'a device_id that is no UUID together with a bad version',
      '{"device_id":"x","app_id":"com.example.app","version_build":"invalid semver"}',
      'semver_error',
    ],
    [
      'an app_id that is none together with a bad version',
      `{"device_id":"${someDeviceId}","app_id":"x","version_build":"1.2.3.4"}`,
      'semver_error',
    ],
    ['a device_id that is no UUID', '{"device_id":"x","app_id":"com.example.app"}', 'invalid_json_body'],
    ['a numeric device_id', '{"device_id":5,"app_id":"com.example.app"}', 'invalid_json_body'],
    ['a list as device_id', '{"device_id":["x"],"app_id":"com.example.app"}', 'invalid_json_body'],
  ];
  it.each(rows)('answers %s with 400 in the nested shape', async (_sentence, text, code) => {
    expectNested(await postText(text), 400, code);
  });

  it('takes a body without a content type for JSON', async () => {
    const answer = await send(`${server.userUrl}/updates`, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(JSON.stringify(buildUpdateCheckBody()))),
    });
    expect(answer.status).toBe(200);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'multipart/form-data'])(
    'refuses content type %s with 415',
    async (contentType) => {
      const answer = await send(`${server.userUrl}/updates`, {
        method: 'POST',
        headers: { 'content-type': contentType },
        body: JSON.stringify(buildUpdateCheckBody()),
      });
      expectNested(answer, 415, 'unsupported_media_type');
    },
  );

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON',
    'application/vnd.x+json',
  ])('reads content type %s', async (contentType) => {
    const answer = await send(`${server.userUrl}/updates`, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body: JSON.stringify(buildUpdateCheckBody({ app_id: 'com.example.unknown' })),
    });
    expectRefusal(answer, 'app_not_found', 'blocked');
  });

  it('ignores keys it does not know', async () => {
    const answer = await check({ app_id: 'com.example.unknown', from_the_future: { deep: [1] }, action: 5 });
    expectRefusal(answer, 'app_not_found', 'blocked');
  });
});

describe('the rules of the fields', () => {
  const accepted: readonly [field: string, value: unknown][] = [
    ...['com.example', 'COM.Example.App', 'a1.b_c-d.e', '9.a', 'com.example._x.-y'].map(
      (value) => ['app_id', value] as [string, unknown],
    ),
    ...[
      '00000000-0000-0000-0000-000000000000',
      'B5C2B0B4-7B8F-4B33-9D7F-0A6C1F0F7C11',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      'b5c2b0b4-7b8f-9b33-1d7f-0a6c1f0f7c11',
    ].map((value) => ['device_id', value] as [string, unknown]),
    ['version_name', 'not semver at all'],
    ['version_name', 'builtin'],
    ['platform', 'ios'],
    ['platform', 'android'],
    ['platform', 'electron'],
    ...['8.45.11', '0.0.1', '10.0.0', 'v8.0.0', '8.0.0-beta.1', '8.0.0+5', '8.0.0-rc.1+b'].map(
      (value) => ['plugin_version', value] as [string, unknown],
    ),
    ['is_emulator', true],
    ['is_emulator', null],
    ['is_emulator', undefined],
    ['is_prod', false],
    ['is_prod', null],
    ['is_prod', undefined],
    ['defaultChannel', undefined],
    ['defaultChannel', ''],
    ['defaultChannel', 'beta'],
    ['custom_id', null],
    ['custom_id', 5],
    ['custom_id', 'x'.repeat(100)],
    ['custom_id', undefined],
    ['install_source', ''],
    ['install_source', 'x'.repeat(64)],
    ['key_id', ''],
    ['key_id', 'x'.repeat(20)],
    ['version_os', undefined],
    ['version_os', 17],
    ['version_code', undefined],
    ['version_os', '17\0'],
    ['version_code', '2024.01.05 (b)'],
    ['version_code', 5],
    ['version_code', '1\0'],
    ['version_code', 'x'.repeat(256)],
    ['version_name', 'x'.repeat(255)],
    ['defaultChannel', 'x'.repeat(255)],
    ['version_build', '1.0.0'.padEnd(256)],
  ];
  it.each(accepted)('accept as %s the value %j', async (field, value) => {
    const answer = await check({ app_id: 'com.example.unknown', [field]: value });
    expectRefusal(answer, 'app_not_found', 'blocked');
  });

  const notADomain = 'App ID must be a reverse domain string';
  const notAUuid = 'Device ID must be a valid UUID string';
  const notAPlatform = 'Platform is not supported or invalid';
  const anyMessage = expect.any(String) as string;
  const refused: readonly [field: string, value: unknown, message: string][] = [
    ...[
      'com',
      'com.',
      '.com',
      'com..app',
      'c-m.app',
      'c_m.app',
      'com.exa mple',
      'com.exämple',
      'com/x.app',
    ].map((value) => ['app_id', value, notADomain] as [string, unknown, string]),
    ['app_id', 'com.example\n', notADomain],
    ['app_id', 5, 'App ID must be a string'],
    ['app_id', { a: 1 }, 'App ID must be a string'],
    ...[
      'not-a-uuid',
      'b5c2b0b47b8f4b339d7f0a6c1f0f7c11',
      '{b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c}',
      'g5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11',
      'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c1',
    ].map((value) => ['device_id', value, notAUuid] as [string, unknown, string]),
    ['device_id', 5, 'Device ID must be a string'],
    ['device_id', true, 'Device ID must be a string'],
    ['version_name', '', 'Version name is required'],
    ['version_name', undefined, 'Version name is required'],
    ['version_name', 5, anyMessage],
    ['version_name', null, anyMessage],
    ['version_build', '', 'Version build is required'],
    ['version_build', undefined, 'Version build is required'],
    ['version_build', 5, anyMessage],
    ['version_name', '1.0.0\0', anyMessage],
    ['version_name', 'x'.repeat(256), 'String must contain at most 255 character(s)'],
    ['platform', 'iOS', notAPlatform],
    ['platform', 'web', notAPlatform],
    ['platform', '', anyMessage],
    ['platform', undefined, 'Platform is required'],
    ['platform', 5, anyMessage],
    ...['8', '8.0', '08.0.0', '8.0.0.0', 'abc', 'vv8.0.0', '8.0.0-'].map(
      (value) => ['plugin_version', value, 'Plugin version is invalid'] as [string, unknown, string],
    ),
    ['plugin_version', '8.0.0\0', 'Plugin version is invalid'],
    ['plugin_version', `8.0.0-${'x'.repeat(123)}`, 'String must contain at most 128 character(s)'],
    ['plugin_version', '', anyMessage],
    ['plugin_version', undefined, 'plugin_version is required'],
    ['plugin_version', 8, anyMessage],
    ['is_emulator', 'true', 'is_emulator must be a boolean'],
    ['is_emulator', 1, 'is_emulator must be a boolean'],
    ['is_prod', 'false', 'is_prod must be a boolean'],
    ['is_prod', {}, 'is_prod must be a boolean'],
    ['defaultChannel', 5, anyMessage],
    ['defaultChannel', 'beta\0', anyMessage],
    ['defaultChannel', 'x'.repeat(256), 'String must contain at most 255 character(s)'],
    ['install_source', 'app\0store', anyMessage],
    ['install_source', 'x'.repeat(65), 'String must contain at most 64 character(s)'],
    ['install_source', 5, anyMessage],
    ['key_id', 'x'.repeat(21), 'String must contain at most 20 character(s)'],
    ['key_id', 'x'.repeat(26), 'String must contain at most 20 character(s)'],
    ['key_id', 5, anyMessage],
    ['key_id', 'MIIB\0', anyMessage],
  ];
  it.each(refused)('refuse as %s the value %j and say so once', async (field, value, message) => {
    const body = { version_name: '1.0.0', app_id: 'com.example.unknown', [field]: value };
    const answer = await check(body);
    expectNested(answer, 400, 'invalid_json_body');
    expect(answer.body['message']).toBe('Cannot parse body');
    expect(answer.body['moreInfo']).toEqual({
      parseResult: {
        success: false,
        error: { name: 'SchemaError', issues: [{ message, path: [field], code: 'custom' }] },
      },
    });
  });

  it('name every field that is wrong', async () => {
    const answer = await check({ app_id: 'x', device_id: 'y', platform: 'z', plugin_version: 'p' });
    const { parseResult } = answer.body['moreInfo'] as {
      parseResult: { error: { issues: { path: string[] }[] } };
    };
    const fields = parseResult.error.issues.map(({ path }) => path[0]);
    expect(fields.sort()).toEqual(['app_id', 'device_id', 'platform', 'plugin_version']);
  });
});

describe('the native version', () => {
  const coerced: readonly [sent: string, meant: string][] = [
    ['1', '1.0.0'],
    ['1.2', '1.2.0'],
    ['v1', '1.0.0'],
    ['v1.2.3', '1.2.3'],
    ['1.2.3 ', '1.2.3'],
    ['1.2.3-beta', '1.2.3-beta'],
    ['1.2.3+5', '1.2.3+5'],
    ['builtin', '0.0.0'],
    ['unknown', '0.0.0'],
    ['1.2.3', '1.2.3'],
  ];
  it.each(coerced)('%j means %s, while its release is found by the text as sent', async (sent, meant) => {
    const appId = newAppId();
    const builtin = await upload(appId, '5.0.0');
    await createRelease(appId, builtin.id, { versionName: sent, versionCode: '007' });
    const device = { app_id: appId, version_build: sent, version_code: '007' };

    const onBuiltin = ['already_on_builtin', 'up_to_date', { version: 'builtin' }] as const;
    expectRefusal(await check({ ...device, version_name: meant }), ...onBuiltin);
    expectRefusal(await check({ ...device, version_name: 'builtin' }), ...onBuiltin);
    expect((await check({ ...device, version_name: '9.9.9' })).body).toEqual({ version: 'builtin' });
    expectRefusal(await check({ ...device, version_code: '7' }), 'no_channel', 'failed');
    if (meant !== sent) {
      expectRefusal(await check({ ...device, version_build: meant }), 'no_channel', 'failed');
    }
  });

  it.each([
    ...['V1.2.3', '1.2.3.4', '01.2.3', '2024.01.05', '1-beta', '1.2-beta.1', '1.2.3 (45)'],
    ...['invalid semver', 'abc', '1..2', '.', '-1.0.0', 'Builtin', '1.2.3\0', '1.2.3'.padEnd(257)],
  ])('%j is refused with 400 semver_error and not repeated', async (sent) => {
    const answer = await check({ app_id: 'com.example.unknown', version_build: sent });
    expectNested(answer, 400, 'semver_error');
    expect(answer.text).not.toContain(JSON.stringify(sent));
  });
});

describe('the native build', () => {
  it.each<[string, unknown, string | null]>([
    ['as it is sent', ' 2024.01.05 (b) ', ' 2024.01.05 (b) '],
    ['up to 255 characters', 'x'.repeat(255), 'x'.repeat(255)],
    ['as none when it is longer', 'x'.repeat(256), null],
    ['as none when it holds NUL', '1\0', null],
    ['as none when it is no text', 5, null],
    ['as none when it is empty', '', null],
  ])('is known %s', async (_how, version_code, known) => {
    const { appId } = await createServedApp();
    await check({ app_id: appId, version_code });
    await server.product.jobs.find(({ name }) => name === 'record-checks')?.run();
    const query = new URLSearchParams({ app_id: appId, device_id: someDeviceId });
    const { body } = await send(`${server.managementUrl}/api/v1/devices.get?${query}`, {
      headers: { 'x-api-key': testToken },
    });
    expect(body['data']).toMatchObject({ version_code: known });
  });
});

describe('what a device is answered', () => {
  it('app_not_found, blocked, for an app that nobody registered', async () => {
    expectRefusal(await check({ app_id: 'com.example.nobody' }), 'app_not_found', 'blocked');
  });

  it('no_channel for a native build without a release, even when it asks for a channel', async () => {
    const { appId } = await createServedApp();
    for (const build of [
      { version_code: '2' },
      { version_build: '1.0.1' },
      ...[undefined, null, 1, {}].map((version_code) => ({ version_code })),
    ]) {
      expectRefusal(await check({ app_id: appId, ...build }), 'no_channel', 'failed');
      expectRefusal(
        await check({ app_id: appId, ...build, defaultChannel: 'production' }),
        'no_channel',
        'failed',
      );
    }
  });

  it('the active bundle of its release, with exactly the keys the plugins know', async () => {
    const { appId, bundle } = await createServedApp();
    const answer = await check({ app_id: appId });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(successKeys);
    expect(answer.body).toEqual({
      version: '1.0.1',
      url: `${server.userUrl}/files/read/attachments/apps/${appId}/bundles/${bundle.id}.zip`,
      session_key: '',
      checksum: zipSha256,
    });
  });

  it('the active bundle also when it asks for a channel, for an app without channels', async () => {
    const { appId } = await createServedApp();
    expect((await check({ app_id: appId, defaultChannel: 'beta' })).body['version']).toBe('1.0.1');
  });

  it('an older bundle than the one it runs, because the operator chose it', async () => {
    const { appId } = await createServedApp();
    expect((await check({ app_id: appId, version_name: '3.0.0' })).body['version']).toBe('1.0.1');
  });

  it('no_new_version_available when it runs the active bundle', async () => {
    const { appId } = await createServedApp();
    expectRefusal(
      await check({ app_id: appId, version_name: '1.0.1' }),
      'no_new_version_available',
      'up_to_date',
    );
  });

  it('the same for an upper-case device id', async () => {
    const { appId } = await createServedApp();
    const lower = await check({ app_id: appId });
    const upper = await check({ app_id: appId, device_id: someDeviceId.toUpperCase() });
    expect(upper.body).toEqual(lower.body);
    expect(upper.body['version']).toBe('1.0.1');
  });

  it('only what its own platform serves', async () => {
    const appId = newAppId();
    const bundle = await upload(appId, '1.0.1');
    const id = await createRelease(appId, bundle.id, { platform: 'android' });
    await manage('releases.set-active', { release_id: id, bundle_id: bundle.id });
    expectRefusal(await check({ app_id: appId, platform: 'ios' }), 'no_channel', 'failed');
    expect((await check({ app_id: appId, platform: 'android' })).body['version']).toBe('1.0.1');
  });

  it('through /plugin/updates what it is answered through /updates', async () => {
    const { appId } = await createServedApp();
    const direct = await check({ app_id: appId });
    const prefixed = await check({ app_id: appId }, server, '/plugin/updates');
    expect(prefixed.body).toEqual(direct.body);
    expectNested(await postText('{}', '/plugin/updates'), 400, 'invalid_json_body');
  });
});

describe('a release without active bundle', () => {
  let appId: string;
  beforeAll(async () => {
    appId = newAppId();
    const builtin = await upload(appId, '1.0.0');
    for (const platform of ['ios', 'electron']) await createRelease(appId, builtin.id, { platform });
  });

  it.each([
    ['8.45.11', 'ios'],
    ['6.1.0', 'ios'],
    ['10.0.0', 'ios'],
    ['0.0.1', 'electron'],
  ])('tells plugin %s on %s that it is on builtin already', async (pluginVersion, platform) => {
    for (const versionName of ['builtin', '1.0.0']) {
      const answer = await check({
        app_id: appId,
        plugin_version: pluginVersion,
        platform,
        version_name: versionName,
      });
      expectRefusal(answer, 'already_on_builtin', 'up_to_date', { version: 'builtin' });
    }
  });

  it.each([
    ['8.45.11', 'ios'],
    ['6.2.0', 'ios'],
    ['7.0.0', 'ios'],
    ['9.0.0', 'ios'],
    ['0.0.1', 'electron'],
  ])('sends plugin %s on %s back to builtin from another bundle', async (pluginVersion, platform) => {
    const answer = await check({
      app_id: appId,
      plugin_version: pluginVersion,
      platform,
      version_name: '1.0.5',
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ version: 'builtin' });
  });

  it.each(['6.1.0', '6.1.99', '6.2.0-beta.1', '5.40.0', '4.0.0', '10.0.0'])(
    'tells plugin %s on another bundle that it is too old for builtin',
    async (pluginVersion) => {
      expectRefusal(
        await check({ app_id: appId, plugin_version: pluginVersion, version_name: '1.0.5' }),
        'revert_to_builtin_plugin_version_too_old',
        'failed',
      );
    },
  );
});

describe('the checksum in an answer', () => {
  const crcVersions = [
    ...['0.0.1', '3.9.9', '4.0.0', '4.99.99', '5.0.0', '5.9.99', '5.10.0-beta.1', '6.0.0', '6.24.99'],
    ...['6.25.0-rc.1', '7.0.0', '7.0.29', '7.0.30-beta.1', '10.0.0'],
  ];
  const shaVersions = [
    ...['5.10.0', '5.35.0', '6.25.0', '7.0.30', '7.0.35', '7.1.0', '8.0.0', '8.45.11', '8.51.14'],
    ...['9.0.0', '9.99.99', '10.0.1', '10.1.0', '11.0.0'],
  ];
  let plain: string;
  let encrypted: string;
  const signedChecksum = 'AbCd'.repeat(128);
  const sessionKey = 'aXZpdml2:a2V5a2V5';
  beforeAll(async () => {
    plain = (await createServedApp()).appId;
    encrypted = (await createServedApp(server, { session_key: sessionKey, checksum: signedChecksum })).appId;
  });

  it.each(crcVersions)('is the CRC-32 for plugin %s on mobile', async (pluginVersion) => {
    for (const platform of ['ios', 'android']) {
      const { body } = await check({ app_id: plain, platform, plugin_version: pluginVersion });
      expect(body['checksum']).toBe(zipCrc32);
      expect(Object.keys(body).sort()).toEqual(successKeys);
    }
  });

  it.each(shaVersions)('is the SHA-256 for plugin %s on mobile', async (pluginVersion) => {
    for (const platform of ['ios', 'android']) {
      const { body } = await check({ app_id: plain, platform, plugin_version: pluginVersion });
      expect(body['checksum']).toBe(zipSha256);
    }
  });

  it.each(['0.0.1', '0.0.6', '5.0.0'])('is the SHA-256 for plugin %s on electron', async (pluginVersion) => {
    const { body } = await check({ app_id: plain, platform: 'electron', plugin_version: pluginVersion });
    expect(body['checksum']).toBe(zipSha256);
  });

  it.each(['4.0.0', '5.9.99', '7.0.29', '7.0.30', '8.45.11', '10.0.0'])(
    'of an encrypted bundle is what its uploader gave, for plugin %s too',
    async (pluginVersion) => {
      const { body } = await check({ app_id: encrypted, plugin_version: pluginVersion });
      expect(body['checksum']).toBe(signedChecksum);
      expect(body['session_key']).toBe(sessionKey);
      expect(Object.keys(body).sort()).toEqual(successKeys);
    },
  );

  it('keeps the leading zeros of a CRC-32', async () => {
    const appId = newAppId();
    let bytes: Uint8Array<ArrayBuffer> | undefined;
    for (let salt = 0; !bytes; salt += 1) {
      const candidate = new Uint8Array(buildZip({ 'index.html': `salt ${salt}` }));
      if (crc32(candidate) < 0x1000000) bytes = candidate;
    }
    const { body } = await send(`${server.managementUrl}/api/v1/bundles.upload`, {
      method: 'POST',
      headers: { 'x-api-key': testToken },
      body: bundleForm({ app_id: appId, version_name: '2.0.0' }, bytes),
    });
    const bundle = body['bundle'] as BundleBody;
    const id = await createRelease(appId, bundle.id);
    await manage('releases.set-active', { release_id: id, bundle_id: bundle.id });
    const answer = await check({ app_id: appId, plugin_version: '5.0.0' });
    expect(answer.body['checksum']).toMatch(/^0[0-9a-f]{7}$/);
    expect(answer.body['checksum']).toBe(crc32(bytes).toString(16).padStart(8, '0'));
  });
});

describe('a bundle encrypted for a key', () => {
  const bundleKeyId = 'MIIBCgKCAQEAbundle12';
  const deviceKeyId = 'MIIBCgKCAQEAdevice34';
  let appId: string;
  beforeAll(async () => {
    const fields = { session_key: 'aXY=:a2V5', checksum: 'ab'.repeat(256), key_id: bundleKeyId };
    appId = (await createServedApp(server, fields)).appId;
  });

  it.each(['8.40.8', '8.45.11', '8.51.14', '9.0.0', '11.0.0'])(
    'is withheld from plugin %s with another key',
    async (pluginVersion) => {
      expectRefusal(
        await check({ app_id: appId, plugin_version: pluginVersion, key_id: deviceKeyId }),
        'key_id_mismatch',
        'blocked',
        { deviceKeyId, bundleKeyId },
      );
    },
  );

  it('is withheld before the device is told that it runs it already', async () => {
    const answer = await check({ app_id: appId, version_name: '1.0.1', key_id: deviceKeyId });
    expect(answer.body['error']).toBe('key_id_mismatch');
  });

  it.each(['8.40.7', '8.40.7-beta.1', '7.99.0', '6.40.0'])(
    'is offered to plugin %s with another key, which was never stopped',
    async (pluginVersion) => {
      const { body } = await check({ app_id: appId, plugin_version: pluginVersion, key_id: deviceKeyId });
      expect(body['version']).toBe('1.0.1');
    },
  );

  it.each([bundleKeyId, '', undefined])('is offered to a device that names key %j', async (keyId) => {
    expect((await check({ app_id: appId, key_id: keyId })).body['version']).toBe('1.0.1');
  });

  it('is offered to electron, which reports plugin 0.0.1', async () => {
    const device = { app_id: appId, platform: 'electron', plugin_version: '0.0.1', key_id: deviceKeyId };
    expect((await check(device)).body['version']).toBe('1.0.1');
  });
});

describe('what an operator changes', () => {
  it('is seen by the very next check, in both directions, again and again', async () => {
    const appId = newAppId();
    const builtin = await upload(appId, '1.0.0');
    const bundle = await upload(appId, '1.0.1');
    const releaseId = await createRelease(appId, builtin.id);
    for (let round = 0; round < 10; round += 1) {
      await manage('releases.set-active', { release_id: releaseId, bundle_id: bundle.id });
      expect((await check({ app_id: appId })).body['version']).toBe('1.0.1');
      await manage('releases.set-active', { release_id: releaseId, bundle_id: null });
      expect((await check({ app_id: appId, version_name: '1.0.1' })).body).toEqual({ version: 'builtin' });
    }
  });

  it('turns an unknown app into a known one, and a known release into none', async () => {
    const appId = newAppId();
    expectRefusal(await check({ app_id: appId }), 'app_not_found', 'blocked');
    const bundle = await upload(appId, '1.0.0');
    expectRefusal(await check({ app_id: appId }), 'no_channel', 'failed');
    const releaseId = await createRelease(appId, bundle.id);
    expectRefusal(await check({ app_id: appId }), 'already_on_builtin', 'up_to_date', { version: 'builtin' });
    await manage('releases.delete', { release_id: releaseId });
    expectRefusal(await check({ app_id: appId }), 'no_channel', 'failed');
  });
});

describe('the download URL', () => {
  let served: { readonly appId: string; readonly bundle: BundleBody };
  beforeAll(async () => {
    served = await createServedApp();
  });
  const pathOf = (appId: string, bundleId: string) =>
    `/files/read/attachments/apps/${appId}/bundles/${bundleId}.zip`;

  it('is on the host the device asked', async () => {
    const { appId, bundle } = served;
    for (const host of ['updates.example.com', 'updates.example.com:8000', '10.0.2.2:8000', '[::1]:8000']) {
      const { body } = await checkWithHeaders({ app_id: appId }, { host });
      expect(body['url']).toBe(`http://${host}${pathOf(appId, bundle.id)}`);
    }
  });

  it('does not follow forwarded headers of somebody who is no trusted proxy', async () => {
    const { appId, bundle } = served;
    const { body } = await checkWithHeaders(
      { app_id: appId },
      { host: 'real.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    );
    expect(body['url']).toBe(`http://real.example${pathOf(appId, bundle.id)}`);
  });

  it.each([
    ...['evil.example/path', 'user@evil.example', 'evil.example?x', 'evil.example#x', 'a b', '"><script>'],
    ...['evil.example:port', 'evil.example:123456', '[::1', 'evil\\example', 'a,b'],
  ])('is not made of the Host header %j: 400 instead', async (host) => {
    const { appId } = served;
    const answer = await checkWithHeaders({ app_id: appId }, { host });
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain(host);
    expect(answer.text).not.toContain('files/read');
    expect(answer.body).not.toHaveProperty('kind');
  });

  it('is on PUBLIC_URL whatever the headers say', async () => {
    const on = await startTestServer({
      env: { PUBLIC_URL: 'https://cdn.example.com/ota', TRUSTED_PROXIES: '127.0.0.1' },
    });
    try {
      const { appId, bundle } = await createServedApp(on);
      for (const headers of [
        { host: 'other.example' },
        { host: 'a b' },
        { host: 'other.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
      ]) {
        const { body } = await checkWithHeaders({ app_id: appId }, headers, on);
        expect(body['url']).toBe(`https://cdn.example.com/ota${pathOf(appId, bundle.id)}`);
      }
    } finally {
      await on.close();
    }
  });

  it('follows the forwarded headers of a trusted proxy', async () => {
    const on = await startTestServer({ env: { TRUSTED_PROXIES: '10.0.0.0/8,127.0.0.0/8' } });
    try {
      const { appId, bundle } = await createServedApp(on);
      const { body } = await checkWithHeaders(
        { app_id: appId },
        { host: 'inside', 'x-forwarded-host': 'ota.example.com', 'x-forwarded-proto': 'https' },
        on,
      );
      expect(body['url']).toBe(`https://ota.example.com${pathOf(appId, bundle.id)}`);
      const odd = await checkWithHeaders(
        { app_id: appId },
        { host: 'inside', 'x-forwarded-proto': 'javascript' },
        on,
      );
      expect(odd.body['url']).toBe(`http://inside${pathOf(appId, bundle.id)}`);
      const bad = await checkWithHeaders(
        { app_id: appId },
        { host: 'inside', 'x-forwarded-host': 'evil/' },
        on,
      );
      expect(bad.status).toBe(400);
    } finally {
      await on.close();
    }
  });

  it('ignores forwarded headers when the trusted proxies are others', async () => {
    const on = await startTestServer({ env: { TRUSTED_PROXIES: '192.0.2.0/24' } });
    try {
      const { appId, bundle } = await createServedApp(on);
      const { body } = await checkWithHeaders(
        { app_id: appId },
        { host: 'inside', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
        on,
      );
      expect(body['url']).toBe(`http://inside${pathOf(appId, bundle.id)}`);
    } finally {
      await on.close();
    }
  });
});

describe('the rate limit', () => {
  const clock = createFakeClock();
  let limited: TestServer;
  beforeAll(async () => {
    limited = await startTestServer({
      env: { LIMIT_REQUEST_PER_MINUTE: '5', TRUSTED_PROXIES: '127.0.0.1' },
      clock,
    });
  });
  afterAll(() => limited.close());

  function checkFrom(ip: string, path = '/updates'): Promise<Answer> {
    return send(`${limited.userUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': ip },
      body: JSON.stringify(buildUpdateCheckBody({ app_id: 'com.example.unknown' })),
    });
  }

  async function statusesFrom(ip: string, count: number): Promise<number[]> {
    const statuses: number[] = [];
    for (let sent = 0; sent < count; sent += 1) statuses.push((await checkFrom(ip)).status);
    return statuses;
  }

  it('answers the request past the limit with 429, a hint of when, and the nested body', async () => {
    const ip = '203.0.113.1';
    expect(await statusesFrom(ip, 5)).toEqual([200, 200, 200, 200, 200]);
    const answer = await checkFrom(ip);
    expectNested(answer, 429, 'too_many_requests');
    expect(answer.body['moreInfo']).toEqual({
      rateLimitResetAt: clock.now() + 12_000,
      retryAfterSeconds: 12,
    });
    expect(answer.headers.get('retry-after')).toBe('12');
    expect(answer.headers.get('x-ratelimit-reset')).toBe(String((clock.now() + 12_000) / 1000));
  });

  it('counts the requests of /plugin/updates to the same client', async () => {
    const ip = '203.0.113.2';
    expect(await statusesFrom(ip, 5)).not.toContain(429);
    expect((await checkFrom(ip, '/plugin/updates')).status).toBe(429);
  });

  it('refills one by one: after a fifth of a minute exactly one more passes', async () => {
    const ip = '203.0.113.3';
    await statusesFrom(ip, 5);
    clock.advance(11_000);
    expect(await statusesFrom(ip, 1)).toEqual([429]);
    clock.advance(1_000);
    expect(await statusesFrom(ip, 2)).toEqual([200, 429]);
    clock.advance(24_000);
    expect(await statusesFrom(ip, 3)).toEqual([200, 200, 429]);
    clock.advance(60_000);
    expect(await statusesFrom(ip, 6)).toEqual([200, 200, 200, 200, 200, 429]);
  });

  it('does not count what it refused', async () => {
    const ip = '203.0.113.4';
    await statusesFrom(ip, 30);
    clock.advance(12_000);
    expect(await statusesFrom(ip, 2)).toEqual([200, 429]);
  });

  it('counts each client alone', async () => {
    await statusesFrom('203.0.113.5', 6);
    expect(await statusesFrom('203.0.113.6', 1)).toEqual([200]);
    await statusesFrom('2001:db8:1:1::1', 5);
    expect(await statusesFrom('2001:db8:1:1:ffff::2', 1)).toEqual([429]);
    expect(await statusesFrom('2001:db8:1:2::1', 1)).toEqual([200]);
  });

  it('believes the address that the trusted proxy saw, not the one a client made up before it', async () => {
    for (let sent = 0; sent < 5; sent += 1) {
      expect((await checkFrom(`198.51.100.${sent}, 203.0.113.7`)).status).toBe(200);
    }
    expect((await checkFrom('198.51.100.200, 203.0.113.7')).status).toBe(429);
  });

  it('leaves every other route alone', async () => {
    const ip = '203.0.113.8';
    await statusesFrom(ip, 6);
    const headers = { 'x-forwarded-for': ip };
    for (const path of ['/updates', '/stats', '/_healthz']) {
      expect((await send(`${limited.userUrl}${path}`, { headers })).status).toBe(200);
    }
    const stats = await send(`${limited.userUrl}/stats`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '[]',
    });
    expect(stats.status).toBe(200);
    expect((await fetch(`${limited.userUrl}/files/read/attachments/x`, { headers })).status).toBe(404);
  });
});

describe('without a database', () => {
  it('checks and downloads go on, events and readiness say 503', async () => {
    const dead = await startTestServer();
    try {
      const { appId, releaseIds } = await createServedApp(dead);
      const before = await check({ app_id: appId }, dead);
      await manage('releases.set-active', { release_id: releaseIds[1] ?? '', bundle_id: null }, dead);
      await dead.product.close();

      const after = await check({ app_id: appId }, dead);
      expect(after.status).toBe(200);
      expect(after.body).toEqual(before.body);
      expectRefusal(await check({ app_id: 'com.example.nobody' }, dead), 'app_not_found', 'blocked');
      expectRefusal(await check({ app_id: appId, version_code: '2' }, dead), 'no_channel', 'failed');
      const android = { app_id: appId, platform: 'android', version_name: '1.0.1' };
      expect((await check(android, dead)).body).toEqual({ version: 'builtin' });

      const download = await fetch(String(after.body['url']));
      expect(download.status).toBe(200);
      expect(Buffer.from(await download.arrayBuffer()).equals(Buffer.from(zip))).toBe(true);

      const event = buildUpdateCheckBody({ app_id: appId, action: 'set' });
      const stats = await postText(JSON.stringify(event), '/stats', dead);
      expectNested(stats, 503, 'unavailable');
      expect(Number(stats.headers.get('retry-after'))).toBeGreaterThan(0);

      for (const origin of [dead.userUrl, dead.managementUrl]) {
        const ready = await send(`${origin}/_readyz`, {});
        expect(ready.status).toBe(503);
        expect(ready.text).toContain('database');
        expect(ready.text).not.toContain('object storage');
        expect((await send(`${origin}/_healthz`, {})).status).toBe(200);
      }
    } finally {
      await dead.close();
    }
  });
});

describe('the other routes of the device API', () => {
  it.each(['/updates', '/stats', '/plugin/updates', '/plugin/stats'])('GET %s says ok', async (path) => {
    const answer = await send(`${server.userUrl}${path}`, {});
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
  });

  it('POST /ok says ok and POST /ko fails on purpose', async () => {
    const ok = await send(`${server.userUrl}/ok`, { method: 'POST' });
    expect([ok.status, ok.body]).toEqual([200, { status: 'ok' }]);
    const ko = await send(`${server.userUrl}/ko`, { method: 'POST' });
    expect(ko.status).toBe(500);
    expect(ko.body).toEqual({ error: 'unknown_error', message: 'KO', moreInfo: {} });
  });

  it.each([
    ['GET', '/'],
    ['GET', '/api/v1/bundles.list'],
    ['POST', '/updates/unknown'],
    ['PUT', '/updates'],
    ['DELETE', '/stats'],
    ['PATCH', '/channel_self'],
    ['GET', '/metrics'],
    ['GET', '/ui'],
    ['POST', '/files/read/attachments/x'],
  ])('%s %s is 404 in the shape of the original', async (method, path) => {
    const answer = await send(`${server.userUrl}${path}`, { method });
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ error: 'not_found', message: 'Not found' });
  });

  it('says on /_healthz and /_readyz that it is well', async () => {
    for (const path of ['/_healthz', '/_readyz']) {
      expect((await send(`${server.userUrl}${path}`, {})).status).toBe(200);
    }
  });
});

describe('hostile bodies', () => {
  it('are refused with 413 over 64 kB and read up to there', async () => {
    const small = JSON.stringify(buildUpdateCheckBody({ app_id: 'com.example.unknown', filler: '' }));
    const fill = (bytes: number) =>
      JSON.stringify(
        buildUpdateCheckBody({ app_id: 'com.example.unknown', filler: 'x'.repeat(bytes - small.length) }),
      );
    expectRefusal(await postText(fill(64 * 1024)), 'app_not_found', 'blocked');
    expectNested(await postText(fill(64 * 1024 + 1)), 413, 'payload_too_large');
    expectNested(await postText(fill(1024 * 1024)), 413, 'payload_too_large');
    expectNested(await postText(fill(64 * 1024 + 1), '/channel_self'), 413, 'payload_too_large');
  });

  const marker = 'zq8marker';
  const rows: readonly [sentence: string, body: string | Uint8Array<ArrayBuffer>][] = [
    ['bytes that are not UTF-8', new Uint8Array([...Buffer.from(`{"${marker}":"`), 0xff, 0xfe, 0x22, 0x7d])],
    ['a UTF-16 text', new Uint8Array(Buffer.from(`{"a":"${marker}"}`, 'utf16le'))],
    ['a __proto__ key', `{"__proto__":{"app_id":"com.${marker}"},"device_id":"${someDeviceId}"}`],
    ['a constructor.prototype key', `{"constructor":{"prototype":{"app_id":"com.${marker}"}},"a":1}`],
    ['a deep __proto__ key', `{"a":{"b":[{"__proto__":{"${marker}":1}}]}}`],
    ['30,000 nested lists', `${'['.repeat(30_000)}"${marker}"${']'.repeat(30_000)}`],
    ['10,000 nested objects', `${`{"${marker[0]}":`.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['nesting that is never closed', `{"${marker}":${'['.repeat(30_000)}`],
    ['a list of numbers', '[1,2,3]'],
    ['true', 'true'],
    ['a huge number', `{"device_id":1e999999,"app_id":"${marker}"}`],
    ['single quotes', `{'${marker}':1}`],
    ['a comment', `/* ${marker} */ {}`],
    ['NaN', `{"app_id":NaN,"x":"${marker}"}`],
    ['a trailing comma', `{"app_id":"${marker}",}`],
    [
      'every field of the wrong type',
      `{"app_id":{"${marker}":1},"device_id":{"${marker}":[]},"platform":[]}`,
    ],
    ['control characters', `{"app_id":"com.${marker}\\u0000","device_id":"${someDeviceId}"}`],
  ];
  it.each(rows)('such as %s are 4xx, nested, without kind, and are not repeated', async (_name, text) => {
    for (const path of ['/updates', '/stats', '/channel_self']) {
      const answer = await postText(text, path);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(Object.keys(answer.body).sort()).toEqual(['error', 'message', 'moreInfo']);
      expect(answer.text).not.toContain(marker);
    }
  });

  it('that go on after their announced length are refused and their connection closed', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(server.userUrl).port), '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
      const head = 'POST /updates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
      socket.write(`${head}Content-Length: 2\r\n\r\n{}{"a":1}\r\n\r\n`);
    });
    expect(answer.match(/^HTTP\/1\.1 \d+/gm)).toContain('HTTP/1.1 400');
    expect(answer.match(/^HTTP\/1\.1 [235]/gm)).toBeNull();
    expect(answer).toMatch(/"error":"\w+","message":"[^"]+","moreInfo":\{\}\}$/);
    expectRefusal(await check({ app_id: 'com.example.unknown' }), 'app_not_found', 'blocked');
  });
});

describe('any request at all', () => {
  const routes: readonly (readonly [method: string, path: string])[] = [
    ['POST', '/updates'],
    ['GET', '/updates'],
    ['POST', '/plugin/updates'],
    ['POST', '/stats'],
    ['POST', '/plugin/stats'],
    ['POST', '/channel_self'],
    ['PUT', '/channel_self'],
    ['DELETE', '/channel_self'],
    ['GET', '/channel_self'],
    ['GET', '/files/read/attachments/'],
    ['GET', '/'],
  ];
  const words = fc.constantFrom(
    ...[
      '',
      'builtin',
      'unknown',
      '1.0.0',
      '1',
      'v1',
      '8.45.11',
      'ios',
      'electron',
      'com.example.fuzz',
      'set',
    ],
    ...[someDeviceId, someDeviceId.toUpperCase(), '__proto__', 'x'.repeat(300), '\u0000', '\ud800', '😀'],
  );
  const value = fc.oneof(
    { weight: 4, arbitrary: words },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
  const fields = [
    ...['app_id', 'device_id', 'platform', 'version_name', 'version_build', 'version_code', 'version_os'],
    ...['plugin_version', 'is_emulator', 'is_prod', 'custom_id', 'defaultChannel', 'key_id', 'action'],
    ...['metadata', 'channel', 'install_source', 'old_version_name', 'timestamp'],
  ];
  /** Mostly a sound request with a few fields spoilt, so that what lies behind the parser is reached as well. */
  const event = fc
    .tuple(
      fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 4 }),
      fc.subarray(fields, { maxLength: 2 }),
    )
    .map(([spoilt, missing]) => {
      const body = buildUpdateCheckBody({ app_id: 'com.example.fuzz', action: 'set', ...spoilt });
      for (const field of missing) delete body[field];
      return body;
    });
  const body = fc.oneof(
    { weight: 4, arbitrary: event.map((one) => JSON.stringify(one)) },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.oneof(event, fc.jsonValue()), { maxLength: 3 })
        .map((one) => JSON.stringify(one)),
    },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  );

  it('is answered with JSON, never with 5xx, and with kind only on 200', { timeout: 20_000 }, async () => {
    await upload('com.example.fuzz', '1.0.0');
    const check = fc.asyncProperty(fc.constantFrom(...routes), body, event, async (route, text, query) => {
      const [method, path] = route;
      const hasBody = method === 'POST' || method === 'PUT';
      const pairs = Object.entries(query).map(([name, given]): [string, string] => [
        name,
        String(given).toWellFormed(),
      ]);
      const search = hasBody ? '' : `?${new URLSearchParams(pairs)}`;
      const rest = path.endsWith('s/') ? encodeURIComponent(text.toWellFormed()) : '';
      const response = await fetch(`${server.userUrl}${path}${rest}${search}`, {
        method,
        ...(hasBody ? { headers: { 'content-type': 'application/json' }, body: text } : {}),
      });
      const answer: unknown = JSON.parse(await response.text());
      expect(response.status).toBeLessThan(500);
      expect(response.headers.get('content-type')).toContain('application/json');
      if (response.status === 200) return;
      expect(answer).not.toHaveProperty('kind');
      expect(answer).toMatchObject({ error: expect.any(String), message: expect.any(String) });
    });
    await fc.assert(check, { numRuns: 400 });
  });
});
