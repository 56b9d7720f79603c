import type { AppSnapshot } from '../domain/app.ts';
import type { Bundle } from '../domain/bundle.ts';
import { entriesOf } from '../domain/manifest.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { FileSizeEntry, FindFileSizes } from '../ports/file-sizes.ts';
import type { ManifestStore } from '../ports/manifests.ts';

type Sizes = ReadonlyMap<string, number>;

/** Bundles whose sizes are kept: devices that ask at one time ask of few. */
const maxKept = 16;
/** A device asks of the one bundle it was offered; who names more makes them up. */
const maxBundlesPerQuery = 8;
/** SHA-256 in lower-case hex, which is what plain files are known by. */
const plainHash = /^[0-9a-f]{64}$/;
const none: Sizes = new Map();

/** The bundle that the entry names, if it is one of the app that was not deleted. */
function bundleOf(app: AppSnapshot, { bundleId, versionName }: FileSizeEntry): Bundle | undefined {
  const byId = bundleId === undefined ? undefined : app.bundlesById.get(bundleId);
  return byId ?? (versionName === undefined ? undefined : app.bundlesByName.get(versionName));
}

/** The sizes of files, from the manifests of their bundles. */
export function createFindFileSizes(deps: {
  readonly store: Pick<ManifestStore, 'readManifest' | 'findUsedFiles'>;
  readonly appSnapshots: Pick<AppSnapshots, 'find'>;
}): FindFileSizes {
  const { store, appSnapshots } = deps;
  const kept = new Map<string, Sizes>();

  async function sizesOf(app: AppSnapshot, { id, manifest }: Bundle): Promise<Sizes> {
    if (manifest.state !== 'ready') return none;
    const known = kept.get(id);
    const found = known ? undefined : (app.manifests.get(id) ?? (await store.readManifest(id)));
    const sizes = known ?? new Map(found && entriesOf(found).map((entry) => [entry.hash, entry.sizeBytes]));
    // Put at the end again: the one that was not asked for the longest goes first.
    kept.delete(id);
    kept.set(id, sizes);
    const [oldest] = kept.keys();
    if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest);
    return sizes;
  }

  /** Of files that no bundle was named for. */
  async function sizesOfApp(appId: string, hashes: readonly string[]): Promise<Sizes> {
    const asked = hashes.filter((hash) => plainHash.test(hash));
    if (asked.length === 0) return none;
    const files = await store.findUsedFiles(appId, asked);
    return new Map(files.map(({ name, sizeBytes }) => [name, sizeBytes]));
  }

  return async ({ appId, entries }) => {
    const app = appSnapshots.find(appId);
    if (!app) return entries.map(() => undefined);
    const bundles = entries.map((entry) => bundleOf(app, entry));
    const sizesByBundle = new Map<Bundle, Sizes>();
    for (const bundle of new Set(bundles)) {
      if (!bundle || sizesByBundle.size === maxBundlesPerQuery) continue;
      sizesByBundle.set(bundle, await sizesOf(app, bundle));
    }
    const nameless = entries.filter(
      ({ bundleId, versionName }) => bundleId === undefined && versionName === undefined,
    );
    const ofApp = await sizesOfApp(
      appId,
      nameless.map(({ hash }) => hash),
    );

    const exact = entries.map(({ hash }, index) => {
      const bundle = bundles[index];
      return bundle ? sizesByBundle.get(bundle)?.get(hash) : ofApp.get(hash);
    });
    const largest = new Map<string, number>();
    for (const [index, { hash }] of entries.entries()) {
      const size = exact[index];
      if (size !== undefined) largest.set(hash, Math.max(size, largest.get(hash) ?? 0));
    }
    return entries.map(({ hash }, index) => exact[index] ?? largest.get(hash));
  };
}
