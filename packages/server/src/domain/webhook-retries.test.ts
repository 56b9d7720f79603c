import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  judgeAttempt,
  maxDeliveryAttempts,
  maxWaitMs,
  minOverloadWaitMs,
  retryAfterMs,
  waitsMs,
} from './webhook-retries.ts';

const nowMs = 1_768_478_400_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

describe('the waits between attempts', () => {
  it('are those that receivers are told', () => {
    const waits = [
      5_000,
      5 * minuteMs,
      30 * minuteMs,
      ...[2, 5, 10, 14, 20, 24].map((hours) => hours * hourMs),
    ];
    expect(waitsMs).toStrictEqual(waits);
    for (const [index, waitMs] of waits.entries()) {
      expect(judgeAttempt({ status: 500 }, index + 1, maxDeliveryAttempts, nowMs, 0)).toStrictEqual({
        kind: 'again',
        waitMs,
      });
    }
    expect(judgeAttempt({ status: 500 }, 10, maxDeliveryAttempts, nowMs, 0)).toStrictEqual({
      kind: 'given_up',
      disables: true,
    });
  });

  const status = fc.oneof(fc.constant(null), fc.integer({ min: 100, max: 599 }));
  const attempt = fc.integer({ min: 1, max: maxDeliveryAttempts });
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  const retryAfter = fc.oneof(
    fc.constant(undefined),
    fc.integer({ min: 0, max: 10_000_000 }).map(String),
    fc.string(),
    fc.constantFrom('Thu, 15 Jan 2026 12:10:00 GMT', 'Fri, 15 Jan 2027 12:00:00 GMT'),
  );

  it('are never shorter than the schedule, never longer than a day, and at most a tenth longer without a reason', () => {
    fc.assert(
      fc.property(status, attempt, random, retryAfter, (given, number, share, header) => {
        const verdict = judgeAttempt(
          { status: given, retryAfter: header },
          number,
          maxDeliveryAttempts,
          nowMs,
          share,
        );
        const isSuccess = given !== null && given >= 200 && given < 300;
        expect(verdict.kind === 'delivered').toBe(isSuccess);
        if (isSuccess) return;
        const isOver = given === 410 || number === maxDeliveryAttempts;
        expect(verdict.kind).toBe(isOver ? 'given_up' : 'again');
        if (verdict.kind !== 'again') return;
        const usual = waitsMs[number - 1] as number;
        const isOverloaded = given === 429 || given === 502 || given === 504;
        expect(verdict.waitMs).toBeGreaterThanOrEqual(usual);
        expect(verdict.waitMs).toBeLessThanOrEqual(maxWaitMs);
        if (isOverloaded) expect(verdict.waitMs).toBeGreaterThanOrEqual(minOverloadWaitMs);
        const asked = retryAfterMs(header, nowMs);
        expect(verdict.waitMs).toBeGreaterThanOrEqual(asked);
        if (!isOverloaded && asked === 0) {
          expect(verdict.waitMs).toBeLessThanOrEqual(Math.min(Math.round(usual * 1.1), maxWaitMs));
        }
      }),
    );
  });

  it('all end within ten attempts, whatever the receiver answers', () => {
    fc.assert(
      fc.property(fc.array(status, { minLength: 10, maxLength: 10 }), random, (answers, share) => {
        let ended = 0;
        for (const [index, given] of answers.entries()) {
          const verdict = judgeAttempt({ status: given }, index + 1, maxDeliveryAttempts, nowMs, share);
          if (verdict.kind === 'again') continue;
          ended = index + 1;
          break;
        }
        expect(ended).toBeGreaterThan(0);
      }),
    );
  });
});

it('a receiver that is gone for good is not asked again, and its webhook is disabled', () => {
  expect(judgeAttempt({ status: 410 }, 1, maxDeliveryAttempts, nowMs, 0)).toStrictEqual({
    kind: 'given_up',
    disables: true,
  });
});

it.each([500, 410, null])('a test that is answered %s disables nothing', (status) => {
  expect(judgeAttempt({ status }, 1, 1, nowMs, 0)).toStrictEqual({ kind: 'given_up', disables: false });
});

it.each([
  [undefined, 0],
  ['', 0],
  ['soon', 0],
  ['-5', 0],
  ['0', 0],
  ['120', 120_000],
  [' 120 ', 120_000],
  ['100000', maxWaitMs],
  ['9999999999', maxWaitMs],
  ['Thu, 15 Jan 2026 12:10:00 GMT', 10 * minuteMs],
  ['Thu, 15 Jan 2026 11:00:00 GMT', 0],
  ['Fri, 15 Jan 2027 12:00:00 GMT', maxWaitMs],
])('Retry-After %j asks for %d ms', (header, waitMs) => {
  expect(retryAfterMs(header, nowMs)).toBe(waitMs);
});
