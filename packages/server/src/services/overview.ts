import { addDays, dayOf, otherName } from '../domain/statistics.ts';
import type { Clock } from '../ports/clock.ts';
import type { ActiveGroup, ActiveGrouping, StatisticRow, StatisticsStore } from '../ports/statistics.ts';

/** Devices by day. */
export interface Series {
  readonly name: string;
  readonly devices: readonly number[];
}

export interface OverviewDay {
  readonly date: string;
  readonly active: number;
  readonly new: number;
  readonly offered: number;
  readonly downloaded: number;
  readonly installed: number;
  readonly failed: number;
  readonly bytesServed: number;
  readonly bytesRedirected: number;
  /** Bytes at the end of the day. */
  readonly storage: number;
}

export interface Funnel {
  readonly bundle: string;
  readonly offered: number;
  readonly downloaded: number;
  readonly installed: number;
  readonly failed: number;
}

export interface FailureReason {
  readonly action: string;
  readonly count: number;
  /** The most first. */
  readonly bundles: readonly { readonly bundle: string; readonly count: number }[];
}

export interface Overview {
  readonly activeSince: string;
  readonly active: Readonly<Record<ActiveGrouping, readonly ActiveGroup[]>>;
  readonly days: readonly OverviewDay[];
  readonly bundles: readonly Series[];
  readonly nativeVersions: readonly Series[];
  readonly pluginVersions: readonly Series[];
  /** The most offered first. */
  readonly funnel: readonly Funnel[];
  /** The most frequent first. */
  readonly failures: readonly FailureReason[];
  /** The last minutes that are over, the oldest first. */
  readonly minutes: readonly { readonly minuteMs: number; readonly checks: number }[];
}

export interface Overviews {
  /** How an app does, on days from and to, both included. */
  read(appId: string, days: { readonly fromDate: string; readonly toDate: string }): Promise<Overview>;
}

const shownMinutes = 60;
const minuteMs = 60_000;
/** What is shown by name, of bundles and versions over time; the rest is `other`. */
const maxSeries = 20;
/** And of bundles in the funnel. */
const maxFunnels = 50;

function sumBy<Key>(rows: readonly StatisticRow[], keyOf: (row: StatisticRow) => Key): Map<Key, number> {
  const sums = new Map<Key, number>();
  for (const row of rows) sums.set(keyOf(row), (sums.get(keyOf(row)) ?? 0) + row.amount);
  return sums;
}

const most = (one: readonly [string, number], other: readonly [string, number]) =>
  other[1] - one[1] || (one[0] < other[0] ? -1 : 1);

function toSeries(rows: readonly StatisticRow[], dates: readonly string[]): Series[] {
  const totals = sumBy(rows, ({ name }) => name);
  const shown = [...totals]
    .filter(([name]) => name !== otherName)
    .toSorted(most)
    .slice(0, maxSeries)
    .map(([name]) => name);
  const places = new Map(shown.map((name, index) => [name, index]));
  const days = new Map(dates.map((date, index) => [date, index]));
  const counts = [...shown, otherName].map(() => dates.map(() => 0));
  for (const { name, date, amount } of rows) {
    const ofName = counts[places.get(name) ?? shown.length];
    const day = days.get(date);
    if (ofName && day !== undefined) ofName[day] = (ofName[day] ?? 0) + amount;
  }
  return [...shown, otherName]
    .map((name, index) => ({ name, devices: counts[index] ?? [] }))
    .filter(({ devices }) => devices.some((devicesOfDay) => devicesOfDay > 0));
}

function toFailures(rows: readonly StatisticRow[]): FailureReason[] {
  return [...sumBy(rows, ({ detail }) => detail)].toSorted(most).map(([action, count]) => ({
    ...{ action, count },
    bundles: [
      ...sumBy(
        rows.filter(({ detail }) => detail === action),
        ({ name }) => name,
      ),
    ]
      .toSorted(most)
      .map(([bundle, ofBundle]) => ({ bundle, count: ofBundle })),
  }));
}

