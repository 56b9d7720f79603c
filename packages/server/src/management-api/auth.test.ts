import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PrintedRoute, routesOf } from '../testing/routes-of.ts';
import { bundleForm, startTestServer, testToken } from '../testing/test-server.ts';
import { isRestPath } from './rest/rest-path.ts';

const otherToken = 'other-token-fedcba9876543210fedcba98765';
const wrongToken = 'wrong-token-0123456789abcdef0123456789';

const publicRoutes = [
  ...['GET /_healthz', 'HEAD /_healthz', 'GET /_readyz', 'HEAD /_readyz'],
  ...['GET /ui', 'HEAD /ui'],
  ...['GET /apipublic/v1/oauth2.config', 'HEAD /apipublic/v1/oauth2.config'],
  ...['GET /ok', 'HEAD /ok', 'POST /ok'],
];

const server = await startTestServer({ env: { MANAGEMENT_API_TOKENS: `${testToken},${otherToken}` } });
const routes = await routesOf(server.product.managementApi);
const nameOf = ({ method, url }: PrintedRoute) => `${method} ${url}`;
const isPage = ({ url }: PrintedRoute) => /^\/(docs[/*]?|openapi[\w-]*\.json$|ui\/?\*$)/.test(url);
/** For everybody, and an error by intent. */
const brokenRoute = 'POST /ko';
const guarded = routes.filter(
  (route) => ![...publicRoutes, brokenRoute].includes(nameOf(route)) && !isPage(route),
);

beforeAll(async () => {
  const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: 'com.example.auth', version_name: '1.0.0' }),
  });
  if (response.status !== 200) throw new Error(`upload answered ${response.status}`);
});
afterAll(() => server.close());

let lastClient = 0;
/** A client that did not fail yet. */
function newClient(): string {
  lastClient += 1;
  return `10.${lastClient >> 16}.${(lastClient >> 8) & 255}.${lastClient & 255}`;
}

/** Not over the network: there are many routes, and many ways to be refused. */
async function ask(
  { method, url }: PrintedRoute,
  headers: Record<string, string>,
  body?: FormData | string,
): Promise<Response> {
  const encoded = body === undefined ? undefined : new Response(body);
  const contentType = encoded?.headers.get('content-type');
  const {
    statusCode,
    headers: given,
    rawPayload,
  } = await server.product.managementApi.inject({
    ...{ method: method as 'GET', url, remoteAddress: newClient() },
    headers: { ...(contentType ? { 'content-type': contentType } : {}), ...headers },
    ...(encoded ? { payload: Buffer.from(await encoded.arrayBuffer()) } : {}),
  });
  const text = method === 'HEAD' || rawPayload.length === 0 ? null : new Uint8Array(rawPayload);
  return new Response(text, { status: statusCode, headers: given as Record<string, string> });
}

async function expectUnauthorized(response: Response, route: PrintedRoute): Promise<void> {
  expect([nameOf(route), response.status]).toEqual([nameOf(route), 401]);
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer\b/);
  const text = await response.text();
  if (route.method === 'HEAD') return;
  const body = { error: expect.any(String) };
  const isRest = isRestPath(route.url);
  expect(JSON.parse(text)).toEqual(
    isRest
      ? { ...body, status: 'KO', code: expect.stringMatching(/^(no|invalid)_\w+/) }
      : { ...body, code: 'unauthorized' },
  );
  expect(text).not.toContain(wrongToken);
  expect(text).not.toContain(testToken);
}

describe('the management API', () => {
  it('has the routes of the seed, and of what we added', () => {
    const urls = new Set(guarded.map(nameOf));
    for (const name of ['bundles.list', 'releases.list', 'events.list', 'events.count']) {
      expect(urls).toContain(`GET /api/v1/${name}`);
    }
    for (const name of [
      ...['bundles.upload', 'bundles.delete', 'releases.create', 'releases.update'],
      ...['releases.set-active', 'releases.delete'],
    ]) {
      expect(urls).toContain(`POST /api/v1/${name}`);
    }
  });

  it('has nothing else that everybody may see', () => {
    expect(routes.map(nameOf).filter((name) => publicRoutes.includes(name))).toEqual(
      expect.arrayContaining(publicRoutes),
    );
    for (const { url } of guarded)
      expect([url, isRestPath(url) || url.startsWith('/api/v1/')]).toEqual([url, true]);
  });

  it.each(publicRoutes)('shows %s without a key and with a wrong one', async (name) => {
    const [method = '', url = ''] = name.split(' ');
    for (const headers of [{}, { 'x-api-key': wrongToken }] as Record<string, string>[]) {
      expect((await ask({ method, url }, headers)).status).toBe(200);
    }
  });
});

