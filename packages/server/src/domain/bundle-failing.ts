import { wilsonLowerBoundBps } from './auto-pause.ts';

/** How far back failures count. */
export const failingWindowMs = 60 * 60 * 1000;
/** Devices on which a bundle must have failed before anybody is told: fewer are chance. */
export const minFailingDevices = 5;
/** The share of failures that surely is exceeded, in basis points. */
const minFailureRateBps = 1_000;
const confidence = 0.95;
/** So long nobody is told of the same bundle again. */
export const failingNoticeEveryMs = 24 * 60 * 60 * 1000;

/** Whether a bundle fails on so many devices that its people should be told. */
export function isFailing(facts: {
  readonly failingDevices: number;
  readonly installs: number;
  readonly failures: number;
}): boolean {
  const { failingDevices, installs, failures } = facts;
  if (failingDevices < minFailingDevices || failures === 0) return false;
  return wilsonLowerBoundBps(failures, installs + failures, confidence) >= minFailureRateBps;
}
