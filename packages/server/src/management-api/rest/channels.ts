import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { RestStatus } from '@capgo-server/protocol/management/rest-answers';
import {
  type RestChannel,
  RestChannelDeleteBody,
  RestChannelList,
  RestChannelListQuery,
  RestChannelSaveBody,
  RestChannelSaved,
} from '@capgo-server/protocol/management/rest-channels';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/access.ts';
import { actorOf } from '../../domain/actor.ts';
import type { Channel } from '../../domain/channel.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Apps } from '../../services/apps.ts';
import type { Bundles } from '../../services/bundles.ts';
import type { ChannelPatch } from '../../services/channel-changes.ts';
import type { Channels } from '../../services/channels.ts';
import type { ManagementRoute } from '../route.ts';
import { type BundleChoice, channelInput } from './channel-input.ts';
import { isHosted, RestError } from './rest-error.ts';
import {
  appIdField,
  cannotAccessApp,
  givenValue,
  pageOffset,
  requireApp,
  restPageRows,
  textField,
} from './rest-fields.ts';
import { bodyInput, bodyOrQueryInput, queryInput, type RestInput } from './rest-input.ts';
import { bundleNotFound, channelNotFound, inWords, refusals } from './restated.ts';

export interface RestChannelRoutesDeps {
  readonly apps: Apps;
  readonly bundles: Bundles;
  readonly channels: Channels;
  readonly clock: Clock;
}

const timeOrNull = (timeMs: number | null) => (timeMs === null ? null : formatTimestamp(timeMs));

function cannotFindVersion(): RestError {
  return new RestError('cannot_find_version', 'Cannot find version', { documentedText: bundleNotFound });
}

