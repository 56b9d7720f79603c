import type { DeviceCheck } from '../domain/device.ts';
import { type DecisionRules, decideUpdate, type UpdateDecision } from '../domain/update-decision.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { CheckFacts, CheckRecorder } from './check-recorder.ts';
import type { Usage } from './usage.ts';

/** A decision with each step taken, in order, and why it went as it did. */
export interface ExplainedDecision {
  readonly decision: UpdateDecision;
  readonly steps: readonly { readonly step: string; readonly why: string }[];
}

export interface UpdateChecks {
  /** Answers from memory: no database and no storage is asked, and nothing waits for the recording of it. */
  decide(device: DeviceCheck, facts: CheckFacts): UpdateDecision;
  /**
   * What `decide` would answer now, with its reasons; nothing is recorded.
   *
   * @param isAppSeen whether who asks may know of the app; if not it is answered as one that nobody has
   */
  explain(device: DeviceCheck, isAppSeen: boolean): ExplainedDecision;
}

export function createUpdateChecks(deps: {
  readonly appSnapshots: AppSnapshots;
  readonly deviceStates: DeviceStates;
  readonly recorder: Pick<CheckRecorder, 'note'>;
  readonly usage: Pick<Usage, 'countCheck'>;
  readonly rules: DecisionRules;
}): UpdateChecks {
  const { appSnapshots, deviceStates, recorder, usage, rules } = deps;
  return {
    decide(device, facts) {
      const state = deviceStates.find(device);
      const app = appSnapshots.find(device.appId);
      const decision = decideUpdate(app, device, state, rules);
      if (app) usage.countCheck(app.appId);
      recorder.note(device, facts, decision);
      return decision;
    },
    explain(device, isAppSeen) {
      const steps: { step: string; why: string }[] = [];
      const state = deviceStates.find(device);
      const app = isAppSeen ? appSnapshots.find(device.appId) : undefined;
      const decision = decideUpdate(app, device, state, rules, (step, why) => steps.push({ step, why }));
      return { decision, steps };
    },
  };
}
