import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../domain/access.ts';
import { askRest, callerOf, type RestRequest, serveRoutesTo } from '../../testing/rest-client.ts';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { restMemberRoutes } from './members.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const ask = (request: RestRequest) => askRest(server.managementUrl, request);
const path = '/organization/members';
let orgId: string;
beforeEach(async () => {
  const founded = await ask({ method: 'POST', path: '/organization', body: { name: 'Acme' } });
  orgId = founded.body.id;
});

const invite = (email: string, given: object = { invite_type: 'write' }) =>
  ask({ method: 'POST', path, body: { orgId, email, ...given } });
const remove = (email: string) => ask({ method: 'DELETE', path, body: { orgId, email } });
const rolesOf = async (as: 'documented' | 'hosted' = 'documented') => {
  const { body } = await ask({ path: `${path}?orgId=${orgId}`, as });
  const rows = (as === 'hosted' ? body : body.data) as { email: string; role: string }[];
  return Object.fromEntries(rows.map(({ email, role }) => [email, role]));
};
const outcome = ({ status, body }: { status: number; body: { code?: string } }) =>
  status === 200 ? 'done' : `${status} ${body.code}`;

async function askAs(caller: Caller, request: RestRequest) {
  const served = await serveRoutesTo(caller, restMemberRoutes(server.product.services));
  try {
    return await askRest(served.url, request);
  } finally {
    await served.close();
  }
}

describe('members', () => {
  it('are invited, listed by address, and shown to both audiences', async () => {
    expect(await invite('Ada@Example.com')).toStrictEqual({ status: 200, body: { status: 'ok' } });
    await invite('a@example.com', { invite_type: 'org_super_admin' });
    const row = { uid: expect.stringMatching(/^[0-9a-f-]{36}$/), image_url: '', is_tmp: true };
    expect(await ask({ path: `${path}?orgId=${orgId}` })).toStrictEqual({
      status: 200,
      body: {
        data: [
          { ...row, email: 'a@example.com', role: 'super_admin' },
          { ...row, email: 'ada@example.com', role: 'write' },
        ],
      },
    });
    expect(await ask({ path: `${path}?orgId=${orgId}`, as: 'hosted' })).toStrictEqual({
      status: 200,
      body: [
        { ...row, email: 'a@example.com', role: 'org_super_admin' },
        { ...row, email: 'ada@example.com', role: 'org_member' },
      ],
    });
    await server.product.services.members.findRole('ADA@example.com');
    expect((await ask({ path: `${path}?orgId=${orgId}` })).body.data[1].is_tmp).toBe(false);
  });

  it.each([
    ...[['org_member', 'read'] as const, ['org_billing_admin', 'read'] as const, ['read', 'read'] as const],
    ...[['upload', 'upload'] as const, ['invite_write', 'write'] as const, ['org_admin', 'admin'] as const],
    ...[['admin', 'admin'] as const, ['invite_super_admin', 'super_admin'] as const],
  ])('are invited as %s, which is %s', async (name, role) => {
    for (const field of ['invite_type', 'role']) {
      expect(outcome(await invite(`${field.replace('_', '-')}@example.com`, { [field]: name }))).toBe('done');
    }
    expect(Object.values(await rolesOf())).toStrictEqual([role, role]);
  });

  it('who are invited again have the new role', async () => {
    await invite('a@example.com');
    await invite('a@example.com', { invite_type: 'read' });
    expect(await rolesOf()).toStrictEqual({ 'a@example.com': 'read' });
  });

  it.each([
    ['no address', { email: '' }],
    ['an address that is none', { email: 'a' }],
    ['an address with a line break', { email: 'a@example.com\nb' }],
    ['no role', { invite_type: '' }],
    ['a role that nobody knows', { invite_type: 'owner' }],
    ['a role that is a property of every object', { invite_type: 'constructor' }],
    ['a role that is no text', { invite_type: ['read'] }],
  ])('are not invited with %s', async (_which, given) => {
    const body = { orgId, email: 'a@example.com', invite_type: 'read', ...given };
    const answer = await ask({ method: 'POST', path, body });
    expect(outcome(answer)).toBe('400 invalid_body');
    expect(await rolesOf()).toStrictEqual({});
  });

  it('are removed, by body or by query', async () => {
    await invite('a@example.com');
    await invite('b@example.com');
    expect(outcome(await remove('A@example.com'))).toBe('done');
    const query = `${path}?orgId=${orgId}&email=${encodeURIComponent('b@example.com')}`;
    expect(await ask({ method: 'DELETE', path: query })).toStrictEqual({
      status: 200,
      body: { status: 'ok' },
    });
    expect(await rolesOf()).toStrictEqual({});
    expect(outcome(await remove('a@example.com'))).toBe('404 organization_member_not_found');
  });

  it('never lose their last super admin', async () => {
    await invite('a@example.com', { invite_type: 'super_admin' });
    expect(outcome(await remove('a@example.com'))).toBe('400 CANNOT_REMOVE_LAST_SUPER_ADMIN');
    expect(outcome(await invite('a@example.com'))).toBe('400 CANNOT_REMOVE_LAST_SUPER_ADMIN');
    await invite('b@example.com', { invite_type: 'super_admin' });
    expect(outcome(await remove('a@example.com'))).toBe('done');
  });

  it('of an organization that is not there are told so', async () => {
    const none = randomUUID();
    const facts = { orgId: none, email: 'a@example.com', invite_type: 'read' };
    const answers = [
      await ask({ path: `${path}?orgId=${none}` }),
      await ask({ method: 'POST', path, body: facts }),
      await ask({ method: 'DELETE', path, body: facts }),
    ];
    expect(answers.map(outcome)).toStrictEqual(answers.map(() => '400 cannot_access_organization'));
    expect(outcome(await ask({ path }))).toBe('400 invalid_body');
  });

  it('are told of in the audit log, with who did it', async () => {
    await invite('a@example.com');
    await invite('a@example.com', { invite_type: 'admin' });
    await remove('a@example.com');
    const log = await ask({ path: `/organization/audit?orgId=${orgId}&tableName=org_users` });
    expect(log.body.data).toMatchObject([
      { operation: 'DELETE', old_record: { email: 'a@example.com', role: 'admin' }, new_record: null },
      { operation: 'UPDATE', changed_fields: ['role'] },
      { operation: 'INSERT', new_record: { role: 'write' }, actor_apikey_id: 'management-token-1' },
    ]);
  });
});

