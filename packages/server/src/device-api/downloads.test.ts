import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildUpdateCheckBody } from '../testing/builders.ts';
import { createTestBucket, needsTestS3, type TestBucket, testS3Endpoint } from '../testing/test-bucket.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

const zip = new Uint8Array(
  buildZip({ 'index.html': '<!doctype html>', 'assets/noise.bin': randomBytes(200_000) }),
);
const size = zip.byteLength;
const cacheControl = 'public, max-age=31536000, immutable, no-transform';
const secret = 'this file is not for the world';
const downloads = '/files/read/attachments';

let server: TestServer;
let path: string;
async function manage(route: string, body: FormData | object): Promise<Record<string, unknown>> {
  const isForm = body instanceof FormData;
  const response = await fetch(`${server.managementUrl}/api/v1/${route}`, {
    method: 'POST',
    headers: { 'x-api-key': testToken, ...(isForm ? {} : { 'content-type': 'application/json' }) },
    body: isForm ? body : JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`${route} answered ${response.status}`);
  return (await response.json()) as Record<string, unknown>;
}

async function upload(appId: string, versionName: string) {
  const form = bundleForm({ app_id: appId, version_name: versionName }, zip);
  return (await manage('bundles.upload', form))['bundle'] as { id: string; public_download_url: string };
}

/** Asks with the path exactly as given: fetch would tidy it up. */
function get(
  rawPath: string,
  headers: Record<string, string> = {},
  method: 'GET' | 'HEAD' = 'GET',
): Promise<Answer> {
  const { hostname, port } = new URL(server.userUrl);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path: rawPath, method, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes: Buffer.concat(chunks),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end();
  });
}

function expectWhole(answer: Answer): void {
  expect(answer.status).toBe(200);
  expect(answer.headers['content-length']).toBe(String(size));
  expect(answer.headers['content-range']).toBeUndefined();
  expect(answer.bytes.equals(zip)).toBe(true);
}

function expectPart(answer: Answer, start: number, end: number): void {
  expect(answer.status).toBe(206);
  expect(answer.headers['content-range']).toBe(`bytes ${start}-${end}/${size}`);
  expect(answer.headers['content-length']).toBe(String(end - start + 1));
  expect(answer.bytes.equals(zip.subarray(start, end + 1))).toBe(true);
}

