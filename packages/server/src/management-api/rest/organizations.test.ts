import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '../../domain/access.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { buildActor } from '../../testing/builders.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { askRest, callerOf, type RestRequest, serveRoutesTo } from '../../testing/rest-client.ts';
import { bundleForm, startTestServer, type TestServer } from '../../testing/test-server.ts';
import { restOrganizationRoutes } from './organizations.ts';

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

const ask = (request: RestRequest) => askRest(server.managementUrl, request);
const nowText = () => new Date(clock.now()).toISOString();
const audiences = ['documented', 'hosted'] as const;

async function found(name = 'Acme'): Promise<string> {
  const { status, body } = await ask({ method: 'POST', path: '/organization', body: { name } });
  expect([status, body]).toStrictEqual([200, { id: expect.stringMatching(/^[0-9a-f-]{36}$/) }]);
  return body.id;
}
const change = (orgId: string, given: object) =>
  ask({ method: 'PUT', path: '/organization', body: { orgId, ...given } });

const rowOf = (id: string, given: object = {}) => ({
  ...{ id, created_by: 'management-token-1', created_at: nowText(), updated_at: nowText(), logo: null },
  ...{ name: 'Acme', management_email: null, customer_id: null, website: null, ...given },
});

describe('the organization that is there from the beginning', () => {
  it('is shown to every key, also to one of a single app', async () => {
    const { organizations, audit } = server.product.services;
    for (const apps of [null, ['com.example.any']]) {
      const routes = restOrganizationRoutes({ organizations, audit });
      const served = await serveRoutesTo(callerOf('read', apps), routes);
      try {
        const { status, body } = await askRest(served.url, { path: '/organization' });
        expect([status, body.data[0]]).toMatchObject([
          200,
          { id: defaultOrganizationId, created_by: null, customer_id: null },
        ]);
      } finally {
        await served.close();
      }
    }
  });

  it('cannot be deleted', async () => {
    const path = `/organization?orgId=${defaultOrganizationId}`;
    expect(await ask({ method: 'DELETE', path })).toMatchObject({
      ...{ status: 400, body: { code: 'cannot_delete_organization', status: 'KO' } },
    });
    expect((await ask({ path })).status).toBe(200);
  });
});

