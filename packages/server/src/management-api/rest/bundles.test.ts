import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roles } from '../../domain/access.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { buildActor, buildRelease, buildUpdateCheckBody } from '../../testing/builders.ts';
import { askRest, callerOf, type RestRequest, serveRoutesTo } from '../../testing/rest-client.ts';
import { bundleForm, startTestServer, type TestServer } from '../../testing/test-server.ts';
import { buildZip } from '../../testing/zip-builder.ts';
import { restBundleRoutes } from './bundles.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { VERIFY_EXTERNAL_BUNDLES: 'false' } });
});
afterAll(() => server.close());

let appCount = 0;
function newAppId(): string {
  appCount += 1;
  return `com.example.bundles${appCount}`;
}
const ask = (request: RestRequest) => askRest(server.managementUrl, request);
const {
  bundles: service,
  channels,
  releases,
} = new Proxy({} as TestServer['product']['services'], {
  get: (_target, name) =>
    new Proxy(
      {},
      { get: (_service, method) => Reflect.get(Reflect.get(server.product.services, name), method) },
    ),
});

async function upload(appId: string, version: string, fields: Record<string, string> = {}): Promise<number> {
  const answer = await ask({
    ...{ method: 'POST', path: '/bundle', as: 'hosted' },
    body: bundleForm({ app_id: appId, version, ...fields }),
  });
  expect(answer).toMatchObject({ status: 200, body: { status: 'success', bundle: { name: version } } });
  return answer.body.bundle.id;
}
const names = async (appId: string) =>
  (await ask({ path: `/bundle?app_id=${appId}`, as: 'hosted' })).body.map(
    ({ name }: { name: string }) => name,
  );

const sha256 = 'a1b2c3d4e5f6789abcdef123456789abcdef123456789abcdef123456789abcd';
const external = (appId: string, given: Record<string, unknown> = {}) => ({
  app_id: appId,
  version: '1.2.3',
  external_url: 'https://your-storage.com/bundles/app-1.2.3.zip',
  checksum: sha256,
  ...given,
});

describe('GET /bundle', () => {
  it('lists bundles with every field, in the words of each audience', async () => {
    const appId = newAppId();
    const id = await upload(appId, '1.0.0', {
      ...{ min_update_version: '0.9.0', link: 'https://example.com/notes', comment: 'é' },
    });
    const hosted = await ask({ path: `/bundle?app_id=${appId}`, as: 'hosted' });
    const [row] = hosted.body;
    expect(hosted).toStrictEqual({ status: 200, body: [row] });
    expect(row).toStrictEqual({
      ...{ id, app_id: appId, name: '1.0.0', deleted: false, deleted_at: null },
      created_at: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T.*Z$/),
      updated_at: row.created_at,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
      ...{ session_key: null, key_id: null, storage_provider: 'r2', external_url: null },
      r2_path: expect.stringContaining(`${appId}/bundles/`),
      ...{ min_update_version: '0.9.0', link: 'https://example.com/notes', comment: 'é' },
      ...{ manifest: null, manifest_count: 0, native_packages: null, cli_version: null },
      ...{ owner_org: defaultOrganizationId, user_id: null, created_by_apikey_rbac_id: null },
    });
    const documented = await ask({ path: `/bundle/?app_id=${appId}` });
    expect(documented).toStrictEqual({
      status: 200,
      body: { data: [{ ...row, bucket_id: null, minUpdateVersion: '0.9.0' }] },
    });
  });

  it('has exact pages of 50 rows, the newest first, and an empty one past the end', async () => {
    const appId = newAppId();
    for (let patch = 0; patch < 101; patch += 1) {
      await service.registerUnseen(
        {
          ...{ appId, versionName: `1.0.${patch}`, description: '', sessionKey: '', checksum: sha256 },
          ...{ keyId: '', minUpdateVersion: '', link: '', comment: '' },
        },
        'https://example.com/a.zip',
        buildActor(),
      );
    }
    const expected = Array.from({ length: 101 }, (_each, index) => `1.0.${100 - index}`);
    for (const as of ['documented', 'hosted'] as const) {
      const seen: string[] = [];
      for (const [page, length] of [50, 50, 1, 0].entries()) {
        const { status, body } = await ask({ path: `/bundle?app_id=${appId}&page=${page}`, as });
        const rows = as === 'hosted' ? body : body.data;
        expect([status, rows.length]).toStrictEqual([200, length]);
        seen.push(...rows.map(({ name }: { name: string }) => name));
      }
      expect(seen).toStrictEqual(expected);
    }
  });

  it('is empty for an app without bundles', async () => {
    const appId = newAppId();
    await server.product.services.apps.create(appId, {}, buildActor());
    expect(await ask({ path: `/bundle?app_id=${appId}` })).toStrictEqual({ status: 200, body: { data: [] } });
    const hosted = await ask({ path: `/bundle?app_id=${appId}`, as: 'hosted' });
    expect(hosted).toStrictEqual({ status: 200, body: [] });
  });
});

