import type { Logger } from 'pino';
import type { Leases } from '../ports/changes.ts';
import type { Clock } from '../ports/clock.ts';
import type { FailingRollouts } from '../services/auto-pause.ts';
import type { ChangeFollower } from '../services/change-follower.ts';
import type { ManifestBuilder, UnbuiltManifest } from '../services/manifest-builder.ts';
import type { ChecksumSearch } from '../services/missing-checksums.ts';
import type { ObjectDeletions } from '../services/object-deletions.ts';
import type { DisabledWebhook } from '../services/webhook-deliveries.ts';
import { leased } from './leased.ts';
import type { Job } from './scheduler.ts';

const recordChecksEveryMs = 250;
/** When a key was used is told to the minute. */
const recordKeyUsesEveryMs = 60_000;
/** What a crash would lose of it is a few seconds of numbers. */
const recordUsageEveryMs = 5_000;
/** With what reading takes, well within the second in which a change of another node is to be served here. */
const followEveryMs = 500;
const missedRefreshEveryMs = 1_000;
/** A bundle that was uploaded is served as a zip until then. */
const manifestsEveryMs = 1_000;
const fileSweepEveryMs = 10 * 60 * 1000;
const objectDeletionsEveryMs = 60_000;
const missingChecksumsEveryMs = 60_000;
const autoPauseEveryMs = 60_000;
const retentionEveryMs = 60 * 60 * 1000;
/** Who changes something watches what comes of it elsewhere. */
const webhooksEveryMs = 1_000;
const failingBundlesEveryMs = 60_000;
const oldChangesEveryMs = 10 * 60 * 1000;
const bundleRetentionEveryMs = 60_000;
const expiredOverridesEveryMs = 10 * 60 * 1000;
const deletedAppsEveryMs = 60_000;
/** Below it a setting of 0 would keep the database busy for nothing. */
const minRefreshEveryMs = 1_000;
/** So long without word of the database is worth a line in the log. */
const staleAfterMs = 5_000;

/** Says once that the database is out of reach, and once that it is back. */
function followAloud(follower: ChangeFollower, logger: Logger, clock: Clock): () => Promise<void> {
  let isStale = false;
  return async () => {
    try {
      await follower.follow();
    } catch (error) {
      const ageSeconds = Math.round((clock.now() - follower.confirmedAtMs) / 1000);
      if (isStale || ageSeconds * 1000 < staleAfterMs) return;
      isStale = true;
      logger.warn(
        { event: 'snapshot_unconfirmed', ageSeconds, err: error },
        `the database is out of reach; update checks are answered as of ${ageSeconds} s ago`,
      );
      return;
    }
    if (!isStale) return;
    isStale = false;
    logger.info(
      { event: 'snapshot_confirmed' },
      'the database is back; update checks are answered as of now',
    );
  };
}

function pauseFailing(findFailing: () => Promise<FailingRollouts>, logger: Logger): () => Promise<void> {
  return async () => {
    const { triggered, unjudged } = await findFailing();
    for (const { channel, installs, failures } of triggered) {
      logger.warn(
        { event: 'rollout_failing', appId: channel.appId, channel: channel.name, installs, failures },
        `the rollout of channel ${channel.name} fails too often: ${channel.autoPause.action}`,
      );
    }
    for (const { channel, error } of unjudged) {
      logger.warn(
        { event: 'rollout_unjudged', appId: channel.appId, channel: channel.name, err: error },
        `whether the rollout of channel ${channel.name} fails too often could not be told; it will be tried again`,
      );
    }
  };
}

function findChecksums(search: ChecksumSearch, logger: Logger): () => Promise<void> {
  return async () => {
    for (const { bundle, error } of await search.run()) {
      logger.warn(
        { event: 'bundle_unreadable', appId: bundle.appId, bundle: bundle.versionName, err: error },
        `bundle ${bundle.versionName} has no SHA-256 yet, and cannot be read to compute it; it will be tried again`,
      );
    }
  };
}

/** Says why a bundle is served as a zip. */
export function logUnbuilt(logger: Logger): (unbuilt: UnbuiltManifest) => void {
  return ({ bundle: { appId, versionName }, reason, error }) => {
    const facts = { event: 'manifest_not_built', appId, bundle: versionName, reason, err: error };
    const what = `the manifest of bundle ${versionName} could not be made, so devices get the whole zip`;
    logger.warn(facts, reason === undefined ? `${what}; it will be tried again` : `${what} (${reason})`);
  };
}

function sendWebhookEvents(
  send: () => Promise<readonly DisabledWebhook[]>,
  logger: Logger,
): () => Promise<void> {
  return async () => {
    for (const { webhook, delivery } of await send()) {
      const facts = { webhookId: webhook.id, responseStatus: delivery.responseStatus };
      logger.warn(
        { event: 'webhook_disabled', ...facts, attempts: delivery.attemptCount },
        `webhook ${webhook.name} is disabled: its receiver takes no events any more`,
      );
    }
  };
}