describe('an organization', () => {
  it('is founded, listed and shown, to both audiences', async () => {
    const given = { name: '<b>Acme</b>', email: 'Ops@Example.com', website: 'example.com', intent: 'ota' };
    const { body } = await ask({
      ...{ method: 'POST', path: '/organization', body: { ...given, estimatedMau: 1000 } },
    });
    const row = rowOf(body.id, { management_email: 'ops@example.com', website: 'https://example.com/' });
    const one = `/organization?orgId=${body.id}`;
    expect(await ask({ path: one })).toStrictEqual({ status: 200, body: { data: row } });
    expect(await ask({ path: one, as: 'hosted' })).toStrictEqual({ status: 200, body: row });
    expect((await ask({ path: '/organization/' })).body.data).toContainEqual(row);
    expect((await ask({ path: '/functions/v1/organization', as: 'hosted' })).body).toContainEqual(row);
  });

  it.each([
    ['a name that is too short', { name: 'ab' }],
    ['a name that is nothing but markup', { name: '<script></script>' }],
    ['no name', {}],
    ['an address that is none', { name: 'Acme', email: 'nobody' }],
    ['a website with a password', { name: 'Acme', website: 'https://a:b@example.com' }],
    ['a website of another kind', { name: 'Acme', website: 'javascript:alert(1)' }],
    ['devices below nothing', { name: 'Acme', estimatedMau: -1 }],
    ['an intent that nobody knows', { name: 'Acme', intent: 'else' }],
    ['a name that is no text', { name: ['Acme'] }],
  ])('is not founded with %s', async (_which, body) => {
    for (const as of audiences) {
      const answer = await ask({ method: 'POST', path: '/organization', body, as });
      const code = as === 'hosted' ? answer.body.error : answer.body.code;
      expect([answer.status, code]).toStrictEqual([400, 'invalid_body']);
    }
  });

  it('is changed, and what is left out stays', async () => {
    const id = await found();
    const rules = {
      ...{ require_apikey_expiration: true, max_apikey_expiration_days: 90 },
      ...{ enforce_encrypted_bundles: true, required_encryption_key: 'MIIBCgKCAQEAwBf1Ya3T' },
    };
    const answer = await change(id, { name: 'Other', logo: 'https://example.com/l.png', ...rules });
    const data = {
      ...rowOf(id, { name: 'Other', logo: 'https://example.com/l.png' }),
      ...{ ...rules, enforce_hashed_api_keys: true, enforcing_2fa: false },
    };
    expect(answer).toStrictEqual({ status: 200, body: { status: 'Organization updated', id, data } });
    const taken = { required_encryption_key: '', max_apikey_expiration_days: null, logo: null };
    expect((await change(id, taken)).body.data).toStrictEqual({
      ...data,
      ...{ required_encryption_key: null, max_apikey_expiration_days: null, logo: null },
    });
  });

  it.each([
    [{ max_apikey_expiration_days: 0 }, 'invalid_max_expiration_days'],
    [{ max_apikey_expiration_days: 366 }, 'invalid_max_expiration_days'],
    [{ max_apikey_expiration_days: 1.5 }, 'invalid_max_expiration_days'],
    [{ required_encryption_key: 'short' }, 'invalid_required_encryption_key'],
    [{ enforcing_2fa: true }, 'requires_2fa_to_enforce_2fa'],
    [{ enforce_hashed_api_keys: false }, 'cannot_update_org'],
    [{ password_policy_config: { enabled: true, min_length: 8 } }, 'cannot_update_org'],
    [{ name: 'ab' }, 'invalid_body'],
    [{ require_apikey_expiration: 'maybe' }, 'invalid_body'],
  ])('is not changed to %j', async (given, code) => {
    const id = await found();
    expect(await change(id, given)).toMatchObject({ status: 400, body: { code } });
    expect((await ask({ path: `/organization?orgId=${id}` })).body.data).toStrictEqual(rowOf(id));
  });

  it('takes what says only what is so anyway', async () => {
    const id = await found();
    const given = { enforcing_2fa: false, enforce_hashed_api_keys: true, password_policy_config: null };
    expect((await change(id, { ...given, password_policy_config: { enabled: false } })).status).toBe(200);
    expect((await change(id, given)).status).toBe(200);
  });

  it('is deleted, by body or by query, once it has no apps', async () => {
    const id = await found();
    const appId = 'com.example.kept';
    const app = { app_id: appId, name: 'Kept', owner_org: id };
    expect((await ask({ method: 'POST', path: '/app', body: app })).body.owner_org).toBe(id);
    const remove = (as: 'documented' | 'hosted' = 'documented') =>
      ask({ method: 'DELETE', path: '/organization', body: { orgId: id }, as });
    expect(await remove('hosted')).toMatchObject({
      ...{ status: 400, body: { error: 'cannot_delete_organization' } },
    });
    await ask({ method: 'DELETE', path: `/app/${appId}` });
    expect(await remove()).toStrictEqual({ status: 200, body: { status: 'ok' } });
    expect((await remove()).status).toBe(403);
    const other = await found();
    expect((await ask({ method: 'DELETE', path: `/organization?orgId=${other}` })).status).toBe(200);
  });

  it('that is not there, or not named, is told so', async () => {
    const none = randomUUID();
    const of = (method: string, path: string, body?: object) =>
      ask({ method, path, ...(body ? { body } : {}) }).then(({ status, body: { code } }) => [status, code]);
    expect(await of('GET', `/organization?orgId=${none}`)).toStrictEqual([400, 'invalid_org_id']);
    expect(await of('PUT', '/organization', { orgId: none, name: 'Acme' })).toStrictEqual([
      ...[400, 'cannot_access_organization'],
    ]);
    expect(await of('PUT', '/organization', { name: 'Acme' })).toStrictEqual([400, 'invalid_body']);
    expect(await of('DELETE', `/organization?orgId=${none}`)).toStrictEqual([403, 'invalid_org_id']);
    expect(await of('DELETE', '/organization?orgId=')).toStrictEqual([400, 'missing_org_id']);
    expect(await of('DELETE', '/organization')).toStrictEqual([400, 'invalid_json_parse_body']);
    expect(await of('GET', `/organization/audit?orgId=${none}`)).toStrictEqual([400, 'invalid_org_id']);
    expect(await of('GET', '/organization/audit')).toStrictEqual([400, 'invalid_body']);
  });

  it('has the statistics of its own apps', async () => {
    const id = await found();
    const app = { app_id: 'com.example.counted', name: 'Counted', owner_org: id };
    await ask({ method: 'POST', path: '/app', body: app });
    const increment = {
      ...({ metric: 'bandwidth', date: '2026-01-14', name: 'served', detail: '', amount: 7 } as const),
    };
    await server.product.store.addToStatistics([
      { appId: app.app_id, increment },
      { appId: 'com.example.elsewhere', increment },
    ]);
    const query = 'from=2026-01-14&to=2026-01-15';
    const { body } = await ask({ path: `/statistics/org/${id}?${query}` });
    expect(body).toMatchObject([{ date: '2026-01-14', bandwidth: 7 }]);
    expect((await ask({ path: `/statistics/org/${randomUUID()}?${query}` })).status).toBe(401);
  });
});

