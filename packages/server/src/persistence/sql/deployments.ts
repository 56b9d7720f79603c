import type { ExpressionBuilder, Kysely, Selectable } from 'kysely';
import { type Deployment, type DeploymentTarget, deploymentTime } from '../../domain/deployment.ts';
import type { DeploymentLog } from '../../ports/store.ts';
import { cutPage, decodeCursor } from '../cursor.ts';
import type { DeploymentsTable, Schema, SqlDatabase } from './schema.ts';

function toTarget(row: Selectable<DeploymentsTable>): DeploymentTarget {
  return row.channel_id === null
    ? { kind: 'release', releaseId: row.release_id ?? '' }
    : { kind: 'channel', channelId: row.channel_id };
}

function toDeployment(row: Selectable<DeploymentsTable>): Deployment {
  return {
    id: row.id,
    appId: row.app_id,
    target: toTarget(row),
    bundleId: row.bundle_id,
    rolloutBundleId: row.rollout_bundle_id,
    actor: row.actor,
    reason: row.reason,
    createdAtMs: row.created_at,
  };
}

function ofTarget(target: DeploymentTarget) {
  return ({ eb }: ExpressionBuilder<Schema, 'deployments'>) =>
    target.kind === 'channel'
      ? eb('channel_id', '=', target.channelId)
      : eb('release_id', '=', target.releaseId);
}

/** Logs a deployment, in the transaction that makes its target serve the bundle. */
export async function insertDeployment(db: Kysely<Schema>, deployment: Deployment): Promise<void> {
  const { target } = deployment;
  const last = await db
    .selectFrom('deployments')
    .select(({ fn }) => fn.max('created_at').as('created_at'))
    .where(ofTarget(target))
    .executeTakeFirst();
  await db
    .insertInto('deployments')
    .values({
      id: deployment.id,
      app_id: deployment.appId,
      channel_id: target.kind === 'channel' ? target.channelId : null,
      release_id: target.kind === 'release' ? target.releaseId : null,
      bundle_id: deployment.bundleId,
      rollout_bundle_id: deployment.rolloutBundleId,
      actor: deployment.actor,
      reason: deployment.reason,
      created_at: deploymentTime(deployment.createdAtMs, last?.created_at ?? undefined),
    })
    .execute();
}

export function createSqlDeployments({ db }: SqlDatabase): DeploymentLog {
  return {
    async listDeployments(target, page) {
      let query = db.selectFrom('deployments').selectAll().where(ofTarget(target));
      if (page.cursor !== undefined) {
        const after = decodeCursor(page.cursor, /^[0-9a-f]{24}$/);
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('created_at', 'id'), '<', tuple(after.timeMs, after.id)),
        );
      }
      const rows = await query
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return cutPage(rows, page.limit, (row) => ({ timeMs: row.created_at, id: row.id }), toDeployment);
    },
  };
}
