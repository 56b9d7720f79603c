import type { DeviceCheck } from '../domain/device.ts';
import { decideUpdate, type UpdateDecision } from '../domain/update-decision.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';

export interface UpdateChecks {
  /** Answers from memory: no database and no storage is asked. */
  decide(device: DeviceCheck): UpdateDecision;
}

export function createUpdateChecks(deps: { readonly appSnapshots: AppSnapshots }): UpdateChecks {
  return { decide: (device) => decideUpdate(deps.appSnapshots.find(device.appId), device) };
}