describe('rules of an organization', () => {
  it('hold for keys that may see its apps', async () => {
    const id = await found();
    const appId = 'com.example.ruled';
    await ask({ method: 'POST', path: '/app', body: { app_id: appId, name: 'Ruled', owner_org: id } });
    const make = (apps: string[] | null, expiresAtMs?: number) =>
      ask({
        ...{ method: 'POST', path: '/apikey' },
        body: {
          ...{ name: 'CI', role: 'read', apps },
          ...(expiresAtMs === undefined ? {} : { expires_at: new Date(expiresAtMs).toISOString() }),
        },
      });
    const before = await make([appId]);
    expect(before.status).toBe(200);
    await change(id, { require_apikey_expiration: true, max_apikey_expiration_days: 10 });
    const dayMs = 24 * 60 * 60 * 1000;
    const [soon, late] = [clock.now() + 10 * dayMs, clock.now() + 11 * dayMs];
    const codeOf = async (answer: ReturnType<typeof make>) => {
      const { status, body } = await answer;
      return status === 200 ? 'made' : `${status} ${body.code}`;
    };
    expect(await codeOf(make([appId]))).toBe('400 expiration_required');
    expect(await codeOf(make(null))).toBe('400 expiration_required');
    expect(await codeOf(make([appId], late))).toBe('400 expiration_exceeds_max');
    expect(await codeOf(make([appId], soon))).toBe('made');
    expect(await codeOf(make(['com.example.unruled']))).toBe('made');

    const update = (body: object) => ask({ method: 'PUT', path: `/apikey/${before.body.id}`, body });
    expect((await update({ name: 'renamed' })).status).toBe(200);
    expect(await codeOf(update({ regenerate: true }))).toBe('400 expiration_required');
    expect(await codeOf(update({ expires_at: null }))).toBe('400 expiration_required');
    expect(await codeOf(update({ expires_at: new Date(soon).toISOString(), regenerate: true }))).toBe('made');
    await change(id, { require_apikey_expiration: false, max_apikey_expiration_days: null });
  });

  it('hide it from keys that never end, also from those of before, and from no others', async () => {
    const id = await found();
    // A key of all apps has to follow the rules of all organizations, also of those of other tests.
    for (const { id: other } of (await ask({ path: '/organization' })).body.data) {
      await change(other, { require_apikey_expiration: false, max_apikey_expiration_days: null });
    }
    const make = async (expires_at: string | null) => {
      const body = { name: 'ops', role: 'admin', expires_at };
      return (await ask({ method: 'POST', path: '/apikey', body })).body.key as string;
    };
    const [endless, ending] = [await make(null), await make(new Date(clock.now() + 60_000).toISOString())];
    const statusOf = async (key: string, path: string) => {
      const answer = await fetch(`${server.managementUrl}${path}`, { headers: { capgkey: key } });
      return answer.status === 200 ? 200 : [answer.status, ((await answer.json()) as { code: string }).code];
    };
    const paths = [
      ...[`/organization?orgId=${id}`, `/organization/audit?orgId=${id}`, `/webhooks?orgId=${id}`],
    ];
    for (const path of paths) expect(await statusOf(endless, path)).toBe(200);
    await change(id, { require_apikey_expiration: true });
    for (const path of paths) {
      expect(await statusOf(endless, path)).toStrictEqual([401, 'org_requires_expiring_key']);
      expect(await statusOf(ending, path)).toBe(200);
      expect((await ask({ path })).status).toBe(200);
    }
    expect(await statusOf(endless, `/organization?orgId=${defaultOrganizationId}`)).toBe(200);
    await change(id, { require_apikey_expiration: false });
    expect(await statusOf(endless, `/organization?orgId=${id}`)).toBe(200);
  });

  it('hold for bundles of its apps', async () => {
    const id = await found();
    const appId = 'com.example.encrypted';
    await ask({ method: 'POST', path: '/app', body: { app_id: appId, name: 'App', owner_org: id } });
    await change(id, {
      ...{ enforce_encrypted_bundles: true, required_encryption_key: 'MIIBCgKCAQEAwBf1Ya3T' },
    });
    const upload = async (version: string, given: Record<string, string> = {}) => {
      const body = bundleForm({ app_id: appId, version, ...given });
      const answer = await ask({ method: 'POST', path: '/bundle', body });
      return answer.status === 200 ? 'taken' : answer.body.code;
    };
    expect(await upload('1.0.0')).toBe('encryption_required');
    const session = { session_key: 'aXY=:a2V5', checksum: 'f0'.repeat(256) };
    expect(await upload('1.0.1', session)).toBe('encryption_key_required');
    expect(await upload('1.0.2', { ...session, key_id: 'MIIBCgKCAQEAxxxxxxxx' })).toBe(
      'encryption_key_mismatch',
    );
    expect(await upload('1.0.3', { ...session, key_id: 'MIIBCgKCAQEAwBf1Ya3T' })).toBe('taken');
  });
});