describe.each(guarded)('$method $url', (route) => {
  const refusedHeaders: readonly [sentence: string, headers: Record<string, string>][] = [
    ['no key', {}],
    ['an empty key', { 'x-api-key': '' }],
    ['a wrong key', { 'x-api-key': wrongToken }],
    ['a wrong bearer token', { authorization: `Bearer ${wrongToken}` }],
    [
      'a right bearer token beside a wrong key',
      { 'x-api-key': wrongToken, authorization: `Bearer ${testToken}` },
    ],
    ['the start of a key', { 'x-api-key': testToken.slice(0, -1) }],
    ['a key and more', { 'x-api-key': `${testToken}x` }],
    ['two keys', { 'x-api-key': `${testToken},${otherToken}` }],
    ['a key in other letters', { 'x-api-key': testToken.toUpperCase() }],
    ['a wrong bare token as authorization', { authorization: wrongToken }],
    [
      'a wrong capgkey beside right ones',
      { capgkey: wrongToken, 'x-api-key': testToken, authorization: testToken },
    ],
    ['a key below a key', { capgkey: testToken, 'x-limited-key-id': '1' }],
    ['another scheme', { authorization: `Basic ${Buffer.from(`x:${testToken}`).toString('base64')}` }],
    ['a bearer without a token', { authorization: 'Bearer ' }],
    ['a key of another name', { apikey: testToken, apisecret: testToken, cookie: `x-api-key=${testToken}` }],
  ];
  it.each(refusedHeaders)('refuses %s with 401', async (_sentence, headers) => {
    await expectUnauthorized(await ask(route, headers), route);
  });

  it('refuses a key in the URL', async () => {
    for (const query of ['x-api-key', 'token', 'access_token', 'api_key']) {
      const url = `${route.url}?${query}=${testToken}`;
      await expectUnauthorized(await ask({ ...route, url }, {}), route);
    }
  });

  const acceptedHeaders: readonly [sentence: string, headers: Record<string, string>][] = [
    ['a key', { 'x-api-key': testToken }],
    ['the other key', { 'x-api-key': otherToken }],
    ['a bearer token', { authorization: `Bearer ${testToken}` }],
    ['a bearer token in other letters', { authorization: `bearer ${otherToken}` }],
    [
      'a right key beside a wrong bearer token',
      { 'x-api-key': testToken, authorization: `Bearer ${wrongToken}` },
    ],
    ['a right key beside a basic authorization', { 'x-api-key': testToken, authorization: 'Basic eDp5' }],
    ['a capgkey', { capgkey: testToken }],
    ['a bare token as authorization', { authorization: testToken }],
    [
      'a right capgkey beside wrong other ones',
      { capgkey: testToken, 'x-api-key': wrongToken, authorization: `Bearer ${wrongToken}` },
    ],
    ['a key with blanks around it', { capgkey: `  ${testToken} ` }],
    ['a bearer token beside an empty key', { 'x-api-key': '', authorization: `Bearer ${testToken}` }],
  ];
  it.each(acceptedHeaders)('lets in who shows %s', async (_sentence, headers) => {
    const response = await ask(route, headers);
    expect(response.status).not.toBe(401);
    expect(response.status).toBeLessThan(500);
  });
});

describe('a refused caller', () => {
  it('changes nothing and leaves nothing', async () => {
    const form = bundleForm({ app_id: 'com.example.auth', version_name: '6.6.6' });
    const route = { method: 'POST', url: '/api/v1/bundles.upload' };
    await expectUnauthorized(await ask(route, { 'x-api-key': wrongToken }, form), route);
    const list = await ask({ method: 'GET', url: '/api/v1/bundles.list' }, { 'x-api-key': testToken });
    const { data } = (await list.json()) as { data: { version_name: string }[] };
    expect(data.map(({ version_name }) => version_name)).toEqual(['1.0.0']);
    expect(await readdir(join(server.dataDir, 'storage', 'staging'))).toEqual([]);
  });

  it('is refused before its body is looked at', async () => {
    const route = { method: 'POST', url: '/api/v1/releases.create' };
    const headers = { 'content-type': 'application/json' };
    await expectUnauthorized(await ask(route, headers, '{not json'), route);
    await expectUnauthorized(await ask(route, headers, `"${'x'.repeat(100_000)}"`), route);
  });
});
