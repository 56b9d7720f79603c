import { isUtf8 } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { knownActions } from '@capgo-server/protocol/device/device-events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { updateOutcomes } from '../domain/update-decision.ts';
import { buildActor, buildDeviceEventBody, buildUpdateCheckBody, someDeviceId } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

type Row = Record<string, unknown>;
type Bytes = Uint8Array<ArrayBuffer>;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly body: Row;
}

const appId = 'com.example.hostile';
/** Part of what is sent, so that an echo of it or a label made of it is found. */
const marker = 'zq8marker';

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
  await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: '1.0.1' }),
  });
  const { channels } = server.product.services;
  await channels.create(
    { appId, name: 'production', isPublic: true, allowDeviceSelfSet: true },
    buildActor('olga'),
  );
});
afterAll(() => server.close());

async function answerOf(response: Response): Promise<Answer> {
  // So that no limit of requests in a time hides what is asked about here.
  clock.advance(61_000);
  const text = await response.text();
  const contentType = response.headers.get('content-type') ?? '';
  return { status: response.status, contentType, text, body: JSON.parse(text) as Row };
}

interface BodyRoute {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly maxBytes: number;
}

const bodyRoutes: readonly BodyRoute[] = [
  { method: 'POST', path: '/updates', maxBytes: 64 * 1024 },
  { method: 'POST', path: '/updates/manifest_size', maxBytes: 4 * 1024 * 1024 },
  { method: 'POST', path: '/stats', maxBytes: 2 * 1024 * 1024 },
  { method: 'POST', path: '/channel_self', maxBytes: 64 * 1024 },
  { method: 'PUT', path: '/channel_self', maxBytes: 64 * 1024 },
];
const queryMethods = ['GET', 'DELETE'] as const;