describe('a person', () => {
  const person = (email: string, role: Caller['role'] = 'admin'): Caller => ({
    ...{ kind: 'user', id: email, name: email, email, role, apps: null },
  });

  it('may leave, whatever the role, and not remove others', async () => {
    await invite('a@example.com', { invite_type: 'read' });
    await invite('b@example.com', { invite_type: 'read' });
    const leave = (email: string) =>
      askAs(person('a@example.com', 'read'), { method: 'DELETE', path, body: { orgId, email } });
    expect((await leave('b@example.com')).status).toBe(403);
    expect(outcome(await leave('A@Example.com'))).toBe('done');
  });

  it('gives nobody a role above the own, and removes nobody above', async () => {
    await invite('admin@example.com', { invite_type: 'admin' });
    await invite('boss@example.com', { invite_type: 'super_admin' });
    await invite('other@example.com', { invite_type: 'super_admin' });
    const asAdmin = (method: string, body: object) =>
      askAs(person('admin@example.com'), { method, path, body: { orgId, ...body } });
    expect(outcome(await asAdmin('POST', { email: 'c@example.com', invite_type: 'super_admin' }))).toBe(
      '400 error_inviting_user_to_organization',
    );
    expect(outcome(await asAdmin('POST', { email: 'boss@example.com', invite_type: 'read' }))).toBe(
      '400 error_inviting_user_to_organization',
    );
    expect(outcome(await asAdmin('DELETE', { email: 'boss@example.com' }))).toBe(
      '403 cannot_delete_higher_priority_role',
    );
    expect(outcome(await asAdmin('POST', { email: 'c@example.com', invite_type: 'admin' }))).toBe('done');
  });

  it('whose address nobody vouches for is no super admin either', async () => {
    await invite('boss@example.com', { invite_type: 'super_admin' });
    await invite('other@example.com', { invite_type: 'super_admin' });
    const unverified: Caller = { kind: 'user', id: 'u', name: 'boss@example.com', role: 'admin', apps: null };
    const asUnverified = (method: string, body: object) =>
      askAs(unverified, { method, path, body: { orgId, ...body } });
    expect(outcome(await asUnverified('POST', { email: 'c@example.com', invite_type: 'super_admin' }))).toBe(
      '400 error_inviting_user_to_organization',
    );
    expect(outcome(await asUnverified('DELETE', { email: 'boss@example.com' }))).toBe(
      '403 cannot_delete_higher_priority_role',
    );
    expect(outcome(await asUnverified('POST', { email: 'c@example.com', invite_type: 'admin' }))).toBe(
      'done',
    );
  });
});

it.each([
  ['a key that may only write', callerOf('write'), { GET: 200, POST: 403, DELETE: 403 }],
  ['an admin key of one app', callerOf('admin', ['com.example.a']), { GET: 403, POST: 403, DELETE: 403 }],
] as const)('%s is answered as its role says', async (_which, caller, statuses) => {
  for (const [method, status] of Object.entries(statuses)) {
    const body = { orgId, email: 'a@example.com', invite_type: 'read' };
    const request = method === 'GET' ? { path: `${path}?orgId=${orgId}` } : { method, path, body };
    expect([method, (await askAs(caller, request)).status]).toStrictEqual([method, status]);
  }
});
