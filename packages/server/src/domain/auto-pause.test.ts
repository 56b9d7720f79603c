import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AutoPause,
  type AutoPauseVerdict,
  judgeRollout,
  type RolloutOutcomes,
  wilsonLowerBoundBps,
} from './auto-pause.ts';
import { autoPauseDefaults } from './channel.ts';

/** Failures, attempts. */
const someCounts = fc
  .integer({ min: 1, max: 1_000_000 })
  .chain((attempts) => fc.tuple(fc.integer({ min: 0, max: attempts }), fc.constant(attempts)));
const someConfidence = fc.double({ min: 0.5, max: 0.999, noNaN: true });

describe('the lower bound of the failure rate', () => {
  it.each([
    [5, 100, 0.95, 215],
    [10, 100, 0.95, 552],
    [70, 1_000, 0.95, 557],
    [60, 1_000, 0.95, 468],
    [1, 1, 0.95, 2_065],
    [2, 5, 0.95, 1_176],
    [95, 100, 0.8, 9_140],
  ])(
    'of %i failures out of %i at confidence %f is %i basis points',
    (failures, attempts, confidence, bps) => {
      expect(wilsonLowerBoundBps(failures, attempts, confidence)).toBe(bps);
    },
  );

  it('is zero without failures, however many attempts there were', () => {
    for (const attempts of [1, 10, 1_000_000]) expect(wilsonLowerBoundBps(0, attempts, 0.95)).toBe(0);
  });

  it('is never above the rate itself, nor below zero', () => {
    fc.assert(
      fc.property(someCounts, someConfidence, ([failures, attempts], confidence) => {
        const bps = wilsonLowerBoundBps(failures, attempts, confidence);
        expect(Number.isInteger(bps)).toBe(true);
        expect(bps).toBeGreaterThanOrEqual(0);
        expect(bps).toBeLessThanOrEqual((failures / attempts) * 10_000);
      }),
    );
  });

  it('does not fall when one more of the same attempts failed', () => {
    fc.assert(
      fc.property(someCounts, someConfidence, ([failures, attempts], confidence) => {
        fc.pre(failures < attempts);
        const before = wilsonLowerBoundBps(failures, attempts, confidence);
        expect(wilsonLowerBoundBps(failures + 1, attempts, confidence)).toBeGreaterThanOrEqual(before);
      }),
    );
  });

  it('does not rise with the confidence that is asked for', () => {
    fc.assert(
      fc.property(someCounts, someConfidence, someConfidence, ([failures, attempts], one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const bound = wilsonLowerBoundBps(failures, attempts, high);
        expect(bound).toBeLessThanOrEqual(wilsonLowerBoundBps(failures, attempts, low));
      }),
    );
  });

  it('comes close to the rate with many attempts', () => {
    expect(wilsonLowerBoundBps(50_000, 1_000_000, 0.95)).toBe(495);
  });
});

const nowMs = Date.UTC(2026, 0, 15, 12);
const minuteMs = 60_000;
/** 10 of 100: a lower bound of 552 basis points. */
const bad: RolloutOutcomes = { installs: 90, failures: 10 };
const watching: AutoPause = { ...autoPauseDefaults, isEnabled: true, failureRateBps: 500 };

const judge = (given: Partial<AutoPause>, outcomes: RolloutOutcomes = bad) =>
  judgeRollout({ ...watching, ...given }, outcomes, nowMs);

describe('the verdict on a rollout (protocol §2.6)', () => {
  const cooling = { lastTriggeredAtMs: nowMs };
  const table: [AutoPauseVerdict, string, Partial<AutoPause>, RolloutOutcomes?][] = [
    ['disabled', 'nobody watches', { isEnabled: false }],
    ['disabled', 'nobody watches, before all else', { isEnabled: false, failureRateBps: null, ...cooling }],
    ['no_threshold', 'no rate is named', { failureRateBps: null }],
    ['no_threshold', 'no rate is named, also while cooling down', { failureRateBps: null, ...cooling }],
    ['cooling_down', 'it was triggered this instant', cooling],
    ['cooling_down', 'too little happened as well', { ...cooling, minAttempts: 1_000 }],
    ['cooling_down', 'nothing failed as well', cooling, { installs: 0, failures: 0 }],
    [
      'triggered',
      'it was triggered at a time that lies ahead: the clock was set back',
      { lastTriggeredAtMs: nowMs + 1 },
    ],
    ['too_few_attempts', 'attempts are below the minimum', { minAttempts: 101 }],
    ['too_few_attempts', 'failures are below theirs as well', { minAttempts: 101, minFailures: 11 }],
    ['too_few_failures', 'failures are below the minimum', { minFailures: 11 }],
    ['too_few_failures', 'none failed and some must', { minFailures: 1 }, { installs: 5, failures: 0 }],
    ['no_failures', 'none failed', {}, { installs: 100, failures: 0 }],
    [
      'no_failures',
      'none failed at a threshold of zero',
      { failureRateBps: 0 },
      { installs: 1, failures: 0 },
    ],
    ['no_failures', 'nothing happened', {}, { installs: 0, failures: 0 }],
    ['below_threshold', 'the rate may be chance', {}, { installs: 95, failures: 5 }],
    ['below_threshold', 'the bound is just below', { failureRateBps: 553 }],
    ['triggered', 'the bound is equal', { failureRateBps: 552 }],
    ['triggered', 'the bound is above', {}],
    ['triggered', 'attempts are equal to the minimum', { minAttempts: 100 }],
    ['triggered', 'failures are equal to the minimum', { minFailures: 10 }],
    ['triggered', 'a single attempt failed and no minimum is named', {}, { installs: 0, failures: 1 }],
    ['triggered', 'the threshold is zero and something failed', { failureRateBps: 0 }],
  ];
  it.each(table)('is %s when %s', (verdict, _why, given, outcomes) => {
    expect(judge(given, outcomes)).toBe(verdict);
  });

  it('cools down for its minutes and not a millisecond longer', () => {
    const cooldownMinutes = 30;
    const endsAfter = (ms: number) => ({
      cooldownMinutes,
      lastTriggeredAtMs: nowMs - cooldownMinutes * minuteMs + ms,
    });
    expect(judge(endsAfter(1))).toBe('cooling_down');
    expect(judge(endsAfter(0))).toBe('triggered');
    expect(judge(endsAfter(-1))).toBe('triggered');
  });

  it('has no cooldown when that is zero', () => {
    expect(judge({ cooldownMinutes: 0, lastTriggeredAtMs: nowMs })).toBe('triggered');
  });

  it('does not depend on what is to happen then', () => {
    for (const action of ['pause', 'rollback', 'notify'] as const)
      expect(judge({ action })).toBe('triggered');
  });

  it('never triggers below the threshold, and never without a failure', () => {
    fc.assert(
      fc.property(someCounts, fc.integer({ min: 0, max: 10_000 }), ([failures, attempts], failureRateBps) => {
        const verdict = judge({ failureRateBps }, { installs: attempts - failures, failures });
        if (failures === 0) expect(verdict).toBe('no_failures');
        else if ((failures / attempts) * 10_000 < failureRateBps) expect(verdict).toBe('below_threshold');
      }),
    );
  });
});
