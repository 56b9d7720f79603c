import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roles } from '../../domain/access.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { buildDeviceEventBody, buildUpdateCheckBody, someDeviceId } from '../../testing/builders.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { askRest, callerOf, type RestRequest, serveRoutesTo } from '../../testing/rest-client.ts';
import { bundleForm, startTestServer, type TestServer } from '../../testing/test-server.ts';
import { restAppRoutes } from './apps.ts';

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

const ask = (request: RestRequest) => askRest(server.managementUrl, request);
let appCount = 0;
function newAppId(): string {
  appCount += 1;
  return `com.example.apps${appCount}`;
}
const create = (appId: string, given: object = {}, as: 'documented' | 'hosted' = 'documented') =>
  ask({ method: 'POST', path: '/app', body: { app_id: appId, name: 'An app', ...given }, as });
const change = (appId: string, body: object) => ask({ method: 'PUT', path: `/app/${appId}`, body });
async function upload(appId: string, version: string): Promise<void> {
  const body = bundleForm({ app_id: appId, version });
  expect((await ask({ method: 'POST', path: '/bundle', body })).status).toBe(200);
}
const nowText = () => new Date(clock.now()).toISOString();

const rowOf = (appId: string) => ({
  app_id: appId,
  id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
  ...{ name: 'An app', icon_url: '', owner_org: defaultOrganizationId, user_id: null },
  ...{ created_at: nowText(), updated_at: nowText(), last_version: null, retention: 2_592_000 },
  ...{ default_upload_channel: 'dev', expose_metadata: false, allow_device_custom_id: true },
  ...{ need_onboarding: false, existing_app: false, block_provider_infra_requests: false },
  ...{ created_from_onboarding: false, ios_store_url: null, android_store_url: null, allow_preview: false },
  ...{ transfer_history: null, channel_device_count: 0, manifest_bundle_count: 0, rollout_channel_count: 0 },
  ...{ rollout_paused_version_names: [], stats_updated_at: null, stats_refresh_requested_at: null },
  build_timeout_seconds: null,
});

