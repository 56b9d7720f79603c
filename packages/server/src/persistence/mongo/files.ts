import { entriesOf, type StoredFile } from '../../domain/manifest.ts';
import { inChunks } from '../chunks.ts';
import { fromPackedEntries } from '../packed-manifest.ts';
import { fileBytes } from '../statistic-sums.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { keyOf } from './keys.ts';
import { planDeletions } from './planned-deletions.ts';
import { type FileDocument, notGone } from './schema.ts';
import { draftStatistics } from './statistics.ts';

function toFile(document: FileDocument): StoredFile {
  return {
    id: document._id,
    appId: document.app_id,
    name: document.name,
    objectKey: document.object_key,
    sizeBytes: document.size,
    isBrotli: document.is_brotli,
  };
}

export async function findFiles(
  database: MongoDatabase,
  appId: string,
  names: readonly string[],
  minUses = 0,
): Promise<StoredFile[]> {
  const found: StoredFile[] = [];
  for (const some of inChunks(names)) {
    const documents = await database
      .collection('files')
      .find({
        name_key: { $in: some.map((name) => keyOf(appId, name)) },
        uses: { $gte: minUses },
        ...notGone,
      })
      .toArray();
    found.push(...documents.map(toFile));
  }
  return found;
}

async function findUses(
  database: MongoDatabase,
  ids: Iterable<string>,
): Promise<Pick<FileDocument, '_id' | 'app_id' | 'uses'>[]> {
  const found: FileDocument[] = [];
  for (const some of inChunks(ids)) {
    const projection = { app_id: 1, uses: 1 };
    const documents = await database
      .collection('files')
      .find({ _id: { $in: some }, ...notGone }, { projection })
      .toArray();
    found.push(...documents);
  }
  return found;
}

/** Takes files into use as part of a commit; answers those that are gone, and then has drafted nothing. */
export async function useFiles(
  database: MongoDatabase,
  draft: Draft,
  appId: string,
  ids: ReadonlySet<string>,
): Promise<readonly string[]> {
  const found = (await findUses(database, ids)).filter(({ app_id }) => app_id === appId);
  const known = new Set(found.map(({ _id }) => _id));
  const missing = [...ids].filter((id) => !known.has(id));
  if (missing.length > 0) return missing;
  // Written as what the numbers then are: a commit may be applied twice.
  for (const [uses, files] of Map.groupBy(found, (file) => file.uses)) {
    for (const some of inChunks(files.map(({ _id }) => _id))) {
      draft.set('files', some, { uses: uses + 1, released_at: null });
    }
  }
  return [];
}

/** Takes the manifests of bundles away as part of a commit, and marks the files that no other one names. */
export async function releaseFiles(
  database: MongoDatabase,
  draft: Draft,
  bundleIds: readonly string[],
  nowMs: number,
): Promise<void> {
  // Counted over all of them: two bundles of one commit may name the same file.
  const releases = new Map<string, number>();
  for (const bundleId of bundleIds) {
    const document = await database.collection('manifests').findOne({ _id: bundleId, ...notGone });
    if (!document) continue;
    draft.set('manifests', [bundleId], { gone: true });
    const manifest = await fromPackedEntries(bundleId, document.file_count, document.entries.buffer);
    // A file that a bundle has under several names is used by it once.
    const fileIds = new Set(entriesOf(manifest).map(({ fileId }) => fileId));
    for (const fileId of fileIds) releases.set(fileId, (releases.get(fileId) ?? 0) + 1);
  }
  const found = await findUses(database, [...releases.keys()]);
  for (const [left, files] of Map.groupBy(found, ({ _id, uses }) => uses - (releases.get(_id) ?? 0))) {
    const released = left === 0 ? { released_at: nowMs } : {};
    for (const some of inChunks(files.map(({ _id }) => _id))) {
      draft.set('files', some, { uses: left, ...released });
    }
  }
}

/** Adds, as part of a commit, those whose name their app does not have; answers all of that name. */
export async function addFiles(
  database: MongoDatabase,
  draft: Draft,
  { appId, files, nowMs }: { appId: string; files: readonly StoredFile[]; nowMs: number },
): Promise<readonly StoredFile[]> {
  const planned = new Set<string>();
  for (const some of inChunks(files.map(({ objectKey }) => objectKey))) {
    const documents = await database
      .collection('planned_deletions')
      .find({ _id: { $in: some }, due_at: { $gt: nowMs }, ...notGone })
      .toArray();
    for (const { _id } of documents) planned.add(_id);
  }
  const known = await findFiles(
    database,
    appId,
    files.map(({ name }) => name),
  );
  const names = new Set(known.map(({ name }) => name));
  const added: StoredFile[] = [];
  for (const file of files) {
    if (names.has(file.name) || !planned.has(file.objectKey)) continue;
    names.add(file.name);
    added.push(file);
  }
  draft.insert(
    'files',
    added.map((file) => ({
      ...{ _id: file.id, app_id: appId, name: file.name, name_key: keyOf(appId, file.name) },
      ...{ object_key: file.objectKey, size: file.sizeBytes, is_brotli: file.isBrotli },
      ...{ uses: 0, released_at: nowMs },
    })),
  );
  for (const some of inChunks(added.map(({ objectKey }) => objectKey))) {
    draft.set('planned_deletions', some, { gone: true });
  }
  await draftStatistics(database, draft, fileBytes('added', added, nowMs));
  return [...known, ...added];
}

/** Deletes unused files as part of a commit; answers how many. */
export async function sweepFiles(
  database: MongoDatabase,
  draft: Draft,
  { unusedBeforeMs, nowMs, limit }: { unusedBeforeMs: number; nowMs: number; limit: number },
): Promise<number> {
  const found = await database
    .collection('files')
    .find({ released_at: { $lt: unusedBeforeMs }, ...notGone })
    .sort({ released_at: 1, _id: 1 })
    .limit(limit)
    .toArray();
  // The mark goes with the file: what is gone is not looked for again.
  for (const some of inChunks(found.map(({ _id }) => _id))) {
    draft.set('files', some, { gone: true, released_at: null });
  }
  const keys = found.map((file) => file.object_key);
  await planDeletions(database, draft, keys, nowMs);
  await draftStatistics(database, draft, fileBytes('deleted', found.map(toFile), nowMs));
  return found.length;
}
