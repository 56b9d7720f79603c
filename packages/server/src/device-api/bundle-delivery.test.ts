import { randomBytes } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../ports/clock.ts';
import { buildUpdateCheckBody } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { type HttpRelay, startHttpRelay } from '../testing/http-relay.ts';
import { usersOf } from '../testing/manifest-server.ts';
import { createTestBucket, needsTestS3, type TestBucket, testS3Endpoint } from '../testing/test-bucket.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';

const appId = 'com.example.delivery';
const zip = new Uint8Array(
  buildZip({ 'index.html': '<!doctype html>', 'assets/noise.bin': randomBytes(50_000) }),
);

describe.skipIf(testS3Endpoint === '')(`a bundle in S3${needsTestS3}`, () => {
  let bucket: TestBucket;
  /** How the server reaches the storage. */
  let relay: HttpRelay;
  /** How devices reach it. */
  let publicRelay: HttpRelay;
  let server: TestServer | undefined;
  beforeAll(async () => {
    bucket = await createTestBucket();
  });
  afterAll(() => bucket.destroy());
  beforeEach(async () => {
    relay = await startHttpRelay(bucket.endpoint);
    publicRelay = await startHttpRelay(bucket.endpoint);
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    await relay.close();
    await publicRelay.close();
  });

  async function start(env: Record<string, string>): Promise<TestServer> {
    server = await startTestServer({ env: { ...bucket.env, S3_BASE_ENDPOINT: relay.origin, ...env } });
    return server;
  }

  async function manage({ managementUrl }: TestServer, route: string, body: FormData | object) {
    const isForm = body instanceof FormData;
    return fetch(`${managementUrl}/api/v1/${route}`, {
      method: 'POST',
      headers: { 'x-api-key': testToken, ...(isForm ? {} : { 'content-type': 'application/json' }) },
      body: isForm ? body : JSON.stringify(body),
    });
  }

  async function upload(to: TestServer, versionName: string) {
    const form = bundleForm({ app_id: appId, version_name: versionName }, zip);
    const response = await manage(to, 'bundles.upload', form);
    expect(response.status).toBe(200);
    return ((await response.json()) as { bundle: { id: string; public_download_url: string } }).bundle;
  }

  /** Publishes a bundle to a device. */
  async function publish(to: TestServer) {
    const builtin = await upload(to, '1.0.0');
    const bundle = await upload(to, '1.0.1');
    const created = await manage(to, 'releases.create', {
      ...{ app_id: appId, platform: 'ios', version_name: '1.0.0', version_code: '1' },
      builtin_bundle_id: builtin.id,
    });
    const { release } = (await created.json()) as { release: { id: string } };
    await manage(to, 'releases.set-active', { release_id: release.id, bundle_id: bundle.id });
    return bundle;
  }

  async function check({ userUrl }: TestServer): Promise<{ url?: string; version?: string }> {
    const response = await fetch(`${userUrl}/updates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(buildUpdateCheckBody({ app_id: appId })),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as { url?: string };
  }

  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
  const stay = { redirect: 'manual' } as const;

  describe('that is proxied', () => {
    it('comes from the server alone', async () => {
      const started = await start({});
      const { public_download_url: url } = await upload(started, '1.0.0');
      const answer = await fetch(url, stay);
      expect(answer.status).toBe(200);
      expect((await bytesOf(answer)).equals(zip)).toBe(true);
      const { pathname } = new URL(url);
      expect(await bucket.listKeys()).toContain(pathname.slice('/files/read/attachments/'.length));
    });

    it('does not open the rest of a shared bucket to the world', async () => {
      const started = await start({});
      const object = { Bucket: bucket.name, Key: 'backups/secret.txt', Body: 'secret' };
      await bucket.client.send(new PutObjectCommand(object));
      for (const path of [
        'backups/secret.txt',
        'apps/../backups/secret.txt',
        'apps/%2e%2e/backups/secret.txt',
      ]) {
        const answer = await fetch(`${started.userUrl}/files/read/attachments/${path}`);
        expect(answer.status).toBe(404);
      }
    });
  });

  describe('to which devices are redirected', () => {
    const redirecting = () => ({ BUNDLE_DELIVERY: 'redirect', S3_PUBLIC_ENDPOINT: publicRelay.origin });

    it('is the same bytes behind a link to the public endpoint, with ranges', async () => {
      const { public_download_url: url } = await upload(await start(redirecting()), '1.0.0');
      const redirect = await fetch(url, stay);
      expect(redirect.status).toBe(302);
      expect(redirect.headers.get('cache-control')).toBe('private, max-age=60');
      expect(new URL(redirect.headers.get('location') ?? '').origin).toBe(publicRelay.origin);
      expect((await bytesOf(await fetch(url))).equals(zip)).toBe(true);
      const part = await fetch(url, { headers: { range: 'bytes=100-199' } });
      expect(part.status).toBe(206);
      expect((await bytesOf(part)).equals(zip.subarray(100, 200))).toBe(true);
    });

    it('answers HEAD behind a link of its own', async () => {
      const { public_download_url: url } = await upload(await start(redirecting()), '1.0.0');
      const head = await fetch(url, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(zip.byteLength)]);
    });

    it('has one URL in every answer, which is not the link', async () => {
      const started = await start(redirecting());
      const { public_download_url: url } = await publish(started);
      const answers = [await check(started), await check(started), await check(started)];
      expect(answers.map((answer) => answer.url)).toEqual([url, url, url]);
      expect(url.startsWith(started.userUrl)).toBe(true);
      expect(url).not.toContain('?');
    });

    it.each([
      'apps/com.example.delivery/bundles/none.zip',
      'backups/secret.txt',
      'apps/../backups/secret.txt',
    ])('gives no link to %s', async (key) => {
      const started = await start(redirecting());
      const answer = await fetch(`${started.userUrl}/files/read/attachments/${key}`, stay);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('location')).toBeNull();
    });

    it('comes from the server for a device that came over another scheme than the link', async () => {
      const link = 'https://s3.example.com';
      const started = await start({ BUNDLE_DELIVERY: 'redirect', S3_PUBLIC_ENDPOINT: link });
      const { public_download_url: url } = await upload(started, '1.0.0');
      const answer = await fetch(url, { ...stay, headers: { range: 'bytes=0-9' } });
      expect(answer.status).toBe(206);
      expect((await bytesOf(answer)).equals(zip.subarray(0, 10))).toBe(true);
    });

    it('is redirected to by the scheme that a trusted proxy saw', async () => {
      const link = 'https://s3.example.com';
      const settings = {
        BUNDLE_DELIVERY: 'redirect',
        S3_PUBLIC_ENDPOINT: link,
        TRUSTED_PROXIES: '127.0.0.1',
      };
      const { public_download_url: url } = await upload(await start(settings), '1.0.0');
      const answer = await fetch(url, { ...stay, headers: { 'x-forwarded-proto': 'https' } });
      expect(answer.status).toBe(302);
      expect(new URL(answer.headers.get('location') ?? '').origin).toBe(link);
    });
  });

  describe('behind a CDN', () => {
    const behindCdn = { BUNDLE_DELIVERY: 'cdn', CDN_BASE_URL: 'http://cdn.example.com/objects/' };

    it('is redirected to by its key, also while the storage is down', async () => {
      const started = await start(behindCdn);
      const { public_download_url: url } = await upload(started, '1.0.0');
      relay.choose(() => 'cut');
      const key = new URL(url).pathname.slice('/files/read/attachments/'.length);
      for (const method of ['GET', 'HEAD']) {
        const answer = await fetch(url, { ...stay, method });
        expect(answer.status).toBe(302);
        expect(answer.headers.get('location')).toBe(`http://cdn.example.com/objects/${key}`);
        expect(answer.headers.get('cache-control')).toBe('private, max-age=300');
      }
    });

    it.each(['backups/secret.txt', 'apps/a%5cb', 'apps//b', 'apps/%0d%0aset-cookie:x'])(
      'is not what %s could name',
      async (key) => {
        const started = await start(behindCdn);
        const answer = await fetch(`${started.userUrl}/files/read/attachments/${key}`, stay);
        expect(answer.status).toBe(404);
      },
    );
  });

  describe('that devices fetch from elsewhere', () => {
    it.each([
      ['the bucket', () => ({ BUNDLE_DELIVERY: 'redirect', S3_PUBLIC_ENDPOINT: publicRelay.origin })],
      ['a CDN', () => ({ BUNDLE_DELIVERY: 'cdn', CDN_BASE_URL: 'http://cdn.example.com' })],
    ])('counts as bandwidth for what was asked for and sent to %s', async (_where, env) => {
      const started = await start(env());
      const { check: checkUpdate, ...operator } = usersOf(started);
      const bundle = await operator.upload(appId, '1.0.1', Buffer.from(zip));
      await operator.buildManifests();
      await operator.serve(appId, bundle.id);
      const { answer } = await checkUpdate(appId, { plugin_version: '8.0.0' });
      const { body } = await operator.manage(`bundles.manifest?bundle_id=${bundle.id}`);
      const sizes = (body['files'] as { size: number }[]).map(({ size }) => size);
      const files = (answer.manifest ?? []).map(({ download_url }) => download_url ?? '');
      expect(files).toHaveLength(2);

      for (const url of [answer.url ?? '', ...files]) expect((await fetch(url, stay)).status).toBe(302);
      await fetch(answer.url ?? '', { ...stay, headers: { range: 'bytes=100-199' } });
      // None of these is a download.
      await fetch(answer.url ?? '', { ...stay, method: 'HEAD' });
      await fetch(answer.url ?? '', { ...stay, headers: { 'if-none-match': '*' } });
      await fetch(`${answer.url}x`, stay);
      await operator.job('record-usage');
      const rows = await started.product.store.readStatistics({
        ...{ appIds: [appId], metrics: ['bandwidth'], fromDate: '0000-01-01', toDate: '9999-12-31' },
      });
      const bytes = zip.byteLength + 100 + sizes.reduce((sum, size) => sum + size, 0);
      expect(rows.map(({ name, amount }) => [name, amount])).toEqual([['redirected', bytes]]);
    });
  });

  describe('whose storage is down', () => {
    it.each([
      ['proxy', {}],
      ['redirect', { BUNDLE_DELIVERY: 'redirect' }],
    ])('is announced as before, answered 503 for now and there again afterwards: %s', async (_mode, env) => {
      const started = await start(env);
      const { public_download_url: url } = await publish(started);
      relay.choose(() => 'cut');

      expect(await check(started)).toMatchObject({ version: '1.0.1', url });
      for (const method of ['GET', 'HEAD']) {
        const answer = await fetch(url, { method });
        expect(answer.status).toBe(503);
        expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
        expect(answer.headers.get('cache-control')).toBeNull();
        expect(await answer.text()).not.toMatch(/amazonaws|ECONN|127\.0\.0\.1/);
      }
      const ready = await fetch(`${started.userUrl}/_readyz`);
      expect(ready.status).toBe(503);
      expect(await ready.json()).toMatchObject({ failing: ['object storage'] });

      relay.choose(() => 'pass');
      expect((await bytesOf(await fetch(url))).equals(zip)).toBe(true);
      expect((await fetch(`${started.userUrl}/_readyz`)).status).toBe(200);
    });

    it('is refused at upload, leaves nothing, and is taken the next time under the same version', async () => {
      const started = await start({});
      const before = await bucket.listKeys();
      relay.choose(() => 'cut');
      const form = bundleForm({ app_id: appId, version_name: '2.0.0' }, zip);
      const refused = await manage(started, 'bundles.upload', form);
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ code: 'unavailable' });
      relay.choose(() => 'pass');
      const listed = await fetch(`${started.managementUrl}/api/v1/bundles.list`, {
        headers: { 'x-api-key': testToken },
      });
      expect(await listed.json()).toMatchObject({ data: [] });
      expect(await bucket.listKeys()).toEqual(before);
      await upload(started, '2.0.0');
      expect(await bucket.listKeys()).toHaveLength(before.length + 1);
    });

    it('is rid of what an upload left half done as soon as the deletion of its key is due', async () => {
      const clock = createFakeClock(systemClock.now());
      server = await startTestServer({ env: { ...bucket.env, S3_BASE_ENDPOINT: relay.origin }, clock });
      let key = '';
      relay.choose(({ url = '' }) => {
        if (url.includes('partNumber=2')) key = url.slice(bucket.name.length + 2, url.indexOf('?'));
        return key === '' ? 'pass' : 'cut';
      });
      const facts = { app_id: appId, version_name: '3.0.0', session_key: 'key', checksum: 'sum' };
      const refused = await manage(server, 'bundles.upload', bundleForm(facts, new Uint8Array(20_000_000)));
      expect(refused.status).toBe(503);
      expect(await bucket.listUnfinishedUploads(key)).toEqual([key]);

      relay.choose(() => 'pass');
      clock.advance(60 * 60 * 1000 + 1);
      await server.product.jobs.find(({ name }) => name === 'object-deletions')?.run();
      expect(await bucket.listUnfinishedUploads(key)).toEqual([]);
    });

    it('does not keep the server from starting', async () => {
      relay.choose(() => 'cut');
      const started = await start({});
      expect((await fetch(`${started.userUrl}/_healthz`)).status).toBe(200);
      relay.choose(() => 'pass');
      await upload(started, '1.0.0');
    });
  });
});
