import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AppState, appSettingDefaults } from '../domain/app.ts';
import { rolloutDefaults } from '../domain/channel.ts';
import { AppError } from '../domain/errors.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Store } from '../ports/store.ts';
import {
  buildBundle,
  buildEntry,
  buildFile,
  buildNewChannel,
  buildNewDeployment,
  buildRelease,
  nextId,
  someAuthor,
  someTimeMs,
} from '../testing/builders.ts';
import { loadAppSnapshots, type SnapshotReader } from './app-snapshots.ts';
import { newAppId } from './contract/opened-store.ts';
import { openSqliteStore } from './sqlite/open-sqlite-store.ts';

const outage = new AppError('unavailable', 'The database refuses work right now');

/** Reads from a real store; reads can be made to fail or be held up after they were made. */
function watched(store: SnapshotReader) {
  const manifestReads: string[] = [];
  const failing = new Set<string>();
  let gate: Promise<void> = Promise.resolve();
  let reads = 0;
  async function held<T>(state: T): Promise<T> {
    await gate;
    return state;
  }
  const reader: SnapshotReader = {
    async readManifest(bundleId) {
      manifestReads.push(bundleId);
      return store.readManifest(bundleId);
    },
    async readAppState(appId) {
      reads += 1;
      if (failing.has(appId)) throw outage;
      return held(await store.readAppState(appId));
    },
    async readAllAppStates() {
      reads += 1;
      if (failing.has('*')) throw outage;
      return held<readonly AppState[]>(await store.readAllAppStates());
    },
  };
  return {
    reader,
    failing,
    manifestReads,
    readCount: () => reads,
    /** Holds back what reads answer until the function it answers is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

describe('app snapshots', () => {
  let store: Store;
  let under: ReturnType<typeof watched>;
  let snapshots: AppSnapshots;
  let appId: string;
  let otherAppId: string;

  beforeAll(async () => {
    store = await openSqliteStore(':memory:');
  });
  afterAll(() => store.close());
  beforeEach(async () => {
    appId = newAppId();
    otherAppId = newAppId();
    await addRelease(appId);
    under = watched(store);
    snapshots = await loadAppSnapshots(under.reader);
  });

  async function addRelease(ofApp: string): Promise<void> {
    const bundle = buildBundle({ appId: ofApp });
    await store.insertBundle(bundle, someAuthor);
    await store.insertRelease(buildRelease({ appId: ofApp, builtinBundleId: bundle.id }), someAuthor);
  }

  const releaseCount = (ofApp: string) => snapshots.find(ofApp)?.releases.size;

  it('are there for every registered app from the start, and for no other', () => {
    expect(snapshots.find(appId)).toMatchObject({ appId });
    expect(releaseCount(appId)).toBe(1);
    expect(snapshots.find(otherAppId)).toBeUndefined();
    expect(snapshots.find(appId.toUpperCase())).toBeUndefined();
  });

  it('cannot be loaded while the store fails', async () => {
    under.failing.add('*');
    await expect(loadAppSnapshots(under.reader)).rejects.toBe(outage);
  });

  it('hold the active bundle of a release', async () => {
    const builtin = buildBundle({ appId: otherAppId });
    const active = buildBundle({ appId: otherAppId });
    const release = buildRelease({
      appId: otherAppId,
      builtinBundleId: builtin.id,
      activeBundleId: active.id,
    });
    await store.insertBundle(builtin, someAuthor);
    await store.insertBundle(active, someAuthor);
    await store.insertRelease(release, someAuthor);
    await snapshots.refresh(otherAppId);
    expect([...(snapshots.find(otherAppId)?.releases.values() ?? [])]).toStrictEqual([
      { release, activeBundle: active },
    ]);
  });

  it('stay as they are until they are refreshed, then show all that was committed before', async () => {
    await addRelease(appId);
    await addRelease(otherAppId);
    expect([releaseCount(appId), releaseCount(otherAppId)]).toStrictEqual([1, undefined]);
    await snapshots.refresh(appId);
    expect([releaseCount(appId), releaseCount(otherAppId)]).toStrictEqual([2, undefined]);
    await snapshots.refresh(otherAppId);
    expect([releaseCount(appId), releaseCount(otherAppId)]).toStrictEqual([2, 1]);
  });

  it('never go back to an older state when refreshes overlap', async () => {
    const release = under.hold();
    const older = snapshots.refresh(appId);
    const oldestOfAll = snapshots.refreshAll();
    await addRelease(appId);
    const newer = snapshots.refresh(appId);
    release();
    await newer;
    expect(releaseCount(appId)).toBe(2);
    await Promise.all([older, oldestOfAll]);
    expect(releaseCount(appId)).toBe(2);
  });

  it('show what was committed before each of many overlapping refreshes', async () => {
    const seen = await Promise.all(
      Array.from({ length: 10 }, async () => {
        await addRelease(appId);
        const before = (await store.readAppState(appId))?.releases.length ?? 0;
        await snapshots.refresh(appId);
        return (releaseCount(appId) ?? 0) >= before;
      }),
    );
    expect(seen).not.toContain(false);
    expect(releaseCount(appId)).toBe(11);
  });

  it('keep the old state when the store fails, and catch up when the missed are refreshed', async () => {
    await addRelease(appId);
    under.failing.add(appId);
    await expect(snapshots.refresh(appId)).rejects.toBe(outage);
    expect(releaseCount(appId)).toBe(1);
    await expect(snapshots.refreshMissed()).rejects.toBe(outage);
    expect(releaseCount(appId)).toBe(1);
    under.failing.clear();
    await snapshots.refreshMissed();
    expect(releaseCount(appId)).toBe(2);
  });

  it('ask nothing of the store when no refresh was missed', async () => {
    await snapshots.refresh(appId);
    under.failing.add(appId);
    await snapshots.refresh(appId).catch(() => undefined);
    under.failing.clear();
    await snapshots.refreshMissed();
    const before = under.readCount();
    await snapshots.refreshMissed();
    expect(under.readCount()).toBe(before);
  });

  it('catch up on one app although another one keeps failing', async () => {
    await addRelease(otherAppId);
    under.failing.add(appId).add(otherAppId);
    for (const each of [appId, otherAppId]) await expect(snapshots.refresh(each)).rejects.toBe(outage);
    under.failing.delete(otherAppId);
    await snapshots.refreshMissed().catch(() => undefined);
    expect(releaseCount(otherAppId)).toBe(1);
  });

  it('remember a refresh that failed although an earlier one of the same app ended well after it began', async () => {
    const release = under.hold();
    const earlier = snapshots.refresh(appId);
    // The earlier one has read before this commit, and waits; the next read will fail.
    await expect.poll(() => under.readCount()).toBe(2);
    await addRelease(appId);
    const later = snapshots.refresh(appId);
    under.failing.add(appId);
    release();
    await earlier;
    await expect(later).rejects.toBe(outage);
    under.failing.clear();
    await snapshots.refreshMissed();
    expect(releaseCount(appId)).toBe(2);
  });

  it('remember a refresh that failed although all apps were read while it waited', async () => {
    const release = under.hold();
    const all = snapshots.refreshAll();
    await expect.poll(() => under.readCount()).toBe(2);
    await addRelease(appId);
    const later = snapshots.refresh(appId);
    under.failing.add(appId);
    release();
    await all;
    await expect(later).rejects.toBe(outage);
    under.failing.clear();
    await snapshots.refreshMissed();
    expect(releaseCount(appId)).toBe(2);
  });

  it('hold the manifests of what is served, each read once, and of nothing else', async () => {
    const ready = async () => {
      const bundle = buildBundle({ appId: otherAppId, manifest: { state: 'pending', reason: null } });
      await store.insertBundle(bundle, someAuthor);
      const file = buildFile({ appId: otherAppId });
      await store.planObjectDeletion(file.objectKey, someTimeMs + 1);
      await store.addFiles([file], someTimeMs);
      await store.setManifest(bundle.id, [buildEntry(file)]);
      return bundle;
    };
    const [builtin, active, stable, rollout] = [await ready(), await ready(), await ready(), await ready()];
    const pending = buildBundle({ appId: otherAppId, manifest: { state: 'pending', reason: null } });
    await store.insertBundle(pending, someAuthor);
    const release = buildRelease({ appId: otherAppId, builtinBundleId: builtin.id });
    await store.insertRelease(release, someAuthor);
    await store.deployToRelease(release.id, buildNewDeployment({ bundleId: active.id }), someAuthor);
    const channel = await store.insertChannel(
      buildNewChannel({
        ...{ appId: otherAppId, bundleId: stable.id },
        rollout: { id: 'r', ...rolloutDefaults, bundleId: rollout.id },
      }),
      undefined,
      someAuthor,
    );
    await store.insertChannel(
      buildNewChannel({ appId: otherAppId, bundleId: pending.id }),
      undefined,
      someAuthor,
    );
    const held = () => [...(snapshots.find(otherAppId)?.manifests.keys() ?? [])].toSorted();
    const idsOf = (bundles: readonly { readonly id: string }[]) => bundles.map(({ id }) => id).toSorted();

    await snapshots.refresh(otherAppId);
    expect(held()).toEqual(idsOf([active, stable, rollout]));
    expect(under.manifestReads.toSorted()).toEqual(idsOf([active, stable, rollout]));
    expect(snapshots.find(otherAppId)?.manifests.get(active.id)).toEqual(await store.readManifest(active.id));

    await store.updateChannel(
      channel.id,
      (current) => ({ channel: { ...current, bundleId: null } }),
      someAuthor,
    );
    await snapshots.refresh(otherAppId);
    await snapshots.refreshAll();
    expect(held()).toEqual(idsOf([active, rollout]));
    expect(under.manifestReads).toHaveLength(3);
  });

  it('show apps that came and forget apps that went when all are refreshed', async () => {
    const nothing = { settings: appSettingDefaults, releases: [], channels: [], bundles: [] };
    const states = new Map<string, AppState>([[appId, { appId, ...nothing }]]);
    const reader: SnapshotReader = {
      readManifest: async () => undefined,
      readAppState: async (id) => states.get(id),
      readAllAppStates: async () => [...states.values()],
    };
    snapshots = await loadAppSnapshots(reader);
    states.delete(appId);
    states.set(otherAppId, { appId: otherAppId, ...nothing });
    await snapshots.refreshAll();
    expect(snapshots.find(appId)).toBeUndefined();
    expect(snapshots.find(otherAppId)).toMatchObject({ appId: otherAppId });
    states.delete(otherAppId);
    await snapshots.refresh(otherAppId);
    expect(snapshots.find(otherAppId)).toBeUndefined();
  });

  it('keep the old state when refreshing all fails', async () => {
    await addRelease(appId);
    under.failing.add('*');
    await expect(snapshots.refreshAll()).rejects.toBe(outage);
    expect(releaseCount(appId)).toBe(1);
    under.failing.clear();
    await snapshots.refreshAll();
    expect(releaseCount(appId)).toBe(2);
  });

  it('are replaced, never changed: one that was looked up stays as it was', async () => {
    const before = snapshots.find(appId);
    await store.deleteRelease([...(before?.releases.values() ?? [])][0]?.release.id ?? nextId(), someAuthor);
    await snapshots.refresh(appId);
    expect(before?.releases.size).toBe(1);
    expect(releaseCount(appId)).toBe(0);
  });
});