export function createOverviews(deps: { readonly store: StatisticsStore; readonly clock: Clock }): Overviews {
  const { store, clock } = deps;
  return {
    async read(appId, { fromDate, toDate }) {
      const now = clock.now();
      const activeSince = addDays(dayOf(now), -1);
      const lastMinuteMs = now - (now % minuteMs);
      const firstMinuteMs = lastMinuteMs - shownMinutes * minuteMs;
      const metrics = [
        ...(['active', 'active_bundle', 'active_native', 'active_plugin', 'new'] as const),
        ...(['offered', 'downloaded', 'failure', 'bandwidth'] as const),
      ];
      const appIds = [appId];
      const [rows, counters, storage, active, minutes] = await Promise.all([
        store.readStatistics({ appIds, metrics, fromDate, toDate }),
        store.sumCounters({ appIds, fromDate, toDate }),
        store.readStorageChanges(appIds),
        store.countActiveDevices(appId, activeSince),
        store.readCheckMinutes(appId, firstMinuteMs, lastMinuteMs),
      ]);
      const byMetric = Map.groupBy(rows, ({ metric }) => metric);
      const of = (metric: StatisticRow['metric']) => byMetric.get(metric) ?? [];
      const byDay = (metric: StatisticRow['metric'], name?: string) =>
        sumBy(
          of(metric).filter((row) => name === undefined || row.name === name),
          ({ date }) => date,
        );
      const daily = {
        ...{ active: byDay('active'), new: byDay('new'), offered: byDay('offered') },
        ...{ downloaded: byDay('downloaded'), failed: byDay('failure') },
        ...{ served: byDay('bandwidth', 'served'), redirected: byDay('bandwidth', 'redirected') },
      };
      const installed = new Map<string, number>();
      for (const { date, install } of counters) installed.set(date, (installed.get(date) ?? 0) + install);

      const dates: string[] = [];
      for (let date = fromDate; date <= toDate; date = addDays(date, 1)) dates.push(date);
      let stored = 0;
      let change = 0;
      const days = dates.map((date): OverviewDay => {
        for (; change < storage.length && dayOf(storage[change]?.atMs ?? 0) <= date; change += 1) {
          stored += storage[change]?.bytes ?? 0;
        }
        return {
          date,
          active: daily.active.get(date) ?? 0,
          new: daily.new.get(date) ?? 0,
          offered: daily.offered.get(date) ?? 0,
          downloaded: daily.downloaded.get(date) ?? 0,
          installed: installed.get(date) ?? 0,
          failed: daily.failed.get(date) ?? 0,
          bytesServed: daily.served.get(date) ?? 0,
          bytesRedirected: daily.redirected.get(date) ?? 0,
          storage: Math.max(0, stored),
        };
      });

      const offered = sumBy(of('offered'), ({ name }) => name);
      const downloaded = sumBy(of('downloaded'), ({ name }) => name);
      const failed = sumBy(of('failure'), ({ name }) => name);
      const installs = new Map<string, number>();
      for (const { bundle, install } of counters) {
        if (install > 0) installs.set(bundle, (installs.get(bundle) ?? 0) + install);
      }
      const bundles = new Set([...offered, ...downloaded, ...failed, ...installs].map(([bundle]) => bundle));
      const funnel = [...bundles]
        .map((bundle) => ({
          bundle,
          offered: offered.get(bundle) ?? 0,
          downloaded: downloaded.get(bundle) ?? 0,
          installed: installs.get(bundle) ?? 0,
          failed: failed.get(bundle) ?? 0,
        }))
        .toSorted(
          (one, other) =>
            other.offered - one.offered ||
            other.installed + other.failed - one.installed - one.failed ||
            (one.bundle < other.bundle ? -1 : 1),
        )
        .slice(0, maxFunnels);

      const checks = new Map(minutes.map((each) => [each.minuteMs, each.checks]));
      return {
        ...{ activeSince, active, days, funnel },
        bundles: toSeries(of('active_bundle'), dates),
        nativeVersions: toSeries(of('active_native'), dates),
        pluginVersions: toSeries(of('active_plugin'), dates),
        failures: toFailures(of('failure')),
        minutes: Array.from({ length: shownMinutes }, (_each, index) => {
          const startMs = firstMinuteMs + index * minuteMs;
          return { minuteMs: startMs, checks: checks.get(startMs) ?? 0 };
        }),
      };
    },
  };
}
