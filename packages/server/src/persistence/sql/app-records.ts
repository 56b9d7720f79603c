import type { Insertable, Kysely, Updateable } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import type { AppProfile, AppSettings } from '../../domain/app.ts';
import {
  appChange,
  bundleChange,
  channelChange,
  overrideChange,
  releaseChange,
} from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import { type AppRecords, lateEventsMs } from '../../ports/app-records.ts';
import { toAppRecord } from './app-row.ts';
import { noteAudit } from './audit.ts';
import { toBundle } from './bundles.ts';
import { noteChange } from './changes.ts';
import { toChannel } from './channels.ts';
import { requireOrganization } from './organizations.ts';
import { toOverride } from './override-row.ts';
import { planDeletions } from './planned-deletions.ts';
import { toRelease } from './releases.ts';
import type { AppsTable, Schema, SqlDatabase } from './schema.ts';

const columns = {
  exposeMetadata: 'expose_metadata',
  allowDeviceCustomId: 'allow_device_custom_id',
  name: 'name',
  icon: 'icon',
  retentionSeconds: 'retention_seconds',
  defaultUploadChannel: 'default_upload_channel',
  needOnboarding: 'need_onboarding',
  existingApp: 'existing_app',
  blockProviderInfraRequests: 'block_provider_infra_requests',
  iosStoreUrl: 'ios_store_url',
  androidStoreUrl: 'android_store_url',
} as const satisfies Record<keyof (AppSettings & AppProfile), keyof AppsTable>;

/** The columns of what is given. */
function toColumns(given: Partial<AppSettings & AppProfile>): Updateable<AppsTable> {
  const entries = Object.entries(columns).flatMap(([name, column]) => {
    const value = given[name as keyof typeof columns];
    return value === undefined ? [] : [[column, typeof value === 'boolean' ? Number(value) : value]];
  });
  return Object.fromEntries(entries);
}

/** What a device of the app is remembered for is gone: told of each, so that no node goes by it. */
async function noteDevices(db: Kysely<Schema>, appId: string): Promise<void> {
  for (const table of ['device_overrides', 'device_self_channels', 'device_failures'] as const) {
    await db
      .insertInto('changes')
      .columns(['app_id', 'device_id'])
      .expression(db.selectFrom(table).select(['app_id', 'device_id']).where('app_id', '=', appId).distinct())
      .execute();
  }
}

/** Logs that an app goes, and before it everything of it that somebody decided. Rejects with `app_not_found`. */
async function auditDeletion(db: Kysely<Schema>, appId: string, by: ChangedBy): Promise<void> {
  const app = await db.selectFrom('apps').selectAll().where('app_id', '=', appId).executeTakeFirst();
  if (!app) throw new AppError('app_not_found', `There is no app ${appId}`);
  const pins = await db.selectFrom('device_overrides').selectAll().where('app_id', '=', appId).execute();
  const channels = await db.selectFrom('channels').selectAll().where('app_id', '=', appId).execute();
  const releases = await db.selectFrom('releases').selectAll().where('app_id', '=', appId).execute();
  const bundles = await db
    .selectFrom('bundles')
    .selectAll()
    .where('app_id', '=', appId)
    .where('deleted_at', 'is', null)
    .execute();
  await noteAudit(
    db,
    by,
    ...pins.map((row) => overrideChange({ before: toOverride(row), after: null })),
    ...channels.map((row) => channelChange({ before: toChannel(row), after: null })),
    ...releases.map((row) => releaseChange({ before: toRelease(row), after: null })),
    ...bundles.map((row) => bundleChange({ before: toBundle(row), after: null })),
    appChange({ before: toAppRecord(app), after: null }),
  );
}

