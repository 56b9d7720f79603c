import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, isPermitted, type Role, roles } from '../domain/access.ts';
import { startTestServer, testToken } from '../testing/test-server.ts';
import type { ManagementRoute } from './route.ts';

const ownApp = 'com.example.own';
const operator: Caller = { kind: 'management_token', id: 't', name: 't', role: 'admin', apps: null };

const server = await startTestServer();
afterAll(() => server.close());
const routes = server.product.managementRoutes.flatMap((route) =>
  route.permission === 'public' ? [] : [{ ...route, permission: route.permission }],
);

async function makeKey(role: Role, apps: readonly string[] | null): Promise<string> {
  const facts = { name: `${role} ${apps}`, role, apps, expiresAtMs: null };
  return (await server.product.services.apiKeys.create(facts, operator)).text;
}

const keys = new Map<string, string>();
beforeAll(async () => {
  for (const role of roles) {
    keys.set(`${role} of all apps`, await makeKey(role, null));
    keys.set(`${role} of one app`, await makeKey(role, [ownApp]));
  }
});

let lastClient = 0;
async function ask(route: { readonly method: string; readonly url: string }, key: string | undefined) {
  lastClient += 1;
  return server.product.managementApi.inject({
    method: route.method as 'GET',
    // Names of nothing: what may be done is decided before anything is looked for, so nothing is changed either.
    url: route.url.replace(/:\w+/g, '2000000000'),
    headers: key === undefined ? {} : { capgkey: key },
    remoteAddress: `10.1.${lastClient >> 8}.${lastClient & 255}`,
  });
}

describe.each(routes)('$method $url', (route) => {
  it('is refused without a key, and with a wrong one', async () => {
    for (const key of [undefined, randomUUID(), 'wrong']) {
      expect((await ask(route, key)).statusCode).toBe(401);
    }
  });

  it.each(roles.flatMap((role) => [`${role} of all apps`, `${role} of one app`]))(
    'lets in a key with the role %s if that may do it, and refuses it else',
    async (name) => {
      const role = roles.find((each) => name.startsWith(`${each} `)) ?? 'read';
      const apps = name.endsWith('all apps') ? null : new Set([ownApp]);
      const { permission } = route;
      const mayDo = permission === 'any caller' || isPermitted({ role, apps }, permission);
      const { statusCode, body } = await ask(route, keys.get(name));
      if (mayDo) {
        expect([401, 403, 429, 500, 503]).not.toContain(statusCode);
      } else {
        expect(statusCode).toBe(403);
        expect(body).toContain('Insufficient permissions to manage');
      }
    },
  );

  it('lets in a management token', async () => {
    expect([401, 403, 429, 500, 503]).not.toContain((await ask(route, testToken)).statusCode);
  });
});

it('a route that does not say who may call it, or says what there is not, does not compile', () => {
  const docs = { operationId: 'getNothing', tag: 'none', summary: 'Nothing', answer: null };
  const facts = { method: 'GET', url: '/nothing', docs, handler: () => undefined } as const;
  // @ts-expect-error: nothing says who may call it.
  const unstated: ManagementRoute = facts;
  // @ts-expect-error: there is no such permission.
  const unknown: ManagementRoute = { ...facts, permission: 'nothing.read' };
  const stated: ManagementRoute = { ...facts, permission: 'apps.read' };
  expect([unstated, unknown, stated].map(({ permission }) => permission)).toEqual([
    ...[undefined, 'nothing.read', 'apps.read'],
  ]);
});
