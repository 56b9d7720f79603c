import { type AppSnapshot, type AppState, buildAppSnapshot, servedBundles } from '../domain/app.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { ManifestStore } from '../ports/manifests.ts';
import type { AppStateReader } from '../ports/store.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** What snapshots are made of. */
export type SnapshotReader = AppStateReader & Pick<ManifestStore, 'readManifest'>;

/** Loads every app's snapshot and keeps them in memory; rejects when the store does. */
export async function loadAppSnapshots(store: SnapshotReader): Promise<AppSnapshots> {
  let snapshots = new Map<string, AppSnapshot>();
  const missed = new Set<string>();
  const inTurn = oneAtATime();

  /** The manifests of what is served; none ever changes, so those we have are not read again. */
  async function readManifests(state: AppState): Promise<ReadonlyMap<string, Manifest>> {
    const held = snapshots.get(state.appId)?.manifests;
    const manifests = new Map<string, Manifest>();
    for (const { id, manifest } of servedBundles(state)) {
      if (manifest.state !== 'ready') continue;
      const found = held?.get(id) ?? (await store.readManifest(id));
      if (found) manifests.set(id, found);
    }
    return manifests;
  }

  const build = async (state: AppState) => buildAppSnapshot(state, await readManifests(state));

  async function readOne(appId: string): Promise<void> {
    try {
      const state = await store.readAppState(appId);
      if (state) snapshots.set(appId, await build(state));
      else snapshots.delete(appId);
      missed.delete(appId);
    } catch (error) {
      // Here and not earlier: a whole read that was under way at the call forgets what was missed before it.
      missed.add(appId);
      throw error;
    }
  }

  async function readAll(): Promise<void> {
    const fresh = new Map<string, AppSnapshot>();
    for (const state of await store.readAllAppStates()) fresh.set(state.appId, await build(state));
    snapshots = fresh;
    missed.clear();
  }

  const refresh = (appId: string) => inTurn(() => readOne(appId));

  await readAll();
  return {
    find: (appId) => snapshots.get(appId),
    refresh,
    async refreshMissed() {
      const outcomes = await Promise.allSettled([...missed].map(refresh));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) throw failed.reason;
    },
    refreshAll: () => inTurn(readAll),
  };
}
