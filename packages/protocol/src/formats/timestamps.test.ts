import { describe, expect, it } from 'vitest';
import { formatTimestamp, parseHttpDate, parseTimestamp } from './timestamps.ts';

describe('a timestamp', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [1_768_478_400_123, '2026-01-15T12:00:00.123Z'],
    [951_782_400_000, '2000-02-29T00:00:00.000Z'],
  ])('of %i is written %s and read back', (epochMs, text) => {
    expect(formatTimestamp(epochMs)).toBe(text);
    expect(parseTimestamp(text)).toBe(epochMs);
  });

  it.each([
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2026-01-31T10:20Z', '2026-01-31T10:20:00.000Z'],
    ['2026-01-31T10:20:30Z', '2026-01-31T10:20:30.000Z'],
    ['2026-01-31 10:20:30Z', '2026-01-31T10:20:30.000Z'],
    ['2026-01-31t10:20:30z', '2026-01-31T10:20:30.000Z'],
    ['2026-01-31 10:20z', '2026-01-31T10:20:00.000Z'],
    ['2026-01-31T10:20:30.4Z', '2026-01-31T10:20:30.400Z'],
    ['2026-01-31T10:20:30.123456789Z', '2026-01-31T10:20:30.123Z'],
    ['2026-01-31T10:20:30+02:00', '2026-01-31T08:20:30.000Z'],
    ['2026-01-31T10:20:30-0530', '2026-01-31T15:50:30.000Z'],
    ['2026-01-31T23:30:00-01:00', '2026-02-01T00:30:00.000Z'],
    ['2026-01-31T10:20:30.5+14:00', '2026-01-30T20:20:30.500Z'],
  ])('is read of %s as %s, wherever the server stands', (text, expected) => {
    expect(formatTimestamp(parseTimestamp(text) ?? 0)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    'today',
    '2026',
    '2026-01',
    '2026-1-1',
    '26-01-01',
    '12026-01-01',
    '31.01.2026',
    '01/31/2026',
    '2026-02-29',
    '2026-02-31',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-01-32',
    '2026-02-30T10:00:00Z',
    '2026-01-31T10:20:30',
    '2026-01-31 10:20',
    '2026-01-31T25:00:00Z',
    '2026-01-31T10:60:00Z',
    '2026-01-31T10:20:61Z',
    '2026-01-31T10:20:30+99:00',
    '2026-01-31T10:20:30 UTC',
    '2026-01-31T10:20:30Z tomorrow',
    '2026-01-31\n',
    ' 2026-01-31',
    '-2026-01-31',
    '1768478400000',
    '２０２６-01-31',
  ])('is not read of "%s"', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it('is read of every day there is, and of no other', () => {
    for (const [year, days] of [
      [2024, 366],
      [2026, 365],
      [2100, 365],
      [2000, 366],
    ] as const) {
      let read = 0;
      for (let month = 1; month <= 12; month += 1) {
        for (let day = 1; day <= 31; day += 1) {
          const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
          const epochMs = parseTimestamp(text);
          if (epochMs === undefined) continue;
          read += 1;
          expect(formatTimestamp(epochMs)).toBe(`${text}T00:00:00.000Z`);
        }
      }
      expect(read).toBe(days);
    }
  });
});

describe('a date of an HTTP header', () => {
  it('is read as epoch milliseconds', () => {
    expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(784_111_777_000);
  });

  it.each([
    '',
    '120',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'soon',
  ])('is not %j', (text) => {
    expect(parseHttpDate(text)).toBeUndefined();
  });
});
