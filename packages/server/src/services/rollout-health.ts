import { type AutoPauseVerdict, judgeRollout, wilsonLowerBoundBps } from '../domain/auto-pause.ts';
import type { Channel } from '../domain/channel.ts';
import { fullBps, takesDevices } from '../domain/rollout.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';

/** How a channel's rollout fares, by the same numbers and rules that auto-pause stops it by. */
export interface RolloutHealth {
  readonly isRolling: boolean;
  readonly installs: number;
  readonly failures: number;
  /** Of installs and failures together; null without any. */
  readonly failureRateBps: number | null;
  /** The least the rate is, with the channel's confidence; null without a report. */
  readonly certainRateBps: number | null;
  readonly verdict: AutoPauseVerdict | 'no_rollout';
}

export type FindRolloutHealth = (channel: Channel) => Promise<RolloutHealth>;

const minuteMs = 60_000;

export function createRolloutHealth(deps: {
  readonly log: Pick<DeviceEventLog, 'countRolloutOutcomes'>;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
}): FindRolloutHealth {
  const { log, appSnapshots, clock } = deps;
  return async ({ appId, name, rollout, autoPause }) => {
    const bundle = appSnapshots.find(appId)?.bundlesById.get(rollout.bundleId ?? '');
    const isRolling = bundle !== undefined && takesDevices(rollout);
    if (!bundle) {
      const none = { installs: 0, failures: 0, failureRateBps: null, certainRateBps: null };
      return { ...none, isRolling, verdict: 'no_rollout' };
    }
    const now = clock.now();
    const outcomes = await log.countRolloutOutcomes({
      ...{ appId, channelName: name, versionName: bundle.versionName },
      sinceMs: now - autoPause.windowMinutes * minuteMs,
    });
    const { installs, failures } = outcomes;
    const attempts = installs + failures;
    return {
      ...{ isRolling, installs, failures },
      failureRateBps: attempts === 0 ? null : Math.round((failures / attempts) * fullBps),
      certainRateBps: attempts === 0 ? null : wilsonLowerBoundBps(failures, attempts, autoPause.confidence),
      verdict: judgeRollout(autoPause, outcomes, now),
    };
  };
}