async function send(
  { method, path }: Pick<BodyRoute, 'method' | 'path'>,
  body: string | Bytes,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<Answer> {
  // Bytes, because fetch gives a text a content type of its own.
  const bytes = typeof body === 'string' ? new Uint8Array(Buffer.from(body)) : body;
  return answerOf(await fetch(`${server.userUrl}${path}`, { method, headers, body: bytes }));
}

async function ask(method: 'GET' | 'DELETE', query: string): Promise<Answer> {
  return answerOf(await fetch(`${server.userUrl}/channel_self?${query}`, { method }));
}

/** A sound request for any of the routes with bodies, with something wrong in it. */
function bodyWith(given: Row): Row {
  return buildDeviceEventBody({ app_id: appId, channel: 'production', ...given });
}

function expectRefused(answer: Answer, statuses: readonly number[] = [400]): void {
  expect(statuses).toContain(answer.status);
  expect(answer.contentType).toMatch(/^application\/json\b/);
  expect(Object.keys(answer.body).sort()).toEqual(['error', 'message', 'moreInfo']);
  expect(answer.body).toMatchObject({ error: expect.stringMatching(/\w/), message: expect.any(String) });
  expect(answer.text).not.toContain(marker);
  expect(answer.text.length).toBeLessThan(4_000);
}

/** What any answer to anything must be. */
function expectSane(answer: Answer): void {
  expect(answer.status).toBeLessThan(500);
  expect(answer.contentType).toMatch(/^application\/json\b/);
  if (answer.status !== 200) expectRefused(answer, [400, 413, 415]);
}

describe.each(bodyRoutes)('a body of $method $path', (route) => {
  it.each<[string, string]>([
    ['text/plain', 'text/plain'],
    ['text/json', 'text/json'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['multipart without a boundary', 'multipart/form-data'],
    ['multipart', `multipart/form-data; boundary=${marker}`],
    ['xml', 'application/xml'],
    ['octets', 'application/octet-stream'],
    ['JSON lines', 'application/jsonl'],
    ['nonsense', marker],
    ['a very long type', `application/${marker.repeat(200)}`],
  ])('that says it is %s is refused with 415', async (_name, contentType) => {
    expectRefused(await send(route, JSON.stringify(bodyWith({})), { 'content-type': contentType }), [415]);
  });

  it.each([
    undefined,
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/json;charset=utf-16',
    'application/vnd.capgo+json',
  ])('of the type %s is read', async (contentType) => {
    const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType };
    expect((await send(route, JSON.stringify(bodyWith({})), headers)).status).toBe(200);
  });

  const sound = Buffer.from(JSON.stringify(bodyWith({ custom_id: marker })));
  const at = sound.indexOf(marker);
  const withBytes = (...bytes: number[]): Bytes =>
    new Uint8Array(Buffer.concat([sound.subarray(0, at), Buffer.from(bytes), sound.subarray(at)]));
  it.each<[string, Bytes]>([
    ['a stray continuation byte', withBytes(0x80)],
    ['half a character', withBytes(0xe2, 0x82)],
    ['an overlong slash', withBytes(0xc0, 0xaf)],
    ['a surrogate in bytes', withBytes(0xed, 0xa0, 0x80)],
    ['a byte that never is', withBytes(0xff)],
    ['a raw control character', withBytes(0x01)],
    ['bytes behind the end', new Uint8Array(Buffer.concat([sound, Buffer.from([0xfe])]))],
    ['a second value behind the end', new Uint8Array(Buffer.concat([sound, sound]))],
    ['UTF-16', new Uint8Array(Buffer.from(sound.toString(), 'utf16le'))],
    ['gzip', new Uint8Array(gzipSync(sound))],
    ['nothing', new Uint8Array()],
  ])('with %s is refused', async (_name, bytes) => {
    expectRefused(await send(route, bytes));
  });

  it.each<[string, string]>([
    ['__proto__ at the top', `{"__proto__":{"app_id":"${marker}"},`],
    ['an escaped __proto__', `{"\\u005f_proto__":{"app_id":"${marker}"},`],
    ['__proto__ below', `{"metadata":{"a":{"__proto__":{"${marker}":1}}},`],
    ['__proto__ in a list', `{"manifest":[{"file_hash":"a","__proto__":{"${marker}":1}}],`],
    ['constructor.prototype', `{"constructor":{"prototype":{"${marker}":1}},`],
  ])('with %s is refused, and no object is changed by it', async (_name, start) => {
    expectRefused(await send(route, start + JSON.stringify(bodyWith({})).slice(1)));
    expect(({} as Row)[marker]).toBeUndefined();
    expect(({} as Row)['app_id']).toBeUndefined();
  });

  it('with the keys of an object that an object has by itself is answered for what it means', async () => {
    const inherited = { toString: marker, hasOwnProperty: 1, valueOf: null, constructor: marker };
    expectSane(await send(route, JSON.stringify(bodyWith(inherited))));
    expectRefused(await send(route, JSON.stringify(inherited)));
    for (const name of ['toString', '__defineGetter__', 'constructor', 'valueOf']) {
      for (const field of ['app_id', 'device_id', 'platform', 'plugin_version', 'version_build']) {
        expectSane(await send(route, JSON.stringify(bodyWith({ [field]: name }))));
      }
    }
  });

  const deep: readonly [name: string, open: string, close: string][] = [
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ];
  it.each(deep)('with thousands of nested %s in any field is answered', async (_name, open, close) => {
    const nested = `${open.repeat(5_000)}1${close.repeat(5_000)}`;
    for (const field of [
      ...Object.keys(bodyWith({})),
      'metadata',
      'manifest',
      'files',
      'version',
      'unknown',
    ]) {
      const text = JSON.stringify(bodyWith({ [field]: marker })).replace(`"${marker}"`, nested);
      expectSane(await send(route, text));
    }
  });

  it('with a text of 1 MB in any field is refused, or answered where the field means nothing here', async () => {
    const texts = [
      'x'.repeat(1_000_000),
      '1.'.repeat(500_000),
      `com${'.a'.repeat(499_998)}`,
      '-0'.repeat(500_000),
    ];
    const fields = [
      ...Object.keys(bodyWith({})),
      'defaultChannel',
      'metadata',
      'key_id',
      'manifest',
      'unknown',
    ];
    const isTooSmall = route.maxBytes < 1_000_000;
    // Where the size alone refuses it, any field stands for all.
    for (const [index, field] of fields.slice(0, isTooSmall ? 2 : fields.length).entries()) {
      const answer = await send(route, JSON.stringify(bodyWith({ [field]: texts[index % texts.length] })));
      expectSane(answer);
      if (isTooSmall) expectRefused(answer, [413]);
      expect(answer.text.length).toBeLessThan(4_000);
    }
    const versions = ['1.0.0-', 'v', '1', '9'].map((start) => start.padEnd(route.maxBytes / 4, `${start}a.`));
    for (const version of versions) {
      for (const field of ['plugin_version', 'version_build', 'app_id', 'device_id']) {
        expectSane(await send(route, JSON.stringify(bodyWith({ [field]: version }))));
      }
    }
  });

  it('is read up to the size of its route and refused above', async () => {
    const small = JSON.stringify(bodyWith({ filler: '' })).length;
    const filled = (bytes: number) => JSON.stringify(bodyWith({ filler: 'x'.repeat(bytes - small) }));
    expect((await send(route, filled(route.maxBytes))).status).toBe(200);
    expectRefused(await send(route, filled(route.maxBytes + 1)), [413]);
  });

  it('with a value of every wrong type in any field is refused, or answered where nobody reads the field', async () => {
    const values = [0, -1, 1e308, true, false, [], {}, [someDeviceId], { a: 1 }, [[]], ''];
    for (const field of Object.keys(bodyWith({}))) {
      const answers = await Promise.all(
        values.map((value) => send(route, JSON.stringify(bodyWith({ [field]: value })))),
      );
      for (const answer of answers) expectSane(answer);
    }
  });
});

/** Every text of a device's requests; for each route those that its rules say nothing of (protocol §1.5). */
const texts = [
  ...['app_id', 'device_id', 'platform', 'version_name', 'version_build', 'plugin_version', 'defaultChannel'],
  ...['key_id', 'install_source', 'version_os', 'version_code', 'custom_id', 'channel', 'action'],
  ...['old_version_name', 'metadata'],
];
const ofEvents = ['action', 'old_version_name', 'metadata'];
const uncheckedByCheck = ['version_os', 'version_code', 'custom_id', 'channel', ...ofEvents];
const uncheckedByChannel = ['version_os', 'version_code', 'custom_id', ...ofEvents];
const routesOfTexts: readonly [route: string, unchecked: readonly string[]][] = [
  ['POST /updates', uncheckedByCheck],
  ['POST /updates/manifest_size', uncheckedByCheck],
  ['POST /stats', ['channel']],
  ['POST /channel_self', uncheckedByChannel],
  ['PUT /channel_self', uncheckedByChannel],
  ['DELETE /channel_self', uncheckedByChannel],
  [
    'GET /channel_self',
    texts.filter((field) => !['app_id', 'platform', 'key_id', 'version_build'].includes(field)),
  ],
];

describe.each(routesOfTexts)('a text of %s', (route, unchecked) => {
  const [method = '', path = ''] = route.split(' ');

  async function sendWith(field: string, given: unknown): Promise<Answer> {
    const body = bodyWith({ [field]: given });
    if (method === 'POST' || method === 'PUT') return send({ method, path }, JSON.stringify(body));
    const pairs = Object.entries(body).map(([name, value]): [string, string] => [name, String(value)]);
    return ask(method === 'GET' ? method : 'DELETE', new URLSearchParams(pairs).toString());
  }

  it.each<[string, string]>([
    ['holds NUL', `${marker}\0`],
    ['is NUL', '\0'],
    ['is too long', marker.padEnd(3_000, 'x')],
  ])('that %s is refused where the field is checked, and passed over where it is not', async (_, text) => {
    for (const field of texts) {
      const answer = await sendWith(field, field === 'metadata' ? { [text]: text } : text);
      expect([field, answer.status]).toEqual([field, unchecked.includes(field) ? 200 : 400]);
      if (answer.status !== 200) expectRefused(answer);
    }
  });
});

describe('the fields of a manifest', () => {
  const route = { method: 'POST', path: '/updates/manifest_size' } as const;
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(
      ...['', '__proto__', '\u0000', '\ud800', 'http://[', 'https://x/?key=%', 'x'.repeat(5_000)],
      ...['http://h/?key=1', 'http://h/?key=99999999999999999999999', -1, 1.5, 1e308, null],
    ),
  );
  const entry = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ file_name: odd, file_hash: odd, download_url: odd }, { requiredKeys: [] }),
    },
    { weight: 1, arbitrary: odd },
  );
  const request = fc.record(
    { manifest: fc.oneof(fc.array(entry), odd), files: fc.array(entry), version: odd, version_id: odd },
    { requiredKeys: [] },
  );

  it('may be anything: the answer adds up, and names only what named a hash', async () => {
    const check = fc.asyncProperty(request, async (given) => {
      const answer = await send(route, JSON.stringify(buildUpdateCheckBody({ app_id: appId, ...given })));
      // A key that reaches a prototype and half a character are what is refused, whatever field they are in.
      if (answer.status !== 200) {
        expectRefused(answer);
        expect(JSON.stringify(given)).toMatch(/__proto__|prototype|\\ud8/);
        return;
      }
      const { totalSize, knownFiles, unknownFiles, files } = answer.body as {
        [name: string]: unknown;
        files: Row[];
      };
      expect([totalSize, knownFiles, unknownFiles]).toEqual([0, 0, files.length]);
      for (const file of files) {
        expect(Object.keys(file).sort()).toEqual(['download_url', 'error', 'file_hash', 'file_name']);
        expect(file['file_hash']).not.toBe('');
      }
    });
    await fc.assert(check, { numRuns: 200 });
  });

  it('may be very many', async () => {
    const numbers = JSON.stringify(
      buildUpdateCheckBody({ app_id: appId, manifest: Array.from({ length: 500_000 }, () => 0) }),
    );
    expect((await send(route, numbers)).body).toEqual({
      ...{ totalSize: 0, knownFiles: 0, unknownFiles: 0, files: [] },
    });
    const entries = Array.from({ length: 40_000 }, (_, number) => ({ file_hash: `${marker}${number}` }));
    const answer = await send(
      route,
      JSON.stringify(buildUpdateCheckBody({ app_id: appId, manifest: entries })),
    );
    expect([answer.status, answer.body['unknownFiles']]).toEqual([200, 40_000]);
  });
});

