import { type Kysely, type Selectable, sql } from 'kysely';
import { entriesOf, type StoredFile } from '../../domain/manifest.ts';
import { inChunks } from '../chunks.ts';
import { fromPackedEntries } from '../packed-manifest.ts';
import { fileBytes } from '../statistic-sums.ts';
import { planDeletions } from './planned-deletions.ts';
import type { FilesTable, Schema, SqlDatabase } from './schema.ts';
import { addToStatistics } from './statistics.ts';

export function toFile(row: Selectable<FilesTable>): StoredFile {
  return {
    id: row.id,
    appId: row.app_id,
    name: row.name,
    objectKey: row.object_key,
    sizeBytes: row.size,
    isBrotli: row.is_brotli === 1,
  };
}

export async function findFiles(
  db: Kysely<Schema>,
  appId: string,
  names: readonly string[],
  minUses = 0,
): Promise<StoredFile[]> {
  const found: StoredFile[] = [];
  for (const some of inChunks(names)) {
    const rows = await db
      .selectFrom('files')
      .selectAll()
      .where('app_id', '=', appId)
      .where('name', 'in', some)
      .where('uses', '>=', minUses)
      .execute();
    found.push(...rows.map(toFile));
  }
  return found;
}

/** Which of the files their app does not have any more. */
export async function findMissingFiles(
  db: Kysely<Schema>,
  appId: string,
  ids: ReadonlySet<string>,
): Promise<string[]> {
  const missing = new Set(ids);
  for (const some of inChunks(ids)) {
    const rows = await db
      .selectFrom('files')
      .select('id')
      .where('app_id', '=', appId)
      .where('id', 'in', some)
      .execute();
    for (const { id } of rows) missing.delete(id);
  }
  return [...missing];
}

export async function useFiles(transaction: Kysely<Schema>, ids: ReadonlySet<string>): Promise<void> {
  for (const some of inChunks(ids)) {
    await transaction
      .updateTable('files')
      .set({ uses: sql`uses + 1`, released_at: null })
      .where('id', 'in', some)
      .execute();
  }
}

/** Takes a bundle's manifest away, and marks the files that no other one names. */
export async function releaseFiles(
  transaction: Kysely<Schema>,
  bundleId: string,
  nowMs: number,
): Promise<void> {
  const row = await transaction
    .deleteFrom('manifests')
    .where('bundle_id', '=', bundleId)
    .returningAll()
    .executeTakeFirst();
  if (!row) return;
  const manifest = await fromPackedEntries(bundleId, row.file_count, row.entries);
  for (const some of inChunks(entriesOf(manifest).map(({ fileId }) => fileId))) {
    await transaction
      .updateTable('files')
      .set({ uses: sql`uses - 1`, released_at: sql`case when uses = 1 then ${nowMs} else released_at end` })
      .where('id', 'in', some)
      .execute();
  }
}

export async function addFiles(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  files: readonly StoredFile[],
  nowMs: number,
): Promise<void> {
  const planned = new Set<string>();
  for (const some of inChunks(files.map(({ objectKey }) => objectKey))) {
    const rows = await transaction
      .selectFrom('planned_deletions')
      .select('object_key')
      .where('object_key', 'in', some)
      .where('due_at', '>', nowMs)
      .execute();
    for (const row of rows) planned.add(row.object_key);
  }
  const rows = files
    .filter(({ objectKey }) => planned.has(objectKey))
    .map((file) => ({
      ...{ id: file.id, app_id: file.appId, name: file.name, object_key: file.objectKey },
      ...{ size: file.sizeBytes, is_brotli: Number(file.isBrotli), uses: 0, released_at: nowMs },
    }));
  const isAdded = await database.insertNew(transaction, 'files', rows);
  const added = rows.filter((_row, index) => isAdded[index]);
  for (const some of inChunks(added.map((row) => row.object_key))) {
    await transaction.deleteFrom('planned_deletions').where('object_key', 'in', some).execute();
  }
  const sizes = added.map(({ app_id, size }) => ({ appId: app_id, sizeBytes: size }));
  await addToStatistics(database, transaction, fileBytes('added', sizes, nowMs));
}

export async function sweepFiles(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  { unusedBeforeMs, nowMs, limit }: { unusedBeforeMs: number; nowMs: number; limit: number },
): Promise<number> {
  const rows = await transaction
    .selectFrom('files')
    .select(['id', 'object_key', 'app_id', 'size'])
    .where('released_at', '<', unusedBeforeMs)
    .orderBy('released_at')
    .orderBy('id')
    .limit(limit)
    .execute();
  for (const some of inChunks(rows.map(({ id }) => id))) {
    await transaction.deleteFrom('files').where('id', 'in', some).execute();
  }
  const keys = rows.map((row) => row.object_key);
  await planDeletions(database, transaction, keys, nowMs);
  const sizes = rows.map(({ app_id, size }) => ({ appId: app_id, sizeBytes: Number(size) }));
  await addToStatistics(database, transaction, fileBytes('deleted', sizes, nowMs));
  return rows.length;
}
