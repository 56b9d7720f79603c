import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createPhone, type PhoneUpdate, type WebFiles } from '../packages/server/src/testing/phone.ts';
import { zipFiles } from '../scripts/zip.ts';
import { beginJourney } from './app-journey.ts';
import { eventually } from './deadline.ts';
import { largeWebAppOf } from './delta-app.ts';
import { type Management, managementOf } from './management.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { readWebFiles } from './web-app.ts';

/**
 * With a bucket each file is two requests, of some milliseconds on the machines that test: it is the same app there, with
 * fewer files of the kinds that it has many of.
 */
const fileCount = process.env['E2E_STORAGE'] === 's3' ? 80 : 500;
const webApps = [1, 2, 3].map((version) => largeWebAppOf(version, fileCount));
function webAppOf(version: number): Readonly<Record<string, Buffer>> {
  const files = webApps[version - 1];
  if (!files) throw new Error(`There is no version ${version}`);
  return files;
}

let server: RunningServer;
let management: Management;
let app: LargeApp;
beforeAll(async () => {
  server = await startServer();
  management = managementOf(server);
  app = await publishLargeApp();
  return async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  };
}, 300_000);

/** Files by their digests: comparing megabytes byte by byte takes an assertion half a minute. */
const digestsOf = (tree: WebFiles) =>
  new Map([...tree].map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')]));
const treeOf = (files: Readonly<Record<string, Buffer>>): WebFiles => new Map(Object.entries(files));

/** Devices get a manifest a moment after the management API says that it is ready: when the node has read it. */
function withManifest(check: () => Promise<PhoneUpdate>): Promise<PhoneUpdate> {
  return eventually('an answer with the manifest', async () => {
    const update = await check();
    return update.manifest && update;
  });
}

type Platform = 'android' | 'ios';

interface LargeApp {
  /** The bundles of the versions 1, which is the builtin one, 2 and 3. */
  readonly bundles: readonly [string, string, string];
  /** What devices were answered when version 2 had just been uploaded. */
  readonly early: Readonly<Record<Platform, PhoneUpdate>>;
  /** Makes a version the one of all devices. */
  serve(platform: Platform, version: 2 | 3): Promise<void>;
  /** The update check of plugin 8.51.14. */
  check(platform: Platform, versionName: string): Promise<PhoneUpdate>;
}

/** One app for all tests: its manifests take longest. */
async function publishLargeApp(): Promise<LargeApp> {
  const appId = `e2e.delta.a${randomBytes(6).toString('hex')}`;
  const upload = async (version: number) => {
    const zip = await zipFiles(webAppOf(version));
    const bundle = await management.uploadBundle(zip, { app_id: appId, version_name: `1.0.${version}` });
    return bundle.id;
  };
  async function check(platform: Platform, versionName: string): Promise<PhoneUpdate> {
    const response = await fetch(`${server.userUrl}/updates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-encoding': 'gzip' },
      body: JSON.stringify({
        ...{ app_id: appId, platform, device_id: '0f9c5d6a-55f1-4a3f-9d0e-2f6a5a1c7b10' },
        ...{ version_build: '1.0.1', version_code: '1', version_os: '14', version_name: versionName },
        ...{ plugin_version: '8.51.14', is_emulator: false, is_prod: true },
      }),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as PhoneUpdate;
  }

  const builtin = await upload(1);
  const release = async (platform: Platform) => {
    const created = await management.createRelease({
      ...{ app_id: appId, platform, version_name: '1.0.1', version_code: '1' },
      builtin_bundle_id: builtin,
    });
    return created.id;
  };
  const releases = { android: await release('android'), ios: await release('ios') };
  const second = await upload(2);
  for (const id of Object.values(releases)) await management.setActiveBundle(id, second);
  const early = { android: await check('android', '1.0.1'), ios: await check('ios', '1.0.1') };
  const bundles = [builtin, second, await upload(3)] as const;
  for (const id of bundles) await management.manifestReady(id);
  return {
    bundles,
    early,
    async serve(platform, version) {
      await management.setActiveBundle(releases[platform], bundles[version - 1] as string);
    },
    check,
  };
}

async function installPhone(platform: Platform, cutAfterBytes?: number) {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-phone-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const builtin = treeOf(webAppOf(1));
  return createPhone({
    ...{ platform, folder, builtin },
    ...(cutAfterBytes === undefined ? {} : { cutAfterBytes }),
  });
}

describe.each(['android', 'ios'] as const)(`an app of ${fileCount} files on %s`, (platform) => {
  test('is byte for byte the zip after an update by manifest, with downloads cut off on the way', async () => {
    // Until the manifest is there, and afterwards too, the zip is good.
    const phone = await installPhone(platform, 5_000);
    expect(digestsOf((await phone.installZip(app.early[platform])).files)).toEqual(
      digestsOf(treeOf(webAppOf(2))),
    );

    const update = await withManifest(() => app.check(platform, '1.0.1'));
    expect(update.manifest).toHaveLength(fileCount);
    const { files, fetched } = await phone.installManifest(update);
    expect(digestsOf(files)).toEqual(digestsOf(treeOf(webAppOf(2))));
    expect(fetched.resumed).toBeGreaterThan(0);

    await app.serve(platform, 3);
    const next = await phone.installManifest(await withManifest(() => app.check(platform, '1.0.2')));
    expect(digestsOf(next.files)).toEqual(digestsOf(treeOf(webAppOf(3))));
    const [, second, third] = app.bundles;
    const difference = await management.diff(second, third);
    const paths = (list: readonly { readonly path: string }[]) => list.map(({ path }) => path);
    expect(paths(difference.added)).toEqual(['assets/only-in-3.txt']);
    expect(paths(difference.removed)).toEqual(['assets/only-in-2.txt']);
    expect(paths(difference.changed).toSorted()).toEqual([
      ...['assets/app.js', 'chunks/0/chunk 0.js', 'chunks/1/chunk 1.js', 'chunks/2/chunk 2.js'],
      'index.html',
    ]);
    // What the server says it costs is what it cost, and much less than the zip: a twentieth where the app has 500 files.
    expect(next.fetched.bytes).toBe(difference.delta_bytes);
    expect(difference.delta_bytes * (fileCount / 25)).toBeLessThan(difference.zip_bytes);
  });

  test('takes from the native app what is in there, and downloads the rest only', async () => {
    await app.serve(platform, 2);
    const phone = await installPhone(platform);
    const update = await withManifest(() => app.check(platform, '1.0.1'));
    const { files, fetched } = await phone.installManifest(update);
    expect(digestsOf(files)).toEqual(digestsOf(treeOf(webAppOf(2))));
    const { delta_bytes, zip_bytes } = await management.diff(app.bundles[0], app.bundles[1]);
    // iOS looks for a file under the name that says it is compressed, and finds no such one (protocol §3.3).
    if (platform === 'android') expect(fetched.bytes).toBe(delta_bytes);
    else expect(fetched.bytes).toBeLessThan(zip_bytes);
  });
});

test('the Electron client lays the files of a manifest over the zip', async () => {
  const { device, publishZip, management: own } = await beginJourney(server);
  const files = {
    ...webAppOf(2),
    'index.html': Buffer.from('<!doctype html><title>1.1.0</title>\n'),
  };
  const bundle = await publishZip('1.1.0', await zipFiles(files));
  await own.manifestReady(bundle.id);
  const latest = await withManifest(async () => (await device.call('getLatest')) as unknown as PhoneUpdate);
  expect(latest.manifest).toHaveLength(fileCount);

  await device.checkForUpdates();
  await device.restart();
  await device.call('notifyAppReady');
  expect(await device.shownPage()).toBe('<!doctype html><title>1.1.0</title>\n');
  const { bundle: current } = await device.call('current');
  const installed = await readWebFiles(device.bundleDirectory(current.id));
  for (const [path, content] of Object.entries(files)) expect(installed[path]?.equals(content)).toBe(true);
  // It keeps the name that says a file is compressed, and lays it, decompressed, beside the one it means.
  const added = Object.keys(installed).filter((path) => !(path in files));
  expect(added.length).toBeGreaterThan(0);
  for (const path of added) {
    expect(path.endsWith('.br')).toBe(true);
    expect(installed[path]?.equals(installed[path.slice(0, -3)] ?? Buffer.alloc(0))).toBe(true);
  }
});
