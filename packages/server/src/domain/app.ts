import type { Bundle } from './bundle.ts';
import { type Release, releaseKey } from './release.ts';

/** Everything stored of one app that an update decision can need. */
export interface AppState {
  readonly appId: string;
  readonly releases: readonly Release[];
  /** At least every bundle that a release serves. */
  readonly bundles: readonly Bundle[];
}

export interface ServedRelease {
  readonly release: Release;
  /** Undefined while the release serves its builtin bundle. */
  readonly activeBundle: Bundle | undefined;
}

/** What is common to all devices of an app, laid out for look-ups; replaced as a whole when the app changes. */
export interface AppSnapshot {
  readonly appId: string;
  /** By `releaseKey`. */
  readonly releases: ReadonlyMap<string, ServedRelease>;
}

export function buildAppSnapshot(state: AppState): AppSnapshot {
  const bundles = new Map(state.bundles.map((bundle) => [bundle.id, bundle]));
  const releases = new Map<string, ServedRelease>();
  for (const release of state.releases) {
    const activeBundle = release.activeBundleId === null ? undefined : bundles.get(release.activeBundleId);
    releases.set(releaseKey(release.platform, release.versionName, release.versionCode), {
      release,
      activeBundle,
    });
  }
  return { appId: state.appId, releases };
}
