import { systemActor } from '../domain/actor.ts';
import type { AppRecord, AppSnapshot } from '../domain/app.ts';
import type { DeploymentTarget } from '../domain/deployment.ts';
import type { AppRecords } from '../ports/app-records.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeploymentLog } from '../ports/store.ts';
import type { Bundles } from './bundles.ts';
import { findPreviouslyServed } from './previously-served.ts';

const retentionActor = systemActor('bundle-retention');
const appsPerRead = 500;
/** Between uploading a bundle and giving it to a channel a client has so long, whatever the retention of its app. */
const linkingTimeMs = 60_000;

/** What a snapshot says of which bundles are used. */
function usedIds({ releases, channelsById }: AppSnapshot): ReadonlySet<string> {
  const ids = [
    ...[...releases.values()].flatMap(({ release }) => [release.builtinBundleId, release.activeBundleId]),
    ...[...channelsById.values()].flatMap(({ channel }) => [channel.bundleId, channel.rollout.bundleId]),
  ];
  return new Set(ids.filter((id) => id !== null));
}

/**
 * Deletes the bundles of each app that nothing uses and that are older than the app keeps them. What a channel or a
 * release would go back to is kept, unless the app keeps nothing (0 seconds). Answers how many that were.
 */
export async function deleteOldBundles(deps: {
  readonly store: AppRecords & DeploymentLog;
  readonly bundles: Pick<Bundles, 'deleteUnused'>;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
}): Promise<number> {
  const { store, bundles, appSnapshots, clock } = deps;

  /** What one rollback of each of the app's targets leads to. */
  async function findRollbackIds(app: AppSnapshot): Promise<readonly string[]> {
    const targets: { readonly target: DeploymentTarget; servedNow: string | null; base: null | undefined }[] =
      [
        ...[...app.channelsById.values()].map(({ channel }) => ({
          target: { kind: 'channel', channelId: channel.id } as const,
          ...{ servedNow: channel.bundleId, base: undefined },
        })),
        ...[...app.releases.values()].map(({ release }) => ({
          target: { kind: 'release', releaseId: release.id } as const,
          ...{ servedNow: release.activeBundleId, base: null },
        })),
      ];
    const ids: string[] = [];
    for (const each of targets) {
      const id = await findPreviouslyServed(deps, { appId: app.appId, ...each });
      if (typeof id === 'string') ids.push(id);
    }
    return ids;
  }

  async function deleteOldOf({ appId }: AppRecord, retentionSeconds: number): Promise<number> {
    const app = appSnapshots.find(appId);
    if (!app) return 0;
    const createdUntilMs = clock.now() - Math.max(retentionSeconds * 1000, linkingTimeMs);
    const used = usedIds(app);
    // Histories are read only when there is something to delete.
    const isOld = [...app.bundlesById.values()].some(
      (bundle) => bundle.appId === appId && bundle.createdAtMs <= createdUntilMs && !used.has(bundle.id),
    );
    if (!isOld) return 0;
    // With what is used now: until the deletion it can become what one goes back to.
    const exceptIds = retentionSeconds === 0 ? [] : [...used, ...(await findRollbackIds(app))];
    return bundles.deleteUnused(appId, { createdUntilMs, exceptIds }, retentionActor);
  }

  let deleted = 0;
  let failure: unknown;
  for (let offset = 0; ; offset += appsPerRead) {
    const apps = await store.listApps(null, { offset, limit: appsPerRead });
    for (const app of apps) {
      if (app.retentionSeconds === null) continue;
      try {
        deleted += await deleteOldOf(app, app.retentionSeconds);
      } catch (error) {
        // One app must not keep the others.
        failure ??= error;
      }
    }
    if (apps.length < appsPerRead) break;
  }
  if (failure !== undefined) throw failure;
  return deleted;
}
