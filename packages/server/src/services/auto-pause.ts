import { judgeRollout } from '../domain/auto-pause.ts';
import type { Channel } from '../domain/channel.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';
import type { ChannelStore } from '../ports/store.ts';
import type { Channels } from './channels.ts';

/** A rollout whose failures were too many to be chance, and what was done about it. */
export interface TriggeredRollout {
  readonly channel: Channel;
  readonly installs: number;
  readonly failures: number;
}

const minuteMs = 60_000;
const actor = 'auto-pause';

/** Looks at every rollout that may stop itself, and stops those that should (protocol §2.6). Answers which those were. */
export async function pauseFailingRollouts(deps: {
  readonly store: ChannelStore;
  readonly log: Pick<DeviceEventLog, 'countRolloutOutcomes'>;
  readonly channels: Channels;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
}): Promise<readonly TriggeredRollout[]> {
  const { store, log, channels, appSnapshots, clock } = deps;
  const triggered: TriggeredRollout[] = [];

  async function judge(channel: Channel): Promise<void> {
    const { rollout, autoPause } = channel;
    const bundle =
      rollout.bundleId === null
        ? undefined
        : appSnapshots.find(channel.appId)?.bundlesById.get(rollout.bundleId);
    if (!bundle || !rollout.isEnabled || rollout.percentageBps === 0 || rollout.pausedAtMs !== null) return;
    const now = clock.now();
    const outcomes = await log.countRolloutOutcomes({
      appId: channel.appId,
      channelName: channel.name,
      versionName: bundle.versionName,
      sinceMs: now - autoPause.windowMinutes * minuteMs,
    });
    if (judgeRollout(autoPause, outcomes, now) !== 'triggered') return;
    const marked = await store.updateChannel(channel.id, (current) => ({
      channel: { ...current, autoPause: { ...current.autoPause, lastTriggeredAtMs: now } },
    }));
    const { failures, installs } = outcomes;
    const reason = `auto-pause: ${failures} of ${installs + failures} installs of ${bundle.versionName} failed`;
    if (autoPause.action === 'pause') await channels.pauseRollout(channel.id, actor, reason);
    if (autoPause.action === 'rollback') await channels.cancelRollout(channel.id, actor, reason);
    triggered.push({ channel: marked, ...outcomes });
  }

  for (const channel of await store.listAutoPausingChannels()) await judge(channel);
  return triggered;
}
