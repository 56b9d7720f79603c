import type { Kysely, Selectable } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import { bundleChange } from '../../domain/audit-records.ts';
import type { Bundle } from '../../domain/bundle.ts';
import { AppError } from '../../domain/errors.ts';
import type { ManifestReason, ManifestState } from '../../domain/manifest-status.ts';
import type { BundleStore, MissingChecksums } from '../../ports/store.ts';
import { cutPage } from '../cursor.ts';
import { afterCursor } from './after-cursor.ts';
import { noteAudit } from './audit.ts';
import { noteChange } from './changes.ts';
import { ensureApp } from './ensure-app.ts';
import { releaseFiles } from './files.ts';
import { ofApps } from './of-apps.ts';
import type { BundlesTable, Schema, SqlDatabase } from './schema.ts';
import { nextNumber } from './sequences.ts';

export function toBundle(row: Selectable<BundlesTable>): Bundle {
  return {
    id: row.id,
    appId: row.app_id,
    versionName: row.version_name,
    description: row.description,
    crcChecksum: row.crc_checksum,
    checksum: row.checksum,
    sizeBytes: row.size,
    sessionKey: row.session_key,
    keyId: row.key_id,
    minUpdateVersion: row.min_update_version,
    objectKey: row.object_key === '' ? null : row.object_key,
    externalUrl: row.external_url,
    link: row.link,
    comment: row.comment,
    manifest: {
      state: row.manifest_state as ManifestState,
      reason: row.manifest_reason as ManifestReason | null,
    },
    createdAtMs: row.created_at,
  };
}

export function selectLive(db: Kysely<Schema>, id: string) {
  return db.selectFrom('bundles').selectAll().where('id', '=', id).where('deleted_at', 'is', null);
}

/** Rejects with `bundle_not_found` unless it is a bundle of the app that was not deleted. */
export async function requireBundleOfApp(db: Kysely<Schema>, id: string, appId: string): Promise<void> {
  const row = await selectLive(db, id).where('app_id', '=', appId).executeTakeFirst();
  if (!row) throw new AppError('bundle_not_found', `App ${appId} has no bundle with id ${id}`);
}

/** Rejects with `bundle_in_use` while a release or a channel serves, or could fall back to, the bundle. */
async function requireUnused(db: Kysely<Schema>, bundle: Bundle): Promise<void> {
  const releases = await db
    .selectFrom('releases')
    .select(['id', 'platform', 'version_name', 'version_code'])
    .where(({ eb, or }) =>
      or([eb('builtin_bundle_id', '=', bundle.id), eb('active_bundle_id', '=', bundle.id)]),
    )
    .orderBy('id')
    .execute();
  const channels = await db
    .selectFrom('channels')
    .select(['id', 'name'])
    .where(({ eb, or }) => or([eb('bundle_id', '=', bundle.id), eb('rollout_bundle_id', '=', bundle.id)]))
    .orderBy('id')
    .execute();
  if (releases.length + channels.length === 0) return;
  const users = [
    ...releases.map((user) => `release ${user.platform} ${user.version_name} (${user.version_code})`),
    ...channels.map((user) => `channel ${user.name}`),
  ];
  throw new AppError(
    'bundle_in_use',
    `Bundle ${bundle.versionName} is used by ${users.join(', ')}; set another bundle there or delete the release or channel first`,
    { details: { release_ids: releases.map(({ id }) => id), channel_ids: channels.map(({ id }) => id) } },
  );
}

/** Deletes bundles of an app that nothing uses: their rows stay, and with them their version names are taken. */
export async function deleteBundleRows(
  transaction: Kysely<Schema>,
  appId: string,
  rows: readonly Selectable<BundlesTable>[],
  by: ChangedBy,
): Promise<void> {
  await noteChange(transaction, appId);
  const deleted = rows
    .map(toBundle)
    .map((before) => bundleChange({ before, after: { ...before, isDeleted: true } }));
  await noteAudit(transaction, by, ...deleted);
  const nowMs = by.atMs;
  await transaction
    .updateTable('bundles')
    .set({ deleted_at: nowMs, updated_at: nowMs })
    .where(
      'id',
      'in',
      rows.map(({ id }) => id),
    )
    .execute();
  for (const { id } of rows) await releaseFiles(transaction, id, nowMs);
  await transaction
    .deleteFrom('device_failures')
    .where('app_id', '=', appId)
    .where(
      'version_name',
      'in',
      rows.map(({ version_name }) => version_name),
    )
    .execute();
  const objects = rows.filter(({ object_key }) => object_key !== '');
  if (objects.length === 0) return;
  await transaction
    .insertInto('planned_deletions')
    .values(objects.map(({ object_key }) => ({ object_key, due_at: nowMs })))
    .onConflict((conflict) => conflict.column('object_key').doUpdateSet({ due_at: nowMs }))
    .execute();
}

