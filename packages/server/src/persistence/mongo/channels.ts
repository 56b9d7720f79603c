import { platforms } from '@capgo-server/protocol/formats/identifiers';
import type { ChangedBy } from '../../domain/actor.ts';
import { channelChange, overrideChange } from '../../domain/audit-records.ts';
import type { AutoPauseAction } from '../../domain/auto-pause.ts';
import {
  type Channel,
  channelDefaults,
  type UpdatePackage,
  type UpdatePolicy,
} from '../../domain/channel.ts';
import { AppError } from '../../domain/errors.ts';
import type { ChannelStore, NewDeployment } from '../../ports/store.ts';
import { draftAudit } from './audit.ts';
import { requireBundleOfApp } from './bundles.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { draftDeployment } from './deployments.ts';
import { ensureApp } from './ensure-app.ts';
import { toOverride } from './override-document.ts';
import { type ChannelDocument, notGone } from './schema.ts';
import { nextNumber } from './sequences.ts';

export function toChannel(document: ChannelDocument): Channel {
  return {
    id: document._id,
    appId: document.app_id,
    name: document.name,
    isPublic: document.is_public,
    allowDeviceSelfSet: document.allow_device_self_set,
    platforms: { ios: document.ios, android: document.android, electron: document.electron },
    policy: document.policy as UpdatePolicy,
    blocksUnderNative: document.blocks_under_native,
    allowProd: document.allow_prod,
    allowDev: document.allow_dev,
    allowDevice: document.allow_device,
    allowEmulator: document.allow_emulator,
    updatePackage: (document.update_package ?? channelDefaults.updatePackage) as UpdatePackage,
    bundleId: document.bundle_id,
    rollout: {
      id: document.rollout_id,
      bundleId: document.rollout_bundle_id,
      isEnabled: document.rollout_enabled,
      percentageBps: document.rollout_percentage_bps,
      pausedAtMs: document.rollout_paused_at,
      pauseReason: document.rollout_pause_reason,
      cacheTtlSeconds: document.rollout_cache_ttl_seconds,
    },
    autoPause: {
      isEnabled: document.auto_pause_enabled,
      windowMinutes: document.auto_pause_window_minutes,
      failureRateBps: document.auto_pause_failure_rate_bps,
      confidence: document.auto_pause_confidence,
      minAttempts: document.auto_pause_min_attempts,
      minFailures: document.auto_pause_min_failures,
      action: document.auto_pause_action as AutoPauseAction,
      cooldownMinutes: document.auto_pause_cooldown_minutes,
      lastTriggeredAtMs: document.auto_pause_last_triggered_at,
    },
    createdAtMs: document.created_at,
    updatedAtMs: document.updated_at,
  };
}

function toFields(channel: Omit<Channel, 'id'>): Omit<ChannelDocument, '_id'> {
  const { rollout, autoPause } = channel;
  return {
    app_id: channel.appId,
    name: channel.name,
    is_public: channel.isPublic,
    allow_device_self_set: channel.allowDeviceSelfSet,
    ...{ ios: channel.platforms.ios, android: channel.platforms.android },
    electron: channel.platforms.electron,
    policy: channel.policy,
    blocks_under_native: channel.blocksUnderNative,
    allow_prod: channel.allowProd,
    allow_dev: channel.allowDev,
    allow_device: channel.allowDevice,
    allow_emulator: channel.allowEmulator,
    update_package: channel.updatePackage,
    bundle_id: channel.bundleId,
    rollout_id: rollout.id,
    rollout_bundle_id: rollout.bundleId,
    rollout_enabled: rollout.isEnabled,
    rollout_percentage_bps: rollout.percentageBps,
    rollout_paused_at: rollout.pausedAtMs,
    rollout_pause_reason: rollout.pauseReason,
    rollout_cache_ttl_seconds: rollout.cacheTtlSeconds,
    auto_pause_enabled: autoPause.isEnabled,
    auto_pause_window_minutes: autoPause.windowMinutes,
    auto_pause_failure_rate_bps: autoPause.failureRateBps,
    auto_pause_confidence: autoPause.confidence,
    auto_pause_min_attempts: autoPause.minAttempts,
    auto_pause_min_failures: autoPause.minFailures,
    auto_pause_action: autoPause.action,
    auto_pause_cooldown_minutes: autoPause.cooldownMinutes,
    auto_pause_last_triggered_at: autoPause.lastTriggeredAtMs,
    created_at: channel.createdAtMs,
    updated_at: channel.updatedAtMs,
  };
}

async function findLive(database: MongoDatabase, id: number): Promise<ChannelDocument | null> {
  const found = await database.collection('channels').findOne({ _id: id });
  return found?.gone ? null : found;
}

/** Rejects with `channel_not_found`. */
async function requireChannel(database: MongoDatabase, id: number): Promise<Channel> {
  const found = await findLive(database, id);
  if (!found) throw new AppError('channel_not_found', `There is no channel with id ${id}`);
  return toChannel(found);
}

