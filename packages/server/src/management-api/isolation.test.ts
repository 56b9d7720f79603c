import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Caller } from '../domain/access.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../ports/store.ts';
import { hashOfKey } from '../services/api-key-callers.ts';
import {
  buildBundle,
  buildDeviceRecord,
  buildNewApiKey,
  buildNewChannel,
  buildNewDeployment,
  buildRecordedEvent,
  buildRelease,
  buildUpdateCheckBody,
  someAuthor,
} from '../testing/builders.ts';
import { startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import type { ManagementRoute } from './route.ts';

/*
 * What a key of app A can learn of app B. There are two servers: on one B is there, on the other nobody ever heard of it,
 * and all else is the same, down to ids. Whatever a key of A asks, both must answer the same, status, code and text.
 */

const key = '6f1d6b0e-3a44-4f0e-9c55-0d9a7c1b2e01';
const ownApp = 'com.example.own';
const foreignApp = 'com.example.foreign';
const nobodysApp = 'com.example.nobodys';

/** What there is of an app that can be named in a request. */
interface Named {
  readonly apps: readonly string[];
  readonly records: readonly string[];
  readonly numbers: readonly number[];
  readonly devices: readonly string[];
  readonly names: readonly string[];
}

/** Everything there can be of an app; the ids of the records end with the digit. */
async function fill(store: Store, appId: string, digit: string): Promise<Named> {
  const idOf = (what: number) => `${String(what).padStart(23, '0')}${digit}`;
  const deviceId = `00000000-0000-4000-8000-00000000000${digit}`;
  const names = { version: `1.${digit}.0`, unused: `1.${digit}.1`, channel: `production-${digit}` };
  const bundle = buildBundle({ id: idOf(1), appId, versionName: names.version });
  const unused = buildBundle({ id: idOf(2), appId, versionName: names.unused });
  const release = buildRelease({ id: idOf(3), appId, versionCode: digit, builtinBundleId: bundle.id });
  await store.insertBundle(bundle, someAuthor);
  await store.insertBundle(unused, someAuthor);
  await store.insertRelease(release, someAuthor);
  await store.deployToRelease(release.id, buildNewDeployment({ bundleId: bundle.id }), someAuthor);
  const channel = await store.insertChannel(
    buildNewChannel({ appId, name: names.channel, bundleId: bundle.id, isPublic: true }),
    undefined,
    someAuthor,
  );
  await store.setDeviceOverride({ appId, deviceId }, channel.id, null, someAuthor);
  await store.appendDeviceEvents([
    buildRecordedEvent(
      { appId, deviceId },
      {
        device: buildDeviceRecord({ appId, deviceId }),
        activity: {
          ...{
            atMs: Date.now(),
            date: new Date().toISOString().slice(0, 10),
            platform: 'ios',
            bundle: names.version,
          },
          ...{
            nativeVersion: `9.${digit}.0`,
            pluginVersion: `8.${digit}.0`,
            channel: names.channel,
            offered: null,
          },
        },
      },
    ),
  ]);
  await store.addToStatistics([
    {
      appId,
      increment: {
        ...{ metric: 'bandwidth', date: new Date().toISOString().slice(0, 10), name: 'served', detail: '' },
        amount: 1_000 + Number(digit),
      },
    },
  ]);
  const records = await store.listBundleRecords(appId, { offset: 0, limit: 5 });
  return {
    apps: [appId],
    records: [bundle.id, unused.id, release.id],
    numbers: [channel.id, ...records.map(({ number }) => number)],
    devices: [deviceId],
    names: Object.values(names),
  };
}

const folder = await mkdtemp(join(tmpdir(), 'capgo-isolation-'));
const paths = { withForeign: join(folder, 'with.sqlite'), without: join(folder, 'without.sqlite') };

async function withStore<Result>(path: string, run: (store: Store) => Promise<Result>): Promise<Result> {
  const store = await openSqliteStore(path);
  try {
    return await run(store);
  } finally {
    await store.close();
  }
}

const own = await withStore(paths.without, async (store) => {
  const made = await fill(store, ownApp, '1');
  await store.insertApiKey(buildNewApiKey({ role: 'admin', apps: [ownApp] }), hashOfKey(key), someAuthor);
  return made;
});
await copyFile(paths.without, paths.withForeign);
const foreign = await withStore(paths.withForeign, (store) => fill(store, foreignApp, '2'));
const nobodys: Named = {
  apps: [nobodysApp],
  records: ['f'.repeat(24)],
  numbers: [2_000_000_000],
  devices: ['00000000-0000-4000-8000-00000000000f'],
  names: ['9.9.9', 'nowhere'],
};

const start = (path: string) =>
  startTestServer({ env: { DATABASE_URL: `sqlite:${path}`, PUBLIC_URL: 'https://x.test' } });
const servers: readonly [TestServer, TestServer] = [
  await start(paths.withForeign),
  await start(paths.without),
];
afterAll(async () => {
  for (const server of servers) await server.close();
  await rm(folder, { recursive: true });
});

/** Names of parameters that say what they name; others get anything. */
function kindOf(name: string): keyof Named | 'any' {
  if (/^(app_?id|apps|id_app)$/i.test(name)) return 'apps';
  if (/device_?id/i.test(name)) return 'devices';
  if (/^(channel|version|version_name|name|rollout_?version|bundle|label)$/i.test(name)) return 'names';
  if (/^(version_id|channel_id|number)$/i.test(name)) return 'numbers';
  return /_id$|^(id|from|to)$/.test(name) ? 'records' : 'any';
}

function valuesOf(name: string): fc.Arbitrary<unknown> {
  const kind = kindOf(name);
  const of = (each: keyof Named) => [...foreign[each], ...foreign[each], ...own[each], ...nobodys[each]];
  const all = (['apps', 'records', 'numbers', 'devices', 'names'] as const).flatMap(of);
  const likely = kind === 'any' ? all : of(kind);
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom<unknown>(...likely) },
    { weight: 2, arbitrary: fc.constantFrom<unknown>(...all) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<unknown>('', null, 0, true, [foreignApp], { a: 1 }, '2026-01-01'),
    },
  );
}

