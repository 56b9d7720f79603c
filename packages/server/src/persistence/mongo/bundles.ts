import type { Document, Filter, WithId } from 'mongodb';
import type { ChangedBy } from '../../domain/actor.ts';
import { bundleChange } from '../../domain/audit-records.ts';
import type { Bundle } from '../../domain/bundle.ts';
import { AppError } from '../../domain/errors.ts';
import type { ManifestReason, ManifestState, ManifestStatus } from '../../domain/manifest-status.ts';
import type { BundleStore, MissingChecksums } from '../../ports/store.ts';
import { cutPage } from '../cursor.ts';
import { draftAudit } from './audit.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { ensureApp } from './ensure-app.ts';
import { releaseFiles } from './files.ts';
import { toObjectId } from './keys.ts';
import { afterCursor, newestFirst } from './newest-first.ts';
import { ofApps } from './of-apps.ts';
import { forgetPlannedDeletion, planDeletions } from './planned-deletions.ts';
import { type BundleDocument, notGone } from './schema.ts';
import { nextNumber } from './sequences.ts';
import { createdAtMsOf, toStoredTime } from './stored-time.ts';

/** `null` stands for a field that is missing, too. */
export const notDeleted = { deleted_at: null, ...notGone } as const;

/** CRC-32 as clients compare it, of what an older server wrote. */
function toCrc(text: string): string {
  return /^[0-9a-f]{1,8}$/i.test(text) ? text.toLowerCase().padStart(8, '0') : text;
}

/** What an older server wrote lies elsewhere. */
function toManifestStatus({ manifest_state, manifest_reason }: BundleDocument): ManifestStatus {
  if (manifest_state === undefined) return { state: 'none', reason: 'external' };
  return {
    state: manifest_state as ManifestState,
    reason: (manifest_reason ?? null) as ManifestReason | null,
  };
}

export function toBundle(document: WithId<BundleDocument>): Bundle {
  const objectKey = document.object_key ?? null;
  return {
    id: document._id.toHexString(),
    appId: document.app_id ?? '',
    versionName: document.version_name ?? '',
    description: document.description ?? '',
    crcChecksum: toCrc(document.crc_checksum ?? ''),
    checksum: document.checksum ?? '',
    sizeBytes: document.size ?? 0,
    sessionKey: document.session_key ?? '',
    keyId: document.key_id ?? null,
    minUpdateVersion: document.min_update_version ?? null,
    objectKey,
    externalUrl: objectKey === null ? document.public_download_url || null : null,
    link: document.link ?? null,
    comment: document.comment ?? null,
    manifest: toManifestStatus(document),
    createdAtMs: createdAtMsOf(document),
  };
}

/** A bundle that was not deleted. */
export async function findLive(database: MongoDatabase, id: string): Promise<WithId<BundleDocument> | null> {
  const _id = toObjectId(id);
  if (!_id) return null;
  const found = await database.collection('bundles').findOne({ _id });
  return found?.deleted_at || found?.gone ? null : found;
}

/** Rejects with `bundle_not_found` unless it is a bundle of the app that was not deleted. */
export async function requireBundleOfApp(database: MongoDatabase, id: string, appId: string): Promise<void> {
  const found = await findLive(database, id);
  if (found?.app_id !== appId) {
    throw new AppError('bundle_not_found', `App ${appId} has no bundle with id ${id}`);
  }
}

/** Rejects with `bundle_in_use` while a release or a channel serves, or could fall back to, the bundle. */
async function requireUnused(
  database: MongoDatabase,
  { _id }: BundleDocument,
  bundle: Bundle,
): Promise<void> {
  const releases = await database
    .collection('releases')
    .find({ ...notGone, $or: [{ builtin_bundle_id: _id }, { active_bundle_id: _id }] })
    .sort({ _id: 1 })
    .toArray();
  const channels = await database
    .collection('channels')
    .find({ ...notGone, $or: [{ bundle_id: bundle.id }, { rollout_bundle_id: bundle.id }] })
    .sort({ _id: 1 })
    .toArray();
  if (releases.length + channels.length === 0) return;
  const users = [
    ...releases.map((user) => `release ${user.platform} ${user.version_name} (${user.version_code})`),
    ...channels.map((user) => `channel ${user.name}`),
  ];
  throw new AppError(
    'bundle_in_use',
    `Bundle ${bundle.versionName} is used by ${users.join(', ')}; set another bundle there or delete the release or channel first`,
    {
      details: {
        release_ids: releases.map((user) => user._id.toHexString()),
        channel_ids: channels.map((user) => user._id),
      },
    },
  );
}

/** Deletes bundles of an app that nothing uses, as part of a commit: their documents keep their version names taken. */
export async function draftDeletion(
  database: MongoDatabase,
  draft: Draft,
  appId: string,
  found: readonly WithId<BundleDocument>[],
  by: ChangedBy,
): Promise<void> {
  draft.noteChange(appId);
  const nowMs = by.atMs;
  const deleted = found
    .map(toBundle)
    .map((before) => bundleChange({ before, after: { ...before, isDeleted: true } }));
  await draftAudit(database, draft, by, ...deleted);
  const deletedAt = toStoredTime(nowMs);
  draft.set(
    'bundles',
    found.map(({ _id }) => _id),
    { deleted_at: deletedAt, updated_at: deletedAt },
  );
  await releaseFiles(
    database,
    draft,
    found.map(({ _id }) => _id.toHexString()),
    nowMs,
  );
  for (const { versionName } of found.map(toBundle)) {
    draft.setWhere('device_failures', { app_id: appId, version_name: versionName }, { gone: true });
  }
  const objectKeys = found.flatMap(({ object_key }) => (object_key ? [object_key] : []));
  await planDeletions(database, draft, objectKeys, nowMs);
}

