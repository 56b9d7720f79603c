import { percentages } from '../domain/percentages.ts';
import { addDays, dayOf } from '../domain/statistics.ts';
import {
  momentsOf,
  type UsageData,
  type UsagePoint,
  type UsageRange,
  usagePoints,
} from '../domain/usage-points.ts';
import type { Clock } from '../ports/clock.ts';
import type { StatisticsStore, StorageChange } from '../ports/statistics.ts';

export type AskedRange = Omit<UsageRange, 'nowMs'>;

/** Something that devices ran, and how many of them on each day. */
export interface ShareSeries {
  readonly label: string;
  /** Percent of the devices of each day. */
  readonly data: readonly number[];
  /** How many devices that were. */
  readonly counts: readonly number[];
}

export interface Shares {
  /** UTC days. */
  readonly labels: readonly string[];
  /** The most devices first. */
  readonly series: readonly ShareSeries[];
}

export interface Statistics {
  /** Of all those apps together, each day. */
  readUsage(appIds: readonly string[], range: AskedRange): Promise<readonly UsagePoint[]>;
  /** Of each of those apps. */
  readUsageByApp(
    appIds: readonly string[],
    range: AskedRange,
  ): Promise<readonly { readonly appId: string; readonly points: readonly UsagePoint[] }[]>;
  /** Which bundles the devices of an app ran, on days from and to, both included. */
  readBundleShares(appId: string, fromMs: number, toMs: number): Promise<Shares>;
  /** Which native versions they had, with their platform before it. */
  readNativeShares(appId: string, fromMs: number, toMs: number): Promise<Shares>;
}

const platformNames: Readonly<Record<string, string>> = {
  ios: 'iOS',
  android: 'Android',
  electron: 'Electron',
};

function addTo(map: Map<string, number>, key: string, amount: number): void {
  map.set(key, (map.get(key) ?? 0) + amount);
}

/** A day without data is like the one before, unless it is today, which is not over. */
function toShares(
  counted: ReadonlyMap<string, ReadonlyMap<string, number>>,
  labels: readonly string[],
  today: string,
): Shares {
  const names = [...counted.keys()];
  const countsOf = (name: string) => labels.map((day) => counted.get(name)?.get(day) ?? 0);
  const total = (name: string) => countsOf(name).reduce((sum, count) => sum + count, 0);
  const ordered = names
    .filter((name) => total(name) > 0)
    .toSorted((one, other) => total(other) - total(one) || (one < other ? -1 : 1));
  const counts = ordered.map(countsOf);
  let last = ordered.map(() => 0);
  const days = labels.map((day, index) => {
    const ofDay = counts.map((each) => each[index] ?? 0);
    const isEmpty = ofDay.every((count) => count === 0);
    if (isEmpty && day === today) return ordered.map(() => 0);
    if (!isEmpty) last = [...percentages(ofDay)];
    return last;
  });
  return {
    labels,
    series: ordered.map((label, index) => ({
      label,
      data: days.map((each) => each[index] ?? 0),
      counts: counts[index] ?? [],
    })),
  };
}

export function createStatistics(deps: {
  readonly store: StatisticsStore;
  readonly clock: Clock;
}): Statistics {
  const { store, clock } = deps;

  /** Of each app that has any. */
  async function readData(appIds: readonly string[], range: UsageRange): Promise<Map<string, UsageData>> {
    const days = momentsOf(range).map(dayOf);
    const [fromDate, toDate] = [days[0] ?? '', days.at(-1) ?? ''];
    if (days.length === 0) return new Map();
    const [rows, counters, storage] = await Promise.all([
      store.readStatistics({ appIds, metrics: ['new', 'bandwidth'], fromDate, toDate }),
      store.sumCounters({ appIds, fromDate, toDate }),
      store.readStorageChanges(appIds),
    ]);
    const changes = Map.groupBy(storage, ({ appId }) => appId);
    const rowsByApp = Map.groupBy(rows, ({ appId }) => appId);
    const countersByApp = Map.groupBy(counters, ({ appId }) => appId);
    return new Map(
      appIds.map((appId) => {
        const mau = new Map<string, number>();
        const bandwidth = new Map<string, number>();
        const get = new Map<string, number>();
        for (const { metric, date, amount } of rowsByApp.get(appId) ?? []) {
          addTo(metric === 'new' ? mau : bandwidth, date, amount);
        }
        for (const row of countersByApp.get(appId) ?? []) addTo(get, row.date, row.get);
        return [appId, { mau, bandwidth, get, storageChanges: changes.get(appId) ?? [] }];
      }),
    );
  }

  function merge(all: Iterable<UsageData>): UsageData {
    const mau = new Map<string, number>();
    const bandwidth = new Map<string, number>();
    const get = new Map<string, number>();
    const storageChanges: Omit<StorageChange, 'appId'>[] = [];
    for (const each of all) {
      for (const [day, amount] of each.mau) addTo(mau, day, amount);
      for (const [day, amount] of each.bandwidth) addTo(bandwidth, day, amount);
      for (const [day, amount] of each.get) addTo(get, day, amount);
      storageChanges.push(...each.storageChanges);
    }
    return { mau, bandwidth, get, storageChanges };
  }

  async function readShares(
    appId: string,
    metric: 'active_bundle' | 'active_native',
    span: { readonly fromMs: number; readonly toMs: number },
    labelOf: (row: { readonly name: string; readonly detail: string }) => string,
  ): Promise<Shares> {
    const today = dayOf(clock.now());
    const [fromDate, lastDate] = [dayOf(span.fromMs), dayOf(span.toMs)];
    const labels: string[] = [];
    for (let day = fromDate; day <= lastDate && day <= today; day = addDays(day, 1)) labels.push(day);
    const rows = await store.readStatistics({
      appIds: [appId],
      metrics: [metric],
      fromDate,
      toDate: lastDate,
    });
    const counted = new Map<string, Map<string, number>>();
    for (const row of rows) {
      const label = labelOf(row);
      const days = counted.get(label) ?? new Map<string, number>();
      addTo(days, row.date, row.amount);
      counted.set(label, days);
    }
    return toShares(counted, labels, today);
  }

  return {
    async readUsage(appIds, asked) {
      const range = { ...asked, nowMs: clock.now() };
      return usagePoints(range, merge((await readData(appIds, range)).values()));
    },
    async readUsageByApp(appIds, asked) {
      const range = { ...asked, nowMs: clock.now() };
      const data = await readData(appIds, range);
      return appIds.map((appId) => {
        return { appId, points: usagePoints(range, data.get(appId) ?? merge([])) };
      });
    },
    readBundleShares: (appId, fromMs, toMs) =>
      readShares(appId, 'active_bundle', { fromMs, toMs }, ({ name }) => name),
    readNativeShares: (appId, fromMs, toMs) =>
      readShares(
        appId,
        'active_native',
        { fromMs, toMs },
        ({ name, detail }) => `${platformNames[detail] ?? detail} ${name}`,
      ),
  };
}