interface Request {
  readonly path: string;
  readonly query: Record<string, unknown>;
  readonly body: Record<string, unknown> | undefined;
  readonly headers: Record<string, string>;
}

function propertiesOf(schema: unknown): string[] {
  const found = (schema as { properties?: object } | undefined)?.properties;
  return Object.keys(found ?? {});
}

/** What most routes understand, whatever their documentation says. */
const common = [
  'app_id',
  'device_id',
  'bundle_id',
  'release_id',
  'channel',
  'channel_id',
  'version',
  'version_id',
];

function requestsTo(route: ManagementRoute): fc.Arbitrary<Request> {
  const pathNames = [...route.url.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const { docs } = route;
  const inQuery = [...new Set([...common, ...propertiesOf(docs.query)])];
  const inBody = [...new Set([...common, ...propertiesOf(docs.body)])];
  const some = (names: readonly string[], isLikely: boolean) =>
    fc.record(Object.fromEntries(names.map((name) => [name, valuesOf(name)])), {
      requiredKeys: isLikely ? names.filter((name) => name === 'app_id' || !common.includes(name)) : [],
    });
  const either = (names: readonly string[]) => fc.oneof(some(names, false), some(names, true));
  return fc.record({
    path: fc
      .tuple(...pathNames.map((name) => valuesOf(/app/.test(route.url) && name === 'id' ? 'app_id' : name)))
      .map((values) => {
        let path = route.url;
        for (const [index, name] of pathNames.entries()) {
          path = path.replace(`:${name}`, encodeURIComponent(String(values[index]) || '-'));
        }
        return path;
      }),
    query: either(inQuery),
    body:
      route.method === 'GET'
        ? fc.constant(undefined)
        : fc.option(either(inBody), { nil: undefined, freq: 6 }),
    headers: fc.constantFrom<Record<string, string>[]>({}, { capgo_api: '2025-10-01' }),
  });
}

/** Requests that are right in all but what they name: few of those made at random come that far. */
function wholeRequestTo(
  path: string,
  names: readonly string[],
  rest: Record<string, unknown> = {},
): fc.Arbitrary<Request> {
  return fc.record(Object.fromEntries(names.map((name) => [name, valuesOf(name)]))).map((named) => ({
    ...{ path, query: {}, headers: {} },
    body: { ...rest, ...named },
  }));
}

const release = { platform: 'ios', version_name: '1.0.0' };
const wholeRequests: Readonly<Record<string, fc.Arbitrary<Request>>> = {
  '/api/v1/updates.explain': wholeRequestTo(
    ...(['/api/v1/updates.explain', ['app_id', 'device_id'], buildUpdateCheckBody()] as const),
  ),
  '/api/v1/bundles.upload': wholeRequestTo('/api/v1/bundles.upload', ['app_id', 'version_name']),
  '/api/v1/releases.create': fc
    .tuple(
      wholeRequestTo('/api/v1/releases.create', ['app_id', 'builtin_bundle_id'], release),
      fc.constantFrom('1', '2', '3'),
    )
    .map(([request, version_code]) => ({ ...request, body: { ...request.body, version_code } })),
  '/api/v1/releases.update': wholeRequestTo(
    ...(['/api/v1/releases.update', ['release_id'], { release_date: '2026-01-01' }] as const),
  ),
};

async function ask(server: TestServer, route: ManagementRoute, request: Request) {
  const isForm = route.docs.bodyType === 'multipart/form-data' || route.url === '/api/v1/bundles.upload';
  let payload: Buffer | undefined;
  let type: Record<string, string> = {};
  if (request.body && isForm) {
    const form = new FormData();
    for (const [name, value] of Object.entries(request.body)) form.append(name, String(value));
    form.append('bundle', new Blob(['PK']), 'a.zip');
    const encoded = new Response(form);
    payload = Buffer.from(await encoded.arrayBuffer());
    type = { 'content-type': encoded.headers.get('content-type') ?? '' };
  } else if (request.body) {
    payload = Buffer.from(JSON.stringify(request.body));
    type = { 'content-type': 'application/json' };
  }
  const query = Object.entries(request.query).map(([name, value]): [string, string] => [name, String(value)]);
  const search = new URLSearchParams(query).toString();
  const answer = await server.product.managementApi.inject({
    method: route.method,
    url: `${request.path}${search === '' ? '' : `?${search}`}`,
    headers: { capgkey: key, ...request.headers, ...type },
    ...(payload ? { payload } : {}),
  });
  return { status: answer.statusCode, text: comparable(answer.body) };
}

const known = new Set([...own.records, ...foreign.records, ...nobodys.records]);

/** Without what differs between any two servers: ids and times of what the request itself made. */
function comparable(body: string): string {
  return body
    .replace(/\b[0-9a-f]{24}\b/g, (id) => (known.has(id) ? id : '<id>'))
    .replace(/_port":\d+/g, '_port":<port>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) =>
      [...own.devices, ...foreign.devices, ...nobodys.devices].includes(id) ? id : '<uuid>',
    )
    .replace(/"id":\d+/g, (text) =>
      [...own.numbers, ...foreign.numbers, ...nobodys.numbers].some((id) => text === `"id":${id}`)
        ? text
        : '"id":<number>',
    );
}

