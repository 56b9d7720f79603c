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
  /** null for builtin. */
  readonly bundleId: string | null;
  /** Who: a management token's name, a user, or a job. */
  readonly actor: string;
  readonly reason: string;
  readonly createdAtMs: number;
}

/** The reason of a deployment that went back in the history. */
export const rollbackReason = 'rollback';

/**
 * What a target served before what it serves now, with every rollback taken as the step back it was, so that one
 * rollback after another walks further back. Bundles that are gone are passed over.
 *
 * @param newestFirst the target's deployments
 * @param base what it served before the first of them; undefined when it did not exist then
 * @param isAlive whether a bundle can still be served
 * @returns the bundle, null for builtin, or undefined when there is nothing to go back to
 */
export function previouslyServed(
  newestFirst: readonly Pick<Deployment, 'bundleId' | 'reason'>[],
  base: null | undefined,
  isAlive: (bundleId: string) => boolean = () => true,
): string | null | undefined {
  const served: (string | null)[] = base === null ? [null] : [];
  for (const { bundleId, reason } of newestFirst.toReversed()) {
    if (reason === rollbackReason) while (served.length > 1 && served.at(-1) !== bundleId) served.pop();
    if (served.length === 0 || served.at(-1) !== bundleId) served.push(bundleId);
  }
  return served.slice(0, -1).findLast((bundleId) => bundleId === null || isAlive(bundleId));
}
