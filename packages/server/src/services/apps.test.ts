import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildUpdateCheckBody } from '../testing/builders.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

type Row = Record<string, unknown>;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
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
  const { id } = await channels.create({ appId, name: 'production', ...settings }, 'olga');
  await channels.setBundle(id, bundleId, 'olga');
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

function setSettings(appId: string, change: { exposeMetadata?: boolean; allowDeviceCustomId?: boolean }) {
  return server.product.services.apps.setSettings(appId, change);
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