describe('an app', () => {
  it('is made, and shown the same to both audiences', async () => {
    for (const as of ['documented', 'hosted'] as const) {
      const appId = newAppId();
      const answer = await create(appId, {}, as);
      expect(answer).toStrictEqual({ status: 200, body: rowOf(appId) });
      expect(await ask({ path: `/app/${appId}/`, as })).toStrictEqual(answer);
      expect(await ask({ path: `/functions/v1/app/${appId}`, as })).toStrictEqual(answer);
    }
  });

  it('is made with what is said of it', async () => {
    const appId = newAppId();
    const given = {
      ...{ name: 'Grüße 👋', icon: 'https://example.com/icon.png', owner_org: defaultOrganizationId },
      ...{ need_onboarding: true, existing_app: true, ios_store_url: 'https://apps.example.com/1' },
      ...{ android_store_url: 'https://play.example.com/1', default_upload_channel: 'beta' },
      expose_metadata: true,
    };
    const { icon, owner_org: _organization, ...shown } = given;
    expect((await create(appId, given)).body).toMatchObject({ ...shown, icon_url: icon });
  });

  it('is there with its first upload, which keeps its bundles for ever', async () => {
    const appId = newAppId();
    await upload(appId, '1.0.0');
    expect((await ask({ path: `/app/${appId}` })).body).toMatchObject({
      ...{ name: null, last_version: '1.0.0', retention: 63_113_904 },
    });
    expect(await create(appId)).toMatchObject({ status: 409, body: { code: 'app_id_already_exists' } });
  });

  it('is made once', async () => {
    const appId = newAppId();
    const answers = await Promise.all([create(appId), create(appId, {}, 'hosted'), create(appId)]);
    expect(answers.map(({ status }) => status).toSorted()).toStrictEqual([200, 409, 409]);
  });

  it('changes as it is told, and keeps the rest', async () => {
    const appId = newAppId();
    await create(appId, { icon: 'x' });
    clock.advance(5_000);
    for (const [given, shown] of [
      [{ name: 'New' }, {}],
      [{ icon: '' }, { icon_url: '' }],
      [{ retention: 0 }, {}],
      [{ retention: 63_113_903 }, {}],
      [{ retention: null }, { retention: 63_113_904 }],
      [{ expose_metadata: true, allow_device_custom_id: false }, {}],
      [{ need_onboarding: true, existing_app: true, block_provider_infra_requests: true }, {}],
      [{ ios_store_url: 'https://a.example', android_store_url: 'https://b.example' }, {}],
      [{ ios_store_url: null }, {}],
      [{ default_upload_channel: 'production' }, {}],
      [{ unknown: 1 }, { unknown: undefined }],
    ] as const) {
      const before = (await ask({ path: `/app/${appId}` })).body;
      const answer = await change(appId, given);
      const { icon: _icon, ...same } = given as { icon?: string };
      const expected = { ...before, ...same, ...shown, updated_at: nowText() };
      expect(answer).toEqual({ status: 200, body: expected });
      expect((await ask({ path: `/app/${appId}` })).body).toEqual(expected);
    }
    expect((await server.product.services.apps.find(appId))?.exposeMetadata).toBe(true);
  });

  it('shows what its channels and devices have come to', async () => {
    const appId = newAppId();
    for (const version of ['1.0.0', '1.0.1']) {
      await upload(appId, version);
      clock.advance(1);
    }
    const save = (body: object) =>
      ask({ method: 'POST', path: '/channel', body: { app_id: appId, ...body } });
    await save({ channel: 'a', version: '1.0.0' });
    await save({ channel: 'a', rolloutVersion: '1.0.1', rolloutPaused: true });
    await save({ channel: 'b' });
    const body = { app_id: appId, device_id: someDeviceId, channel: 'a' };
    expect((await ask({ method: 'POST', path: '/device', body })).status).toBe(200);
    expect((await ask({ path: `/app/${appId}` })).body).toMatchObject({
      ...{ last_version: '1.0.1', rollout_channel_count: 1, rollout_paused_version_names: ['1.0.1'] },
      channel_device_count: 1,
    });
  });

  it('is listed by id, in pages', async () => {
    const all: string[] = [];
    for (let page = 0; ; page += 1) {
      const hosted = await ask({ path: `/app?page=${page}&limit=2`, as: 'hosted' });
      const documented = await ask({ path: `/app/?page=${page}&limit=2&org_id=${defaultOrganizationId}` });
      expect(documented).toStrictEqual({ status: 200, body: { data: hosted.body } });
      all.push(...hosted.body.map(({ app_id }: { app_id: string }) => app_id));
      if (hosted.body.length < 2) break;
    }
    expect(all).toStrictEqual(all.toSorted());
    expect(all.length).toBeGreaterThan(3);
    const [whole] = [(await ask({ path: '/app', as: 'hosted' })).body];
    expect(whole.map(({ app_id }: { app_id: string }) => app_id)).toStrictEqual(all);
  });

  it('is deleted with everything of it: stored zips, channels, devices, what was reported', async () => {
    const appId = newAppId();
    await upload(appId, '1.0.0');
    await upload(appId, '1.0.1');
    const channel = { app_id: appId, channel: 'production', version: '1.0.0', public: true };
    await ask({ method: 'POST', path: '/channel', body: channel });
    const post = (path: string, body: object) =>
      fetch(`${server.userUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    await post('/stats', buildDeviceEventBody({ app_id: appId }));
    const { store, services } = server.product;
    expect(await store.countDeviceEvents({ appId })).toBe(1);
    const objects = async () =>
      (await readdir(join(server.dataDir, 'storage'), { recursive: true })).filter((path) =>
        path.includes(appId),
      );
    expect((await objects()).filter((path) => path.endsWith('.zip'))).toHaveLength(2);

    expect(await ask({ method: 'DELETE', path: `/app/${appId}` })).toStrictEqual({
      status: 200,
      body: { status: 'ok' },
    });
    expect((await objects()).filter((path) => path.endsWith('.zip'))).toStrictEqual([]);
    expect(await store.countDeviceEvents({ appId })).toBe(0);
    expect(await services.devices.list({ appId }, { limit: 5 })).toMatchObject({ items: [] });
    expect(await (await post('/updates', buildUpdateCheckBody({ app_id: appId }))).json()).toMatchObject({
      error: 'app_not_found',
    });
    expect((await ask({ path: `/bundle?app_id=${appId}` })).body.code).toBe('cannot_get_bundle');
    expect((await ask({ path: `/app/${appId}` })).status).toBe(401);
    expect((await ask({ method: 'DELETE', path: `/app/${appId}` })).status).toBe(400);

    // And can be made anew, without a trace of what it was.
    expect((await create(appId)).body).toStrictEqual(rowOf(appId));
    await upload(appId, '1.0.0');
    expect((await ask({ path: `/channel?app_id=${appId}`, as: 'hosted' })).body).toStrictEqual([]);
  });
});

describe('a request for apps that cannot be met', () => {
  const appId = newAppId();
  beforeAll(() => create(appId));
  const put = (body: object): RestRequest => ({ method: 'PUT', path: `/app/${appId}`, body });
  const post = (given: object): RestRequest => ({
    ...{ method: 'POST', path: '/app' },
    body: { app_id: 'com.example.refused', name: 'x', ...given },
  });
  const nobody = '/app/com.example.nobody';
  type Row = [what: string, request: RestRequest, status: number, code: string, text?: string];
  const rows: Row[] = [
    [
      'a list of another organization',
      { path: '/app?org_id=x' },
      400,
      'user_does_not_have_access_to_this_organization',
    ],
    ...['0', '1001', 'x', '-1'].map(
      (limit): Row => [`a limit of ${limit}`, { path: `/app?limit=${limit}` }, 400, 'invalid_limit'],
    ),
    ['a page that is none', { path: '/app?page=x' }, 400, 'invalid_page'],
    ['what is no app id', { path: '/app/x' }, 400, 'invalid_app_id'],
    ['an app that is not there', { path: nobody }, 401, 'cannot_access_app', 'App not found'],
    ['a new app without id', post({ app_id: undefined }), 400, 'missing_app_id'],
    ['a new app of what is no id', post({ app_id: 'My New App' }), 400, 'invalid_app_id'],
    ['a new app without name', post({ name: '' }), 400, 'missing_name'],
    ['a new app of another organization', post({ owner_org: 'x' }), 403, 'cannot_access_organization'],
    ['a new app with too long a name', post({ name: 'x'.repeat(256) }), 400, 'cannot_create_app'],
    ['a new app that is there', post({ app_id: appId }), 409, 'app_id_already_exists'],
    ['no body', { method: 'POST', path: '/app' }, 400, 'invalid_json_parse_body'],
    ['a change that says nothing', put({}), 400, 'invalid_json_parse_body'],
    ['a change without body', { method: 'PUT', path: `/app/${appId}` }, 400, 'invalid_json_parse_body'],
    ['a retention of two years', put({ retention: 63_113_904 }), 400, 'retention_to_big'],
    ['a retention of less than nothing', put({ retention: -1 }), 400, 'retention_to_small'],
    ['a retention of half a second', put({ retention: 0.5 }), 400, 'invalid_body'],
    ['a retention of another type', put({ retention: 'long' }), 400, 'invalid_body'],
    ['a name with a line end', put({ name: 'a\nb' }), 400, 'cannot_update_app'],
    ['a flag of another type', put({ expose_metadata: 'maybe' }), 400, 'invalid_body'],
    [
      'a change of no app',
      { method: 'PUT', path: nobody, body: { name: 'x' } },
      401,
      'cannot_access_app',
      'App not found',
    ],
    [
      'a change of what is no id',
      { method: 'PUT', path: '/app/x', body: { name: 'x' } },
      400,
      'invalid_app_id',
    ],
    ['a deletion of no app', { method: 'DELETE', path: nobody }, 400, 'cannot_delete_app', 'App not found'],
    ['a deletion of what is no id', { method: 'DELETE', path: '/app/x' }, 400, 'invalid_app_id'],
  ];

  it.each(rows)('is refused: %s', async (_what, request, status, code, text) => {
    const hosted = await ask({ ...request, as: 'hosted' });
    expect(hosted).toStrictEqual({
      status,
      body: { error: code, message: expect.any(String), moreInfo: expect.any(Object) },
    });
    expect(await ask(request)).toMatchObject({
      status,
      body: { error: text ?? hosted.body.message, status: 'KO', code },
    });
  });
});

describe('a caller', () => {
  const routes = () =>
    restAppRoutes({
      ...server.product.services,
      ...{ appSnapshots: { find: () => undefined } },
    });
  const requests = (id: string): readonly RestRequest[] => [
    { path: `/app/${id}` },
    { method: 'POST', path: '/app', body: { app_id: id, name: 'x' } },
    { method: 'PUT', path: `/app/${id}`, body: { name: 'x' } },
    { method: 'DELETE', path: `/app/${id}` },
  ];

  it('of one app cannot tell another from none, and makes no other', async () => {
    const [hidden, nobody, own] = [newAppId(), newAppId(), newAppId()];
    await create(hidden);
    const scoped = await serveRoutesTo(callerOf('admin', [own]), routes());
    for (const as of ['documented', 'hosted'] as const) {
      for (const [index, request] of requests(hidden).entries()) {
        const answer = await askRest(scoped.url, { ...request, as });
        expect(answer.status).toBeGreaterThanOrEqual(400);
        const ofNobody = await askRest(scoped.url, { ...requests(nobody)[index], as } as RestRequest);
        expect(JSON.parse(JSON.stringify(answer).replaceAll(hidden, nobody))).toStrictEqual(ofNobody);
      }
    }
    expect((await ask({ path: `/app/${hidden}` })).body.name).toBe('An app');
    expect((await askRest(scoped.url, { path: '/app', as: 'hosted' })).body).toStrictEqual([]);
    expect(
      (await askRest(scoped.url, { method: 'POST', path: '/app', body: { app_id: own, name: 'x' } })).status,
    ).toBe(200);
    const listed = (await askRest(scoped.url, { path: '/app', as: 'hosted' })).body;
    expect(listed.map(({ app_id }: { app_id: string }) => app_id)).toStrictEqual([own]);
    await scoped.close();
  });

  it.each(roles)('of role %s may do what the role says', async (role) => {
    const served = await serveRoutesTo(callerOf(role, []), routes());
    const least = ['read', 'write', 'write', 'admin'] as const;
    for (const [index, request] of requests('com.example.nobody').entries()) {
      const { status, body } = await askRest(served.url, request);
      const isPermitted = roles.indexOf(role) >= roles.indexOf(least[index] ?? 'admin');
      expect([request, status]).toStrictEqual([request, isPermitted ? [401, 403, 401, 400][index] : 403]);
      if (!isPermitted) expect(body.error).toBe('Insufficient permissions to manage apps');
    }
    await served.close();
  });
});
