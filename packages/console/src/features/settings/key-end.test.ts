import { describe, expect, it } from 'vitest';
import { keyEndTime } from './key-end.ts';

const now = Date.parse('2026-01-15T12:00:00Z');

describe('the end of a key', () => {
  it('is so many days from now, or never', () => {
    expect(keyEndTime('30', '', now)).toBe('2026-02-14T12:00:00.000Z');
    expect(keyEndTime('never', '2026-02-01', now)).toBeNull();
  });

  it('is when the chosen day is over where the reader is', () => {
    const end = new Date(keyEndTime('day', '2026-02-01', now) ?? '');
    expect([end.getFullYear(), end.getMonth(), end.getDate(), end.getHours()]).toEqual([2026, 1, 1, 23]);
  });

  it('is not known while no day is chosen', () => {
    expect(keyEndTime('day', '', now)).toBeUndefined();
  });
});
