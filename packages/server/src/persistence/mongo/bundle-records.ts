import type { Document, Filter, WithId } from 'mongodb';
import { bundleChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { BundleNames, BundleRecord, BundleRecords } from '../../ports/bundle-records.ts';
import { inChunks } from '../chunks.ts';
import { draftAudit } from './audit.ts';
import { draftDeletion, findLive, notDeleted, toBundle } from './bundles.ts';
import type { MongoDatabase } from './database.ts';
import { toObjectId } from './keys.ts';
import { newestFirst } from './newest-first.ts';
import { type BundleDocument, notGone } from './schema.ts';
import { toStoredTime } from './stored-time.ts';

function toRecord(document: WithId<BundleDocument>, fileCount: number): BundleRecord {
  const bundle = toBundle(document);
  const updatedAtMs = document.updated_at?.getTime() ?? bundle.createdAtMs;
  return { ...bundle, number: document.number ?? 0, fileCount, updatedAtMs };
}

/** Bundles with how many files each of them has. */
async function toRecords(
  database: MongoDatabase,
  found: readonly WithId<BundleDocument>[],
): Promise<BundleRecord[]> {
  const counts = new Map<string, number>();
  for (const some of inChunks(found.map(({ _id }) => _id.toHexString()))) {
    const manifests = await database
      .collection('manifests')
      .find({ _id: { $in: some }, ...notGone }, { projection: { file_count: 1 } })
      .toArray();
    for (const { _id, file_count } of manifests) counts.set(_id, file_count);
  }
  return found.map((document) => toRecord(document, counts.get(document._id.toHexString()) ?? 0));
}

function named(names: BundleNames): Filter<BundleDocument & Document> {
  if ('ids' in names) {
    const ids = names.ids.map(toObjectId).filter((id) => id !== undefined);
    return { _id: { $in: ids } };
  }
  if ('numbers' in names) return { number: { $in: [...names.numbers] } };
  return { version_name: { $in: [...names.versionNames] } };
}

export function createMongoBundleRecords(database: MongoDatabase): BundleRecords {
  const { log } = database;
  const bundles = database.collection('bundles');

  /** Of those bundles the ones that a release or a channel uses. */
  async function findUsed(found: readonly BundleDocument[]): Promise<ReadonlySet<string>> {
    const used = new Set<string>();
    for (const _ids of inChunks(found.map(({ _id }) => _id))) {
      const ids = _ids.map((_id) => _id.toHexString());
      const [releases, channels] = await Promise.all([
        database
          .collection('releases')
          .find({
            ...notGone,
            $or: [{ builtin_bundle_id: { $in: _ids } }, { active_bundle_id: { $in: _ids } }],
          })
          .toArray(),
        database
          .collection('channels')
          .find({ ...notGone, $or: [{ bundle_id: { $in: ids } }, { rollout_bundle_id: { $in: ids } }] })
          .toArray(),
      ]);
      for (const { builtin_bundle_id, active_bundle_id } of releases) {
        for (const id of [builtin_bundle_id, active_bundle_id]) if (id) used.add(id.toHexString());
      }
      for (const { bundle_id, rollout_bundle_id } of channels) {
        for (const id of [bundle_id, rollout_bundle_id]) if (id) used.add(id);
      }
    }
    return used;
  }

  return {
    async listBundleRecords(appId, { offset, limit }) {
      await log.settle();
      const found = await bundles
        .find({ app_id: appId, ...notDeleted })
        .sort(newestFirst)
        .skip(offset)
        .limit(limit)
        .toArray();
      return toRecords(database, found);
    },

    async findBundleRecords(appId, names) {
      await log.settle();
      const found = await bundles
        .find({ app_id: appId, ...notDeleted, ...named(names) })
        .sort(newestFirst)
        .toArray();
      return toRecords(database, found);
    },

    changeBundle: (id, { link, comment, minUpdateVersion }, by) =>
      log.commit(async (draft) => {
        const found = await findLive(database, id);
        if (!found) throw new AppError('bundle_not_found', `There is no bundle with id ${id}`);
        const fields = {
          ...(link === undefined ? {} : { link }),
          ...(comment === undefined ? {} : { comment }),
          ...(minUpdateVersion === undefined ? {} : { min_update_version: minUpdateVersion }),
          updated_at: toStoredTime(by.atMs),
        };
        draft.noteChange(found.app_id ?? '');
        draft.set('bundles', [found._id], fields);
        const changed = { ...found, ...fields };
        const change = bundleChange({ before: toBundle(found), after: toBundle(changed) });
        await draftAudit(database, draft, by, change);
        const [record] = await toRecords(database, [changed]);
        if (!record) throw new Error('A bundle has a record');
        return record;
      }),

    deleteUnusedBundles: (appId, { createdUntilMs, exceptIds, limit }, by) =>
      log.commit(async (draft) => {
        const until = createdUntilMs === null ? {} : { created_at: { $lte: toStoredTime(createdUntilMs) } };
        const found = await bundles
          .find({ app_id: appId, ...notDeleted, ...until })
          .sort({ created_at: 1, _id: 1 })
          .toArray();
        const kept = new Set([...exceptIds, ...(await findUsed(found))]);
        const unused = found.filter(({ _id }) => !kept.has(_id.toHexString())).slice(0, limit);
        const records = await toRecords(database, unused);
        if (unused.length > 0) await draftDeletion(database, draft, appId, unused, by);
        return records;
      }),
  };
}