describe('POST /bundle', () => {
  it('registers what lies elsewhere, and devices get its URL to the letter', async () => {
    const appId = newAppId();
    const url = 'https://your-storage.com/b%C3%BCndles/app-1.2.3.zip?token=a%2Fb+c#x';
    const body = external(appId, {
      ...{ external_url: url, checksum: sha256.toUpperCase(), min_update_version: '1.0.0' },
      ...{ link: 'https://example.com', comment: 'c' },
    });
    expect(await ask({ method: 'POST', path: '/bundle/', body })).toStrictEqual({
      status: 200,
      body: { status: 'ok' },
    });
    const [row] = (await ask({ path: `/bundle?app_id=${appId}`, as: 'hosted' })).body;
    expect(row).toMatchObject({
      ...{ name: '1.2.3', storage_provider: 'external', external_url: url, checksum: sha256, r2_path: null },
      ...{ min_update_version: '1.0.0', link: 'https://example.com', comment: 'c' },
    });
    const channel = { app_id: appId, channel: 'production', version: '1.2.3', public: true };
    expect((await ask({ method: 'POST', path: '/channel', body: channel })).status).toBe(200);
    const check = await fetch(`${server.userUrl}/updates`, {
      method: 'POST',
      body: JSON.stringify(buildUpdateCheckBody({ app_id: appId })),
      headers: { 'content-type': 'application/json' },
    });
    expect(await check.json()).toMatchObject({ version: '1.2.3', url, checksum: sha256 });
  });

  it('takes an encrypted bundle with its keys as they are', async () => {
    const appId = newAppId();
    const keys = {
      session_key: 'aXY=:a2V5',
      key_id: 'MIIBCgKCAQEA12345678',
      checksum: 'what-encrypt-printed',
    };
    const { body } = await ask({
      ...{ method: 'POST', path: '/bundle', as: 'hosted', body: external(appId, keys) },
    });
    expect(body).toMatchObject({ status: 'success', bundle: keys });
  });

  it('takes an upload, which devices can fetch', async () => {
    const appId = newAppId();
    const form = bundleForm({ app_id: appId, version: '2.0.0', comment: 'direct' });
    expect(await ask({ method: 'POST', path: '/bundle', body: form })).toStrictEqual({
      status: 200,
      body: { status: 'ok' },
    });
    expect((await ask({ path: `/bundle?app_id=${appId}` })).body.data).toMatchObject([
      { name: '2.0.0', storage_provider: 'r2', comment: 'direct' },
    ]);
  });

  it('refuses an upload that devices could not unpack, or that is damaged, and keeps nothing', async () => {
    const appId = newAppId();
    const zip = new Uint8Array(buildZip({ '../index.html': 'x' }));
    const forms = [
      bundleForm({ app_id: appId, version: '1.0.0' }, zip),
      bundleForm({ app_id: appId, version: '1.0.0', checksum: sha256 }),
    ];
    for (const form of forms) {
      const answer = await ask({ method: 'POST', path: '/bundle', body: form });
      expect(answer).toMatchObject({ status: 400, body: { status: 'KO', code: 'invalid_bundle' } });
    }
    expect(await ask({ path: `/bundle?app_id=${appId}` })).toMatchObject({ status: 400 });
  });

  it('gives no version name twice, also not of a bundle that was deleted', async () => {
    const appId = newAppId();
    await upload(appId, '1.2.3');
    const again = { method: 'POST', path: '/bundle', body: external(appId), as: 'hosted' } as const;
    expect(await ask(again)).toMatchObject({ status: 400, body: { error: 'version_already_exists' } });
    await ask({ method: 'DELETE', path: '/bundle', body: { app_id: appId, version: '1.2.3' } });
    expect(await ask(again)).toMatchObject({ status: 400, body: { error: 'cannot_create_bundle' } });
    const form = bundleForm({ app_id: appId, version: '1.2.3' });
    expect(await ask({ ...again, body: form })).toMatchObject({ body: { error: 'cannot_create_bundle' } });
  });
});

