import type { StatisticAddition, StatisticRow } from '../ports/statistics.ts';

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
