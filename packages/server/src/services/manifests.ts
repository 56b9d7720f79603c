import type { Bundle } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import { entriesOf, type ManifestEntry, pathOf } from '../domain/manifest.ts';
import type { ManifestStore } from '../ports/manifests.ts';
import type { BundleStore } from '../ports/store.ts';

export interface BundleFiles {
  readonly bundle: Bundle;
  /** None unless the manifest is ready. */
  readonly entries: readonly ManifestEntry[];
}

/** What is another file in the later bundle. */
export interface ChangedFile {
  readonly path: string;
  readonly before: ManifestEntry;
  readonly after: ManifestEntry;
}

/** What a device that runs one bundle has to do to run another. */
export interface BundleDifference {
  readonly from: Bundle;
  readonly to: Bundle;
  readonly added: readonly ManifestEntry[];
  readonly changed: readonly ChangedFile[];
  readonly removed: readonly ManifestEntry[];
  /** What it downloads without a manifest, and with one. */
  readonly zipBytes: number;
  readonly deltaBytes: number;
}

export interface Manifests {
  /** Rejects with `bundle_not_found`. */
  get(bundleId: string): Promise<BundleFiles>;
  /** Rejects with `bundle_not_found`, and with `manifest_not_ready` while one of them has no manifest. */
  compare(fromId: string, toId: string): Promise<BundleDifference>;
}

function byPath(entries: readonly ManifestEntry[]): ReadonlyMap<string, ManifestEntry> {
  return new Map(entries.map((entry) => [pathOf(entry), entry]));
}

/** What plugins find a file by that they downloaded before: its content and its last name (protocol §3.3). */
function cacheKeyOf(entry: ManifestEntry): string {
  const path = pathOf(entry);
  return `${entry.hash} ${path.slice(path.lastIndexOf('/') + 1)}`;
}

function deltaBytesOf(before: readonly ManifestEntry[], after: readonly ManifestEntry[]): number {
  const there = new Set(before.map(cacheKeyOf));
  let bytes = 0;
  for (const entry of after) {
    const key = cacheKeyOf(entry);
    if (there.has(key)) continue;
    there.add(key);
    bytes += entry.sizeBytes;
  }
  return bytes;
}

export function createManifests(deps: { readonly store: ManifestStore & BundleStore }): Manifests {
  const { store } = deps;

  async function get(bundleId: string): Promise<BundleFiles> {
    const bundle = await store.findBundle(bundleId);
    if (!bundle) throw new AppError('bundle_not_found', `There is no bundle with id ${bundleId}`);
    const manifest = bundle.manifest.state === 'ready' ? await store.readManifest(bundleId) : undefined;
    return { bundle, entries: manifest ? entriesOf(manifest) : [] };
  }

  async function getReady(bundleId: string): Promise<BundleFiles> {
    const found = await get(bundleId);
    const { versionName, manifest } = found.bundle;
    if (manifest.state === 'ready') return found;
    const why = manifest.reason === null ? '' : ` (${manifest.reason})`;
    throw new AppError(
      'manifest_not_ready',
      `Bundle ${versionName} has no manifest to compare: it is ${manifest.state}${why}`,
      { details: { manifest_state: manifest.state, manifest_reason: manifest.reason } },
    );
  }

  return {
    get,
    async compare(fromId, toId) {
      const [from, to] = [await getReady(fromId), await getReady(toId)];
      if (from.bundle.appId !== to.bundle.appId) {
        throw new AppError('invalid_request', 'from and to must be bundles of the same app');
      }
      const [before, after] = [byPath(from.entries), byPath(to.entries)];
      const changed: ChangedFile[] = [];
      const added: ManifestEntry[] = [];
      for (const [path, entry] of after) {
        const old = before.get(path);
        if (!old) added.push(entry);
        else if (old.hash !== entry.hash) changed.push({ path, before: old, after: entry });
      }
      const removed = from.entries.filter((entry) => !after.has(pathOf(entry)));
      return {
        ...{ from: from.bundle, to: to.bundle, added, changed, removed },
        zipBytes: to.bundle.sizeBytes,
        deltaBytes: deltaBytesOf(from.entries, to.entries),
      };
    },
  };
}
