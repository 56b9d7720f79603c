import type { Platform } from '@capgo-server/protocol/formats/identifiers';
import type { Kysely, Selectable } from 'kysely';
import { releaseChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { Release } from '../../domain/release.ts';
import type { ReleaseStore } from '../../ports/store.ts';
import { cutPage } from '../cursor.ts';
import { afterCursor } from './after-cursor.ts';
import { noteAudit } from './audit.ts';
import { requireBundleOfApp } from './bundles.ts';
import { noteChange } from './changes.ts';
import { insertDeployment } from './deployments.ts';
import { ensureApp } from './ensure-app.ts';
import { ofApps } from './of-apps.ts';
import type { ReleasesTable, Schema, SqlDatabase } from './schema.ts';

export function toRelease(row: Selectable<ReleasesTable>): Release {
  return {
    id: row.id,
    appId: row.app_id,
    platform: row.platform as Platform,
    versionName: row.version_name,
    versionCode: row.version_code,
    releaseDateMs: row.release_date,
    builtinBundleId: row.builtin_bundle_id,
    activeBundleId: row.active_bundle_id,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
  };
}

async function requireRelease(db: Kysely<Schema>, id: string): Promise<Release> {
  const row = await db.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new AppError('release_not_found', `There is no release with id ${id}`);
  return toRelease(row);
}

export function createSqlReleases(database: SqlDatabase): ReleaseStore {
  const { db } = database;
  return {
    async insertRelease(release, by) {
      try {
        await database.change(async (transaction) => {
          await requireBundleOfApp(transaction, release.builtinBundleId, release.appId);
          if (release.activeBundleId !== null) {
            await requireBundleOfApp(transaction, release.activeBundleId, release.appId);
          }
          await ensureApp(transaction, release.appId, by);
          await noteChange(transaction, release.appId);
          await transaction
            .insertInto('releases')
            .values({
              id: release.id,
              app_id: release.appId,
              platform: release.platform,
              version_name: release.versionName,
              version_code: release.versionCode,
              release_date: release.releaseDateMs,
              builtin_bundle_id: release.builtinBundleId,
              active_bundle_id: release.activeBundleId,
              created_at: release.createdAtMs,
              updated_at: release.updatedAtMs,
            })
            .execute();
          await noteAudit(transaction, by, releaseChange({ before: null, after: release }));
        });
      } catch (error) {
        if (!database.isUniqueViolation(error)) throw error;
        throw new AppError(
          'release_already_exists',
          `App ${release.appId} already has the ${release.platform} release ${release.versionName} (${release.versionCode})`,
          { cause: error },
        );
      }
    },

    async findRelease(id) {
      const row = await db.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toRelease(row);
    },

    async listReleases(filter, page) {
      let query = db.selectFrom('releases').selectAll();
      query = query.where(ofApps(filter));
      if (page.cursor !== undefined) query = query.where(afterCursor(page.cursor));
      const rows = await query
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return cutPage(rows, page.limit, (row) => ({ timeMs: row.created_at, id: row.id }), toRelease);
    },

    setReleaseDate: (id, releaseDateMs, by) =>
      database.change(async (transaction) => {
        const release = await requireRelease(transaction, id);
        await noteChange(transaction, release.appId);
        await transaction
          .updateTable('releases')
          .set({ release_date: releaseDateMs, updated_at: by.atMs })
          .where('id', '=', id)
          .execute();
        const after = { ...release, releaseDateMs, updatedAtMs: by.atMs };
        await noteAudit(transaction, by, releaseChange({ before: release, after }));
        return after;
      }),

    deployToRelease: (id, deployment, by) =>
      database.change(async (transaction) => {
        const release = await requireRelease(transaction, id);
        await noteChange(transaction, release.appId);
        const { bundleId, createdAtMs } = deployment;
        if (bundleId !== null) await requireBundleOfApp(transaction, bundleId, release.appId);
        await transaction
          .updateTable('releases')
          .set({ active_bundle_id: bundleId, updated_at: createdAtMs })
          .where('id', '=', id)
          .execute();
        const target = { kind: 'release', releaseId: id } as const;
        await insertDeployment(transaction, { ...deployment, appId: release.appId, target });
        const after = { ...release, activeBundleId: bundleId, updatedAtMs: createdAtMs };
        await noteAudit(transaction, by, releaseChange({ before: release, after }));
        return after;
      }),

    deleteRelease: (id, by) =>
      database.change(async (transaction) => {
        const release = await requireRelease(transaction, id);
        await noteChange(transaction, release.appId);
        await transaction.deleteFrom('releases').where('id', '=', id).execute();
        await noteAudit(transaction, by, releaseChange({ before: release, after: null }));
        return release;
      }),
  };
}
