import type { StoredFile } from '../domain/manifest.ts';
import { dayOf, startOfDay } from '../domain/statistics.ts';
import type { StatisticAddition, StatisticRow, StorageChange } from '../ports/statistics.ts';

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
