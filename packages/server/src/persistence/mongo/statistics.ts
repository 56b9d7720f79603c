import type { Document } from 'mongodb';
import type { StatisticMetric } from '../../domain/statistics.ts';
import {
  type ActiveGroup,
  type ActiveGrouping,
  activeGroupings,
  type CheckMinute,
  type CounterSum,
  type StatisticAddition,
  type StatisticsStore,
} from '../../ports/statistics.ts';
import { byBytes, storageChangeOf, sumStatistics } from '../statistic-sums.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { keyOf } from './keys.ts';
import { requireTexts } from './require-texts.ts';
import { type CheckMinuteDocument, notGone, type StatisticDocument } from './schema.ts';
import { createdAtMsOf } from './stored-time.ts';

/** Adds to the statistics as part of a commit. */
export async function draftStatistics(
  database: MongoDatabase,
  draft: Draft,
  additions: readonly StatisticAddition[],
): Promise<void> {
  const sums = new Map<string, StatisticDocument>();
  for (const { appId, metric, date, name, detail, amount } of sumStatistics(additions)) {
    requireTexts({ appId, metric, date, name, detail });
    const _id = keyOf(appId, metric, date, name, detail);
    sums.set(_id, { _id, app_id: appId, metric, date, name, detail, amount });
  }
  if (sums.size === 0) return;
  const found = await database
    .collection('statistics')
    .find({ _id: { $in: [...sums.keys()] } }, { projection: { amount: 1, gone: 1 } })
    .toArray();
  // One of an app that was deleted and is there again starts anew.
  const known = new Map(found.map(({ _id, amount, gone }) => [_id, gone ? 0 : amount]));
  draft.insert(
    'statistics',
    [...sums.values()].filter(({ _id }) => !known.has(_id)),
  );
  for (const [_id, { amount }] of sums) {
    const total = known.get(_id);
    if (total !== undefined) draft.set('statistics', [_id], { amount: total + amount, gone: false });
  }
}

async function draftCheckMinutes(
  database: MongoDatabase,
  draft: Draft,
  additions: readonly CheckMinute[],
): Promise<void> {
  const sums = new Map<string, { -readonly [Key in keyof CheckMinuteDocument]: CheckMinuteDocument[Key] }>();
  for (const { appId, minuteMs, checks } of additions) {
    const _id = keyOf(appId, minuteMs);
    const sum = sums.get(_id);
    if (sum) sum.checks += checks;
    else sums.set(_id, { _id, app_id: appId, minute: minuteMs, checks });
  }
  if (sums.size === 0) return;
  const found = await database
    .collection('check_minutes')
    .find({ _id: { $in: [...sums.keys()] } })
    .toArray();
  const known = new Map(found.map(({ _id, checks, gone }) => [_id, gone ? 0 : checks]));
  draft.insert(
    'check_minutes',
    [...sums.values()].filter(({ _id }) => !known.has(_id)),
  );
  for (const [_id, { checks }] of sums) {
    const total = known.get(_id);
    if (total !== undefined) draft.set('check_minutes', [_id], { checks: total + checks, gone: false });
  }
}

/** The field of a device that each grouping is by. */
const activeFields = {
  bundle: 'active_bundle',
  native_version: 'active_native',
  plugin_version: 'active_plugin',
  platform: 'active_platform',
  channel: 'active_channel',
} as const satisfies Record<ActiveGrouping, string>;

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