/** All that holds wherever the bytes lie. */
function describeDownloads(env: () => Readonly<Record<string, string>>): void {
  beforeAll(async () => {
    server = await startTestServer({ env: env() });
    await writeFile(join(server.dataDir, 'secret.txt'), secret);
    path = new URL((await upload('com.example.downloads', '1.0.0')).public_download_url).pathname;
  });
  afterAll(() => server.close());

  describe('a download', () => {
    it('is the upload, byte for byte, to be kept for ever and changed by nobody', async () => {
      const answer = await get(path);
      expectWhole(answer);
      expect(answer.headers['cache-control']).toBe(cacheControl);
      expect(answer.headers['accept-ranges']).toBe('bytes');
      expect(answer.headers['content-type']).toBe('application/zip');
      expect(answer.headers['content-encoding']).toBeUndefined();
      expect(answer.headers['transfer-encoding']).toBeUndefined();
      expect(answer.headers['content-disposition']).toMatch(/^attachment\b/);
    });

    it.each(['gzip, deflate, br', 'br', '*', 'identity;q=0, gzip'])(
      'is not encoded for a client that accepts %s',
      async (encoding) => {
        const answer = await get(path, { 'accept-encoding': encoding });
        expectWhole(answer);
        expect(answer.headers['content-encoding']).toBeUndefined();
      },
    );

    it('has a strong validator that stays the same and differs between bundles', async () => {
      const { headers } = await get(path);
      expect(headers.etag).toMatch(/^"[!#-~]+"$/);
      expect((await get(path)).headers.etag).toBe(headers.etag);
      expect((await get(path, { range: 'bytes=0-9' })).headers.etag).toBe(headers.etag);
      const other = await upload('com.example.downloads', '1.0.1');
      const otherAnswer = await get(new URL(other.public_download_url).pathname);
      expectWhole(otherAnswer);
      expect(otherAnswer.headers.etag).not.toBe(headers.etag);
    });

    it('takes no notice of a query', async () => {
      expectWhole(await get(`${path}?key=abc&device_id=x`));
    });

    it('is readable by the web view of an app', async () => {
      const answer = await get(path, { origin: 'capacitor://localhost', range: 'bytes=0-9' });
      expectPart(answer, 0, 9);
      expect(answer.headers['access-control-allow-origin']).toBe('capacitor://localhost');
      const exposed = String(answer.headers['access-control-expose-headers']).toLowerCase().split(/, */);
      expect(exposed).toEqual(expect.arrayContaining(['content-length', 'content-range', 'etag']));
    });
  });

  describe('HEAD', () => {
    it('says what GET would, without the bytes', async () => {
      const head = await get(path, {}, 'HEAD');
      const whole = await get(path);
      expect(head.status).toBe(200);
      expect(head.bytes.length).toBe(0);
      for (const name of ['content-length', 'etag', 'cache-control', 'content-type', 'accept-ranges']) {
        expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
      }
    });

    it('speaks of the whole file: a range is defined for GET alone', async () => {
      const head = await get(path, { range: 'bytes=0-9' }, 'HEAD');
      expect(head.status).toBe(200);
      expect(head.headers['content-length']).toBe(String(size));
    });

    it('of a missing file is 404', async () => {
      expect((await get(`${downloads}/apps/none.zip`, {}, 'HEAD')).status).toBe(404);
    });
  });

  describe('a range', () => {
    it.each([
      ['bytes=0-0', 0, 0],
      ['bytes=0-99', 0, 99],
      ['bytes=100-199', 100, 199],
      ['bytes=1000-', 1000, size - 1],
      ['bytes=0-', 0, size - 1],
      [`bytes=${size - 1}-`, size - 1, size - 1],
      ['bytes=-1', size - 1, size - 1],
      ['bytes=-500', size - 500, size - 1],
      [`bytes=-${size * 2}`, 0, size - 1],
      [`bytes=0-${size * 2}`, 0, size - 1],
      [`bytes=${size - 10}-${size + 10}`, size - 10, size - 1],
    ])('%s is sent as 206 and no more', async (range, start, end) => {
      const answer = await get(path, { range });
      expectPart(answer, start, end);
      expect(answer.headers['cache-control']).toBe(cacheControl);
      expect(answer.headers['content-encoding']).toBeUndefined();
    });

    it.each([`bytes=${size}-`, `bytes=${size + 5}-${size + 9}`, 'bytes=-0'])(
      '%s lies outside: 416 with the real size',
      async (range) => {
        const answer = await get(path, { range });
        expect(answer.status).toBe(416);
        expect(answer.headers['content-range']).toBe(`bytes */${size}`);
        expect(answer.headers['cache-control'] ?? '').not.toContain('immutable');
        expect(JSON.parse(answer.bytes.toString())).toMatchObject({ error: expect.any(String) });
      },
    );

    it.each([
      'bytes=5-2',
      'bytes=0-9,20-29',
      'bytes=0-9, -5',
      'items=0-9',
      'bytes',
      'bytes=a-b',
      'bytes=',
      'bytes=0-9,0-9',
    ])('%s is not one that is sent alone: the whole file', async (range) => {
      const answer = await get(path, { range });
      expect([200, 416]).toContain(answer.status);
      if (answer.status === 200) expectWhole(answer);
      else expect(answer.headers['content-range']).toBe(`bytes */${size}`);
    });

    it('with If-Range is sent only while the file is still the same', async () => {
      const { etag } = (await get(path)).headers;
      const range = 'bytes=10-19';
      expectPart(await get(path, { range, 'if-range': etag ?? '' }), 10, 19);
      expectWhole(await get(path, { range, 'if-range': '"another"' }));
      expectWhole(await get(path, { range, 'if-range': `W/${etag}` }));
      expectWhole(await get(path, { range, 'if-range': 'Wed, 21 Oct 2065 07:28:00 GMT' }));
    });

    it('continues a download that broke off, so that both parts make the upload', async () => {
      const { port } = new URL(server.userUrl);
      const cut = 50_000;
      const first = await new Promise<Buffer>((resolve, reject) => {
        const request = httpRequest({ port, path, agent: false }, (response) => {
          const chunks: Buffer[] = [];
          let received = 0;
          response.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            received += chunk.length;
            if (received < cut) return;
            response.destroy();
            resolve(Buffer.concat(chunks));
          });
        });
        request.on('error', reject);
        request.end();
      });
      expect(first.length).toBeGreaterThanOrEqual(cut);
      expect(first.length).toBeLessThan(size);
      const rest = await get(path, { range: `bytes=${first.length}-` });
      expectPart(rest, first.length, size - 1);
      expect(Buffer.concat([first, rest.bytes]).equals(zip)).toBe(true);
    });

    it('is right for many readers at once', async () => {
      const parts = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          get(path, { range: `bytes=${index * 1000}-${index * 1000 + 999}` }),
        ),
      );
      expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(zip.subarray(0, 30_000))).toBe(true);
    });
  });

  describe('a client that has the file', () => {
    it.each([
      (etag: string) => etag,
      (etag: string) => `W/${etag}`,
      (etag: string) => `"other", ${etag}`,
      () => '*',
    ])('is answered 304 without a body', async (ifNoneMatch) => {
      const { etag } = (await get(path)).headers;
      const answer = await get(path, { 'if-none-match': ifNoneMatch(etag ?? ''), range: 'bytes=0-9' });
      expect(answer.status).toBe(304);
      expect(answer.bytes.length).toBe(0);
      expect(answer.headers.etag).toBe(etag);
      expect(answer.headers['cache-control']).toBe(cacheControl);
    });

    it('but another one gets it', async () => {
      expectWhole(await get(path, { 'if-none-match': '"other"' }));
    });
  });

  describe('a path that names no bundle', () => {
    it.each([
      downloads,
      `${downloads}/`,
      `${downloads}/apps`,
      `${downloads}/apps/com.example.downloads`,
      `${downloads}/apps/com.example.downloads/bundles`,
      `${downloads}/apps/com.example.downloads/bundles/`,
      `${downloads}/apps/com.example.downloads/bundles/ffffffffffffffffffffffff.zip`,
      `${downloads}/apps//com.example.downloads`,
      `${downloads}/${'x'.repeat(300)}`,
      `${downloads}/${'x/'.repeat(1_000)}y`,
      `${downloads}/${'x'.repeat(5_000)}`,
      '/files/read',
      '/files',
    ])('%s is 404', async (rawPath) => {
      const answer = await get(rawPath);
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.bytes.toString())).toEqual({ error: 'not_found', message: 'Not found' });
      expect(answer.headers['cache-control'] ?? '').not.toContain('immutable');
    });

    it.each(['%', '%zz', '%2', 'a%', '%ff', '%c3%28', '%E0%A4%A'])(
      'and is badly escaped, such as %s, is 400',
      async (segment) => {
        const answer = await get(`${downloads}/apps/${segment}`);
        expect(answer.status).toBe(400);
        expect(JSON.parse(answer.bytes.toString())).toEqual({
          error: 'invalid_file_path_encoding',
          message: expect.any(String),
          moreInfo: expect.any(Object),
        });
      },
    );

    const up = ['../', '%2e%2e/', '..%2f', '%2e%2e%2f', '%252e%252e%252f', '..%5c', '..\\', '.%2e/'];
    it.each(up)('and climbs with %s never reaches a file outside', async (step) => {
      for (let depth = 1; depth <= 6; depth += 1) {
        for (const start of [downloads, `${downloads}/apps`, `${downloads}/apps/com.example.downloads`]) {
          for (const file of ['secret.txt', 'etc/passwd', 'capgo.db']) {
            const answer = await get(`${start}/${step.repeat(depth)}${file}`);
            expect([400, 404]).toContain(answer.status);
            expect(answer.bytes.toString()).not.toContain(secret);
          }
        }
      }
    });

    it.each([
      '//etc/passwd',
      '/%2fetc%2fpasswd',
      '/apps%00/com.example.downloads',
      '/apps/./com.example.downloads',
      '/apps%0a',
      '/C:%5cWindows%5cwin.ini',
      '/..',
      '/.',
    ])('and is odd, such as %s, is 4xx', async (rest) => {
      const answer = await get(`${downloads}${rest}`);
      expect([400, 404]).toContain(answer.status);
      expect(JSON.parse(answer.bytes.toString())).toMatchObject({ error: expect.any(String) });
    });
  });

  describe('the URL of a bundle', () => {
    it('is the same in every answer for its whole life, and dies with it', async () => {
      const appId = 'com.example.urls';
      const builtin = await upload(appId, '1.0.0');
      const bundle = await upload(appId, '1.0.1');
      const { release } = await manage('releases.create', {
        ...{ app_id: appId, platform: 'ios', version_name: '1.0.0', version_code: '1' },
        builtin_bundle_id: builtin.id,
      });
      const releaseId = (release as { id: string }).id;
      const urls = new Set<unknown>();
      for (let round = 0; round < 3; round += 1) {
        await manage('releases.set-active', { release_id: releaseId, bundle_id: bundle.id });
        for (const device_id of [undefined, '00000000-0000-4000-8000-000000000000']) {
          const body = buildUpdateCheckBody({ app_id: appId, ...(device_id ? { device_id } : {}) });
          const response = await fetch(`${server.userUrl}/updates`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          });
          urls.add(((await response.json()) as { url: unknown }).url);
        }
        await manage('releases.set-active', { release_id: releaseId, bundle_id: null });
      }
      expect([...urls]).toEqual([bundle.public_download_url]);

      const { pathname } = new URL(bundle.public_download_url);
      expectWhole(await get(pathname));
      await manage('bundles.delete', { bundle_id: bundle.id });
      expect((await get(pathname)).status).toBe(404);
      expectWhole(await get(new URL(builtin.public_download_url).pathname));
    });
  });
}

describe('from the file system', () => {
  describeDownloads(() => ({}));
});

describe.skipIf(testS3Endpoint === '')(`from S3${needsTestS3}`, () => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await createTestBucket();
  });
  afterAll(() => bucket.destroy());
  describeDownloads(() => bucket.env);
});
