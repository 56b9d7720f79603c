import { expect, it } from 'vitest';
import { retentionOf, secondsOf } from './retention.ts';

it('says seconds in days, and the API’s number for never as never', () => {
  expect(retentionOf(2_592_000)).toEqual({ kind: 'after', days: 30 });
  expect(retentionOf(63_113_904).kind).toBe('never');
  expect(retentionOf(0)).toEqual({ kind: 'after', days: 0 });
});

it('says days in seconds, and null for never', () => {
  expect(secondsOf({ kind: 'after', days: 90 })).toBe(7_776_000);
  expect(secondsOf({ kind: 'never', days: 30 })).toBeNull();
});