export function createSqlBundles(database: SqlDatabase): BundleStore {
  const { db } = database;
  return {
    async insertBundle(bundle, by) {
      try {
        await database.change(async (transaction) => {
          await ensureApp(transaction, bundle.appId, by);
          await noteChange(transaction, bundle.appId);
          const number = await nextNumber(transaction, 'bundles');
          await transaction
            .insertInto('bundles')
            .values({
              id: bundle.id,
              app_id: bundle.appId,
              version_name: bundle.versionName,
              description: bundle.description,
              crc_checksum: bundle.crcChecksum,
              checksum: bundle.checksum,
              size: bundle.sizeBytes,
              session_key: bundle.sessionKey,
              key_id: bundle.keyId,
              min_update_version: bundle.minUpdateVersion,
              object_key: bundle.objectKey ?? '',
              external_url: bundle.externalUrl,
              link: bundle.link,
              comment: bundle.comment,
              created_at: bundle.createdAtMs,
              deleted_at: null,
              number,
              updated_at: bundle.createdAtMs,
              manifest_state: bundle.manifest.state,
              manifest_reason: bundle.manifest.reason,
              manifest_attempts: 0,
            })
            .execute();
          await noteAudit(transaction, by, bundleChange({ before: null, after: bundle }));
          if (bundle.objectKey !== null) {
            await transaction
              .deleteFrom('planned_deletions')
              .where('object_key', '=', bundle.objectKey)
              .execute();
          }
        });
      } catch (error) {
        if (!database.isUniqueViolation(error)) throw error;
        throw new AppError(
          'version_already_exists',
          `App ${bundle.appId} already has, or had, a bundle ${bundle.versionName}; a version name is never reused`,
          { cause: error },
        );
      }
    },

    async isVersionNameTaken(appId, versionName) {
      const row = await db
        .selectFrom('bundles')
        .select('id')
        .where('app_id', '=', appId)
        .where('version_name', '=', versionName)
        .executeTakeFirst();
      return row !== undefined;
    },

    async findBundle(id) {
      const row = await selectLive(db, id).executeTakeFirst();
      return row && toBundle(row);
    },

    async listBundles(filter, page) {
      let query = db.selectFrom('bundles').selectAll().where('deleted_at', 'is', null);
      query = query.where(ofApps(filter));
      if (page.cursor !== undefined) query = query.where(afterCursor(page.cursor));
      const rows = await query
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return cutPage(rows, page.limit, (row) => ({ timeMs: row.created_at, id: row.id }), toBundle);
    },

    deleteBundle: (id, by) =>
      database.change(async (transaction) => {
        const row = await selectLive(transaction, id).executeTakeFirst();
        if (!row) throw new AppError('bundle_not_found', `There is no bundle with id ${id}`);
        const bundle = toBundle(row);
        await requireUnused(transaction, bundle);
        await deleteBundleRows(transaction, row.app_id, [row], by);
        return bundle;
      }),
  };
}

export function createSqlMissingChecksums(database: SqlDatabase): MissingChecksums {
  const selectMissing = (db: Kysely<Schema>) =>
    db
      .selectFrom('bundles')
      .selectAll()
      .where('checksum', '=', '')
      .where('external_url', 'is not', null)
      .where('deleted_at', 'is', null);

  return {
    async listBundlesWithoutChecksum(limit, beforeId) {
      let query = selectMissing(database.db);
      if (beforeId !== undefined) query = query.where('id', '<', beforeId);
      const rows = await query.orderBy('id', 'desc').limit(limit).execute();
      return rows.map(toBundle);
    },

    setMissingChecksum: (id, { checksum, sizeBytes }, by) =>
      database.change(async (transaction) => {
        const row = await selectMissing(transaction).where('id', '=', id).executeTakeFirst();
        if (!row) return false;
        await noteChange(transaction, row.app_id);
        await transaction
          .updateTable('bundles')
          .set({ checksum, size: sizeBytes })
          .where('id', '=', id)
          .execute();
        const before = toBundle(row);
        await noteAudit(transaction, by, bundleChange({ before, after: { ...before, checksum, sizeBytes } }));
        return true;
      }),
  };
}
