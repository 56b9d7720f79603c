import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Caller } from '../domain/access.ts';
import { actorOf } from '../domain/actor.ts';
import { defaultOrganizationId } from '../domain/organization.ts';
import { type OidcServer, startOidcServer } from '../testing/oidc-server.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

let issuer: OidcServer;
beforeAll(async () => {
  issuer = await startOidcServer();
});
afterAll(() => issuer.close());

async function start(env: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({
    env: {
      ...{ OAUTH_ISSUER: issuer.issuer, OAUTH_CLIENT_ID: 'console', TRUSTED_PROXIES: '127.0.0.1' },
      ...env,
    },
  });
  onTestFinished(() => server.close());
  return server;
}

let lastClient = 0;
function newClient(): string {
  lastClient += 1;
  return `10.3.0.${lastClient}`;
}

function ask(server: TestServer, authorization: string, path = '/api/v1/session.get', client = newClient()) {
  const headers = { authorization, 'x-forwarded-for': client };
  return fetch(`${server.managementUrl}${path}`, { headers });
}
const statusOf = async (server: TestServer, authorization: string, path?: string) =>
  (await ask(server, authorization, path)).status;

describe('a person who signed in', () => {
  it('may do everything when nothing restricts who may come in', async () => {
    const server = await start();
    const { idToken, accessToken } = await issuer.signIn('ada');
    for (const token of [`Bearer ${idToken}`, idToken, `bearer ${accessToken}`]) {
      const answer = await ask(server, token);
      expect([answer.status, await answer.json()]).toEqual([
        200,
        expect.objectContaining({
          ...{ kind: 'user', id: 'ada', name: 'ada@example.com', role: 'admin', apps: null },
        }),
      ]);
    }
  });

  it('makes API keys, and is named as who did what', async () => {
    const server = await start();
    const { idToken } = await issuer.signIn('ada');
    const authorization = `Bearer ${idToken}`;
    const made = await fetch(`${server.managementUrl}/apikey`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'CI', role: 'write' }),
    });
    const { user_id, key, id } = (await made.json()) as { user_id: string; key: string; id: number };
    expect([made.status, user_id]).toEqual([200, 'ada']);

    const post = async (path: string, headers: Record<string, string>, body: FormData | object) => {
      const isForm = body instanceof FormData;
      const type = isForm ? {} : { 'content-type': 'application/json' };
      const response = await fetch(`${server.managementUrl}/api/v1/${path}`, {
        ...{ method: 'POST', headers: { ...headers, ...type } },
        body: isForm ? body : JSON.stringify(body),
      });
      expect([path, response.status]).toEqual([path, 200]);
      return /[0-9a-f]{24}/.exec(await response.text())?.[0] ?? '';
    };
    const form = bundleForm({ app_id: 'com.example.actors', version_name: '1.0.0' });
    const bundle = await post('bundles.upload', { capgkey: key }, form);
    const release = await post(
      'releases.create',
      { authorization: key },
      {
        ...{ app_id: 'com.example.actors', platform: 'ios', version_name: '1.0.0', version_code: '1' },
        builtin_bundle_id: bundle,
      },
    );
    const body = { release_id: release, bundle_id: bundle };
    await post('releases.set-active', { capgkey: key }, body);
    await post('releases.set-active', { authorization }, { ...body, bundle_id: null });
    await post('releases.set-active', { 'x-api-key': testToken }, body);
    const target = { kind: 'release', releaseId: release } as const;
    const { items } = await server.product.store.listDeployments(target, { limit: 5 });
    expect(items.map(({ actor }) => actor)).toEqual([
      ...['management-token-1', 'ada@example.com', `API key ${id} (CI)`],
    ]);
  });

  it('comes in by address or domain, when that is verified', async () => {
    const server = await start({
      OAUTH_ALLOWED_EMAILS: 'Root@Evil.test',
      OAUTH_ALLOWED_DOMAINS: 'example.com',
    });
    const tokens = {
      ada: await issuer.signIn('ada'),
      eve: await issuer.signIn('eve'),
      mallory: await issuer.signIn('mallory'),
    };
    for (const kind of ['idToken', 'accessToken'] as const) {
      expect(await statusOf(server, `Bearer ${tokens.ada[kind]}`)).toBe(200);
      for (const [who, why] of [
        ['eve', /not one of those/],
        ['mallory', /not verified/],
      ] as const) {
        const refused = await ask(server, `Bearer ${tokens[who][kind]}`);
        expect([refused.status, await refused.json()]).toEqual([
          403,
          { error: expect.stringMatching(why), code: 'forbidden' },
        ]);
      }
    }
  });

  it('who is not let in so comes in as a member, by a verified address, as long as the membership lasts', async () => {
    const server = await start({ OAUTH_ALLOWED_EMAILS: 'root@example.com' });
    const { members } = server.product.services;
    const tokens = { ada: await issuer.signIn('ada'), mallory: await issuer.signIn('mallory') };
    const operator: Caller = { kind: 'management_token', id: 't', name: 't', role: 'admin', apps: null };
    const session = async (who: 'ada' | 'mallory', kind: 'idToken' | 'accessToken' = 'idToken') => {
      const answer = await ask(server, `Bearer ${tokens[who][kind]}`);
      return [answer.status, ((await answer.json()) as { role?: string }).role];
    };
    expect(await session('ada')).toEqual([403, undefined]);
    for (const email of ['Ada@example.com', 'mallory@example.com']) {
      await members.invite(defaultOrganizationId, email, 'upload', operator);
    }
    for (const kind of ['idToken', 'accessToken'] as const) {
      expect(await session('ada', kind)).toEqual([200, 'upload']);
      expect(await session('mallory', kind)).toEqual([403, undefined]);
    }
    await members.invite(defaultOrganizationId, 'ada@example.com', 'admin', operator);
    expect(await session('ada')).toEqual([200, 'admin']);
    await members.remove(defaultOrganizationId, 'ada@example.com', operator);
    expect(await session('ada')).toEqual([403, undefined]);
  });

  it('who is a member of one of several organizations sees the apps of that one', async () => {
    const server = await start({ OAUTH_ALLOWED_EMAILS: 'root@example.com' });
    const { apps, members, organizations } = server.product.services;
    const operator: Caller = { kind: 'management_token', id: 't', name: 't', role: 'admin', apps: null };
    const { id } = await organizations.create({ name: 'Other' }, operator);
    await members.invite(id, 'ada@example.com', 'write', operator);
    await apps.create('com.example.theirs', { name: 'Theirs' }, actorOf(operator), id);
    await apps.create('com.example.elsewhere', { name: 'Elsewhere' }, actorOf(operator));
    const { idToken } = await issuer.signIn('ada');
    const answer = await ask(server, `Bearer ${idToken}`);
    expect(await answer.json()).toMatchObject({ role: 'write', apps: ['com.example.theirs'] });
    const seen = async (appId: string) => statusOf(server, `Bearer ${idToken}`, `/app/${appId}`);
    expect([await seen('com.example.theirs'), await seen('com.example.elsewhere')]).toEqual([200, 401]);
  });

  it('may do what its groups say', async () => {
    const server = await start({
      ...{ OAUTH_ROLE_CLAIM: 'groups', OAUTH_ROLE_VALUES: 'ota-admins=admin, ota-uploaders=upload' },
    });
    const [ada, eve, mallory] = [
      (await issuer.signIn('ada')).idToken,
      (await issuer.signIn('eve')).idToken,
      (await issuer.signIn('mallory')).idToken,
    ];
    const paths = ['/api/v1/bundles.list', '/api/v1/keys.list', '/apikey'];
    const statuses = async (token: string) =>
      Promise.all(paths.map((path) => statusOf(server, `Bearer ${token}`, path)));
    expect(await statuses(ada)).toEqual([200, 403, 403]);
    expect(await statuses(eve)).toEqual([403, 403, 403]);
    expect(await statuses(mallory)).toEqual([200, 200, 200]);
  });

  it('is not let in by a token in the header of keys, nor without OAUTH_CLIENT_ID', async () => {
    const { idToken } = await issuer.signIn('ada');
    const server = await start();
    const asKey = await fetch(`${server.managementUrl}/api/v1/session.get`, {
      headers: { 'x-api-key': idToken },
    });
    expect(asKey.status).toBe(401);
    const half = await start({ OAUTH_CLIENT_ID: '' });
    expect(await statusOf(half, `Bearer ${idToken}`)).toBe(401);
  });
});

