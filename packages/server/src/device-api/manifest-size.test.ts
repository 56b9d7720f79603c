import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { acceptJsonBodies } from '../http/json-body.ts';
import { createMetrics } from '../http/metrics.ts';
import { createHttpServer } from '../http/server.ts';
import type { FileSizeQuery, FindFileSizes } from '../ports/file-sizes.ts';
import { buildUpdateCheckBody, someAppId } from '../testing/builders.ts';
import { createManifestSizeHandler, maxManifestSizeBodyBytes } from './manifest-size.ts';
import { renderDeviceError } from './render-error.ts';

const url = '/updates/manifest_size';
const bundleId = '0123456789abcdef01234567';

/** What each look-up asked for. */
let queries: FileSizeQuery[];
let findFileSizes: FindFileSizes;
let server: FastifyInstance;

beforeEach(() => {
  queries = [];
  findFileSizes = async ({ entries }) => entries.map(() => undefined);
  server = createHttpServer({
    name: 'device',
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(),
    trustedProxies: [],
    maxBodyBytes: 64 * 1024,
    renderError: renderDeviceError,
  });
  acceptJsonBodies(server, 'json');
  const handler = createManifestSizeHandler({
    findFileSizes: (query) => {
      queries.push(query);
      return findFileSizes(query);
    },
  });
  server.post(url, { bodyLimit: maxManifestSizeBodyBytes }, handler);
});
afterEach(() => server.close());

async function send(payload: string) {
  const headers = { 'content-type': 'application/json' };
  const response = await server.inject({ method: 'POST', url, headers, payload });
  return { status: response.statusCode, headers: response.headers, body: response.json() as unknown };
}

const ask = (given: Record<string, unknown>) => send(JSON.stringify(buildUpdateCheckBody(given)));

/** What the one look-up was asked for. */
function asked() {
  expect(queries).toHaveLength(1);
  return queries[0]?.entries;
}

function sizesByHash(sizes: Record<string, number>): FindFileSizes {
  return async ({ entries }) => entries.map(({ hash }) => sizes[hash]);
}

const file = (name: string, hash: string, downloadUrl = `https://example.com/${name}`) => ({
  file_name: name,
  file_hash: hash,
  download_url: downloadUrl,
});

describe('the size of a manifest', () => {
  it('adds up what is known and names what is not', async () => {
    findFileSizes = sizesByHash({ aa: 1_200, bb: 34 });
    const files = [file('index.html', 'aa'), file('gone.js', 'zz'), file('app.css.br', 'bb')];
    expect(await ask({ manifest: files, version: '1.2.0' })).toMatchObject({
      status: 200,
      body: {
        totalSize: 1_234,
        knownFiles: 2,
        unknownFiles: 1,
        files: [
          { ...files[0], size: 1_200 },
          { ...files[1], error: 'size_unknown' },
          { ...files[2], size: 34 },
        ],
      },
    });
    expect(queries[0]?.appId).toBe(someAppId);
  });

  it('answers exactly these keys', async () => {
    findFileSizes = sizesByHash({ aa: 1 });
    const extra = { ...file('index.html', 'aa'), size: 99, error: 'mine', more: true };
    expect((await ask({ manifest: [extra] })).body).toStrictEqual({
      totalSize: 1,
      knownFiles: 1,
      unknownFiles: 0,
      files: [{ ...file('index.html', 'aa'), size: 1 }],
    });
  });

  it('knows that an empty file is empty', async () => {
    findFileSizes = async () => [0];
    expect((await ask({ manifest: [file('empty.txt', 'aa')] })).body).toEqual({
      totalSize: 0,
      knownFiles: 1,
      unknownFiles: 0,
      files: [{ ...file('empty.txt', 'aa'), size: 0 }],
    });
  });

  it.each([
    ['absent', undefined],
    ['null', null],
    ['empty', []],
    ['an object', { 0: file('index.html', 'aa') }],
    ['a text', 'manifest'],
    ['a number', 5],
    [
      'of nothing usable',
      [null, 5, 'aa', [], {}, { file_hash: '' }, { file_hash: 5 }, [['file_hash', 'aa']]],
    ],
  ])('of a manifest that is %s is nothing, without any look-up', async (_what, manifest) => {
    const nothing = { totalSize: 0, knownFiles: 0, unknownFiles: 0, files: [] };
    for (const given of [{ manifest }, { files: manifest }, { manifest: undefined, files: manifest }]) {
      expect(await ask(given)).toMatchObject({ status: 200, body: nothing });
    }
    expect(queries).toEqual([]);
  });

  it('reads the files under their other name too, and the manifest before it', async () => {
    findFileSizes = sizesByHash({ aa: 1, bb: 2 });
    expect((await ask({ files: [file('a', 'aa')] })).body).toMatchObject({ totalSize: 1 });
    const both = { manifest: [file('b', 'bb')], files: [file('a', 'aa')] };
    expect((await ask(both)).body).toMatchObject({ totalSize: 2, knownFiles: 1 });
  });

  it('answers null for a name or an address that is no text', async () => {
    const entries = [{ file_hash: 'aa' }, { file_name: 5, file_hash: 'bb', download_url: {} }];
    expect((await ask({ manifest: entries })).body).toMatchObject({
      files: [
        { file_name: null, file_hash: 'aa', download_url: null, error: 'size_unknown' },
        { file_name: null, file_hash: 'bb', download_url: null, error: 'size_unknown' },
      ],
    });
  });

  it('counts an exact duplicate once and a file of another name or address again', async () => {
    findFileSizes = sizesByHash({ aa: 10 });
    const entries = [
      file('a', 'aa'),
      file('a', 'aa'),
      file('b', 'aa'),
      file('a', 'aa', 'https://example.com/other'),
    ];
    expect((await ask({ manifest: entries })).body).toMatchObject({ totalSize: 30, knownFiles: 3 });
  });

  it('answers more than ten thousand files with one look-up', async () => {
    findFileSizes = async ({ entries }) => entries.map(() => 2);
    const manifest = Array.from({ length: 10_050 }, (_, index) =>
      file(`assets/chunk-${index}.js`, index.toString(16).padStart(64, '0')),
    );
    const { status, body } = await ask({ manifest });
    expect(status).toBe(200);
    expect(body).toMatchObject({ totalSize: 20_100, knownFiles: 10_050, unknownFiles: 0 });
    expect((body as { files: unknown[] }).files).toHaveLength(10_050);
    expect(queries).toHaveLength(1);
  });

  it('knows no file while bundles are stored without a manifest, of an unknown app neither', async () => {
    for (const app_id of [someAppId, 'com.example.nobody']) {
      const { status, body } = await ask({ app_id, manifest: [file('a', 'aa'), file('b', 'bb')] });
      expect(status).toBe(200);
      expect(body).toMatchObject({ totalSize: 0, knownFiles: 0, unknownFiles: 2 });
    }
  });
});

