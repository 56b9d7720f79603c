import { hash } from 'node:crypto';

/** A channel's second bundle for a share of its devices (protocol §2.5, §0.3 D5). */
export interface Rollout {
  /** Part of the draw, new for each rollout bundle, so that not the same devices go first every time. */
  readonly id: string;
  /** null while there is no rollout. */
  readonly bundleId: string | null;
  readonly isEnabled: boolean;
  /** Basis points, 0 to 10,000. */
  readonly percentageBps: number;
  readonly pausedAtMs: number | null;
  readonly pauseReason: string | null;
  /** Kept for clients that set it; the draw needs no memory. Seconds. */
  readonly cacheTtlSeconds: number;
}

export const fullBps = 10_000;
const twoToThe32 = 2 ** 32;

/** Where a device stands in a rollout, 0 to 9,999: the same on every node and at every check. */
export function rolloutBucket(rolloutId: string, deviceId: string): number {
  // The one-shot hash in hex costs a quarter of a hash object with a buffer.
  const digest = hash('sha256', `${rolloutId}:${deviceId.toLowerCase()}`, 'hex');
  return Math.floor((Number.parseInt(digest.slice(0, 8), 16) * fullBps) / twoToThe32);
}

/** Whether some device may be on the rollout bundle by it: a paused one takes nobody new, but who has it keeps it. */
export function servesSomebody(rollout: Rollout): boolean {
  return rollout.bundleId !== null && rollout.isEnabled && rollout.percentageBps > 0;
}

/** Whether devices that do not have the rollout bundle yet may get it. */
export function takesDevices(rollout: Rollout): boolean {
  return servesSomebody(rollout) && rollout.pausedAtMs === null;
}

export type RolloutReason =
  | 'no_rollout'
  | 'disabled'
  | 'percentage_zero'
  | 'already_on_rollout'
  | 'paused'
  | 'in_percentage'
  | 'outside_percentage';

export interface RolloutDraw {
  readonly isSelected: boolean;
  readonly reason: RolloutReason;
  /** Undefined where the answer did not depend on it. */
  readonly bucket: number | undefined;
}

/** @param isOnRolloutBundle whether the device runs the rollout bundle already */
export function drawRollout(rollout: Rollout, deviceId: string, isOnRolloutBundle: boolean): RolloutDraw {
  const decided = (isSelected: boolean, reason: RolloutReason): RolloutDraw => ({
    isSelected,
    reason,
    bucket: undefined,
  });
  if (rollout.bundleId === null) return decided(false, 'no_rollout');
  if (!rollout.isEnabled) return decided(false, 'disabled');
  // Also for a device on the rollout bundle: zero means that nobody is to have it.
  if (rollout.percentageBps <= 0) return decided(false, 'percentage_zero');
  if (rollout.pausedAtMs !== null) {
    return isOnRolloutBundle ? decided(true, 'already_on_rollout') : decided(false, 'paused');
  }
  const bucket = rolloutBucket(rollout.id, deviceId);
  const isSelected = bucket < rollout.percentageBps;
  return { isSelected, reason: isSelected ? 'in_percentage' : 'outside_percentage', bucket };
}