export function createMongoBundles(database: MongoDatabase): BundleStore {
  const { log } = database;
  const bundles = database.collection('bundles');

  // Deleted bundles count, too: they keep their documents. No index can say it, because in what an older server
  // wrote version names repeat.
  const isTaken = async (appId: string, versionName: string) =>
    (await bundles.findOne({ app_id: appId, version_name: versionName, ...notGone })) !== null;

  async function draftInsert(draft: Draft, bundle: Bundle, by: ChangedBy): Promise<void> {
    const _id = toObjectId(bundle.id);
    if (!_id) throw new TypeError(`${bundle.id} is no id of a bundle`);
    if (await isTaken(bundle.appId, bundle.versionName)) {
      throw new AppError(
        'version_already_exists',
        `App ${bundle.appId} already has, or had, a bundle ${bundle.versionName}; a version name is never reused`,
      );
    }
    await ensureApp(database, draft, bundle.appId, by);
    draft.noteChange(bundle.appId);
    draft.insert('bundles', [
      {
        _id,
        app_id: bundle.appId,
        version_name: bundle.versionName,
        description: bundle.description,
        crc_checksum: bundle.crcChecksum,
        signature: '',
        public_download_url: bundle.externalUrl ?? '',
        created_at: toStoredTime(bundle.createdAtMs),
        checksum: bundle.checksum,
        size: bundle.sizeBytes,
        session_key: bundle.sessionKey,
        key_id: bundle.keyId,
        min_update_version: bundle.minUpdateVersion,
        object_key: bundle.objectKey,
        link: bundle.link,
        comment: bundle.comment,
        deleted_at: null,
        number: await nextNumber(database, draft, 'bundles'),
        manifest_state: bundle.manifest.state,
        manifest_reason: bundle.manifest.reason,
        manifest_attempts: 0,
      },
    ]);
    await draftAudit(database, draft, by, bundleChange({ before: null, after: bundle }));
    if (bundle.objectKey !== null) await forgetPlannedDeletion(database, draft, bundle.objectKey);
  }

  return {
    insertBundle: (bundle, by) => log.commit((draft) => draftInsert(draft, bundle, by)),

    async isVersionNameTaken(appId, versionName) {
      await log.settle();
      return isTaken(appId, versionName);
    },

    async findBundle(id) {
      await log.settle();
      const found = await findLive(database, id);
      return found ? toBundle(found) : undefined;
    },

    async listBundles(filter, page) {
      const after: Filter<BundleDocument & Document> = afterCursor(page.cursor, (timeMs) =>
        toStoredTime(timeMs),
      );
      await log.settle();
      const found = await bundles
        .find({ ...ofApps(filter), ...notDeleted, ...after })
        .sort(newestFirst)
        .limit(page.limit + 1)
        .toArray();
      return cutPage(
        found,
        page.limit,
        (each) => ({ timeMs: createdAtMsOf(each), id: each._id.toHexString() }),
        toBundle,
      );
    },

    deleteBundle: (id, by) =>
      log.commit(async (draft) => {
        const found = await findLive(database, id);
        if (!found) throw new AppError('bundle_not_found', `There is no bundle with id ${id}`);
        const bundle = toBundle(found);
        await requireUnused(database, found, bundle);
        await draftDeletion(database, draft, bundle.appId, [found], by);
        return bundle;
      }),
  };
}

/** `null` stands for a field that is missing, which is how an older server left it. */
const withoutChecksum = {
  checksum: { $in: [null, ''] },
  object_key: null,
  public_download_url: { $nin: [null, ''] },
  ...notDeleted,
};

export function createMongoMissingChecksums(database: MongoDatabase): MissingChecksums {
  const { log } = database;
  const bundles = database.collection('bundles');
  return {
    async listBundlesWithoutChecksum(limit, beforeId) {
      await log.settle();
      const before = beforeId === undefined ? {} : { _id: { $lt: toObjectId(beforeId) } };
      const found = await bundles
        .find({ ...withoutChecksum, ...before } as Filter<BundleDocument & Document>)
        .sort({ _id: -1 })
        .limit(limit)
        .toArray();
      return found.map(toBundle);
    },

    setMissingChecksum: (id, { checksum, sizeBytes }, by) =>
      log.commit(async (draft) => {
        const found = await findLive(database, id);
        if (!found) return false;
        const bundle = toBundle(found);
        if (bundle.checksum !== '' || bundle.externalUrl === null) return false;
        draft.noteChange(bundle.appId);
        draft.set('bundles', [found._id], { checksum, size: sizeBytes });
        const after = { ...bundle, checksum, sizeBytes };
        await draftAudit(database, draft, by, bundleChange({ before: bundle, after }));
        return true;
      }),
  };
}