describe('the audit log of an organization', () => {
  it('comes in counted pages, newest first, with filters', async () => {
    const id = await found();
    for (const name of ['One', 'Two', 'Three']) await change(id, { name });
    const path = `/organization/audit?orgId=${id}`;
    const all = await ask({ path });
    expect(all).toMatchObject({ status: 200, body: { total: 4, page: 0, limit: 50 } });
    expect(await ask({ path, as: 'hosted' })).toStrictEqual(all);
    const names = (rows: { new_record: { name: string } }[]) => rows.map((row) => row.new_record.name);
    expect(names(all.body.data)).toStrictEqual(['Three', 'Two', 'One', 'Acme']);
    expect(all.body.data[0]).toMatchObject({
      ...{ table_name: 'orgs', record_id: id, operation: 'UPDATE', org_id: id, app_id: null, user_id: null },
      ...{ old_record: { name: 'Two' }, new_record: { name: 'Three' }, changed_fields: ['name'] },
      ...{ actor_type: 'apikey', actor_apikey_id: 'management-token-1', actor_user_id: null },
    });
    const second = (await ask({ path: `${path}&limit=3&page=1` })).body;
    expect([names(second.data), second.total, second.page]).toStrictEqual([['Acme'], 4, 1]);
    expect((await ask({ path: `${path}&limit=5000` })).body.limit).toBe(100);
    expect((await ask({ path: `${path}&operation=INSERT` })).body.total).toBe(1);
    expect((await ask({ path: `${path}&tableName=apps` })).body).toMatchObject({ data: [], total: 0 });
    for (const wrong of ['tableName=users', 'operation=TRUNCATE', 'page=-1', 'limit=x', 'page=1.5']) {
      expect(await ask({ path: `${path}&${wrong}` })).toMatchObject({
        ...{ status: 400, body: { code: 'invalid_body' } },
      });
    }
  });

  it('is for admins of all apps only', async () => {
    const { organizations, audit } = server.product.services;
    const routes = restOrganizationRoutes({ organizations, audit });
    const path = `/organization/audit?orgId=${defaultOrganizationId}`;
    const callers: readonly [Caller, number][] = [
      [callerOf('admin'), 200],
      [callerOf('write'), 403],
      [callerOf('admin', ['com.example.a']), 403],
    ];
    for (const [caller, status] of callers) {
      const served = await serveRoutesTo(caller, routes);
      try {
        expect((await askRest(served.url, { path })).status).toBe(status);
      } finally {
        await served.close();
      }
    }
  });
});

it('an organization is founded by a person who becomes its super admin, when the address is verified', async () => {
  const { organizations, members } = server.product.services;
  const ada: Caller = { kind: 'user', id: 'ada', name: 'Ada', role: 'admin', apps: null };
  const known = await organizations.create({ name: 'Known' }, { ...ada, email: 'ada@example.com' });
  const unknown = await organizations.create({ name: 'Unknown' }, ada);
  expect(await members.list(known.id)).toMatchObject([{ email: 'ada@example.com', role: 'super_admin' }]);
  expect(await members.list(unknown.id)).toStrictEqual([]);
  await organizations.delete(unknown.id, buildActor());
});
