import { expect, it } from 'vitest';
import { isWithin } from './elapsed.ts';

it.each([
  [100, true],
  [109, true],
  [110, false],
  [99, false],
  [-1_000, false],
])('of a span of 10 since 100, %i is within: %s', (nowMs, expected) => {
  expect(isWithin(10, 100, nowMs)).toBe(expected);
});
