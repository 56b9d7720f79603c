import { describe, expect, it } from 'vitest';
import { pointCount, type UsageData, usagePoints } from './usage-points.ts';

const at = (text: string) => Date.parse(text);
const data: UsageData = {
  mau: new Map([
    ['2026-01-10', 3],
    ['2026-01-12', 2],
  ]),
  bandwidth: new Map([['2026-01-11', 500]]),
  get: new Map([['2026-01-11', 7]]),
  storageChanges: [
    { atMs: at('2026-01-01T00:00:00Z'), bytes: 1_000 },
    { atMs: at('2026-01-11T12:00:00Z'), bytes: 100 },
    { atMs: at('2026-01-12T06:00:00Z'), bytes: -400 },
  ],
};
const range = (from: string, to: string, isAccumulated = false) => ({
  ...{ fromMs: at(from), toMs: at(to), isAccumulated },
  nowMs: at('2026-01-13T00:00:00Z'),
});

describe('usage points', () => {
  it('are one for each day, the last one excluded, with what happened that day', () => {
    const points = usagePoints(range('2026-01-10', '2026-01-13'), data);
    expect(points).toEqual([
      {
        date: '2026-01-10T00:00:00.000Z',
        mau: 3,
        storage: 1_000,
        storageByteHours: 24_000,
        bandwidth: 0,
        get: 0,
      },
      {
        date: '2026-01-11T00:00:00.000Z',
        mau: 0,
        storage: 100,
        storageByteHours: 25_200,
        bandwidth: 500,
        get: 7,
      },
      {
        date: '2026-01-12T00:00:00.000Z',
        mau: 2,
        storage: -400,
        storageByteHours: 19_200,
        bandwidth: 0,
        get: 0,
      },
    ]);
  });

  it('are sums of the days before them when they are accumulated; the last one is what is stored now', () => {
    const points = usagePoints(range('2026-01-10', '2026-01-13', true), data);
    expect(points.map(({ mau }) => mau)).toEqual([3, 3, 5]);
    expect(points.map(({ bandwidth }) => bandwidth)).toEqual([0, 500, 500]);
    expect(points.map(({ storage }) => storage)).toEqual([1_000, 1_100, 700]);
  });

  it('start with what was stored before, also where days are apart', () => {
    const [first] = usagePoints(range('2026-01-12', '2026-01-13'), data);
    expect(first?.storage).toBe(700);
    const empty = { ...data, storageChanges: [{ atMs: at('2026-01-12T00:00:00Z'), bytes: -5 }] };
    expect(usagePoints(range('2026-01-12', '2026-01-13'), empty)[0]?.storage).toBe(0);
  });

  it('are none of days that have not begun, and of hours that have not been', () => {
    const points = usagePoints(
      { ...range('2026-01-12', '2026-01-20'), nowMs: at('2026-01-13T06:00:00Z') },
      data,
    );
    expect(points.map(({ date }) => date.slice(0, 10))).toEqual(['2026-01-12', '2026-01-13']);
    expect(points[1]?.storageByteHours).toBe(700 * 6);
    expect(usagePoints(range('2026-02-01', '2026-02-03'), data)).toEqual([]);
  });

  it('keep the time of day that was asked for', () => {
    const points = usagePoints(range('2026-01-10T10:30:00Z', '2026-01-12T10:30:00Z'), data);
    expect(points.map(({ date }) => date)).toEqual(['2026-01-10T10:30:00.000Z', '2026-01-11T10:30:00.000Z']);
  });

  it.each([
    ['2026-01-10', '2026-01-10', 0],
    ['2026-01-10', '2026-01-11', 1],
    ['2026-01-10T00:00:00Z', '2026-01-11T11:59:00Z', 1],
    ['2026-01-10T00:00:00Z', '2026-01-11T12:00:00Z', 2],
    ['2026-01-12', '2026-01-10', 2],
  ])('from %s to %s are %i', (from, to, count) => {
    expect(pointCount({ fromMs: at(from), toMs: at(to) })).toBe(count);
  });
});
