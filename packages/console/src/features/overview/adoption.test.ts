import { describe, expect, it } from 'vitest';
import { adoptionOf } from './adoption.ts';

const dates = ['2026-01-01', '2026-01-02'];
const series = [
  { name: '1.0.1', devices: [3, 9] },
  { name: '1.0.0', devices: [6, 1] },
  { name: 'builtin', devices: [2, 1] },
  { name: 'other', devices: [1, 0] },
];

describe('adoption over time', () => {
  it('tells the most used apart, and makes one of the rest and of what the server no longer tells apart', () => {
    const { shown, days } = adoptionOf(dates, series, 2);
    expect(shown).toEqual([
      { name: '1.0.1', key: 'series0' },
      { name: '1.0.0', key: 'series1' },
      { name: 'other', key: 'series2' },
    ]);
    expect(days).toEqual([
      { date: '2026-01-01', series0: 3, series1: 6, series2: 3 },
      { date: '2026-01-02', series0: 9, series1: 1, series2: 1 },
    ]);
  });

  it('has no rest where everything has a name', () => {
    expect(adoptionOf(dates, series.slice(0, 2), 6).shown.map(({ name }) => name)).toEqual([
      '1.0.1',
      '1.0.0',
    ]);
  });
});
