import { isWithin } from './elapsed.ts';

/** When a rollout stops itself (protocol §2.6). */
export interface AutoPause {
  readonly isEnabled: boolean;
  readonly windowMinutes: number;
  /** Basis points; null for no threshold, which never triggers. */
  readonly failureRateBps: number | null;
  /** Two-sided, between 0 and 1. */
  readonly confidence: number;
  readonly minAttempts: number | null;
  readonly minFailures: number | null;
  readonly action: AutoPauseAction;
  readonly cooldownMinutes: number;
  readonly lastTriggeredAtMs: number | null;
}

export type AutoPauseAction = 'pause' | 'rollback' | 'notify';

/** What devices reported of the rollout bundle within the window. */
export interface RolloutOutcomes {
  readonly installs: number;
  readonly failures: number;
}

export type AutoPauseVerdict =
  | 'disabled'
  | 'no_threshold'
  | 'cooling_down'
  | 'too_few_attempts'
  | 'too_few_failures'
  | 'no_failures'
  | 'below_threshold'
  | 'triggered';

const minuteMs = 60_000;

/** Rational approximation of the standard normal quantile by P. J. Acklam; relative error below 1.2e-9. */
function normalQuantile(probability: number): number {
  const a = [
    -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
    2.506628277459239,
  ] as const;
  const b = [
    -54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572,
  ] as const;
  const c = [
    -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
    2.938163982698783,
  ] as const;
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416] as const;
  const lowTail = 0.02425;
  const horner = (coefficients: readonly number[], x: number) =>
    coefficients.reduce((sum, each) => sum * x + each, 0);
  if (probability < lowTail || probability > 1 - lowTail) {
    const tail = Math.min(probability, 1 - probability);
    const q = Math.sqrt(-2 * Math.log(tail));
    const x = horner(c, q) / horner([...d, 1], q);
    return probability < lowTail ? x : -x;
  }
  const q = probability - 0.5;
  const r = q * q;
  return (horner(a, r) * q) / horner([...b, 1], r);
}

/**
 * Lower bound of the Wilson score interval of failures out of attempts, in whole basis points, rounded down.
 *
 * @param attempts 1 or more
 * @param confidence two-sided, between 0 and 1
 */
export function wilsonLowerBoundBps(failures: number, attempts: number, confidence: number): number {
  const z = normalQuantile(1 - (1 - confidence) / 2);
  const rate = failures / attempts;
  const spread = z * Math.sqrt((rate * (1 - rate)) / attempts + (z * z) / (4 * attempts * attempts));
  const bound = (rate + (z * z) / (2 * attempts) - spread) / (1 + (z * z) / attempts);
  return Math.floor(Math.max(0, bound) * 10_000);
}

/** Whether the failures of a rollout are too many to be chance, and if not, why not. */
export function judgeRollout(
  autoPause: AutoPause,
  outcomes: RolloutOutcomes,
  nowMs: number,
): AutoPauseVerdict {
  const attempts = outcomes.installs + outcomes.failures;
  if (!autoPause.isEnabled) return 'disabled';
  if (autoPause.failureRateBps === null) return 'no_threshold';
  const { lastTriggeredAtMs } = autoPause;
  if (lastTriggeredAtMs !== null && isWithin(autoPause.cooldownMinutes * minuteMs, lastTriggeredAtMs, nowMs))
    return 'cooling_down';
  if (attempts < (autoPause.minAttempts ?? 0)) return 'too_few_attempts';
  if (outcomes.failures < (autoPause.minFailures ?? 0)) return 'too_few_failures';
  if (outcomes.failures === 0) return 'no_failures';
  const bound = wilsonLowerBoundBps(outcomes.failures, attempts, autoPause.confidence);
  return bound >= autoPause.failureRateBps ? 'triggered' : 'below_threshold';
}
