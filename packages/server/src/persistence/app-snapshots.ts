import { type AppSnapshot, buildAppSnapshot } from '../domain/app.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { AppStateReader } from '../ports/store.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** Loads every app's snapshot and keeps them in memory; rejects when the store does. */
export async function loadAppSnapshots(store: AppStateReader): Promise<AppSnapshots> {
  let snapshots = new Map<string, AppSnapshot>();
  const missed = new Set<string>();
  const inTurn = oneAtATime();

  async function readOne(appId: string): Promise<void> {
    try {
      const state = await store.readAppState(appId);
      if (state) snapshots.set(appId, buildAppSnapshot(state));
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
    for (const state of await store.readAllAppStates()) fresh.set(state.appId, buildAppSnapshot(state));
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
