import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultOrganizationId } from '../domain/organization.ts';
import { buildUpdateCheckBody } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

type Json = Record<string, unknown>;

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

async function ask(method: string, path: string, body?: unknown, key = testToken) {
  const isForm = body instanceof FormData;
  const response = await fetch(`${server.managementUrl}${path}`, {
    ...{ method, headers: { 'x-api-key': key, ...(isForm ? {} : { 'content-type': 'application/json' }) } },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function done(method: string, path: string, body?: unknown, key?: string): Promise<Json> {
  const { status, text } = await ask(method, path, body, key);
  expect([method, path, status < 300, text]).toStrictEqual([method, path, true, expect.any(String)]);
  return JSON.parse(text) as Json;
}

async function listed(query = '', limit = 100): Promise<Json[]> {
  return (await done('GET', `/api/v1/audit.list?limit=${limit}&${query}`))['data'] as Json[];
}
const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Json);

const appId = 'com.example.audited';

it('every management change is in the log, with who made it and the record before and after', async () => {
  const made = await done('POST', '/apikey', { name: 'CI', role: 'admin' });
  const key = made['key'] as string;
  const told: [method: string, path: string, body: unknown, tables: string[]][] = [
    ['POST', '/app', { app_id: appId, name: 'App' }, ['apps INSERT']],
    ['PUT', `/app/${appId}`, { name: 'Other' }, ['apps UPDATE']],
    ['POST', '/bundle', bundleForm({ app_id: appId, version: '1.0.0' }), ['app_versions INSERT']],
    ['POST', '/bundle', bundleForm({ app_id: appId, version: '1.0.1' }), ['app_versions INSERT']],
    ['POST', '/bundle/metadata', { app_id: appId, version_id: 1, comment: 'a' }, ['app_versions UPDATE']],
    ['POST', '/channel', { app_id: appId, channel: 'beta', version: '1.0.0' }, ['channels INSERT']],
    ['POST', '/channel', { app_id: appId, channel: 'beta', allow_dev: false }, ['channels UPDATE']],
    [
      ...(['POST', '/device'] as const),
      { app_id: appId, device_id: buildUpdateCheckBody().device_id, channel: 'beta' },
      ['channel_devices INSERT'],
    ],
    ['DELETE', '/channel', { app_id: appId, channel: 'beta' }, ['channel_devices DELETE', 'channels DELETE']],
    ['DELETE', '/bundle', { app_id: appId, version: '1.0.1' }, ['app_versions UPDATE']],
    ['PUT', '/organization', { orgId: defaultOrganizationId, name: 'Renamed' }, ['orgs UPDATE']],
    [
      ...(['POST', '/organization/members'] as const),
      { orgId: defaultOrganizationId, email: 'a@example.com', role: 'read' },
      ['org_users INSERT'],
    ],
  ];
  for (const [method, path, body, tables] of told) {
    const [last] = await listed('', 1);
    await done(method, path, body, key);
    const entries = (await listed())
      .filter(({ id }) => (id as number) > (last?.['id'] as number))
      .toReversed();
    expect(entries.map((entry) => `${entry['table_name']} ${entry['operation']}`)).toStrictEqual(tables);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        ...{ actor_type: 'apikey', actor_apikey_id: String(made['id']), actor_apikey_name: 'CI' },
        ...{ org_id: defaultOrganizationId, created_at: new Date(clock.now()).toISOString() },
      });
      expect(entry['old_record'] === null).toBe(entry['operation'] === 'INSERT');
      expect(entry['new_record'] === null).toBe(entry['operation'] === 'DELETE');
    }
  }
  const [renamed] = await listed('table=apps&operation=UPDATE');
  expect(renamed).toMatchObject({
    ...{ old_record: { name: 'App' }, new_record: { name: 'Other' }, changed_fields: ['name'] },
  });
});

it('keys are told of from the first to the last, and never what proves them', async () => {
  const { id, key } = await done('POST', '/apikey', { name: 'Told', role: 'read' });
  const changed = await done('PUT', `/apikey/${id}`, { expires_at: '2026-03-01T00:00:00Z' });
  const again = await done('PUT', `/apikey/${id}`, { regenerate: true });
  await done('DELETE', `/apikey/${id}`);
  expect(changed['expires_at']).toBe('2026-03-01T00:00:00.000Z');
  const entries = (await listed('table=apikeys')).filter((entry) => entry['record_id'] === String(id));
  expect(entries).toMatchObject([
    { operation: 'DELETE', old_record: { name: 'Told', expires_at: '2026-03-01T00:00:00.000Z' } },
    { changed_fields: ['regenerated_at'], new_record: { regenerated_at: expect.any(String) } },
    { changed_fields: ['expires_at'], old_record: { expires_at: null } },
    { operation: 'INSERT', new_record: { role: 'read', apps: null }, actor_apikey_id: 'management-token-1' },
  ]);
  const { createHash } = await import('node:crypto');
  for (const text of [key, again['key']] as string[]) {
    const hash = createHash('sha256').update(text).digest('hex');
    for (const secret of [text, hash]) expect(JSON.stringify(entries)).not.toContain(secret);
  }
});

it('what a device does, and what is refused, is in no log', async () => {
  const before = await listed('', 1);
  await fetch(`${server.userUrl}/updates`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(buildUpdateCheckBody({ app_id: appId })),
  });
  expect((await ask('DELETE', '/channel', { app_id: appId, channel: 'none' })).status).toBe(400);
  expect(await listed('', 1)).toStrictEqual(before);
});

describe('an export', () => {
  it('is one entry a line, the same and in the same order as the list, whatever its length', async () => {
    const many = 'com.example.many';
    for (let each = 0; each < 600; each += 1) {
      await server.product.services.channels.create(
        { appId: many, name: `c${each}` },
        { kind: 'system', id: 'filler', name: 'filler', email: null },
      );
    }
    const { headers, text } = await ask('GET', `/api/v1/audit.export?app_id=${many}`);
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect(headers.get('content-disposition')).toBe('attachment; filename="audit.ndjson"');
    const lines = linesOf(text);
    expect(lines).toHaveLength(601);
    expect(lines.slice(0, 100)).toStrictEqual(await listed(`app_id=${many}`));
    const ids = lines.map(({ id }) => id as number);
    expect(ids).toStrictEqual(ids.toSorted((one, two) => two - one));
  });

  it('takes the filters of the list, alone and together', async () => {
    const count = async (query: string) =>
      linesOf((await ask('GET', `/api/v1/audit.export?${query}`)).text).length;
    expect(await count('app_id=com.example.many&table=apps')).toBe(1);
    expect(await count('actor=filler&operation=INSERT')).toBe(601);
    expect(await count('actor=filler&operation=DELETE')).toBe(0);
    expect(await count('table=orgs')).toBe(1);
    const nowMs = clock.now();
    expect(await count(`app_id=com.example.many&from=${nowMs}`)).toBe(601);
    expect(await count(`app_id=com.example.many&to=${nowMs}`)).toBe(0);
    expect(await count(`app_id=com.example.many&from=${nowMs + 1}`)).toBe(0);
    for (const wrong of ['table=users', 'operation=x', 'from=yesterday', 'app_id=x']) {
      expect((await ask('GET', `/api/v1/audit.export?${wrong}`)).status).toBe(400);
      expect((await ask('GET', `/api/v1/audit.list?${wrong}`)).status).toBe(400);
    }
  });
});