/** Rejects with `channel_not_found` unless it is a channel of the app. */
export async function requireChannelOfApp(database: MongoDatabase, id: number, appId: string): Promise<void> {
  const found = await findLive(database, id);
  if (found?.app_id !== appId) {
    throw new AppError('channel_not_found', `App ${appId} has no channel with id ${id}`);
  }
}

async function requireBundles(
  database: MongoDatabase,
  channel: Omit<Channel, 'id'>,
  deployment: NewDeployment | undefined,
): Promise<void> {
  const ids = new Set([
    ...[channel.bundleId, channel.rollout.bundleId],
    ...[deployment?.bundleId ?? null, deployment?.rolloutBundleId ?? null],
  ]);
  for (const id of ids) if (id !== null) await requireBundleOfApp(database, id, channel.appId);
}

export function createMongoChannels(database: MongoDatabase): ChannelStore {
  const { log } = database;
  const channels = database.collection('channels');

  /** @param id the channel that may have the name, when it exists */
  async function requireNameFree({ appId, name }: Omit<Channel, 'id'>, id?: number): Promise<void> {
    const found = await channels.findOne({ app_id: appId, name, ...notGone });
    if (!found || found._id === id) return;
    throw new AppError('channel_already_exists', `App ${appId} already has a channel ${name}`);
  }

  /** Of the public channels that share a platform only the newly written one stays public. */
  async function withdrawOtherPublic(draft: Draft, channel: Channel, by: ChangedBy): Promise<void> {
    const shared = platforms.filter((platform) => channel.platforms[platform]);
    if (!channel.isPublic || shared.length === 0) return;
    const others = await channels
      .find({
        ...notGone,
        app_id: channel.appId,
        is_public: true,
        $or: shared.map((platform) => ({ [platform]: true })),
      })
      .toArray();
    const { updatedAtMs } = channel;
    const withdrawn = others.filter(({ _id }) => _id !== channel.id).map(toChannel);
    const ids = withdrawn.map(({ id }) => id);
    draft.set('channels', ids, { is_public: false, updated_at: updatedAtMs });
    const changes = withdrawn.map((before) =>
      channelChange({ before, after: { ...before, isPublic: false, updatedAtMs } }),
    );
    await draftAudit(database, draft, by, ...changes);
  }

  /** What follows from a channel being written as it is now. */
  async function concludeWrite(
    draft: Draft,
    before: Channel | null,
    channel: Channel,
    deployment: NewDeployment | undefined,
    by: ChangedBy,
  ): Promise<void> {
    draft.noteChange(channel.appId);
    await draftAudit(database, draft, by, channelChange({ before, after: channel }));
    await withdrawOtherPublic(draft, channel, by);
    if (!deployment) return;
    const target = { kind: 'channel', channelId: channel.id } as const;
    await draftDeployment(database, draft, { ...deployment, appId: channel.appId, target });
  }

  return {
    insertChannel: (given, deployment, by) =>
      log.commit(async (draft) => {
        await requireBundles(database, given, deployment);
        await requireNameFree(given);
        await ensureApp(database, draft, given.appId, by);
        const channel = { ...given, id: await nextNumber(database, draft, 'channels') };
        draft.insert('channels', [{ _id: channel.id, ...toFields(channel) }]);
        await concludeWrite(draft, null, channel, deployment, by);
        return channel;
      }),

    updateChannel: (id, change, by) =>
      log.commit(async (draft) => {
        const current = await requireChannel(database, id);
        const changed = change(current);
        const { appId, createdAtMs } = current;
        const channel = { ...changed.channel, id, appId, createdAtMs };
        await requireBundles(database, channel, changed.deployment);
        await requireNameFree(channel, id);
        draft.set('channels', [id], toFields(channel));
        await concludeWrite(draft, current, channel, changed.deployment, by);
        return channel;
      }),

    async findChannel(id) {
      await log.settle();
      const found = await findLive(database, id);
      return found ? toChannel(found) : undefined;
    },

    async listChannels(appId) {
      await log.settle();
      const found = await channels
        .find({ app_id: appId, ...notGone })
        .sort({ name: 1 })
        .toArray();
      return found.map(toChannel);
    },

    async listAutoPausingChannels() {
      await log.settle();
      const found = await channels
        .find({ ...notGone, auto_pause_enabled: true, rollout_bundle_id: { $ne: null } })
        .sort({ _id: 1 })
        .toArray();
      return found.map(toChannel);
    },

    deleteChannel: (id, by) =>
      log.commit(async (draft) => {
        const channel = await requireChannel(database, id);
        draft.noteChange(channel.appId);
        const pins = await database
          .collection('device_overrides')
          .find({ channel_id: id, ...notGone })
          .sort({ _id: 1 })
          .toArray();
        const unpinned = pins.map((pin) => overrideChange({ before: toOverride(pin), after: null }));
        // An operator's pins are told of one by one: each was a decision of its own.
        const deleted = channelChange({ before: channel, after: null });
        await draftAudit(database, draft, by, ...unpinned, deleted);
        draft.set('channels', [id], { gone: true });
        draft.setWhere('device_overrides', { channel_id: id }, { gone: true });
        draft.setWhere('device_self_channels', { channel_id: id }, { gone: true });
        return channel;
      }),
  };
}
