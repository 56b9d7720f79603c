import { judgeRollout } from '../domain/auto-pause.ts';
import type { Channel } from '../domain/channel.ts';
import { takesDevices } from '../domain/rollout.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';
import type { ChannelStore } from '../ports/store.ts';
import type { Channels } from './channels.ts';

/** A rollout whose failures were too many to be chance; the channel is as it was left. */
export interface TriggeredRollout {
  readonly channel: Channel;
  readonly installs: number;
  readonly failures: number;
}

/** A channel whose rollout could not be judged or stopped; it is tried again with the next run. */
export interface UnjudgedRollout {
  readonly channel: Channel;
  readonly error: unknown;
}

export interface FailingRollouts {
  readonly triggered: readonly TriggeredRollout[];
  readonly unjudged: readonly UnjudgedRollout[];
}

const minuteMs = 60_000;

/**
 * Looks at every rollout that may stop itself, and stops those that should (protocol §2.6). Each is judged for itself:
 * what goes wrong with one is answered and keeps no other from being stopped. Rejects when the channels cannot be read.
 */
export async function pauseFailingRollouts(deps: {
  readonly store: Pick<ChannelStore, 'listAutoPausingChannels'>;
  readonly log: Pick<DeviceEventLog, 'countRolloutOutcomes'>;
  readonly channels: Pick<Channels, 'triggerAutoPause'>;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
}): Promise<FailingRollouts> {
  const { store, log, channels, appSnapshots, clock } = deps;
  const triggered: TriggeredRollout[] = [];
  const unjudged: UnjudgedRollout[] = [];

  async function judge(judged: Channel): Promise<void> {
    const { appId, name, rollout, autoPause } = judged;
    const bundle = appSnapshots.find(appId)?.bundlesById.get(rollout.bundleId ?? '');
    if (!bundle || !takesDevices(rollout)) return;
    const now = clock.now();
    const outcomes = await log.countRolloutOutcomes({
      ...{ appId, channelName: name, versionName: bundle.versionName },
      sinceMs: now - autoPause.windowMinutes * minuteMs,
    });
    if (judgeRollout(autoPause, outcomes, now) !== 'triggered') return;
    const channel = await channels.triggerAutoPause(judged, outcomes);
    if (channel) triggered.push({ channel, ...outcomes });
  }

  for (const channel of await store.listAutoPausingChannels()) {
    await judge(channel).catch((error: unknown) => unjudged.push({ channel, error }));
  }
  return { triggered, unjudged };
}
