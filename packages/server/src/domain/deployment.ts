/** What serves: a channel by its number, or a release by its id. */
export type DeploymentTarget =
  | { readonly kind: 'channel'; readonly channelId: number }
  | { readonly kind: 'release'; readonly releaseId: string };

/** "Channel C, or release R, serves bundle B since T by actor A": what rollback walks. */
export interface Deployment {
  /** 24 hex characters, in the order of time. */
  readonly id: string;
  readonly appId: string;
  readonly target: DeploymentTarget;
  /** What everybody got, or those outside a rollout; null for builtin. */
  readonly bundleId: string | null;
  /** What a channel's rollout gave to its share; null without one. */
  readonly rolloutBundleId: string | null;
  /** Who: an actor as callers are named, or a job. */
  readonly actor: string;
  readonly reason: string;
  readonly createdAtMs: number;
}

/**
 * The time of a deployment: after that of its target's last one also when a clock was set back, because rollback walks
 * the history in the order in which it happened.
 *
 * @param lastAtMs undefined when the target has none yet
 */
export function deploymentTime(nowMs: number, lastAtMs: number | undefined): number {
  return lastAtMs === undefined ? nowMs : Math.max(nowMs, lastAtMs + 1);
}

/** The reason of a deployment that went back in the history. */
export const rollbackReason = 'rollback';

/**
 * What a target served before what it serves now, with every rollback taken as the step back it was, so that one
 * rollback after another walks further back and comes to an end. Bundles that are gone are passed over, and so are
 * those that then stand next to themselves: the answer is never what is served already.
 *
 * @param servedNow the bundle, null for builtin
 * @param newestFirst all deployments of the target
 * @param base what it served before the first of them; undefined when it did not exist then
 * @param isAlive whether a bundle can still be served
 * @returns the bundle, null for builtin, or undefined when there is nothing to go back to
 */
export function previouslyServed(
  servedNow: string | null,
  newestFirst: readonly Pick<Deployment, 'bundleId' | 'reason'>[],
  base: null | undefined,
  isAlive: (bundleId: string) => boolean,
): string | null | undefined {
  const served: (string | null)[] = base === null ? [null] : [];
  for (const { bundleId, reason } of newestFirst.toReversed()) {
    const backTo = reason === rollbackReason ? served.lastIndexOf(bundleId) : -1;
    if (backTo !== -1) served.length = backTo + 1;
    else if (served.at(-1) !== bundleId) served.push(bundleId);
  }
  return served.findLast((bundleId) => bundleId !== servedNow && (bundleId === null || isAlive(bundleId)));
}