describe('a batch of events', () => {
  const route = { method: 'POST', path: '/stats' } as const;

  async function storedCount(): Promise<number> {
    const response = await fetch(`${server.managementUrl}/api/v1/events.count?app_id=${appId}`, {
      headers: { 'x-api-key': testToken },
    });
    return ((await response.json()) as { count: number }).count;
  }

  const value = fc.oneof(
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<unknown>(
        ...['', 'builtin', '1.0.1', 'set', 'update_fail', ':', '1.0.1:', ':a', 'x'.repeat(3_000), '\u0000'],
        ...['\ud800', '__proto__', 0, -1, 1e308, 8_640_000_000_000_001, null, true, [], {}],
        ...[{ a: 'b' }, { a: 1 }, { constructor: 'x' }, { '\u0000': 'x' }],
      ),
    },
  );
  const fields = [
    ...['device_id', 'platform', 'action', 'version_name', 'version_os', 'old_version_name', 'version_build'],
    ...[
      'version_code',
      'plugin_version',
      'custom_id',
      'metadata',
      'is_emulator',
      'is_prod',
      'defaultChannel',
    ],
    ...['key_id', 'install_source', 'timestamp', 'unknown'],
  ];
  const event = fc
    .dictionary(fc.constantFrom(...fields), value, { maxKeys: 3 })
    .map((spoilt) => buildDeviceEventBody({ app_id: appId, ...spoilt }));

  it('of anything has a result for each event, and exactly the good ones are stored', async () => {
    const check = fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 8 }), async (batch) => {
      const before = await storedCount();
      const answer = await send(route, JSON.stringify(batch));
      if (answer.status !== 200) {
        expectRefused(answer);
        expect(JSON.stringify(batch)).toMatch(/__proto__|prototype|\\ud8/);
        return;
      }
      const results = answer.body['results'] as Row[];
      expect(results.map(({ index }) => index)).toEqual(batch.map((_, index) => index));
      const good = results.filter(({ status }) => status === 'ok');
      for (const result of results) {
        if (result['status'] === 'ok') continue;
        expect(result).toEqual({
          status: 'error',
          error: expect.stringMatching(/^[a-z_]+$/),
          message: expect.any(String),
          index: expect.any(Number),
        });
      }
      const after = await storedCount();
      const timed = JSON.stringify(batch).includes('timestamp');
      if (timed) expect(after).toBeLessThanOrEqual(before + good.length);
      else expect(after).toBe(before + good.length);
    });
    await fc.assert(check, { numRuns: 150 });
  });

  it('that is huge is refused or answered whole', async () => {
    expectRefused(await send(route, `[${'0,'.repeat(900_000)}0]`));
    expectRefused(await send(route, `[${'[],'.repeat(600_000)}[]]`));
    expectRefused(await send(route, `[${'{},'.repeat(600_000)}{}]`));
    const tiny = JSON.stringify({ app_id: appId });
    expectRefused(await send(route, `[${`${tiny},`.repeat(1_000)}${tiny}]`));
    expectRefused(await send(route, `[${`${tiny},`.repeat(50_000)}${tiny}]`));
    const results = (await send(route, `[${`${tiny},`.repeat(999)}${tiny}]`)).body['results'] as Row[];
    expect(results).toHaveLength(1_000);
    const metadata = Object.fromEntries(Array.from({ length: 100_000 }, (_, key) => [`k${key}`, key]));
    expectRefused(await send(route, JSON.stringify(bodyWith({ metadata }))));
  });
});