async function foreignState() {
  const { store } = servers[0].product;
  return {
    app: await store.readAppState(foreignApp),
    devices: (await store.listDevices({ appId: foreignApp }, { limit: 10 })).items,
    events: await store.countDeviceEvents({ appId: foreignApp }),
    facts: await store.readDeviceFacts([{ appId: foreignApp, deviceId: foreign.devices[0] ?? '' }], 0),
  };
}

const routes = servers[0].product.managementRoutes.filter(({ permission }) => permission !== 'public');

describe.each(routes)('$method $url', (route) => {
  it('answers a key of one app about another app as if that were not there, and leaves it as it is', async () => {
    const before = await foreignState();
    const whole = wholeRequests[route.url];
    const requests = whole ? fc.oneof(requestsTo(route), whole) : requestsTo(route);
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const [there, nowhere] = [
          await ask(servers[0], route, request),
          await ask(servers[1], route, request),
        ];
        expect(there).toEqual(nowhere);
        expect(there.status).toBeLessThan(500);
      }),
      { numRuns: 40 },
    );
    expect(await foreignState()).toEqual(before);
  });
});

it('the same of an operator: what is compared here does differ between the two servers', async () => {
  const operator: Caller = { kind: 'management_token', id: 't', name: 't', role: 'admin', apps: null };
  for (const server of servers) {
    const facts = { name: 'all', role: 'admin', apps: null, expiresAtMs: null } as const;
    const { text } = await server.product.services.apiKeys.create(facts, operator);
    const list = await server.product.managementApi.inject({
      ...{ method: 'GET', url: `/api/v1/bundles.list?app_id=${foreignApp}`, headers: { capgkey: text } },
    });
    expect(list.json().data).toHaveLength(server === servers[0] ? 2 : 0);
  }
});

