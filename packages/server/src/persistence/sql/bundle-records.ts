import type { Kysely, Selectable } from 'kysely';
import { bundleChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { BundleNames, BundleRecord, BundleRecords } from '../../ports/bundle-records.ts';
import { noteAudit } from './audit.ts';
import { deleteBundleRows, toBundle } from './bundles.ts';
import { noteChange } from './changes.ts';
import type { BundlesTable, Schema, SqlDatabase } from './schema.ts';

/** Values asked for at once: engines limit those of one statement. */
const valuesPerRead = 500;

type RecordRow = Selectable<BundlesTable> & { readonly file_count: number | null };

function toRecord(row: RecordRow): BundleRecord {
  const { number, file_count, updated_at } = row;
  return { ...toBundle(row), number, fileCount: file_count ?? 0, updatedAtMs: updated_at };
}

function selectRecords(db: Kysely<Schema>) {
  return db
    .selectFrom('bundles')
    .selectAll()
    .select(({ selectFrom }) =>
      selectFrom('manifests')
        .select('manifests.file_count')
        .whereRef('manifests.bundle_id', '=', 'bundles.id')
        .as('file_count'),
    );
}

function selectLiveOfApp(db: Kysely<Schema>, appId: string) {
  return selectRecords(db)
    .where('app_id', '=', appId)
    .where('deleted_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc');
}

function columnOf(names: BundleNames): {
  readonly column: 'id' | 'number' | 'version_name';
  readonly values: readonly (string | number)[];
} {
  if ('ids' in names) return { column: 'id', values: names.ids };
  if ('numbers' in names) return { column: 'number', values: names.numbers };
  return { column: 'version_name', values: names.versionNames };
}

/** Bundles that nothing uses, as part of the statement that finds them. */
function selectUnused(db: Kysely<Schema>, appId: string) {
  return selectRecords(db)
    .where('app_id', '=', appId)
    .where('deleted_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('releases')
            .select('releases.id')
            .where(({ eb, or, ref }) =>
              or([
                eb('releases.builtin_bundle_id', '=', ref('bundles.id')),
                eb('releases.active_bundle_id', '=', ref('bundles.id')),
              ]),
            ),
        ),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('channels')
            .select('channels.id')
            .where(({ eb, or, ref }) =>
              or([
                eb('channels.bundle_id', '=', ref('bundles.id')),
                eb('channels.rollout_bundle_id', '=', ref('bundles.id')),
              ]),
            ),
        ),
      ),
    );
}

export function createSqlBundleRecords(database: SqlDatabase): BundleRecords {
  const { db } = database;
  return {
    async listBundleRecords(appId, { offset, limit }) {
      const rows = await selectLiveOfApp(db, appId).offset(offset).limit(limit).execute();
      return rows.map(toRecord);
    },

    async findBundleRecords(appId, names) {
      const { column, values } = columnOf(names);
      const records: BundleRecord[] = [];
      for (let start = 0; start < values.length; start += valuesPerRead) {
        const some = values.slice(start, start + valuesPerRead);
        const rows = await selectLiveOfApp(db, appId).where(column, 'in', some).execute();
        records.push(...rows.map(toRecord));
      }
      return records;
    },

    changeBundle: (id, { link, comment, minUpdateVersion }, by) =>
      database.change(async (transaction) => {
        const before = await transaction
          .selectFrom('bundles')
          .selectAll()
          .where('id', '=', id)
          .where('deleted_at', 'is', null)
          .executeTakeFirst();
        const row = await transaction
          .updateTable('bundles')
          .set({
            ...(link === undefined ? {} : { link }),
            ...(comment === undefined ? {} : { comment }),
            ...(minUpdateVersion === undefined ? {} : { min_update_version: minUpdateVersion }),
            updated_at: by.atMs,
          })
          .where('id', '=', id)
          .where('deleted_at', 'is', null)
          .returningAll()
          .returning(({ selectFrom }) =>
            selectFrom('manifests')
              .select('manifests.file_count')
              .whereRef('manifests.bundle_id', '=', 'bundles.id')
              .as('file_count'),
          )
          .executeTakeFirst();
        if (!row || !before) throw new AppError('bundle_not_found', `There is no bundle with id ${id}`);
        await noteChange(transaction, row.app_id);
        await noteAudit(transaction, by, bundleChange({ before: toBundle(before), after: toBundle(row) }));
        return toRecord(row);
      }),

    deleteUnusedBundles: (appId, { createdUntilMs, exceptIds, limit }, by) =>
      database.change(async (transaction) => {
        let query = selectUnused(transaction, appId);
        if (createdUntilMs !== null) query = query.where('created_at', '<=', createdUntilMs);
        if (exceptIds.length > 0) query = query.where('id', 'not in', exceptIds);
        const rows = await query.orderBy('created_at').orderBy('id').limit(limit).execute();
        if (rows.length > 0) await deleteBundleRows(transaction, appId, rows, by);
        return rows.map(toRecord);
      }),
  };
}