/** Everything that runs beside the requests: what each node does for itself, then what one does for all of them. */
export function createJobs(deps: {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly leases: Leases;
  /** A name that no other node has. */
  readonly node: string;
  readonly refreshAllEveryMs: number;
  readonly follower: ChangeFollower;
  readonly recordChecks: () => Promise<unknown>;
  readonly recordKeyUses: () => Promise<unknown>;
  readonly recordUsage: () => Promise<unknown>;
  readonly refreshMissed: () => Promise<unknown>;
  readonly refreshAll: () => Promise<unknown>;
  readonly manifestBuilder: ManifestBuilder;
  readonly sweepFiles: () => Promise<unknown>;
  readonly objectDeletions: Pick<ObjectDeletions, 'carryOutDue' | 'stop'>;
  readonly checksumSearch: ChecksumSearch;
  readonly pauseFailingRollouts: () => Promise<FailingRollouts>;
  readonly deleteOldEvents: () => Promise<unknown>;
  readonly deleteOldChanges: () => Promise<unknown>;
  readonly deleteOldMinutes: () => Promise<unknown>;
  readonly deleteOldAudit: () => Promise<unknown>;
  readonly queueWebhookEvents: () => Promise<unknown>;
  readonly queueFailingBundles: () => Promise<unknown>;
  readonly sendWebhookEvents: () => Promise<readonly DisabledWebhook[]>;
  readonly deleteOldBundles: () => Promise<unknown>;
  readonly deleteExpiredOverrides: () => Promise<unknown>;
  readonly purgeDeletedApps: () => Promise<unknown>;
}): { readonly jobs: readonly Job[]; giveUpLeases(): Promise<void> } {
  const { logger, clock, leases, node } = deps;
  const ofEachNode: readonly Job[] = [
    { name: 'record-checks', everyMs: recordChecksEveryMs, run: deps.recordChecks },
    { name: 'record-key-uses', everyMs: recordKeyUsesEveryMs, run: deps.recordKeyUses },
    { name: 'record-usage', everyMs: recordUsageEveryMs, run: deps.recordUsage },
    { name: 'follow-changes', everyMs: followEveryMs, run: followAloud(deps.follower, logger, clock) },
    { name: 'refresh-missed', everyMs: missedRefreshEveryMs, run: deps.refreshMissed },
    {
      name: 'refresh-all',
      everyMs: Math.max(deps.refreshAllEveryMs, minRefreshEveryMs),
      run: deps.refreshAll,
    },
    // Each bundle has a lease of its own.
    {
      name: 'manifests',
      everyMs: manifestsEveryMs,
      run: () => deps.manifestBuilder.run(),
      stop: () => deps.manifestBuilder.stop(),
    },
  ];
  const ofOneNode: readonly Job[] = [
    { name: 'file-sweep', everyMs: fileSweepEveryMs, run: deps.sweepFiles },
    {
      name: 'object-deletions',
      everyMs: objectDeletionsEveryMs,
      run: () => deps.objectDeletions.carryOutDue(),
      stop: () => deps.objectDeletions.stop(),
    },
    {
      name: 'missing-checksums',
      everyMs: missingChecksumsEveryMs,
      run: findChecksums(deps.checksumSearch, logger),
      stop: () => deps.checksumSearch.stop(),
    },
    { name: 'auto-pause', everyMs: autoPauseEveryMs, run: pauseFailing(deps.pauseFailingRollouts, logger) },
    { name: 'event-retention', everyMs: retentionEveryMs, run: deps.deleteOldEvents },
    { name: 'old-changes', everyMs: oldChangesEveryMs, run: deps.deleteOldChanges },
    { name: 'old-minutes', everyMs: retentionEveryMs, run: deps.deleteOldMinutes },
    { name: 'audit-retention', everyMs: retentionEveryMs, run: deps.deleteOldAudit },
    { name: 'webhook-events', everyMs: webhooksEveryMs, run: deps.queueWebhookEvents },
    { name: 'failing-bundles', everyMs: failingBundlesEveryMs, run: deps.queueFailingBundles },
    {
      name: 'webhook-deliveries',
      everyMs: webhooksEveryMs,
      run: sendWebhookEvents(deps.sendWebhookEvents, logger),
    },
    { name: 'bundle-retention', everyMs: bundleRetentionEveryMs, run: deps.deleteOldBundles },
    { name: 'expired-overrides', everyMs: expiredOverridesEveryMs, run: deps.deleteExpiredOverrides },
    { name: 'deleted-apps', everyMs: deletedAppsEveryMs, run: deps.purgeDeletedApps },
  ];
  return {
    jobs: [...ofEachNode, ...ofOneNode.map((job) => leased(job, { leases, holder: node, clock }))],
    async giveUpLeases() {
      // Whoever comes next need not wait for them to end; when the store is gone, it waits.
      await Promise.allSettled(ofOneNode.map(({ name }) => leases.releaseLease(name, node)));
    },
  };
}
