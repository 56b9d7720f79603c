import { parsePlatform } from '@capgo-server/protocol/formats/identifiers';
import type { Document, Filter, WithId } from 'mongodb';
import type { ChangedBy } from '../../domain/actor.ts';
import { releaseChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { Release } from '../../domain/release.ts';
import type { ReleaseStore } from '../../ports/store.ts';
import { cutPage } from '../cursor.ts';
import { draftAudit } from './audit.ts';
import { requireBundleOfApp } from './bundles.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { draftDeployment } from './deployments.ts';
import { ensureApp } from './ensure-app.ts';
import { toObjectId } from './keys.ts';
import { afterCursor, newestFirst } from './newest-first.ts';
import { ofApps } from './of-apps.ts';
import { notGone, type ReleaseDocument } from './schema.ts';
import { createdAtMsOf, toStoredTime } from './stored-time.ts';

/** What Go writes for an id that was never given. */
const zeroId = '0'.repeat(24);

function toIdOrNull(id: { toHexString(): string } | null | undefined): string | null {
  const hex = id?.toHexString() ?? zeroId;
  return hex === zeroId ? null : hex;
}

export function toRelease(document: WithId<ReleaseDocument>): Release {
  const createdAtMs = createdAtMsOf(document);
  return {
    id: document._id.toHexString(),
    appId: document.app_id ?? '',
    // An older server knew two platforms, and wrote them in lower case.
    platform: parsePlatform(document.platform ?? '') ?? 'android',
    versionName: document.version_name ?? '',
    versionCode: document.version_code ?? '',
    releaseDateMs: document.released_date?.getTime() ?? null,
    builtinBundleId: document.builtin_bundle_id?.toHexString() ?? zeroId,
    activeBundleId: toIdOrNull(document.active_bundle_id),
    createdAtMs,
    updatedAtMs: document.updated_at?.getTime() ?? createdAtMs,
  };
}

async function findLive(database: MongoDatabase, id: string): Promise<WithId<ReleaseDocument> | null> {
  const _id = toObjectId(id);
  if (!_id) return null;
  const found = await database.collection('releases').findOne({ _id });
  return found?.gone ? null : found;
}

async function requireRelease(database: MongoDatabase, id: string): Promise<WithId<ReleaseDocument>> {
  const found = await findLive(database, id);
  if (!found) throw new AppError('release_not_found', `There is no release with id ${id}`);
  return found;
}

export function createMongoReleases(database: MongoDatabase): ReleaseStore {
  const { log } = database;
  const releases = database.collection('releases');

  async function draftInsert(draft: Draft, release: Release, by: ChangedBy): Promise<void> {
    const [_id, builtinId] = [toObjectId(release.id), toObjectId(release.builtinBundleId)];
    const activeId = release.activeBundleId === null ? null : toObjectId(release.activeBundleId);
    await requireBundleOfApp(database, release.builtinBundleId, release.appId);
    if (release.activeBundleId !== null)
      await requireBundleOfApp(database, release.activeBundleId, release.appId);
    const taken = await releases.findOne({
      version_name: release.versionName,
      platform: release.platform,
      app_id: release.appId,
      version_code: release.versionCode,
    });
    if (taken) {
      throw new AppError(
        'release_already_exists',
        `App ${release.appId} already has the ${release.platform} release ${release.versionName} (${release.versionCode})`,
      );
    }
    if (!_id || !builtinId || activeId === undefined)
      throw new TypeError(`${release.id} is no id of a release`);
    await ensureApp(database, draft, release.appId, by);
    draft.noteChange(release.appId);
    draft.insert('releases', [
      {
        _id,
        platform: release.platform,
        app_id: release.appId,
        version_name: release.versionName,
        version_code: release.versionCode,
        released_date: release.releaseDateMs === null ? null : toStoredTime(release.releaseDateMs),
        builtin_bundle_id: builtinId,
        active_bundle_id: activeId,
        updated_at: toStoredTime(release.updatedAtMs),
        created_at: toStoredTime(release.createdAtMs),
      },
    ]);
    await draftAudit(database, draft, by, releaseChange({ before: null, after: release }));
  }

  return {
    insertRelease: (release, by) => log.commit((draft) => draftInsert(draft, release, by)),

    async findRelease(id) {
      await log.settle();
      const found = await findLive(database, id);
      return found ? toRelease(found) : undefined;
    },

    async listReleases(filter, page) {
      const after: Filter<ReleaseDocument & Document> = afterCursor(page.cursor, (timeMs) =>
        toStoredTime(timeMs),
      );
      await log.settle();
      const found = await releases
        .find({ ...ofApps(filter), ...notGone, ...after })
        .sort(newestFirst)
        .limit(page.limit + 1)
        .toArray();
      return cutPage(
        found,
        page.limit,
        (each) => ({ timeMs: createdAtMsOf(each), id: each._id.toHexString() }),
        toRelease,
      );
    },

    setReleaseDate: (id, releaseDateMs, by) =>
      log.commit(async (draft) => {
        const found = await requireRelease(database, id);
        const release = toRelease(found);
        draft.noteChange(release.appId);
        const releasedDate = releaseDateMs === null ? null : toStoredTime(releaseDateMs);
        draft.set('releases', [found._id], {
          released_date: releasedDate,
          updated_at: toStoredTime(by.atMs),
        });
        const after = { ...release, releaseDateMs, updatedAtMs: by.atMs };
        await draftAudit(database, draft, by, releaseChange({ before: release, after }));
        return after;
      }),

    deployToRelease: (id, deployment, by) =>
      log.commit(async (draft) => {
        const found = await requireRelease(database, id);
        const release = toRelease(found);
        const { bundleId, createdAtMs } = deployment;
        if (bundleId !== null) await requireBundleOfApp(database, bundleId, release.appId);
        draft.noteChange(release.appId);
        draft.set('releases', [found._id], {
          active_bundle_id: bundleId === null ? null : (toObjectId(bundleId) ?? null),
          updated_at: toStoredTime(createdAtMs),
        });
        const target = { kind: 'release', releaseId: id } as const;
        await draftDeployment(database, draft, { ...deployment, appId: release.appId, target });
        const after = { ...release, activeBundleId: bundleId, updatedAtMs: createdAtMs };
        await draftAudit(database, draft, by, releaseChange({ before: release, after }));
        return after;
      }),

    deleteRelease: (id, by) =>
      log.commit(async (draft) => {
        const found = await requireRelease(database, id);
        const release = toRelease(found);
        draft.noteChange(release.appId);
        // What is left of it must not keep the same release from being added again: see the unique index.
        draft.set('releases', [found._id], { gone: true, platform: 'gone', version_name: id });
        await draftAudit(database, draft, by, releaseChange({ before: release, after: null }));
        return release;
      }),
  };
}
