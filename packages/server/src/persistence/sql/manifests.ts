import { sql } from 'kysely';
import { packManifest } from '../../domain/manifest.ts';
import type { ManifestOutcome, ManifestStore } from '../../ports/manifests.ts';
import { fromPackedEntries, toPackedEntries } from '../packed-manifest.ts';
import { selectLive, toBundle } from './bundles.ts';
import { noteChange } from './changes.ts';
import { addFiles, findFiles, findMissingFiles, sweepFiles, useFiles } from './files.ts';
import type { SqlDatabase } from './schema.ts';

export function createSqlManifests(database: SqlDatabase): ManifestStore {
  const { db } = database;
  return {
    async listPendingManifests(limit) {
      const rows = await db
        .selectFrom('bundles')
        .selectAll()
        // Written out, so that the index of pending ones is seen to fit.
        .where('manifest_state', '=', sql.lit('pending'))
        .where('deleted_at', 'is', null)
        .orderBy('created_at')
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(toBundle);
    },

    async beginManifest(bundleId) {
      const row = await db
        .updateTable('bundles')
        .set(({ eb }) => ({ manifest_attempts: eb('manifest_attempts', '+', 1) }))
        .where('id', '=', bundleId)
        .where('manifest_state', '=', 'pending')
        .where('deleted_at', 'is', null)
        .returning('manifest_attempts')
        .executeTakeFirst();
      return row?.manifest_attempts ?? 0;
    },

    async postponeManifest(bundleId) {
      await db.updateTable('bundles').set({ manifest_attempts: 0 }).where('id', '=', bundleId).execute();
    },

    refuseManifest: (bundleId, state, reason) =>
      database.change(async (transaction) => {
        const row = await transaction
          .updateTable('bundles')
          .set({ manifest_state: state, manifest_reason: reason })
          .where('id', '=', bundleId)
          .where('manifest_state', '=', 'pending')
          .where('deleted_at', 'is', null)
          .returning('app_id')
          .executeTakeFirst();
        if (row) await noteChange(transaction, row.app_id);
      }),

    findFiles: (appId, names) => findFiles(db, appId, names),
    findUsedFiles: (appId, names) => findFiles(db, appId, names, 1),

    addFiles: async (files, nowMs) => {
      const appId = files[0]?.appId;
      if (appId === undefined) return [];
      return database.change(async (transaction) => {
        const app = await transaction
          .selectFrom('apps')
          .select('app_id')
          .where('app_id', '=', appId)
          .executeTakeFirst();
        if (!app) return [];
        await addFiles(database, transaction, files, nowMs);
        const names = files.map(({ name }) => name);
        return findFiles(transaction, appId, names);
      });
    },

    async setManifest(bundleId, entries) {
      const manifest = packManifest(bundleId, entries);
      // Before the transaction: others wait for its end.
      const packed = await toPackedEntries(manifest);
      const fileIds = new Set(entries.map(({ fileId }) => fileId));
      return database.change(async (transaction): Promise<ManifestOutcome> => {
        const row = await selectLive(transaction, bundleId).executeTakeFirst();
        if (!row || row.manifest_state === 'ready') return { kind: 'not_wanted' };
        const missing = await findMissingFiles(transaction, row.app_id, fileIds);
        if (missing.length > 0) return { kind: 'files_missing', fileIds: missing };
        await useFiles(transaction, fileIds);
        await transaction
          .insertInto('manifests')
          .values({ bundle_id: bundleId, file_count: entries.length, entries: packed })
          .execute();
        await transaction
          .updateTable('bundles')
          .set({ manifest_state: 'ready', manifest_reason: null })
          .where('id', '=', bundleId)
          .execute();
        await noteChange(transaction, row.app_id);
        return { kind: 'set' };
      });
    },

    async readManifest(bundleId) {
      const row = await db
        .selectFrom('manifests')
        .selectAll()
        .where('bundle_id', '=', bundleId)
        .executeTakeFirst();
      return row && fromPackedEntries(bundleId, row.file_count, row.entries);
    },

    sweepFiles: (unusedBeforeMs, nowMs, limit) =>
      database.change((transaction) => sweepFiles(database, transaction, { unusedBeforeMs, nowMs, limit })),
  };
}
