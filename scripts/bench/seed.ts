import { type Management, managementOf } from '../../e2e/management.ts';
import type { RunningServer } from '../../e2e/start-server.ts';
import { createIds } from '../../packages/server/src/persistence/object-ids.ts';
import { systemClock } from '../../packages/server/src/ports/clock.ts';
import type { Store } from '../../packages/server/src/ports/store.ts';
import { someAuthor } from '../../packages/server/src/testing/builders.ts';
import { zipFiles } from '../zip.ts';
import { forEachAtOnce } from './at-once.ts';
import { seedChannels } from './channels.ts';
import type { BenchDatabase } from './engines.ts';
import type { FleetSize, SeededApp, SeededBundle, SeededFile, SeededRelease } from './fleet.ts';

/** Apps seeded at the same time; more would only wait for the one writer of the database. */
const appsAtOnce = 8;
const rowsAtOnce = 200;
/** Of each app, the rest is copied: through the API 200 apps with 50 releases each would take over a minute. */
const releasesThroughApi = 2;
const ids = createIds(systemClock);
const manifestDeadlineMs = 120_000;
const builtinVersion = '1.0.0';
/** Not older than any release and of the same major version, so that a channel's default rules let it pass. */
const bundleVersions = ['1.9.0', '1.9.1', '1.9.2', '1.9.3', '1.9.4', '1.9.5'];

/** Version names repeat, as they do where each build has a number of its own. */
function releaseAt(index: number): SeededRelease {
  const number = Math.floor(index / 2);
  return {
    platform: index % 2 === 0 ? 'android' : 'ios',
    versionName: `1.${number % 10}.0`,
    versionCode: String(100 + number),
  };
}

/** Ids of one length, so that every app's answer has the same size. */
export function appIdAt(index: number): string {
  return `com.example.app${String(index).padStart(4, '0')}`;
}

/** The manifest of a bundle, once it is there: until then answers are others. */
async function filesOf(management: Management, bundleId: string): Promise<readonly SeededFile[]> {
  const { files } = await management.manifestReady(bundleId, manifestDeadlineMs);
  return files.map(({ path, hash, compression, download_url }) => ({
    name: compression === null ? path : `${path}.${compression}`,
    hash,
    path: new URL(download_url).pathname,
  }));
}

/** The bundle that the app's releases serve. */
export function activeBundleOf({ bundles: [active] }: SeededApp): SeededBundle {
  if (!active) throw new Error('an app without bundles');
  return active;
}

/**
 * Makes the apps through the management API as operators do: their bundles and the first releases. `copyReleases` makes
 * the others.
 */
export async function seedApps(server: RunningServer, size: FleetSize): Promise<readonly SeededApp[]> {
  const management = managementOf(server);

  async function seedApp(index: number): Promise<SeededApp> {
    const id = appIdAt(index);
    const upload = async (versionName: string) => {
      const page = `<!doctype html><title>${id} ${versionName}</title>`;
      const zip = await zipFiles({ 'index.html': page });
      return management.uploadBundle(zip, { app_id: id, version_name: versionName });
    };
    const builtin = await upload(builtinVersion);
    const bundles: SeededBundle[] = [];
    for (const versionName of size.channels ? bundleVersions : bundleVersions.slice(0, 1)) {
      const { id: bundleId, checksum } = await upload(versionName);
      bundles.push({ id: bundleId, versionName, checksum, files: await filesOf(management, bundleId) });
    }
    const releases = Array.from({ length: size.releasesPerApp }, (_, at) => releaseAt(at));
    const app: SeededApp = { id, builtinBundleId: builtin.id, bundles, releases };
    for (const { platform, versionName, versionCode } of releases.slice(0, releasesThroughApi)) {
      const created = await management.createRelease({
        ...{ app_id: id, platform, version_name: versionName, version_code: versionCode },
        builtin_bundle_id: builtin.id,
      });
      if (!size.channels) await management.setActiveBundle(created.id, activeBundleOf(app).id);
    }
    return app;
  }

  const apps: SeededApp[] = new Array(size.apps);
  await forEachAtOnce(apps, appsAtOnce, async (_, index) => {
    apps[index] = await seedApp(index);
  });
  return apps;
}

/** An app of its own whose one release serves a bundle of that many files. */
export async function seedManifestApp(server: RunningServer, fileCount: number): Promise<SeededApp> {
  const management = managementOf(server);
  const id = 'com.example.large';
  const contents: Record<string, string> = { 'index.html': '<!doctype html>' };
  for (let index = 1; index < fileCount; index += 1) {
    contents[`assets/chunks/${index % 40}/chunk-${index}.js`] = `export const value = ${index};`;
  }
  const versionName = '1.9.0';
  const bundle = await management.uploadBundle(await zipFiles(contents), {
    app_id: id,
    version_name: versionName,
  });
  const files = await filesOf(management, bundle.id);
  const release = releaseAt(0);
  const created = await management.createRelease({
    ...{ app_id: id, platform: release.platform, version_name: release.versionName },
    ...{ version_code: release.versionCode, builtin_bundle_id: bundle.id },
  });
  await management.setActiveBundle(created.id, bundle.id);
  const bundles = [{ id: bundle.id, versionName, checksum: bundle.checksum, files }];
  return { id, builtinBundleId: bundle.id, bundles, releases: [release] };
}

async function copyReleases(store: Store, size: FleetSize, apps: readonly SeededApp[]): Promise<void> {
  const now = systemClock.now();
  for (const app of apps) {
    const missing = app.releases.slice(releasesThroughApi);
    const activeBundleId = size.channels ? null : activeBundleOf(app).id;
    await forEachAtOnce(missing, rowsAtOnce, (release) =>
      store.insertRelease(
        {
          ...{ id: ids.next(), appId: app.id, ...release, releaseDateMs: null },
          ...{ builtinBundleId: app.builtinBundleId, activeBundleId, createdAtMs: now, updatedAtMs: now },
        },
        someAuthor,
      ),
    );
  }
}

/**
 * Writes what `seedApps` left out straight into the database; the server must not run meanwhile.
 *
 * @returns the bundle that is right for the device with a number, of the app that it asks for
 */
export async function completeFleet(
  database: BenchDatabase,
  size: FleetSize,
  apps: readonly SeededApp[],
): Promise<(device: number, app: SeededApp) => SeededBundle> {
  const store = await database.openStore();
  try {
    await copyReleases(store, size, apps);
    const { channels } = size;
    if (!channels) return (_device, app) => activeBundleOf(app);
    const served = new Map<SeededApp, (device: number) => SeededBundle>();
    for (const app of apps) served.set(app, await seedChannels(store, channels, app));
    return (device, app) => served.get(app)?.(device) ?? activeBundleOf(app);
  } finally {
    await store.close();
  }
}

/** How many events of the app with one of these actions can be read back. */
export async function countEvents(
  server: RunningServer,
  appId: string,
  actions: readonly string[],
): Promise<number> {
  let sum = 0;
  for (const action of actions) {
    const query = new URLSearchParams({ app_id: appId, action });
    const response = await fetch(`${server.managementUrl}/api/v1/events.count?${query}`, {
      headers: { 'x-api-key': server.token },
    });
    if (!response.ok) throw new Error(`events.count answered ${response.status}: ${await response.text()}`);
    sum += ((await response.json()) as { count: number }).count;
  }
  return sum;
}
