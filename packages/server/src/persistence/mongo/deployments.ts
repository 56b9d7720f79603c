import type { Document, Filter, WithId } from 'mongodb';
import { type Deployment, type DeploymentTarget, deploymentTime } from '../../domain/deployment.ts';
import type { DeploymentLog } from '../../ports/store.ts';
import { cutPage } from '../cursor.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { toObjectId } from './keys.ts';
import { afterCursor, newestFirst } from './newest-first.ts';
import { type DeploymentDocument, notGone } from './schema.ts';

function toTarget(document: DeploymentDocument): DeploymentTarget {
  return document.channel_id === null
    ? { kind: 'release', releaseId: document.release_id ?? '' }
    : { kind: 'channel', channelId: document.channel_id };
}

function toDeployment(document: WithId<DeploymentDocument>): Deployment {
  return {
    id: document._id.toHexString(),
    appId: document.app_id,
    target: toTarget(document),
    bundleId: document.bundle_id,
    rolloutBundleId: document.rollout_bundle_id,
    actor: document.actor,
    reason: document.reason,
    createdAtMs: document.created_at,
  };
}

function ofTarget(target: DeploymentTarget) {
  return target.kind === 'channel' ? { channel_id: target.channelId } : { release_id: target.releaseId };
}

/** Logs a deployment, in the commit that makes its target serve the bundle. */
export async function draftDeployment(
  database: MongoDatabase,
  draft: Draft,
  deployment: Deployment,
): Promise<void> {
  const { target } = deployment;
  const _id = toObjectId(deployment.id);
  if (!_id) throw new TypeError(`${deployment.id} is no id of a deployment`);
  const [last] = await database
    .collection('deployments')
    .find(ofTarget(target))
    .sort(newestFirst)
    .limit(1)
    .toArray();
  draft.insert('deployments', [
    {
      _id,
      app_id: deployment.appId,
      channel_id: target.kind === 'channel' ? target.channelId : null,
      release_id: target.kind === 'release' ? target.releaseId : null,
      bundle_id: deployment.bundleId,
      rollout_bundle_id: deployment.rolloutBundleId,
      actor: deployment.actor,
      reason: deployment.reason,
      created_at: deploymentTime(deployment.createdAtMs, last?.created_at),
    },
  ]);
}

export function createMongoDeployments(database: MongoDatabase): DeploymentLog {
  return {
    async listDeployments(target, page) {
      const after: Filter<DeploymentDocument & Document> = afterCursor(page.cursor, (timeMs) => timeMs);
      await database.log.settle();
      const found = await database
        .collection('deployments')
        .find({ ...notGone, ...ofTarget(target), ...after })
        .sort(newestFirst)
        .limit(page.limit + 1)
        .toArray();
      return cutPage(
        found,
        page.limit,
        (each) => ({ timeMs: each.created_at, id: each._id.toHexString() }),
        toDeployment,
      );
    },
  };
}
