import type { StoredFile } from '../domain/manifest.ts';
import { dayOf, startOfDay } from '../domain/statistics.ts';
import {
  type ActiveGroup,
  type ActiveGrouping,
  activeGroupings,
  type StatisticAddition,
  type StatisticRow,
  type StorageChange,
} from '../ports/statistics.ts';

/** What is to be added, once for each row; what comes to nothing is left out. */
export function sumStatistics(additions: readonly StatisticAddition[]): StatisticRow[] {
  const sums = new Map<string, { -readonly [Key in keyof StatisticRow]: StatisticRow[Key] }>();
  for (const { appId, increment } of additions) {
    const { metric, date, name, detail, amount } = increment;
    const key = JSON.stringify([appId, metric, date, name, detail]);
    const sum = sums.get(key);
    if (sum) sum.amount += amount;
    else sums.set(key, { appId, metric, date, name, detail, amount });
  }
  return [...sums.values()].filter(({ amount }) => amount !== 0);
}

/** That files came into storage, or left it. */
export function fileBytes(
  how: 'added' | 'deleted',
  files: readonly Pick<StoredFile, 'appId' | 'sizeBytes'>[],
  timeMs: number,
): StatisticAddition[] {
  const date = dayOf(timeMs);
  return files.map(({ appId, sizeBytes: amount }) => {
    return { appId, increment: { metric: 'file_bytes', date, name: how, detail: '', amount } };
  });
}

/** What such a row says of an app's storage: of the day only, so it is as if it had been at its start. */
export function storageChangeOf({
  appId,
  date,
  name,
  amount,
}: Pick<StatisticRow, 'appId' | 'date' | 'name' | 'amount'>): StorageChange {
  return { appId, atMs: startOfDay(date), bytes: name === 'deleted' ? -amount : amount };
}

/** As SQL engines order texts: by their bytes, which is not how JavaScript compares all of them. */
export function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** Groups by what they are of; the most first, then by name. */
export function toActiveGroups(
  groups: readonly (ActiveGroup & { readonly thing: ActiveGrouping })[],
): Readonly<Record<ActiveGrouping, readonly ActiveGroup[]>> {
  const of = (grouping: ActiveGrouping): ActiveGroup[] =>
    groups
      .filter(({ thing }) => thing === grouping)
      .map(({ name, devices }) => ({ name, devices }))
      .toSorted((one, other) => other.devices - one.devices || byBytes(one.name, other.name));
  return Object.fromEntries(activeGroupings.map((each) => [each, of(each)])) as Record<
    ActiveGrouping,
    ActiveGroup[]
  >;
}
