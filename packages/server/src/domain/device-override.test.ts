import { expect, it } from 'vitest';
import { isInForce, overrideExpiry, overrideLifetimeMs } from './device-override.ts';

const now = Date.UTC(2026, 0, 15, 12, 0, 59, 999);

it('a pin ends 90 days after it was written, to the minute', () => {
  expect(new Date(overrideExpiry(now)).toISOString()).toBe('2026-04-15T12:00:00.000Z');
  expect(overrideLifetimeMs).toBe(90 * 86_400_000);
});

it.each([
  ['without an end', null, now, true],
  ['before its end', now + 1, now, true],
  ['at its end', now, now, false],
  ['after its end', now - 1, now, false],
])('a pin %s is in force: %s', (_when, expiresAtMs, nowMs, expected) => {
  expect(isInForce(expiresAtMs, nowMs)).toBe(expected);
});
