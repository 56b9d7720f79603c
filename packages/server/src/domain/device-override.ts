const dayMs = 24 * 60 * 60 * 1000;
const minuteMs = 60 * 1000;

/** An operator's pin of a device holds for so long after it was written last, so that forgotten ones do not hold for ever. */
export const overrideLifetimeMs = 90 * dayMs;

/**
 * When a pin that is written now ends. To the minute, because devices are pinned many at a time and those that end
 * together share their memory.
 */
export function overrideExpiry(nowMs: number): number {
  return Math.floor((nowMs + overrideLifetimeMs) / minuteMs) * minuteMs;
}

/** @param expiresAtMs null for one that was written without an end */
export function isInForce(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs === null || nowMs < expiresAtMs;
}
