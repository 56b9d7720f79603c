import type { CounterView } from '@capgo-server/protocol/management/devices';

const dayMs = 86_400_000;

/** The UTC days of a range that ends today, the oldest first. */
export function lastDays(days: number, nowMs: number): readonly string[] {
  return Array.from({ length: days }, (_, index) =>
    new Date(nowMs - (days - 1 - index) * dayMs).toISOString().slice(0, 10),
  );
}

export interface Totals {
  readonly offered: number;
  readonly installed: number;
  readonly failed: number;
}

export function totalsOf(rows: readonly CounterView[]): Totals {
  let offered = 0;
  let installed = 0;
  let failed = 0;
  for (const row of rows) {
    offered += row.get;
    installed += row.install;
    failed += row.fail;
  }
  return { offered, installed, failed };
}

/** Installs of a day by a series' key; every series is in every day. */
export type InstallsOfDay = Readonly<Record<string, number | string>> & { readonly date: string };

export interface InstallSeries {
  readonly days: readonly InstallsOfDay[];
  /** The bundles with the most installs, the most first; what is more is in `other`. */
  readonly bundles: readonly string[];
  /** Of each bundle, in their order, the key it has in a day: chart libraries take the dots of a version for a path. */
  readonly keys: readonly string[];
}

export const otherBundles = 'other';

/** @param most bundles that are shown by name */
export function installSeries(
  rows: readonly CounterView[],
  dates: readonly string[],
  most: number,
): InstallSeries {
  const totals = new Map<string, number>();
  for (const { bundle, install } of rows) {
    if (install > 0) totals.set(bundle, (totals.get(bundle) ?? 0) + install);
  }
  const ranked = [...totals].sort(([, a], [, b]) => b - a).map(([bundle]) => bundle);
  const named = new Set(ranked.slice(0, most));
  const bundles = ranked.length > most ? [...named, otherBundles] : [...named];
  const keys = bundles.map((_bundle, index) => `bundle${index}`);
  const keyOf = new Map(bundles.map((bundle, index) => [bundle, `bundle${index}`]));
  const days = new Map(dates.map((date) => [date, Object.fromEntries(keys.map((key) => [key, 0]))]));
  for (const { date, bundle, install } of rows) {
    const day = days.get(date);
    if (!day || install === 0) continue;
    const key = keyOf.get(named.has(bundle) ? bundle : otherBundles) ?? '';
    day[key] = (day[key] ?? 0) + install;
  }
  return { bundles, keys, days: [...days].map(([date, counts]) => ({ ...counts, date })) };
}

export interface BundleRow extends Totals {
  readonly bundle: string;
}

/** What became of each bundle, the most failures first. */
export function byBundle(rows: readonly CounterView[]): readonly BundleRow[] {
  const groups = new Map<string, CounterView[]>();
  for (const row of rows) groups.set(row.bundle, [...(groups.get(row.bundle) ?? []), row]);
  return [...groups]
    .map(([bundle, own]) => ({ bundle, ...totalsOf(own) }))
    .filter(({ offered, installed, failed }) => offered + installed + failed > 0)
    .sort((a, b) => b.failed - a.failed || b.installed - a.installed);
}