export function createMongoStatistics(database: MongoDatabase): StatisticsStore {
  const { log } = database;

  async function groupActive(appId: string, since: string, grouping: ActiveGrouping): Promise<ActiveGroup[]> {
    const groups = await database
      .collection('devices')
      .aggregate<{ _id: string; devices: number }>([
        { $match: { app_id: appId, active_on: { $gte: since }, ...notGone } },
        { $group: { _id: `$${activeFields[grouping]}`, devices: { $sum: 1 } } },
      ])
      .toArray();
    return groups
      .map(({ _id, devices }) => ({ name: _id, devices: Number(devices) }))
      .toSorted((one, other) => other.devices - one.devices || byBytes(one.name, other.name));
  }

  return {
    addToStatistics: (additions) => log.commit((draft) => draftStatistics(database, draft, additions)),

    async readStatistics({ appIds, metrics, fromDate, toDate }) {
      await log.settle();
      const found = await database
        .collection('statistics')
        .find({
          app_id: { $in: [...appIds] },
          metric: { $in: [...metrics] },
          date: { $gte: fromDate, $lte: toDate },
          amount: { $gt: 0 },
          ...notGone,
        })
        .toArray();
      return found
        .map(({ app_id, metric, date, name, detail, amount }) => {
          return {
            appId: app_id,
            metric: metric as StatisticMetric,
            date,
            name,
            detail,
            amount: Number(amount),
          };
        })
        .toSorted(
          (one, other) =>
            compare(one.metric, other.metric) ||
            compare(one.date, other.date) ||
            compare(one.appId, other.appId) ||
            byBytes(one.name, other.name) ||
            byBytes(one.detail, other.detail),
        );
    },

    async sumCounters({ appIds, fromDate, toDate }) {
      await log.settle();
      const found = await database
        .collection('counters')
        .find({ app_id: { $in: [...appIds] }, date: { $gte: fromDate, $lte: toDate }, ...notGone })
        .toArray();
      const sums = new Map<string, { -readonly [Key in keyof CounterSum]: CounterSum[Key] }>();
      for (const { app_id: appId, date, bundle, gets, installs, fails } of found) {
        const key = JSON.stringify([appId, date, bundle]);
        const sum = sums.get(key) ?? { appId, date, bundle, get: 0, install: 0, fail: 0 };
        sum.get += gets;
        sum.install += installs;
        sum.fail += fails;
        sums.set(key, sum);
      }
      return [...sums.values()].toSorted(
        (one, other) =>
          compare(one.date, other.date) ||
          compare(one.appId, other.appId) ||
          byBytes(one.bundle, other.bundle),
      );
    },

    addCheckMinutes: (additions) => log.commit((draft) => draftCheckMinutes(database, draft, additions)),

    async readCheckMinutes(appId, fromMs, toMs) {
      await log.settle();
      const found = await database
        .collection('check_minutes')
        .find({ app_id: appId, minute: { $gte: fromMs, $lt: toMs }, ...notGone })
        .sort({ minute: 1 })
        .toArray();
      return found.map(({ minute, checks }) => ({ appId, minuteMs: Number(minute), checks: Number(checks) }));
    },

    async deleteCheckMinutesBefore(timeMs) {
      await log.settle();
      await database.collection('check_minutes').deleteMany({ minute: { $lt: timeMs } });
    },

    async readStorageChanges(appIds) {
      await log.settle();
      const found = await database
        .collection('bundles')
        .find({ app_id: { $in: [...appIds] }, object_key: { $nin: [null, ''] }, ...notGone } as Document, {
          projection: { app_id: 1, size: 1, created_at: 1, deleted_at: 1 },
        })
        .toArray();
      const files = await database
        .collection('statistics')
        .find({ app_id: { $in: [...appIds] }, metric: 'file_bytes', ...notGone })
        .toArray();
      return found
        .flatMap(({ _id, app_id, size = 0, created_at = null, deleted_at }) => {
          const appId = app_id ?? '';
          const added = { appId, atMs: createdAtMsOf({ _id, created_at }), bytes: size };
          return deleted_at ? [added, { appId, atMs: deleted_at.getTime(), bytes: -size }] : [added];
        })
        .concat(
          files.map(({ app_id: appId, amount, ...row }) => {
            return storageChangeOf({ ...row, appId, amount: Number(amount) });
          }),
        )
        .toSorted((one, other) => one.atMs - other.atMs);
    },

    async countActiveDevices(appId, sinceDate) {
      await log.settle();
      const groups = await Promise.all(
        activeGroupings.map(async (each) => [each, await groupActive(appId, sinceDate, each)] as const),
      );
      return Object.fromEntries(groups) as Record<ActiveGrouping, ActiveGroup[]>;
    },
  };
}