describe('DELETE /bundle', () => {
  it('deletes one bundle by its version name, from the body or the query', async () => {
    const appId = newAppId();
    for (const version of ['1.0.0', '1.0.1', '1.0.2']) await upload(appId, version);
    const body = { app_id: appId, version: '1.0.1' };
    const ok = { status: 200, body: { status: 'ok' } };
    expect(await ask({ method: 'DELETE', path: '/bundle/', body })).toStrictEqual(ok);
    const query = `/bundle?app_id=${appId}&version=1.0.2`;
    expect(await ask({ method: 'DELETE', path: query, as: 'hosted' })).toStrictEqual(ok);
    expect(await names(appId)).toStrictEqual(['1.0.0']);
  });

  it('deletes all only where no version is given, and nothing for one that is empty', async () => {
    const appId = newAppId();
    for (const version of ['1.0.0', '1.0.1']) await upload(appId, version);
    const empty = [
      { path: `/bundle?app_id=${appId}&version=` },
      { path: '/bundle', body: { app_id: appId, version: '' } },
      { path: '/bundle', body: { app_id: appId, version: null } },
    ];
    for (const request of empty) {
      const answer = await ask({ method: 'DELETE', ...request });
      expect([answer.status, answer.body.code]).toStrictEqual([400, 'missing_version']);
    }
    expect(await names(appId)).toStrictEqual(['1.0.1', '1.0.0']);
    expect((await ask({ method: 'DELETE', path: `/bundle?app_id=${appId}` })).status).toBe(200);
    expect(await names(appId)).toStrictEqual([]);
  });

  it('refuses one that a channel or a release uses, and keeps those when it deletes all', async () => {
    const appId = newAppId();
    const ids = new Map<string, string>();
    for (const version of ['1.0.0', '1.0.1', '1.0.2', '1.0.3', '1.0.4']) {
      await upload(appId, version);
      const [record] = await service.findRecords(appId, { versionNames: [version] });
      ids.set(version, record?.id ?? '');
    }
    const idOf = (version: string) => ids.get(version) ?? '';
    const { id } = await channels.create({ appId, name: 'production' }, buildActor('tester'));
    await channels.setBundle(id, idOf('1.0.0'), buildActor('tester'));
    await channels.changeRollout(id, { bundleId: idOf('1.0.1') }, buildActor('tester'));
    await releases.create(buildRelease({ appId, builtinBundleId: idOf('1.0.2') }), buildActor());
    for (const version of ['1.0.0', '1.0.1', '1.0.2']) {
      for (const as of ['documented', 'hosted'] as const) {
        const answer = await ask({ method: 'DELETE', path: '/bundle', body: { app_id: appId, version }, as });
        expect([answer.status, answer.body.code ?? answer.body.error]).toStrictEqual([
          400,
          'cannot_delete_linked_version',
        ]);
      }
    }
    for (let time = 0; time < 2; time += 1) {
      const all = await ask({ method: 'DELETE', path: '/bundle', body: { app_id: appId } });
      expect(all).toStrictEqual({ status: 200, body: { status: 'ok' } });
      expect(await names(appId)).toStrictEqual(['1.0.2', '1.0.1', '1.0.0']);
    }
  });
});

