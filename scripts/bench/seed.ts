import { join } from 'node:path';
import { managementOf } from '../../e2e/management.ts';
import type { RunningServer } from '../../e2e/start-server.ts';
import { createIds } from '../../packages/server/src/persistence/object-ids.ts';
import { openSqliteStore } from '../../packages/server/src/persistence/sqlite/open-sqlite-store.ts';
import { systemClock } from '../../packages/server/src/ports/clock.ts';
import { zipFiles } from '../zip.ts';

export interface FleetSize {
  readonly apps: number;
  readonly releasesPerApp: number;
}

export interface SeededApp {
  readonly id: string;
  readonly builtinBundleId: string;
  readonly activeBundle: { readonly id: string; readonly versionName: string; readonly checksum: string };
  /** What its devices may run; all serve the active bundle. */
  readonly releases: readonly SeededRelease[];
}

export interface SeededRelease {
  readonly platform: 'android' | 'ios';
  readonly versionName: string;
  readonly versionCode: string;
}

/** Apps seeded at the same time; more would only wait for the one writer of the database. */
const appsAtOnce = 8;
/** Of each app, the rest is copied: through the API 200 apps with 50 releases each would take over a minute. */
const releasesThroughApi = 2;
const builtinVersion = '1.0.0';
const activeVersion = '2.0.0';

function releaseAt(index: number): SeededRelease {
  const number = Math.floor(index / 2);
  return {
    platform: index % 2 === 0 ? 'android' : 'ios',
    versionName: `${1 + Math.floor(number / 10)}.${number % 10}.0`,
    versionCode: String(100 + number),
  };
}

/** Ids of one length, so that every app's answer has the same size. */
export function appIdAt(index: number): string {
  return `com.example.app${String(index).padStart(4, '0')}`;
}

/**
 * Makes the apps through the management API as operators do: two bundles each, one of them active, and the first
 * releases. `copyReleases` makes the others.
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
    const active = await upload(activeVersion);
    const releases = Array.from({ length: size.releasesPerApp }, (_, at) => releaseAt(at));
    for (const { platform, versionName, versionCode } of releases.slice(0, releasesThroughApi)) {
      const created = await management.createRelease({
        ...{ app_id: id, platform, version_name: versionName, version_code: versionCode },
        builtin_bundle_id: builtin.id,
      });
      await management.setActiveBundle(created.id, active.id);
    }
    const activeBundle = { id: active.id, versionName: activeVersion, checksum: active.checksum };
    return { id, builtinBundleId: builtin.id, activeBundle, releases };
  }

  const apps: SeededApp[] = new Array(size.apps);
  let next = 0;
  async function seedInTurn(): Promise<void> {
    for (let index = next++; index < size.apps; index = next++) apps[index] = await seedApp(index);
  }
  await Promise.all(Array.from({ length: appsAtOnce }, seedInTurn));
  return apps;
}

/** Writes the releases that `seedApps` left out straight into the database; the server must not run meanwhile. */
export async function copyReleases(dataDir: string, apps: readonly SeededApp[]): Promise<void> {
  const store = await openSqliteStore(join(dataDir, 'capgo.sqlite'));
  const ids = createIds(systemClock);
  try {
    const now = systemClock.now();
    for (const app of apps) {
      const missing = app.releases.slice(releasesThroughApi);
      const inserted = missing.map((release) =>
        store.insertRelease({
          ...{ id: ids.next(), appId: app.id, ...release, releaseDateMs: null },
          ...{ builtinBundleId: app.builtinBundleId, activeBundleId: app.activeBundle.id },
          ...{ createdAtMs: now, updatedAtMs: now },
        }),
      );
      await Promise.all(inserted);
    }
  } finally {
    await store.close();
  }
}

/** How many events of the app can be read back. */
export async function countEvents(server: RunningServer, appId: string): Promise<number> {
  const response = await fetch(`${server.managementUrl}/api/v1/events.count?app_id=${appId}`, {
    headers: { 'x-api-key': server.token },
  });
  if (!response.ok) throw new Error(`events.count answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { count: number }).count;
}