describe('the identity provider', () => {
  it('is no concern of management tokens and API keys, and never sees one', async () => {
    const server = await start();
    const made = await fetch(`${server.managementUrl}/apikey`, {
      method: 'POST',
      headers: { capgkey: testToken, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'x', role: 'read' }),
    });
    const { key } = (await made.json()) as { key: string };
    issuer.requests.length = 0;
    issuer.fail('/');
    try {
      expect(await statusOf(server, testToken)).toBe(200);
      expect(await statusOf(server, `Bearer ${key}`)).toBe(200);
      expect(await statusOf(server, `Bearer ${randomUUID()}`)).toBe(401);
      expect(issuer.requests).toEqual([]);
    } finally {
      issuer.recover();
    }
  });

  it('makes a sign-in a clear 503 while it cannot be asked, in both APIs', async () => {
    const server = await start();
    const { idToken } = await issuer.signIn('ada');
    issuer.fail('/');
    try {
      for (const path of ['/api/v1/session.get', '/apikey']) {
        const answer = await ask(server, `Bearer ${idToken}`, path);
        expect(answer.status).toBe(503);
        expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(await answer.json()).toMatchObject({
          ...{ error: expect.stringContaining('identity provider'), code: 'unavailable' },
        });
      }
    } finally {
      issuer.recover();
    }
  });

  it('is not asked by who failed too often, and an expired sign-in is no failure', async () => {
    const server = await start();
    const { idToken } = await issuer.signIn('ada');
    const now = Math.floor(Date.now() / 1_000);
    const expired = await issuer.sign({ iss: issuer.issuer, aud: 'console', sub: 'ada', exp: now - 60 });
    const patient = newClient();
    for (let time = 0; time < 25; time += 1) {
      expect((await ask(server, `Bearer ${expired}`, '/apikey', patient)).status).toBe(401);
    }
    expect((await ask(server, `Bearer ${idToken}`, undefined, patient)).status).toBe(200);

    const guessing = newClient();
    for (let time = 0; time < 20; time += 1) await ask(server, `Bearer guess-${time}`, undefined, guessing);
    issuer.requests.length = 0;
    for (const token of ['guess-x', idToken]) {
      expect((await ask(server, `Bearer ${token}`, undefined, guessing)).status).toBe(429);
    }
    expect(issuer.requests).toEqual([]);
  });

  it('is asked for a token of its own only: a wrong one is refused in the words of the API', async () => {
    const server = await start();
    const { idToken } = await issuer.signIn('ada', 'other');
    const answer = await ask(server, `Bearer ${idToken}`, '/apikey');
    expect([answer.status, await answer.json()]).toEqual([
      401,
      { error: 'Invalid token', status: 'KO', code: 'invalid_jwt' },
    ]);
  });
});