describe('POST /bundle/metadata', () => {
  it('sets what is given and leaves the rest; an empty text takes it away', async () => {
    const appId = newAppId();
    const id = await upload(appId, '1.0.0', { comment: 'old', min_update_version: '1.0.0' });
    const change = (given: object, as: 'documented' | 'hosted' = 'documented') =>
      ask({
        method: 'POST',
        path: '/bundle/metadata',
        body: { app_id: appId, version_id: id, ...given },
        as,
      });
    expect(await change({ link: 'https://example.com/a' })).toStrictEqual({
      status: 200,
      body: { status: 'success' },
    });
    const row = async () => (await ask({ path: `/bundle?app_id=${appId}`, as: 'hosted' })).body[0];
    expect(await row()).toMatchObject({
      ...{ link: 'https://example.com/a', comment: 'old', min_update_version: '1.0.0' },
    });
    expect(await change({ comment: '', min_update_version: '2.0.0' }, 'hosted')).toStrictEqual({
      status: 200,
      body: { status: 'ok' },
    });
    expect(await row()).toMatchObject({
      ...{ link: 'https://example.com/a', comment: null, min_update_version: '2.0.0' },
    });
  });
});

describe('PUT /bundle', () => {
  it('sets a bundle to a channel, leaves its rollout, and is in the history', async () => {
    const appId = newAppId();
    const [stable, next] = [await upload(appId, '1.0.0'), await upload(appId, '1.0.1')];
    const channel = await channels.create({ appId, name: 'production' }, buildActor('tester'));
    const [record] = await service.findRecords(appId, { numbers: [next] });
    await channels.changeRollout(
      channel.id,
      { bundleId: record?.id ?? null, percentageBps: 500 },
      buildActor('tester'),
    );
    for (const as of ['documented', 'hosted'] as const) {
      const answer = await ask({
        ...{ method: 'PUT', path: '/bundle', as },
        body: { app_id: appId, version_id: stable, channel_id: channel.id },
      });
      expect(answer).toStrictEqual({
        status: 200,
        body: { status: 'success', message: 'Bundle 1.0.0 set to channel production' },
      });
    }
    const now = await channels.get(channel.id);
    expect(now.rollout).toMatchObject({ bundleId: record?.id, percentageBps: 500 });
    const [deployment] = (await channels.listDeployments(channel.id, { limit: 5 })).items;
    expect(deployment).toMatchObject({ bundleId: now.bundleId, actor: 'management-token-1' });
  });
});

it('what has no body is read from the query string, also when it names a content type', async () => {
  const appId = newAppId();
  await upload(appId, '1.0.0');
  const [record] = await service.findRecords(appId, { versionNames: ['1.0.0'] });
  const { id } = await channels.create({ appId, name: 'production' }, buildActor('tester'));
  const number = record?.number ?? 0;
  for (const [method, path] of [
    ['POST', `/bundle/metadata?app_id=${appId}&version_id=${number}&comment=mended`],
    ['PUT', `/bundle?app_id=${appId}&version_id=${number}&channel_id=${id}`],
  ] as const) {
    for (const raw of [undefined, '']) {
      const answer = await ask({ method, path, ...(raw === undefined ? {} : { raw }) });
      expect([method, raw, answer.status]).toStrictEqual([method, raw, 200]);
    }
  }
});