describe('the bundle of a file', () => {
  it.each([
    [
      'an id in its address',
      { version_id: 7, version: '1.0.0' },
      `https://x.test/f?key=${bundleId}`,
      bundleId,
    ],
    ['digits in its address', { version_id: 7 }, 'https://x.test/f?a=1&key=42', '42'],
    ['the id of the request when its address has none', { version_id: 7 }, 'https://x.test/f?key=v1', '7'],
    ['the id of the request when its address is none', { version_id: '7' }, 'not a url', '7'],
    ['an id of the request in hexadecimal digits', { version_id: bundleId.toUpperCase() }, '', bundleId],
    ['no id that is 0', { version_id: 0 }, '', undefined],
    ['no id that is negative', { version_id: -7 }, '', undefined],
    ['no id that is a fraction', { version_id: 7.5 }, '', undefined],
    ['no id that is another text', { version_id: 'seven' }, '', undefined],
    ['no id that is an object', { version_id: { id: 7 } }, '', undefined],
  ])('is named by %s', async (_what, given, downloadUrl, expected) => {
    await ask({ ...given, manifest: [file('a', 'aa', downloadUrl)] });
    expect(asked()?.map((entry) => entry.bundleId)).toEqual([expected]);
  });

  it('is else the one of the version name, and without one any', async () => {
    for (const [version, expected] of [
      ['1.2.0', '1.2.0'],
      ['', undefined],
      [null, undefined],
      [5, undefined],
    ]) {
      queries = [];
      await ask({ version, manifest: [file('a', 'aa')] });
      expect(asked()).toEqual([{ hash: 'aa', bundleId: undefined, versionName: expected }]);
    }
  });

  it('is found for each file by itself', async () => {
    const manifest = [file('a', 'aa', 'https://x.test/a?key=1'), file('b', 'bb')];
    await ask({ version_id: 2, manifest });
    expect(asked()?.map((entry) => entry.bundleId)).toEqual(['1', '2']);
  });
});

describe('a request for the size of a manifest that is wrong', () => {
  it.each([
    [{}, 'device_id', 'missing_device_id'],
    [{}, 'app_id', 'missing_app_id'],
    [{ version_build: 'abc' }, undefined, 'semver_error'],
    [{ device_id: 'no-uuid' }, undefined, 'invalid_json_body'],
    [{}, 'plugin_version', 'invalid_json_body'],
    [{ platform: 'web' }, undefined, 'invalid_json_body'],
  ])('is refused as an update check is: %j without %s', async (given, missing, code) => {
    const body = { ...given, ...(missing ? { [missing]: undefined } : {}), manifest: [file('a', 'aa')] };
    const { status, body: answer } = await ask(body);
    expect(status).toBe(400);
    expect(answer).toMatchObject({ error: code, moreInfo: {} });
    expect(answer).not.toHaveProperty('kind');
    expect(queries).toEqual([]);
  });

  it.each([
    ['{"manifest":', 'invalid_json_parse_body'],
    ['null', 'invalid_json_body'],
    ['[]', 'invalid_json_body'],
    ['{}', 'invalid_json_body'],
  ])('is refused when its body is %s', async (payload, code) => {
    expect(await send(payload)).toMatchObject({ status: 400, body: { error: code } });
  });

  it('is refused above 4 MB', async () => {
    const manifest = [file('a', 'a'.repeat(maxManifestSizeBodyBytes))];
    expect(await ask({ manifest })).toMatchObject({ status: 413, body: { error: 'payload_too_large' } });
  });

  it('takes hostile texts for files that are not known', async () => {
    const texts = ['\0', '\uffff', '__proto__', 'x'.repeat(1_000_000)];
    const manifest = texts.map((text) => ({ file_name: text, file_hash: text, download_url: text }));
    const { status, body } = await ask({ manifest, version: '\0', version_id: '__proto__' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ unknownFiles: texts.length, knownFiles: 0 });
  });
});

it('a store that does not answer makes it 503 with a time to come back', async () => {
  findFileSizes = () => Promise.reject(new AppError('unavailable', 'The database does not answer'));
  const { status, headers, body } = await ask({ manifest: [file('a', 'aa')] });
  expect(status).toBe(503);
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect(body).toMatchObject({ error: 'unavailable' });
});
