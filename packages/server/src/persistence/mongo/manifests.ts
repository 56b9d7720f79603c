import { Binary, type Document, type Filter } from 'mongodb';
import { packManifest } from '../../domain/manifest.ts';
import type { ManifestOutcome, ManifestStore } from '../../ports/manifests.ts';
import { fromPackedEntries, toPackedEntries } from '../packed-manifest.ts';
import { findLive, notDeleted, toBundle } from './bundles.ts';
import type { MongoDatabase } from './database.ts';
import { addFiles, findFiles, sweepFiles, useFiles } from './files.ts';
import { type BundleDocument, notGone } from './schema.ts';

const pending: Filter<BundleDocument & Document> = { manifest_state: 'pending', ...notDeleted };

export function createMongoManifests(database: MongoDatabase): ManifestStore {
  const { log } = database;

  /** The bundle if its manifest is still to be made. */
  async function findPending(bundleId: string) {
    const found = await findLive(database, bundleId);
    return found?.manifest_state === 'pending' ? found : undefined;
  }

  return {
    async listPendingManifests(limit) {
      await log.settle();
      const found = await database
        .collection('bundles')
        .find(pending)
        .sort({ created_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(toBundle);
    },

    beginManifest: (bundleId) =>
      log.commit(async (draft) => {
        const found = await findPending(bundleId);
        if (!found) return 0;
        const attempts = (found.manifest_attempts ?? 0) + 1;
        draft.set('bundles', [found._id], { manifest_attempts: attempts });
        return attempts;
      }),

    postponeManifest: (bundleId) =>
      log.commit(async (draft) => {
        const found = await findPending(bundleId);
        if (found) draft.set('bundles', [found._id], { manifest_attempts: 0 });
      }),

    refuseManifest: (bundleId, state, reason) =>
      log.commit(async (draft) => {
        const found = await findPending(bundleId);
        if (!found) return;
        draft.noteChange(found.app_id ?? '');
        draft.set('bundles', [found._id], { manifest_state: state, manifest_reason: reason });
      }),

    async findFiles(appId, names) {
      await log.settle();
      return findFiles(database, appId, names);
    },

    async findUsedFiles(appId, names) {
      await log.settle();
      return findFiles(database, appId, names, 1);
    },

    async addFiles(files, nowMs) {
      const appId = files[0]?.appId;
      if (appId === undefined) return [];
      return log.commit(async (draft) => {
        const app = await database.collection('apps').findOne({ _id: appId, ...notGone });
        return app ? addFiles(database, draft, { appId, files, nowMs }) : [];
      });
    },

    async setManifest(bundleId, entries) {
      const packed = await toPackedEntries(packManifest(bundleId, entries));
      const fileIds = new Set(entries.map(({ fileId }) => fileId));
      return log.commit(async (draft): Promise<ManifestOutcome> => {
        const found = await findLive(database, bundleId);
        if (!found || found.manifest_state === 'ready') return { kind: 'not_wanted' };
        const appId = found.app_id ?? '';
        const missing = await useFiles(database, draft, appId, fileIds);
        if (missing.length > 0) return { kind: 'files_missing', fileIds: missing };
        draft.insert('manifests', [
          { _id: bundleId, file_count: entries.length, entries: new Binary(packed) },
        ]);
        draft.set('bundles', [found._id], { manifest_state: 'ready', manifest_reason: null });
        draft.noteChange(appId);
        return { kind: 'set' };
      });
    },

    async readManifest(bundleId) {
      await log.settle();
      const found = await database.collection('manifests').findOne({ _id: bundleId, ...notGone });
      return found ? fromPackedEntries(bundleId, found.file_count, found.entries.buffer) : undefined;
    },

    sweepFiles: (unusedBeforeMs, nowMs, limit) =>
      log.commit((draft) => sweepFiles(database, draft, { unusedBeforeMs, nowMs, limit })),
  };
}