export function createSqlAppRecords(database: SqlDatabase): AppRecords {
  const { db } = database;

  /** Deletes what is left of a deleted app, except what came once it was registered again; answers how many rows. */
  async function purge(appId: string, limit: number): Promise<number> {
    const { numDeletedRows: events } = await db
      .deleteFrom('device_events')
      .where('id', 'in', ({ selectFrom }) =>
        selectFrom('device_events as event')
          .select('event.id')
          .where('event.app_id', '=', appId)
          .where(({ not, exists, selectFrom: from }) =>
            not(
              exists(
                from('apps')
                  .select('apps.app_id')
                  .where('apps.app_id', '=', appId)
                  .whereRef('apps.created_at', '<=', 'event.received_at'),
              ),
            ),
          )
          .orderBy('event.received_at')
          .limit(limit),
      )
      .executeTakeFirst();
    if (events > 0n) return Number(events);
    const { numDeletedRows: devices } = await db
      .deleteFrom('devices')
      .where('app_id', '=', appId)
      .where('device_id', 'in', ({ selectFrom }) =>
        selectFrom('devices as device')
          .select('device.device_id')
          .where('device.app_id', '=', appId)
          .where(({ not, exists, selectFrom: from }) =>
            not(
              exists(
                from('apps')
                  .select('apps.app_id')
                  .where('apps.app_id', '=', appId)
                  .whereRef('apps.created_at', '<=', 'device.seen_at'),
              ),
            ),
          )
          .limit(limit),
      )
      .executeTakeFirst();
    if (devices > 0n) return Number(devices);
    // What a device is counted under goes with its row in the inventory.
    const { numDeletedRows: counted } = await db
      .deleteFrom('device_activity')
      .where('app_id', '=', appId)
      .where('device_id', 'in', ({ selectFrom }) =>
        selectFrom('device_activity as activity')
          .select('activity.device_id')
          .where('activity.app_id', '=', appId)
          .where(({ not, exists, selectFrom: from }) =>
            not(
              exists(
                from('devices')
                  .select('devices.device_id')
                  .where('devices.app_id', '=', appId)
                  .whereRef('devices.device_id', '=', 'activity.device_id'),
              ),
            ),
          )
          .limit(limit),
      )
      .executeTakeFirst();
    return Number(counted);
  }

  return {
    async insertApp(app, by) {
      await database.change(async (transaction) => {
        await requireOrganization(transaction, app.organizationId);
        const { numInsertedOrUpdatedRows } = await transaction
          .insertInto('apps')
          .values({
            ...toColumns(app),
            app_id: app.appId,
            created_at: app.createdAtMs,
            updated_at: app.updatedAtMs,
            owner_org: app.organizationId,
          } as Insertable<AppsTable>)
          .onConflict((conflict) => conflict.column('app_id').doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows === 0n) {
          throw new AppError('app_already_exists', `There is an app ${app.appId} already`);
        }
        await noteChange(transaction, app.appId);
        await noteAudit(transaction, by, appChange({ before: null, after: app }));
      });
    },

    async findApp(appId) {
      const row = await db.selectFrom('apps').selectAll().where('app_id', '=', appId).executeTakeFirst();
      return row && toAppRecord(row);
    },

    async listApps(appIds, { offset, limit }) {
      if (appIds?.length === 0) return [];
      let query = db.selectFrom('apps').selectAll();
      if (appIds !== null) query = query.where('app_id', 'in', appIds);
      const rows = await query.orderBy('app_id').offset(offset).limit(limit).execute();
      return rows.map(toAppRecord);
    },

    updateApp: (appId, change, by) =>
      database.change(async (transaction) => {
        const before = await transaction
          .selectFrom('apps')
          .selectAll()
          .where('app_id', '=', appId)
          .executeTakeFirst();
        const row = await transaction
          .updateTable('apps')
          .set({ ...toColumns(change), updated_at: by.atMs })
          .where('app_id', '=', appId)
          .returningAll()
          .executeTakeFirst();
        if (!row || !before) throw new AppError('app_not_found', `There is no app ${appId}`);
        await noteChange(transaction, appId);
        const after = toAppRecord(row);
        await noteAudit(transaction, by, appChange({ before: toAppRecord(before), after }));
        return after;
      }),

    deleteApp: (appId, by) =>
      database.change(async (transaction) => {
        const nowMs = by.atMs;
        await auditDeletion(transaction, appId, by);
        const bundles = await transaction
          .selectFrom('bundles')
          .select('object_key')
          .where('app_id', '=', appId)
          .where('deleted_at', 'is', null)
          .where('object_key', '<>', '')
          .orderBy('id')
          .execute();
        const files = await transaction
          .selectFrom('files')
          .select('object_key')
          .where('app_id', '=', appId)
          .orderBy('id')
          .execute();
        const objectKeys = [...bundles, ...files].map((row) => row.object_key);
        await planDeletions(database, transaction, objectKeys, nowMs);
        await noteDevices(transaction, appId);
        await noteChange(transaction, appId);
        await transaction
          .deleteFrom('manifests')
          .where('bundle_id', 'in', ({ selectFrom }) =>
            selectFrom('bundles').select('id').where('app_id', '=', appId),
          )
          .execute();
        // Pins and choices of devices go with the channels.
        for (const table of [
          'deployments',
          'channels',
          'releases',
          'files',
          'bundles',
          'device_failures',
          'counters',
          'statistics',
          'check_minutes',
        ] as const) {
          await transaction.deleteFrom(table).where('app_id', '=', appId).execute();
        }
        await transaction.deleteFrom('apps').where('app_id', '=', appId).execute();
        await transaction
          .insertInto('app_deletions')
          .values({ app_id: appId, deleted_at: nowMs })
          .onConflict((conflict) => conflict.column('app_id').doUpdateSet({ deleted_at: nowMs }))
          .execute();
        return objectKeys;
      }),

    async purgeDeletedApps(limit, nowMs) {
      const deletions = await db.selectFrom('app_deletions').selectAll().orderBy('app_id').execute();
      for (const { app_id, deleted_at } of deletions) {
        const purged = await purge(app_id, limit);
        if (purged > 0) return purged;
        if (deleted_at + lateEventsMs > nowMs) continue;
        await db
          .deleteFrom('app_deletions')
          .where('app_id', '=', app_id)
          .where('deleted_at', '=', deleted_at)
          .execute();
      }
      return 0;
    },
  };
}
