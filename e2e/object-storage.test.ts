import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type HttpRelay, startHttpRelay } from '../packages/server/src/testing/http-relay.ts';
import { createPhone, type PhoneUpdate } from '../packages/server/src/testing/phone.ts';
import {
  createTestBucket,
  needsTestS3,
  type TestBucket,
  testS3Endpoint,
} from '../packages/server/src/testing/test-bucket.ts';
import { zipFiles } from '../scripts/zip.ts';
import { beginJourney } from './app-journey.ts';
import { eventually } from './deadline.ts';
import type { ElectronApp } from './electron-app.ts';
import { managementOf } from './management.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { pageOf, readWebFiles, webAppOf } from './web-app.ts';

const main = join(import.meta.dirname, '../packages/server/src/main.ts');

describe.skipIf(testS3Endpoint === '')(`a server with its bundles in S3${needsTestS3}`, () => {
  let bucket: TestBucket;
  /** How the server reaches the storage. */
  let relay: HttpRelay;
  /** How devices reach it; counts what they ask for. */
  let publicRelay: HttpRelay;
  let asked: string[];
  beforeEach(async () => {
    bucket = await createTestBucket();
    onTestFinished(() => bucket.destroy());
    relay = await startHttpRelay(bucket.endpoint);
    onTestFinished(() => relay.close());
    publicRelay = await startHttpRelay(bucket.endpoint);
    onTestFinished(() => publicRelay.close());
    asked = [];
    publicRelay.choose(({ method, url }) => {
      asked.push(`${method} ${url?.split('?')[0]}`);
      return 'pass';
    });
  });

  async function start(env: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
    const server = await startServer({ env: { ...bucket.env, S3_BASE_ENDPOINT: relay.origin, ...env } });
    onTestFinished(async () => {
      await server.stop();
    });
    return server;
  }

  async function checkAndRestart(device: ElectronApp): Promise<void> {
    await device.checkForUpdates();
    await device.restart();
    await device.call('notifyAppReady');
  }

  type Delivery = [how: string, env: () => Readonly<Record<string, string>>, isElsewhere: boolean];
  const deliveries: readonly Delivery[] = [
    ['through the server', () => ({}), false],
    [
      'behind a redirect into the private bucket',
      () => ({ BUNDLE_DELIVERY: 'redirect', S3_PUBLIC_ENDPOINT: publicRelay.origin }),
      true,
    ],
    [
      'from a CDN in front of the bucket',
      () => ({ BUNDLE_DELIVERY: 'cdn', CDN_BASE_URL: `${publicRelay.origin}/${bucket.name}` }),
      true,
    ],
  ];

  it.each(deliveries)('lets a phone get the files of a manifest %s', async (_how, env, isElsewhere) => {
    if ('CDN_BASE_URL' in env()) await bucket.makePublic();
    const server = await start(env());
    const management = managementOf(server);
    const files = { ...webAppOf('1.1.0'), 'large.js': Buffer.alloc(20_000, 'a line of it\n') };
    const app = { app_id: 'com.example.files', version_name: '1.1.0' };
    const { id } = await management.uploadBundle(await zipFiles(files), app);
    await management.manifestReady(id);
    const native = { platform: 'android' as const, version_name: '1.0.0', version_code: '1' };
    const release = await management.createRelease({ ...native, app_id: app.app_id, builtin_bundle_id: id });
    await management.setActiveBundle(release.id, id);
    const response = await fetch(`${server.userUrl}/updates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ app_id: app.app_id, platform: 'android', device_id: '0f9c5d6a-55f1-4a3f-9d0e-2f6a5a1c7b10' },
        ...{ version_build: '1.0.0', version_code: '1', version_os: '14', version_name: '1.0.0' },
        ...{ plugin_version: '8.51.14', is_emulator: false, is_prod: true },
      }),
    });
    const update = (await response.json()) as PhoneUpdate;
    const folder = await mkdtemp(join(tmpdir(), 'capgo-phone-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const phone = createPhone({ platform: 'android', folder, builtin: new Map(), cutAfterBytes: 1_000 });
    const { files: installed, fetched } = await phone.installManifest(update);
    expect(installed).toEqual(new Map(Object.entries(files)));
    expect(fetched.resumed).toBeGreaterThan(0);
    expect(update.manifest?.every(({ download_url }) => download_url.startsWith(server.userUrl))).toBe(true);
    expect(asked.length).toBe(isElsewhere ? fetched.requests : 0);
    const keys = (await bucket.listKeys()).filter((key) => key.startsWith('apps/com.example.files/files/'));
    expect(keys).toHaveLength(Object.keys(files).length);
  });

  it.each(deliveries)('lets a device get its bundles %s', async (_how, env, isElsewhere) => {
    if ('CDN_BASE_URL' in env()) await bucket.makePublic();
    const { device, publish, reported } = await beginJourney(await start(env()));
    const bundle = await publish('1.1.0');
    await checkAndRestart(device);
    expect(await device.shownPage()).toBe(pageOf('1.1.0'));
    const { bundle: current } = await device.call('current');
    expect(await readWebFiles(device.bundleDirectory(current.id))).toEqual(webAppOf('1.1.0'));
    await reported('set', '1.1.0');
    const key = new URL(bundle.public_download_url).pathname.slice('/files/read/attachments'.length);
    expect(asked).toEqual(isElsewhere ? [`GET /${bucket.name}${key}`] : []);
  });

  it('keeps answering checks while the storage is down, and devices update once it is back', async () => {
    const server = await start();
    const { device, publish, reported } = await beginJourney(server);
    await publish('1.1.0');
    relay.choose(() => 'cut');

    await device.checkForUpdates();
    expect(device.events().map(({ name }) => name)).toEqual(['updateAvailable', 'downloadFailed']);
    await reported('download_fail', '1.1.0');
    const { url = '', version } = await device.call('getLatest');
    expect(version).toBe('1.1.0');
    const refused = await fetch(url);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    await device.restart();
    expect(await device.shownPage()).toBe(pageOf('1.0.0'));

    relay.choose(() => 'pass');
    await checkAndRestart(device);
    expect(await device.shownPage()).toBe(pageOf('1.1.0'));
  });

  it('refuses an upload while the storage is down, keeps nothing of it, and takes it afterwards', async () => {
    const server = await start();
    const { appId, publish, publishZip } = await beginJourney(server);
    const { id } = await publish('1.1.0');
    // What is made of a bundle in the background lies in the bucket, too.
    const management = managementOf(server);
    await management.manifestReady(id);
    const stored = await bucket.listKeys();
    const zip = new Uint8Array(await (await fetch(await urlOfNewest(server, appId))).arrayBuffer());

    relay.choose(() => 'cut');
    await expect(publishZip('1.2.0', zip)).rejects.toThrow(/answered 503: .*"code":"unavailable"/);
    expect(await readdir(join(server.dataDir, 'storage', 'staging'))).toEqual([]);

    relay.choose(() => 'pass');
    expect(await bucket.listKeys()).toEqual(stored);
    await publishZip('1.2.0', zip);
    expect(await bucket.listKeys()).toHaveLength(stored.length + 1);
  });

  it('leaves no unfinished upload when the storage goes away in the middle of one', async () => {
    const server = await start();
    const management = managementOf(server);
    const large = { app_id: 'com.example.large', version_name: '1.0.0', session_key: 'key', checksum: 'sum' };
    const bytes = new Uint8Array(20_000_000);
    let key = '';
    relay.choose(({ method, url = '' }) => {
      if (method !== 'PUT' || !url.includes('partNumber=2')) return 'pass';
      key = url.slice(bucket.name.length + 2, url.indexOf('?'));
      return { status: 500 };
    });
    await expect(management.uploadBundle(bytes, large)).rejects.toThrow('answered 503');
    expect(key).toMatch(/^apps\/com\.example\.large\/bundles\/[0-9a-f]{24}\.zip$/);
    expect(await bucket.listUnfinishedUploads(key)).toEqual([]);
    expect(await bucket.listKeys()).toEqual([]);
    expect(await readdir(join(server.dataDir, 'storage', 'staging'))).toEqual([]);
  });

  it('is ready again by itself when the storage is', async () => {
    relay.choose(() => 'cut');
    const server = await start();
    const statusOf = async () => (await fetch(`${server.managementUrl}/_readyz`)).status;
    expect(await statusOf()).toBe(503);
    relay.choose(() => 'pass');
    await eventually('a ready server', async () => ((await statusOf()) === 200 ? true : undefined));
  });

  it('can be told apart from a broken one by `storage check`, also while it runs', async () => {
    const server = await start();
    const env = { ...process.env, ...bucket.env, DATA_DIR: server.dataDir };
    const check = (more: Record<string, string>) =>
      promisify(execFile)(process.execPath, ['--conditions=source', main, 'storage', 'check'], {
        env: { ...env, ...more },
      }).then(
        ({ stdout }) => ({ code: 0, said: stdout }),
        ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
          code,
          said: stdout + stderr,
        }),
      );
    const good = await check({});
    expect(good.said).toContain('The storage is fit for use.');
    expect(good.code).toBe(0);
    const bad = await check({ S3_BUCKET: 'none-of-ours' });
    expect(bad.said).toContain('PROBLEM no object can be written: there is no bucket none-of-ours at ');
    expect(bad.code).toBe(1);
    const behindHttps = await check({
      BUNDLE_DELIVERY: 'redirect',
      PUBLIC_URL: 'https://updates.example.com',
    });
    expect(behindHttps.said).toContain('is http, but PUBLIC_URL is https, and Android follows no redirect');
    expect(behindHttps.code).toBe(1);
  });
});

async function urlOfNewest(server: RunningServer, appId: string): Promise<string> {
  const listed = await fetch(`${server.managementUrl}/api/v1/bundles.list?app_id=${appId}&limit=1`, {
    headers: { 'x-api-key': server.token },
  });
  const { data } = (await listed.json()) as { data: { public_download_url: string }[] };
  return data[0]?.public_download_url ?? '';
}
