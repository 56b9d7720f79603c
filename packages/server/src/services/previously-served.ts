import { type DeploymentTarget, previouslyServed } from '../domain/deployment.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { DeploymentLog } from '../ports/store.ts';

const deploymentsPerRead = 1_000;

/**
 * What a rollback of the target goes back to, as `previouslyServed` has it: its whole history is read, however many
 * changes of a rollout lie between two bundles.
 */
export async function findPreviouslyServed(
  deps: { readonly store: DeploymentLog; readonly appSnapshots: AppSnapshots },
  given: {
    readonly appId: string;
    readonly target: DeploymentTarget;
    readonly servedNow: string | null;
    readonly base: null | undefined;
  },
): Promise<string | null | undefined> {
  const { appId, target, servedNow, base } = given;
  // A bundle that another node added must not be taken for one that is gone: the rollback would go too far.
  await deps.appSnapshots.refresh(appId);
  const bundles = deps.appSnapshots.find(appId)?.bundlesById;
  const newestFirst = [];
  let cursor: string | undefined;
  do {
    const page = await deps.store.listDeployments(target, { limit: deploymentsPerRead, cursor });
    newestFirst.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return previouslyServed(servedNow, newestFirst, base, (bundleId) => bundles?.has(bundleId) ?? false);
}