it.each<[method: 'GET' | 'POST', url: string, body?: object]>([
  ['GET', `/api/v1/bundles.list?app_id=${foreignApp}`],
  ['GET', `/api/v1/releases.list?app_id=${foreignApp}`],
  ['GET', `/api/v1/events.list?app_id=${foreignApp}`],
  ['GET', `/api/v1/events.count?app_id=${foreignApp}`],
  ['GET', `/api/v1/counters.list?app_id=${foreignApp}`],
  ['GET', `/api/v1/devices.list?app_id=${foreignApp}`],
  ['GET', `/api/v1/devices.get?app_id=${foreignApp}&device_id=${foreign.devices[0]}`],
  ['POST', '/api/v1/updates.explain', { app_id: foreignApp, device_id: foreign.devices[0] }],
  ['POST', '/api/v1/updates.explain', buildUpdateCheckBody({ app_id: foreignApp })],
  ['POST', '/api/v1/bundles.delete', { bundle_id: foreign.records[0] }],
  ['POST', '/api/v1/releases.delete', { release_id: foreign.records[2] }],
  ['POST', '/api/v1/releases.set-active', { release_id: foreign.records[2], bundle_id: null }],
  ['POST', '/api/v1/releases.update', { release_id: foreign.records[2], release_date: null }],
])('%s %s is answered to the key as an operator is where there is no such app', async (method, url, body) => {
  const answers = await Promise.all(
    [key, testToken].map((capgkey, index) =>
      servers[index]?.product.managementApi.inject({
        ...{ method, url, headers: { capgkey, 'content-type': 'application/json' } },
        ...(body ? { payload: JSON.stringify(body) } : {}),
      }),
    ),
  );
  const [there, nowhere] = answers.map((answer) => [answer?.statusCode, answer?.body]);
  expect(there).toEqual(nowhere);
});

it('a list that names no app is of the key’s apps', async () => {
  for (const path of ['/api/v1/bundles.list', '/api/v1/releases.list']) {
    const list = await servers[0].product.managementApi.inject({
      method: 'GET',
      url: path,
      headers: { capgkey: key },
    });
    const apps = (list.json() as { data: { app_id: string }[] }).data.map(({ app_id }) => app_id);
    for (const appId of apps) expect(appId).toBe(ownApp);
  }
});
