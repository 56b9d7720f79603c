import { type Kysely, sql } from 'kysely';
import type { StatisticMetric } from '../../domain/statistics.ts';
import {
  type ActiveGroup,
  type ActiveGrouping,
  activeGroupings,
  type CheckMinute,
  type StatisticAddition,
  type StatisticsStore,
} from '../../ports/statistics.ts';
import { storageChangeOf, sumStatistics, toActiveGroups } from '../statistic-sums.ts';
import type { CheckMinutesTable, Schema, SqlDatabase } from './schema.ts';

/** Adds to the statistics, each row written once however many additions it gets. */
export async function addToStatistics(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  additions: readonly StatisticAddition[],
): Promise<void> {
  const rows = sumStatistics(additions).map(({ appId, ...row }) => ({ app_id: appId, ...row }));
  await database.upsertMany(transaction, 'statistics', rows, (conflict) =>
    conflict
      .columns(['app_id', 'metric', 'date', 'name', 'detail'])
      .doUpdateSet(({ eb, ref }) => ({ amount: eb('statistics.amount', '+', ref('excluded.amount')) })),
  );
}

function sumMinutes(additions: readonly CheckMinute[]): CheckMinutesTable[] {
  const rows = new Map<string, CheckMinutesTable>();
  for (const { appId, minuteMs, checks } of additions) {
    const key = `${appId} ${minuteMs}`;
    const row = rows.get(key);
    if (row) row.checks += checks;
    else rows.set(key, { app_id: appId, minute: minuteMs, checks });
  }
  return [...rows.values()];
}

export function createSqlStatistics(database: SqlDatabase): StatisticsStore {
  const { db } = database;

  return {
    addToStatistics: (additions) =>
      database.write((transaction) => addToStatistics(database, transaction, additions)),

    async readStatistics({ appIds, metrics, fromDate, toDate }) {
      if (appIds.length === 0 || metrics.length === 0) return [];
      const rows = await db
        .selectFrom('statistics')
        .selectAll()
        .where('app_id', 'in', database.listed(appIds))
        .where('metric', 'in', [...metrics])
        .where('date', '>=', fromDate)
        .where('date', '<=', toDate)
        .where('amount', '>', 0)
        .orderBy('metric')
        .orderBy('date')
        .orderBy('app_id')
        .orderBy('name')
        .orderBy('detail')
        .execute();
      return rows.map(({ app_id, metric, ...row }) => {
        return { appId: app_id, metric: metric as StatisticMetric, ...row };
      });
    },

    async sumCounters({ appIds, fromDate, toDate }) {
      if (appIds.length === 0) return [];
      const rows = await db
        .selectFrom('counters')
        .select(['app_id', 'date', 'bundle'])
        .select(({ fn }) => [
          fn.sum<number>('gets').as('get'),
          fn.sum<number>('installs').as('install'),
          fn.sum<number>('fails').as('fail'),
        ])
        .where('app_id', 'in', database.listed(appIds))
        .where('date', '>=', fromDate)
        .where('date', '<=', toDate)
        .groupBy(['app_id', 'date', 'bundle'])
        .orderBy('date')
        .orderBy('app_id')
        .orderBy('bundle')
        .execute();
      return rows.map(({ app_id, date, bundle, get, install, fail }) => {
        return {
          appId: app_id,
          date,
          bundle,
          get: Number(get),
          install: Number(install),
          fail: Number(fail),
        };
      });
    },

    addCheckMinutes: (additions) =>
      database.write((transaction) =>
        database.upsertMany(transaction, 'check_minutes', sumMinutes(additions), (conflict) =>
          conflict.columns(['app_id', 'minute']).doUpdateSet(({ eb, ref }) => ({
            checks: eb('check_minutes.checks', '+', ref('excluded.checks')),
          })),
        ),
      ),

    async readCheckMinutes(appId, fromMs, toMs) {
      const rows = await db
        .selectFrom('check_minutes')
        .select(['minute', 'checks'])
        .where('app_id', '=', appId)
        .where('minute', '>=', fromMs)
        .where('minute', '<', toMs)
        .orderBy('minute')
        .execute();
      return rows.map(({ minute, checks }) => ({ appId, minuteMs: minute, checks }));
    },

    async deleteCheckMinutesBefore(timeMs) {
      await db.deleteFrom('check_minutes').where('minute', '<', timeMs).execute();
    },

    async readStorageChanges(appIds) {
      if (appIds.length === 0) return [];
      const rows = await db
        .selectFrom('bundles')
        .select(['app_id', 'size', 'created_at', 'deleted_at'])
        .where('app_id', 'in', database.listed(appIds))
        .where('object_key', '!=', '')
        .execute();
      const files = await db
        .selectFrom('statistics')
        .select(['app_id', 'date', 'name', 'amount'])
        .where('app_id', 'in', database.listed(appIds))
        .where('metric', '=', 'file_bytes')
        .execute();
      return rows
        .flatMap(({ app_id: appId, size, created_at, deleted_at }) => [
          { appId, atMs: created_at, bytes: size },
          ...(deleted_at === null ? [] : [{ appId, atMs: deleted_at, bytes: -size }]),
        ])
        .concat(files.map(({ app_id: appId, ...row }) => storageChangeOf({ appId, ...row })))
        .toSorted((one, other) => one.atMs - other.atMs);
    },

    async countActiveDevices(appId, sinceDate) {
      // The devices in one pass, over an index that has them in this order; then each thing from what that came to.
      const columns = sql.join(
        ['active_on', 'platform', 'bundle', 'native_version', 'plugin_version', 'channel'].map((each) =>
          sql.ref(each),
        ),
      );
      const groups = activeGroupings.map(
        (each) =>
          sql`select ${sql.lit(each)} as thing, ${sql.ref(each)} as name, sum(devices) as devices from grouped group by ${sql.ref(each)}`,
      );
      const { rows } = await sql<ActiveGroup & { readonly thing: ActiveGrouping }>`
        with grouped as materialized (
          select ${columns}, count(*) as devices from device_activity
          where app_id = ${appId} and active_on >= ${sinceDate} group by ${columns}
        ) ${sql.join(groups, sql` union all `)}`.execute(db);
      return toActiveGroups(rows.map((row) => ({ ...row, devices: Number(row.devices) })));
    },
  };
}
