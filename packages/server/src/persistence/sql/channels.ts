import { platforms } from '@capgo-server/protocol/formats/identifiers';
import type { Insertable, Kysely, Selectable } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import { channelChange, overrideChange } from '../../domain/audit-records.ts';
import type { AutoPauseAction } from '../../domain/auto-pause.ts';
import type { Channel, UpdatePackage, UpdatePolicy } from '../../domain/channel.ts';
import { AppError } from '../../domain/errors.ts';
import type { ChannelStore, NewDeployment } from '../../ports/store.ts';
import { noteAudit } from './audit.ts';
import { requireBundleOfApp } from './bundles.ts';
import { noteChange } from './changes.ts';
import { insertDeployment } from './deployments.ts';
import { ensureApp } from './ensure-app.ts';
import { toOverride } from './override-row.ts';
import type { ChannelsTable, Schema, SqlDatabase } from './schema.ts';

export function toChannel(row: Selectable<ChannelsTable>): Channel {
  return {
    id: row.id,
    appId: row.app_id,
    name: row.name,
    isPublic: row.is_public === 1,
    allowDeviceSelfSet: row.allow_device_self_set === 1,
    platforms: { ios: row.ios === 1, android: row.android === 1, electron: row.electron === 1 },
    policy: row.policy as UpdatePolicy,
    blocksUnderNative: row.blocks_under_native === 1,
    allowProd: row.allow_prod === 1,
    allowDev: row.allow_dev === 1,
    allowDevice: row.allow_device === 1,
    allowEmulator: row.allow_emulator === 1,
    updatePackage: row.update_package as UpdatePackage,
    bundleId: row.bundle_id,
    rollout: {
      id: row.rollout_id,
      bundleId: row.rollout_bundle_id,
      isEnabled: row.rollout_enabled === 1,
      percentageBps: row.rollout_percentage_bps,
      pausedAtMs: row.rollout_paused_at,
      pauseReason: row.rollout_pause_reason,
      cacheTtlSeconds: row.rollout_cache_ttl_seconds,
    },
    autoPause: {
      isEnabled: row.auto_pause_enabled === 1,
      windowMinutes: row.auto_pause_window_minutes,
      failureRateBps: row.auto_pause_failure_rate_bps,
      confidence: row.auto_pause_confidence,
      minAttempts: row.auto_pause_min_attempts,
      minFailures: row.auto_pause_min_failures,
      action: row.auto_pause_action as AutoPauseAction,
      cooldownMinutes: row.auto_pause_cooldown_minutes,
      lastTriggeredAtMs: row.auto_pause_last_triggered_at,
    },
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
  };
}

