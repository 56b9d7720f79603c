import { describe, expect, it } from 'vitest';
import { byBundle, installSeries, lastDays, totalsOf } from './counted.ts';

const row = (date: string, bundle: string, install: number, fail = 0, get = 0) => ({
  ...{ date, bundle, channel: 'production', platform: 'ios' },
  ...{ get, install, uninstall: 0, fail },
});

it('the last days end today, by UTC', () => {
  expect(lastDays(3, Date.parse('2026-03-01T00:30:00Z'))).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
});

describe('what is counted', () => {
  const rows = [
    row('2026-01-01', '1.0.0', 5, 0, 7),
    row('2026-01-02', '1.0.0', 1),
    row('2026-01-02', '1.0.1', 10, 2),
    row('2026-01-02', '1.0.2', 1, 3),
  ];

  it('adds up', () => {
    expect(totalsOf(rows)).toEqual({ offered: 7, installed: 17, failed: 5 });
  });

  it('becomes a series with every bundle in every day, and the small ones as one', () => {
    const { bundles, days, keys } = installSeries(rows, ['2026-01-01', '2026-01-02'], 2);
    expect(bundles).toEqual(['1.0.1', '1.0.0', 'other']);
    expect(days).toEqual([
      { date: '2026-01-01', bundle0: 0, bundle1: 5, bundle2: 0 },
      { date: '2026-01-02', bundle0: 10, bundle1: 1, bundle2: 1 },
    ]);
    expect(keys).toEqual(['bundle0', 'bundle1', 'bundle2']);
  });

  it('is told by bundle, the most failures first', () => {
    expect(byBundle(rows).map(({ bundle, failed }) => [bundle, failed])).toEqual([
      ['1.0.2', 3],
      ['1.0.1', 2],
      ['1.0.0', 0],
    ]);
  });
});