describe('the query of channel_self', () => {
  const soundPairs = Object.entries(buildUpdateCheckBody({ app_id: appId }));
  const sound = new URLSearchParams(
    soundPairs.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();

  it.each(queryMethods)('of %s may be any text', async (method) => {
    const rows = [
      ...['%', '%zz=%zz', `${sound}&x=%ff%fe`, '&&&===', `app_id=${appId}%00&device_id=${someDeviceId}`],
      ...['app_id[]=a&app_id[b]=c', `__proto__=${marker}&constructor=${marker}`, '__proto__[app_id]=a'],
      ...[`toString=1&${sound}`, `${sound}&app_id=${marker}`, 'a=1&'.repeat(3_000), '=', '%00'],
      ...[
        `${sound}&action=${marker}`,
        `${sound}&defaultChannel=%F0%9F%98%80`,
        `app_id=${'a.'.repeat(6_000)}`,
      ],
    ];
    for (const query of rows) expectSane(await ask(method, query));
    expect(({} as Row)['app_id']).toBeUndefined();
  });

  const undecodable = [
    ...['%', '%z', '%zz', '%f', '%%30', '%u0041', '%ff', '%FF', '%fe', '%80', '%c3', '%c3%28', '%e2%82'],
    ...['%C0%AF', '%ed%a0%80', '%f4%90%80%80', '%f0%9f%98', 'a%FFb', '%e2%82%'],
  ];

  it.each(queryMethods)('of %s is refused when it holds what is no percent-encoded UTF-8', async (method) => {
    for (const bytes of undecodable) {
      for (const query of [
        ...[`${sound}&defaultChannel=${bytes}`, `${sound}&unknown=${bytes}`, `${sound}&${bytes}=x`],
        ...[`version_os=${bytes}&${sound}`, `${sound}&${bytes}`, bytes, `app_id=${bytes}`],
      ]) {
        const answer = await ask(method, query);
        expectRefused(answer);
        expect([query, answer.body['error']]).toEqual([query, 'invalid_query_parameters']);
      }
    }
    for (const text of ['%C3%A9', '%F0%9F%98%80', '%EF%BF%BD', '%25ff', '%25', 'a+b', '%2B', '']) {
      expect((await ask(method, `${sound}&defaultChannel=${text}`)).status).toBe(200);
    }
  });

  it('is refused whatever bytes are escaped in it, unless they are UTF-8', async () => {
    const check = fc.asyncProperty(
      fc.constantFrom(...queryMethods),
      fc.uint8Array({ minLength: 1, maxLength: 4 }),
      async (method, bytes) => {
        const escaped = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        const answer = await ask(method, `${sound}&unknown=${escaped}`);
        expect(answer.status).toBe(isUtf8(bytes) ? 200 : 400);
      },
    );
    await fc.assert(check, { numRuns: 100 });
  });

  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }).map((raw) => encodeURIComponent(raw.toWellFormed())),
    fc.constantFrom(
      '',
      '%',
      '%ff',
      '%00',
      appId,
      someDeviceId,
      'ios',
      'electron',
      'true',
      '1.0.0',
      'list',
      marker,
    ),
    fc.string({ unit: fc.constantFrom('%', 'f', '0', '+', '.', '-', '[', ']', '&', '='), maxLength: 12 }),
  );
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...sound.split('&').map((pair) => pair.split('=')[0] ?? '')) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('action', 'defaultChannel', 'channel', 'key_id', '__proto__', '%'),
    },
  );
  const pairs = fc.array(fc.tuple(name, text), { maxLength: 4 });

  it('is answered with JSON and never with 5xx, whatever is spoilt in it', async () => {
    const check = fc.asyncProperty(
      fc.constantFrom(...queryMethods),
      pairs,
      fc.boolean(),
      async (method, spoilt, first) => {
        const given = spoilt.map(([key, value]) => `${key}=${value}`).join('&');
        // Of a repeated key the first counts.
        const answer = await ask(method, first ? `${given}&${sound}` : `${sound}&${given}`);
        expectSane(answer);
      },
    );
    await fc.assert(check, { numRuns: 300 });
  });
});