function toRow(channel: Omit<Channel, 'id'>): Insertable<ChannelsTable> {
  const { rollout, autoPause } = channel;
  return {
    app_id: channel.appId,
    name: channel.name,
    is_public: Number(channel.isPublic),
    allow_device_self_set: Number(channel.allowDeviceSelfSet),
    ios: Number(channel.platforms.ios),
    android: Number(channel.platforms.android),
    electron: Number(channel.platforms.electron),
    policy: channel.policy,
    blocks_under_native: Number(channel.blocksUnderNative),
    allow_prod: Number(channel.allowProd),
    allow_dev: Number(channel.allowDev),
    allow_device: Number(channel.allowDevice),
    allow_emulator: Number(channel.allowEmulator),
    update_package: channel.updatePackage,
    bundle_id: channel.bundleId,
    rollout_id: rollout.id,
    rollout_bundle_id: rollout.bundleId,
    rollout_enabled: Number(rollout.isEnabled),
    rollout_percentage_bps: rollout.percentageBps,
    rollout_paused_at: rollout.pausedAtMs,
    rollout_pause_reason: rollout.pauseReason,
    rollout_cache_ttl_seconds: rollout.cacheTtlSeconds,
    auto_pause_enabled: Number(autoPause.isEnabled),
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

/** Rejects with `channel_not_found`. */
async function requireChannel(db: Kysely<Schema>, id: number): Promise<Channel> {
  const row = await db.selectFrom('channels').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new AppError('channel_not_found', `There is no channel with id ${id}`);
  return toChannel(row);
}

/** Rejects with `channel_not_found` unless it is a channel of the app. */
export async function requireChannelOfApp(db: Kysely<Schema>, id: number, appId: string): Promise<void> {
  const row = await db
    .selectFrom('channels')
    .select('id')
    .where('id', '=', id)
    .where('app_id', '=', appId)
    .executeTakeFirst();
  if (!row) throw new AppError('channel_not_found', `App ${appId} has no channel with id ${id}`);
}

async function requireBundles(
  db: Kysely<Schema>,
  channel: Omit<Channel, 'id'>,
  deployment: NewDeployment | undefined,
): Promise<void> {
  const ids = new Set([channel.bundleId, channel.rollout.bundleId, deployment?.bundleId ?? null]);
  ids.delete(null);
  for (const id of ids) if (id !== null) await requireBundleOfApp(db, id, channel.appId);
}

/** Of the public channels that share a platform only the newly written one stays public. */
async function withdrawOtherPublic(db: Kysely<Schema>, channel: Channel, by: ChangedBy): Promise<void> {
  const shared = platforms.filter((platform) => channel.platforms[platform]);
  if (!channel.isPublic || shared.length === 0) return;
  const others = await db
    .selectFrom('channels')
    .selectAll()
    .where('app_id', '=', channel.appId)
    .where('id', '!=', channel.id)
    .where('is_public', '=', 1)
    .where(({ eb, or }) => or(shared.map((platform) => eb(platform, '=', 1))))
    .execute();
  for (const before of others.map(toChannel)) {
    const { updatedAtMs } = channel;
    await db
      .updateTable('channels')
      .set({ is_public: 0, updated_at: updatedAtMs })
      .where('id', '=', before.id)
      .execute();
    await noteAudit(db, by, channelChange({ before, after: { ...before, isPublic: false, updatedAtMs } }));
  }
}

/** What follows from a channel being written as it is now. */
async function concludeWrite(
  db: Kysely<Schema>,
  before: Channel | null,
  channel: Channel,
  deployment: NewDeployment | undefined,
  by: ChangedBy,
): Promise<void> {
  await noteChange(db, channel.appId);
  await noteAudit(db, by, channelChange({ before, after: channel }));
  await withdrawOtherPublic(db, channel, by);
  if (!deployment) return;
  const target = { kind: 'channel', channelId: channel.id } as const;
  await insertDeployment(db, { ...deployment, appId: channel.appId, target });
}

/** An operator's pins that go with a channel are told of one by one: each was a decision of its own. */
async function auditUnpinning(db: Kysely<Schema>, { id }: Channel, by: ChangedBy): Promise<void> {
  const pins = await db.selectFrom('device_overrides').selectAll().where('channel_id', '=', id).execute();
  const changes = pins.map((row) => overrideChange({ before: toOverride(row), after: null }));
  await noteAudit(db, by, ...changes);
}

export function createSqlChannels(database: SqlDatabase): ChannelStore {
  const { db } = database;

  /** Runs the statement that gives a channel its name. */
  async function naming<T>(channel: Omit<Channel, 'id'>, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (!database.isUniqueViolation(error)) throw error;
      throw new AppError(
        'channel_already_exists',
        `App ${channel.appId} already has a channel ${channel.name}`,
        { cause: error },
      );
    }
  }

  return {
    insertChannel: (given, deployment, by) =>
      database.change(async (transaction) => {
        await requireBundles(transaction, given, deployment);
        await ensureApp(transaction, given.appId, by);
        const { id } = await naming(given, () =>
          transaction.insertInto('channels').values(toRow(given)).returning('id').executeTakeFirstOrThrow(),
        );
        const channel = { ...given, id };
        await concludeWrite(transaction, null, channel, deployment, by);
        return channel;
      }),

    updateChannel: (id, change, by) =>
      database.change(async (transaction) => {
        const current = await requireChannel(transaction, id);
        const changed = change(current);
        const { appId, createdAtMs } = current;
        const channel = { ...changed.channel, id, appId, createdAtMs };
        await requireBundles(transaction, channel, changed.deployment);
        await naming(channel, () =>
          transaction.updateTable('channels').set(toRow(channel)).where('id', '=', id).execute(),
        );
        await concludeWrite(transaction, current, channel, changed.deployment, by);
        return channel;
      }),

    async findChannel(id) {
      const row = await db.selectFrom('channels').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toChannel(row);
    },

    async listChannels(appId) {
      const rows = await db
        .selectFrom('channels')
        .selectAll()
        .where('app_id', '=', appId)
        .orderBy('name')
        .execute();
      return rows.map(toChannel);
    },

    async listAutoPausingChannels() {
      const rows = await db
        .selectFrom('channels')
        .selectAll()
        .where('auto_pause_enabled', '=', 1)
        .where('rollout_bundle_id', 'is not', null)
        .orderBy('id')
        .execute();
      return rows.map(toChannel);
    },

    deleteChannel: (id, by) =>
      database.change(async (transaction) => {
        const channel = await requireChannel(transaction, id);
        await noteChange(transaction, channel.appId);
        await auditUnpinning(transaction, channel, by);
        // Overrides and choices of devices go with it: their rows refer to it with "on delete cascade".
        await transaction.deleteFrom('channels').where('id', '=', id).execute();
        await noteAudit(transaction, by, channelChange({ before: channel, after: null }));
        return channel;
      }),
  };
}