export function restChannelRoutes(deps: RestChannelRoutesDeps): readonly ManagementRoute[] {
  const { apps, bundles, channels, clock } = deps;

  async function toRows(
    appId: string,
    given: readonly Channel[],
    request: FastifyRequest,
  ): Promise<readonly RestChannel[]> {
    const ownerId = (await apps.find(appId))?.organizationId ?? defaultOrganizationId;
    const ids = given.flatMap(({ bundleId, rollout }) => [bundleId, rollout.bundleId]);
    const records = await bundles.findRecords(appId, { ids: [...new Set(ids.filter((id) => id !== null))] });
    const byId = new Map(records.map((record) => [record.id, record]));
    const info = (id: string | null) => {
      const record = byId.get(id ?? '');
      return record ? { id: record.number, name: record.versionName } : null;
    };
    return given.map((channel): RestChannel => {
      const { rollout, autoPause, policy } = channel;
      const rolloutBundle = info(rollout.bundleId);
      return {
        ...{ id: channel.id, name: channel.name, app_id: channel.appId },
        created_at: formatTimestamp(channel.createdAtMs),
        updated_at: formatTimestamp(channel.updatedAtMs),
        ...{ created_by: null, owner_org: ownerId },
        version: info(channel.bundleId),
        public: channel.isPublic,
        ...channel.platforms,
        allow_device_self_set: channel.allowDeviceSelfSet,
        allow_emulator: channel.allowEmulator,
        allow_device: channel.allowDevice,
        allow_dev: channel.allowDev,
        allow_prod: channel.allowProd,
        disableAutoUpdateUnderNative: channel.blocksUnderNative,
        updatePackage: channel.updatePackage,
        disableAutoUpdate: policy === 'version_number' && !isHosted(request) ? 'metadata' : policy,
        rollout_version: rolloutBundle?.id ?? null,
        rollout_id: rollout.id,
        rollout_version_info: rolloutBundle,
        rolloutPercentageBps: rollout.percentageBps,
        rolloutEnabled: rollout.isEnabled,
        rolloutPausedAt: timeOrNull(rollout.pausedAtMs),
        rolloutPauseReason: rollout.pauseReason,
        rolloutCacheTtlSeconds: rollout.cacheTtlSeconds,
        autoPauseEnabled: autoPause.isEnabled,
        autoPauseWindowMinutes: autoPause.windowMinutes,
        autoPauseFailureRateBps: autoPause.failureRateBps,
        autoPauseConfidence: autoPause.confidence,
        autoPauseMinAttempts: autoPause.minAttempts,
        autoPauseMinFailures: autoPause.minFailures,
        autoPauseAction: autoPause.action,
        autoPauseCooldownMinutes: autoPause.cooldownMinutes,
        autoPauseLastTriggeredAt: timeOrNull(autoPause.lastTriggeredAtMs),
        autoPauseLastCheckedAt: null,
      };
    });
  }

  /** The id of the bundle that is meant; null for none, undefined when nothing is said of it. */
  async function bundleIdOf(appId: string, choice: BundleChoice): Promise<string | null | undefined> {
    if (choice === null || choice === undefined) return choice;
    const isNumber = 'number' in choice && Number.isSafeInteger(choice.number);
    if ('number' in choice && !isNumber) throw cannotFindVersion();
    const names = 'name' in choice ? { versionNames: [choice.name] } : { numbers: [choice.number] };
    const [record] = await bundles.findRecords(appId, names);
    if (!record) throw cannotFindVersion();
    return record.id;
  }

  const channelName = (input: RestInput) => textField(input, 'channel') ?? '';

  async function save(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyInput(request);
    const appId = appIdField(input);
    const name = channelName(input);
    if (name === '') throw new RestError('missing_channel_name', 'Missing channel');
    await requireApp(apps, caller, appId, () => cannotAccessApp(appId));
    const { version, rolloutVersion, patch } = channelInput(input, clock.now());
    const [bundleId, rolloutBundleId] = [
      await bundleIdOf(appId, version),
      await bundleIdOf(appId, rolloutVersion),
    ];
    const given: ChannelPatch = {
      ...patch,
      ...(bundleId === undefined ? {} : { bundleId }),
      ...(rolloutBundleId === undefined ? {} : { rollout: { ...patch.rollout, bundleId: rolloutBundleId } }),
    };
    const { channel, isNew } = await inWords(
      {
        invalid_request: { code: 'invalid_body' },
        bundle_not_found: { code: 'cannot_find_version', documentedText: bundleNotFound },
        channel_not_found: { code: 'cannot_find_channel', documentedText: channelNotFound },
      },
      () => channels.save({ appId, name }, given, actorOf(caller)),
    );
    const isNewWithBundle = isNew && channel.bundleId !== null;
    return { status: 'ok', ...(isNewWithBundle ? { id: channel.id, public: channel.isPublic } : {}) };
  }

  async function list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const appId = appIdField(input);
    await requireApp(apps, caller, appId, () => cannotAccessApp(appId));
    const name = channelName(input);
    const offset = pageOffset(input);
    const all = await channels.list(appId);
    if (name !== '') {
      const found = all.filter((channel) => channel.name === name);
      const [row] = await toRows(appId, found, request);
      if (row) return row;
      // That API says it of a version here.
      throw new RestError('cannot_find_version', 'Cannot find version', { documentedText: channelNotFound });
    }
    const oldestFirst = all.toSorted(
      (left, right) => left.createdAtMs - right.createdAtMs || left.id - right.id,
    );
    const rows = await toRows(appId, oldestFirst.slice(offset, offset + restPageRows), request);
    return isHosted(request) ? rows : { data: rows };
  }

  async function remove(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const appId = appIdField(input);
    const name = channelName(input);
    if (name === '') throw new RestError('missing_channel_name', 'Missing channel');
    await requireApp(apps, caller, appId, () => cannotAccessApp(appId));
    if (givenValue(input, 'delete_bundle') === true) {
      throw new RestError(
        'cannot_delete_preview_bundle',
        'Only a preview is deleted with its bundle; delete the channel, then the bundle',
      );
    }
    const found = (await channels.list(appId)).find((channel) => channel.name === name);
    if (!found) {
      throw new RestError('cannot_find_channel', 'Cannot find channel', { documentedText: channelNotFound });
    }
    await inWords(
      { channel_not_found: { code: 'cannot_find_channel', documentedText: channelNotFound } },
      () => channels.delete(found.id, actorOf(caller)),
    );
    return { status: 'ok' };
  }

  const tag = 'channels';
  return [
    {
      ...{ method: 'GET', url: '/channel', permission: 'channels.read', handler: list },
      docs: {
        ...{
          operationId: 'listChannels',
          tag,
          summary: 'Channels of an app, the oldest first, or one of them',
        },
        ...{ query: RestChannelListQuery, answer: RestChannelList },
        errors: refusals(
          ...['missing_app_id', 'invalid_app_id', 'cannot_access_app', 'cannot_find_version', 'invalid_page'],
        ),
      },
    },
    {
      ...{ method: 'POST', url: '/channel', permission: 'channels.change', handler: save },
      docs: {
        ...{ operationId: 'saveChannel', tag, summary: 'Make a channel, or change one' },
        description:
          'A channel that becomes public takes that from every other one of the app that serves one of its platforms.',
        ...{ body: RestChannelSaveBody, answer: RestChannelSaved },
        errors: refusals(
          ...['missing_app_id', 'invalid_app_id', 'missing_channel_name', 'cannot_access_app'],
          ...['cannot_find_version', 'cannot_find_channel', 'missing_stable_version'],
          ...['missing_rollout_version', 'invalid_rollout_config', 'invalid_rollout_percentage'],
          ...['invalid_auto_pause_confidence', 'invalid_auto_pause_action', 'invalid_disable_auto_update'],
          'invalid_update_package',
        ),
      },
    },
    {
      ...{ method: 'DELETE', url: '/channel', permission: 'channels.delete', handler: remove },
      docs: {
        ...{ operationId: 'deleteChannel', tag, summary: 'Delete a channel' },
        description: 'Devices that were pinned to it, or chose it, get what others get.',
        ...{ body: RestChannelDeleteBody, isBodyOptional: true, query: RestChannelDeleteBody },
        answer: RestStatus,
        errors: refusals(
          ...['missing_app_id', 'invalid_app_id', 'missing_channel_name', 'cannot_access_app'],
          ...['cannot_find_channel', 'cannot_delete_preview_bundle'],
        ),
      },
    },
  ];
}