describe('after all of that', () => {
  /** Each time series of our own metrics without its value. */
  async function seriesOf(): Promise<string[]> {
    const text = await (await fetch(`${server.metricsUrl}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith('capgo_'))
      .map((line) => line.slice(0, line.lastIndexOf(' ')));
  }

  it('every label is one of a few that are known beforehand', async () => {
    const allowed: Readonly<Record<string, readonly string[]>> = {
      outcome: updateOutcomes,
      action: [...knownActions, 'other'],
      api: ['device', 'management', 'metrics'],
      method: ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'other'],
      route: [
        ...['/updates', '/updates/manifest_size', '/stats', '/channel_self', 'unmatched', '/metrics'],
        ...['/api/v1/bundles.upload', '/api/v1/events.count'],
      ],
      status: ['200', '400', '404', '413', '415'],
    };
    for (const series of await seriesOf()) {
      for (const [, label = '', value = ''] of series.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
        if (label !== 'le')
          expect([label, allowed[label]?.includes(value), value]).toEqual([label, true, value]);
      }
    }
  });

  it('more of the same adds no time series', async () => {
    const attack = async (made: string) => {
      for (const route of bodyRoutes) {
        await send(route, JSON.stringify(bodyWith({ action: made, app_id: `com.${made}`, platform: made })));
        await send(route, JSON.stringify(bodyWith({ action: made, version_name: made })));
        await send({ ...route, path: `${route.path}/${made}` }, '{}');
        await send(route, '{', { 'content-type': `application/${made}` });
      }
      for (const method of queryMethods) await ask(method, `${made}=${made}`);
      for (const method of ['PATCH', 'PROPFIND', 'REPORT']) {
        await fetch(`${server.userUrl}/${made}`, { method, headers: { 'user-agent': made } });
      }
    };
    await attack('first');
    // The metrics of a request are those of the one before: reading them is one too.
    await seriesOf();
    const before = await seriesOf();
    for (const made of ['second', 'third', marker]) await attack(made);
    expect((await seriesOf()).sort()).toEqual(before.sort());
  });

  it('a device that behaves is served as before', async () => {
    const answer = await send(
      { method: 'POST', path: '/updates' },
      JSON.stringify(
        buildUpdateCheckBody({ app_id: appId, device_id: '00000000-0000-4000-8000-0000000000ff' }),
      ),
    );
    expect(answer.body).toMatchObject({ error: 'already_on_builtin' });
    const ready = await fetch(`${server.userUrl}/_readyz`);
    expect(ready.status).toBe(200);
  });

  it.each(['events.list', 'devices.list'])('%s shows no text with NUL and none without end', async (list) => {
    await server.product.jobs.find(({ name }) => name === 'record-checks')?.run();
    const shown: string[] = [];
    let cursor = '';
    do {
      const query = new URLSearchParams({ app_id: appId, limit: '1000', cursor });
      const url = `${server.managementUrl}/api/v1/${list}?${query}`;
      const response = await fetch(url, { headers: { 'x-api-key': testToken } });
      const page = JSON.parse(await response.text(), (key, value) => {
        shown.push(key, ...(typeof value === 'string' ? [value] : []));
        return value;
      }) as { next_cursor?: string };
      cursor = page.next_cursor ?? '';
    } while (cursor !== '');
    expect(shown).toContain(appId);
    expect(shown.filter((text) => text.includes('\0') || text.length > 2_048)).toEqual([]);
  });
});