describe('a request for bundles that cannot be met', () => {
  const appId = 'com.example.refused';
  const foreignAppId = 'com.example.foreign';
  let ids: { bundle: number; channel: number; foreignBundle: number; foreignChannel: number };
  beforeAll(async () => {
    const channel = await channels.create({ appId, name: 'production' }, buildActor('tester'));
    const foreignChannel = await channels.create(
      { appId: foreignAppId, name: 'production' },
      buildActor('tester'),
    );
    ids = {
      bundle: await upload(appId, '1.0.0'),
      channel: channel.id,
      foreignBundle: await upload(foreignAppId, '1.0.0'),
      foreignChannel: foreignChannel.id,
    };
  });

  const post = (given: Record<string, unknown>) => ({
    ...{ method: 'POST', path: '/bundle' },
    body: external(appId, given),
  });
  const put = (given: object) => () => ({
    ...{ method: 'PUT', path: '/bundle' },
    body: { app_id: appId, version_id: ids.bundle, channel_id: ids.channel, ...given },
  });
  const metadata = (given: object) => () => ({
    ...{ method: 'POST', path: '/bundle/metadata' },
    body: { app_id: appId, version_id: ids.bundle, comment: 'x', ...given },
  });
  const noApp = 'com.example.nobody';
  type Row = [what: string, request: RestRequest | (() => RestRequest), code: string, text?: string];
  const rows: Row[] = [
    ['a list without app', { path: '/bundle' }, 'missing_app_id'],
    ['a list of what is no app id', { path: '/bundle?app_id=nonsense' }, 'invalid_app_id'],
    ['a list of an app that is not there', { path: `/bundle?app_id=${noApp}` }, 'cannot_get_bundle'],
    ['a page that is none', { path: `/bundle?app_id=${appId}&page=-1` }, 'invalid_page'],
    ['a new bundle without app', post({ app_id: '' }), 'missing_app_id'],
    ['a new bundle of what is no app id', post({ app_id: 'x' }), 'invalid_app_id'],
    ['a new bundle without version', post({ version: '' }), 'missing_version'],
    ['a new bundle without URL', post({ external_url: null }), 'missing_external_url'],
    ['a new bundle without checksum', post({ checksum: undefined }), 'missing_checksum'],
    ...['v1.0.0', '1.0', '01.0.0', 'latest', '1.0.0 '].map(
      (version): Row => [
        `a new bundle ${version}`,
        post({ version }),
        'invalid_version_format',
        'Invalid version format',
      ],
    ),
    ['a URL of http', post({ external_url: 'http://example.com/a.zip' }), 'invalid_protocol'],
    ['a URL that is none', post({ external_url: 'https://' }), 'invalid_body'],
    ['a URL with a blank', post({ external_url: 'https://example.com/a b.zip' }), 'invalid_body'],
    ['a checksum that is no SHA-256', post({ checksum: 'abc123' }), 'invalid_body'],
    ['a minimum that is no version', post({ min_update_version: 'x' }), 'invalid_body'],
    ['a link that is no URL', post({ link: 'javascript:alert(1)' }), 'invalid_body'],
    ['a key id without session key', post({ key_id: 'a' }), 'invalid_body'],
    ['a version of another type', post({ version: { a: 1 } }), 'invalid_body'],
    ['a text with NUL', post({ comment: 'a\0b' }), 'invalid_body'],
    ['a body that is no JSON', { method: 'POST', path: '/bundle', raw: '{' }, 'invalid_json_parse_body'],
    ['a body that is a list', { method: 'POST', path: '/bundle', body: [] }, 'invalid_json_parse_body'],
    ['no body and no query', { method: 'DELETE', path: '/bundle' }, 'invalid_json_parse_body'],
    ['a deletion without app', { method: 'DELETE', path: '/bundle?version=1.0.0' }, 'missing_app_id'],
    [
      'a deletion of what is no app id',
      { method: 'DELETE', path: '/bundle', body: { app_id: 'x' } },
      'invalid_app_id',
    ],
    [
      'a deletion in an app that is not there',
      { method: 'DELETE', path: `/bundle?app_id=${noApp}` },
      'cannot_delete_bundle',
    ],
    [
      'a deletion of a bundle that is not there',
      { method: 'DELETE', path: `/bundle?app_id=${appId}&version=9.9.9` },
      'cannot_delete_version',
      'Bundle not found',
    ],
    ['metadata without bundle', metadata({ version_id: undefined }), 'missing_required_fields'],
    ['metadata without app', metadata({ app_id: '' }), 'missing_required_fields'],
    ['metadata of what is no app id', metadata({ app_id: 'x' }), 'invalid_app_id'],
    ['metadata in no app', metadata({ app_id: noApp }), 'cannot_update_bundle_metadata'],
    ['metadata of no bundle', metadata({ version_id: 1e9 }), 'cannot_find_version', 'Bundle not found'],
    [
      'metadata of what is no number',
      metadata({ version_id: 'x' }),
      'cannot_find_version',
      'Bundle not found',
    ],
    [
      'metadata of another app’s bundle',
      () => metadata({ version_id: ids.foreignBundle })(),
      'cannot_find_version',
      'Bundle not found',
    ],
    ['metadata that says nothing', metadata({ comment: undefined }), 'no_fields_to_update'],
    ['metadata with no link', metadata({ link: 'x' }), 'cannot_update_version_metadata'],
    ['a setting without channel', put({ channel_id: undefined }), 'missing_required_fields'],
    ['a setting of what is no app id', put({ app_id: 'x' }), 'invalid_app_id'],
    ['a setting in no app', put({ app_id: noApp }), 'cannot_access_app'],
    ['a setting of no bundle', put({ version_id: 1e9 }), 'cannot_find_version', 'Bundle not found'],
    [
      'a setting of no bundle to no channel',
      put({ version_id: 1e9, channel_id: 1e9 }),
      'cannot_find_version',
      'Bundle not found',
    ],
    ['a setting to no channel', put({ channel_id: 1e9 }), 'cannot_find_channel', 'Channel not found'],
    [
      'a setting of another app’s bundle',
      () => put({ version_id: ids.foreignBundle })(),
      'cannot_find_version',
      'Bundle not found',
    ],
    [
      'a setting to another app’s channel',
      () => put({ channel_id: ids.foreignChannel })(),
      'cannot_find_channel',
      'Channel not found',
    ],
  ];

  it.each(rows)('is refused: %s', async (_what, given, code, text) => {
    const request = typeof given === 'function' ? given() : given;
    const hosted = await ask({ ...request, as: 'hosted' });
    expect(hosted).toStrictEqual({
      status: 400,
      body: { error: code, message: expect.any(String), moreInfo: expect.any(Object) },
    });
    const documented = await ask(request);
    expect(documented).toMatchObject({
      status: 400,
      body: { error: text ?? hosted.body.message, status: 'KO', code },
    });
  });
});

