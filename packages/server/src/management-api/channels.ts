import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  ChannelHealthQuery,
  ChannelHealthView,
  ChannelRollbackAnswer,
  ChannelRollbackBody,
  DeploymentList,
  DeploymentListQuery,
  type DeploymentView,
} from '@capgo-server/protocol/management/deployments';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, seesApp } from '../domain/access.ts';
import { actorOf } from '../domain/actor.ts';
import type { Channel } from '../domain/channel.ts';
import type { Deployment } from '../domain/deployment.ts';
import { AppError } from '../domain/errors.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Channels } from '../services/channels.ts';
import type { FindRolloutHealth } from '../services/rollout-health.ts';
import {
  checkedAppId,
  listAnswer,
  pageParameters,
  type Query,
  requiredAppId,
  textParameter,
} from './page-query.ts';
import { parseBody } from './parse-body.ts';
import type { ManagementRoute } from './route.ts';

export interface ChannelRoutesDeps {
  readonly channels: Pick<Channels, 'list' | 'listDeployments' | 'rollback'>;
  readonly appSnapshots: Pick<AppSnapshots, 'find'>;
  readonly findRolloutHealth: FindRolloutHealth;
}

const defaultDeployments = 50;

/**
 * What the documented REST API has no words for: what a channel has served and the way back along it, and how its
 * rollout fares. The rest of channels is there.
 */
export function channelRoutes(deps: ChannelRoutesDeps): readonly ManagementRoute[] {
  const { channels, appSnapshots, findRolloutHealth } = deps;

  /** Answers as for a channel that nobody has when the caller may not see its app. */
  async function find(caller: Caller, appId: string, name: string): Promise<Channel> {
    const known = seesApp(caller, appId) ? await channels.list(appId) : [];
    const channel = known.find((each) => each.name === name);
    if (!channel) throw new AppError('channel_not_found', `There is no channel ${name}`);
    return channel;
  }

  function requiredChannel(query: Query): string {
    const name = textParameter(query, 'channel');
    if (name === undefined) throw new AppError('invalid_request', 'channel is required');
    return name;
  }

  function nameOf(appId: string, bundleId: string | null): string {
    if (bundleId === null) return 'builtin';
    return appSnapshots.find(appId)?.bundlesById.get(bundleId)?.versionName ?? 'deleted';
  }

  function toView(deployment: Deployment): DeploymentView {
    const { id, appId, bundleId, rolloutBundleId, actor, reason, createdAtMs } = deployment;
    return {
      id,
      ...{ bundle_id: bundleId, bundle: nameOf(appId, bundleId) },
      ...{ rollout_bundle_id: rolloutBundleId },
      rollout_bundle: rolloutBundleId === null ? null : nameOf(appId, rolloutBundleId),
      ...{ actor, reason, created_at: formatTimestamp(createdAtMs) },
    };
  }

  async function listDeployments(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const query = request.query as Query;
    const channel = await find(caller, requiredAppId(query), requiredChannel(query));
    const page = await channels.listDeployments(channel.id, pageParameters(query, defaultDeployments));
    return listAnswer(page, toView);
  }

  async function rollback(
    request: FastifyRequest,
    _reply: FastifyReply,
    caller: Caller,
  ): Promise<ChannelRollbackAnswer> {
    const body = parseBody(ChannelRollbackBody, request.body);
    const { id } = await find(caller, checkedAppId(body.app_id), body.channel);
    const channel = await channels.rollback(id, actorOf(caller));
    const bundle = nameOf(channel.appId, channel.bundleId);
    return {
      message: `Channel ${channel.name} serves ${bundle} again`,
      ...{ bundle_id: channel.bundleId, bundle },
    };
  }

  async function health(
    request: FastifyRequest,
    _reply: FastifyReply,
    caller: Caller,
  ): Promise<ChannelHealthView> {
    const query = request.query as Query;
    const channel = await find(caller, requiredAppId(query), requiredChannel(query));
    const { isRolling, installs, failures, failureRateBps, certainRateBps, verdict } =
      await findRolloutHealth(channel);
    return {
      ...{ rolling: isRolling, window_minutes: channel.autoPause.windowMinutes, installs, failures },
      ...{ failure_rate_bps: failureRateBps, certain_rate_bps: certainRateBps },
      ...{ threshold_bps: channel.autoPause.failureRateBps, verdict },
    };
  }

  const tag = 'channels';
  return [
    {
      ...{ method: 'GET', url: '/api/v1/deployments.list', permission: 'channels.read' },
      handler: listDeployments,
      docs: {
        ...{ operationId: 'deploymentsList', tag, summary: 'What a channel has served, newest first' },
        ...{ query: DeploymentListQuery, answer: DeploymentList },
      },
    },
    {
      ...{
        method: 'POST',
        url: '/api/v1/channels.rollback',
        permission: 'channels.deploy',
        handler: rollback,
      },
      docs: {
        ...{ operationId: 'channelsRollback', tag, summary: 'Go back to what a channel served before' },
        description:
          'Ends a rollout, or, without one, goes back to the bundle before; again and again further back. Devices that have what was taken back are sent back.',
        ...{ body: ChannelRollbackBody, answer: ChannelRollbackAnswer },
      },
    },
    {
      ...{ method: 'GET', url: '/api/v1/channels.health', permission: 'channels.read', handler: health },
      docs: {
        ...{
          operationId: 'channelsHealth',
          tag,
          summary: 'How a channel’s rollout fares against what stops it',
        },
        ...{ query: ChannelHealthQuery, answer: ChannelHealthView },
      },
    },
  ];
}