describe('a caller', () => {
  const appId = 'com.example.isolated';
  const hidden = 'com.example.hidden';
  const nobody = 'com.example.nobodys';
  beforeAll(async () => {
    for (const each of [appId, hidden]) {
      await upload(each, '1.0.0');
      await channels.create({ appId: each, name: 'production' }, buildActor('tester'));
    }
  });

  const routes = () =>
    restBundleRoutes({
      ...server.product.services,
      externalBundles: { register: () => Promise.reject(new Error('Not asked')) },
    });
  const requests = (id: string): readonly RestRequest[] => [
    { path: `/bundle?app_id=${id}` },
    { method: 'POST', path: '/bundle', body: external(id) },
    { method: 'DELETE', path: '/bundle', body: { app_id: id, version: '1.0.0' } },
    { method: 'DELETE', path: '/bundle', body: { app_id: id } },
    { method: 'PUT', path: '/bundle', body: { app_id: id, version_id: 1, channel_id: 1 } },
    { method: 'POST', path: '/bundle/metadata', body: { app_id: id, version_id: 1, link: '' } },
  ];

  it('of one app cannot tell the bundles of another from those of none', async () => {
    const scoped = await serveRoutesTo(callerOf('admin', [appId]), routes());
    for (const as of ['documented', 'hosted'] as const) {
      for (const [index, request] of requests(hidden).entries()) {
        const answer = await askRest(scoped.url, { ...request, as });
        const ofNobody = await askRest(scoped.url, { ...requests(nobody)[index], as } as RestRequest);
        expect(answer.status).toBe(400);
        const text = JSON.stringify(answer).replaceAll(hidden, nobody);
        expect(JSON.parse(text)).toStrictEqual(ofNobody);
      }
    }
    expect(await names(hidden)).toStrictEqual(['1.0.0']);
    expect((await askRest(scoped.url, { path: `/bundle?app_id=${appId}` })).status).toBe(200);
    await scoped.close();
  });

  it.each(roles)(
    'of role %s may do what the role says, and is told so before anything is looked up',
    async (role) => {
      const served = await serveRoutesTo(callerOf(role), routes());
      const least = ['read', 'upload', 'write', 'write', 'write', 'upload'] as const;
      for (const [index, request] of requests(nobody).entries()) {
        if (index === 1) continue;
        const { status, body } = await askRest(served.url, request);
        const isPermitted = roles.indexOf(role) >= roles.indexOf(least[index] ?? 'admin');
        expect([request, status]).toStrictEqual([request, isPermitted ? 400 : 403]);
        if (isPermitted) continue;
        const noun = request.method === 'PUT' ? 'channels' : 'bundles';
        expect(body).toStrictEqual({
          ...{ error: `Insufficient permissions to manage ${noun}`, status: 'KO' },
          code: 'insufficient_permissions',
        });
      }
      await served.close();
    },
  );
});
