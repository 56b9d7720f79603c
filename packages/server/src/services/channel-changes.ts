import type { Platform } from '@capgo-server/protocol/formats/identifiers';
import { type Actor, labelOf } from '../domain/actor.ts';
import type { AutoPause } from '../domain/auto-pause.ts';
import { type Channel, rolloutDefaults } from '../domain/channel.ts';
import { AppError } from '../domain/errors.ts';
import { fullBps, type Rollout } from '../domain/rollout.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { ChannelChange, NewDeployment } from '../ports/store.ts';

/** What an operator may say of a channel beside what it serves. */
export type ChannelSettings = Partial<
  Pick<
    Channel,
    | 'isPublic'
    | 'allowDeviceSelfSet'
    | 'policy'
    | 'blocksUnderNative'
    | 'allowProd'
    | 'allowDev'
    | 'allowDevice'
    | 'allowEmulator'
    | 'updatePackage'
  >
> & {
  readonly platforms?: Partial<Record<Platform, boolean>>;
  readonly autoPause?: Partial<Omit<AutoPause, 'lastTriggeredAtMs'>>;
};

/** What an operator may say of a rollout; a new bundle starts a new one. */
export type RolloutSettings = Partial<
  Pick<Rollout, 'bundleId' | 'isEnabled' | 'percentageBps' | 'cacheTtlSeconds'>
>;

/** Whether a rollout takes new devices, and why not. */
export type RolloutPause = Partial<Pick<Rollout, 'pausedAtMs' | 'pauseReason'>>;

/** Everything that can be said of a channel at once; it happens whole or not at all, in this order. */
export interface ChannelPatch {
  readonly settings?: ChannelSettings | undefined;
  /** What everybody gets, or those outside a rollout; null for builtin. */
  readonly bundleId?: string | null | undefined;
  /** A new rollout bundle needs a stable one beside it. */
  readonly rollout?: (RolloutSettings & RolloutPause) | undefined;
  /**
   * Of a new rollout bundle: the one before becomes the stable one, and the new one goes to as many devices as it went
   * to, unless the patch says otherwise.
   */
  readonly advancesRollout?: boolean | undefined;
  /** The rollout bundle becomes the stable one, or goes away. */
  readonly endsRollout?: 'promote' | 'cancel' | undefined;
}

function invalid(message: string): AppError {
  return new AppError('invalid_request', message);
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function checkAutoPause(autoPause: AutoPause): void {
  const { windowMinutes, cooldownMinutes, failureRateBps, confidence, minAttempts, minFailures } = autoPause;
  if (!isWhole(windowMinutes, 1, 10_080)) throw invalid('auto-pause window must be 1 to 10080 minutes');
  if (!isWhole(cooldownMinutes, 0, 10_080)) throw invalid('auto-pause cooldown must be 0 to 10080 minutes');
  if (failureRateBps !== null && !isWhole(failureRateBps, 0, fullBps)) {
    throw invalid(`auto-pause failure rate must be 0 to ${fullBps} basis points`);
  }
  if (!(confidence > 0 && confidence < 1)) throw invalid('auto-pause confidence must lie between 0 and 1');
  for (const least of [minAttempts, minFailures]) {
    if (least !== null && !isWhole(least, 0, Number.MAX_SAFE_INTEGER)) {
      throw invalid('auto-pause minimums must be whole numbers, 0 or more');
    }
  }
}

function checkRollout(rollout: Rollout): void {
  if (!isWhole(rollout.percentageBps, 0, fullBps))
    throw invalid(`rollout percentage must be 0 to ${fullBps} basis points`);
  if (!isWhole(rollout.cacheTtlSeconds, 60, 31_536_000))
    throw invalid('rollout cache TTL must be 60 to 31536000 seconds');
}

/** The rollout bundle; throws `invalid_request` when there is none. */
function requireRollout({ name, rollout }: Channel): string {
  if (rollout.bundleId !== null) return rollout.bundleId;
  throw invalid(`Channel ${name} has no rollout; give it a rollout bundle first`);
}

export interface ChannelChanges {
  noRollout(before?: Pick<Rollout, 'cacheTtlSeconds'>): Rollout;
  deployment(served: Pick<Channel, 'bundleId' | 'rollout'>, actor: Actor, reason: string): NewDeployment;
  merge(channel: Channel, settings: ChannelSettings): Channel;
  serve(current: Channel, bundleId: string | null, actor: Actor, reason: string): ChannelChange;
  cancel(current: Channel, actor: Actor, why?: string): ChannelChange;
  pause(current: Channel, actor: Actor, why: string): ChannelChange;
  resume(current: Channel, actor: Actor, why?: string): ChannelChange;
  promote(current: Channel, actor: Actor): ChannelChange;
  changeRollout(current: Channel, settings: RolloutSettings, actor: Actor): ChannelChange;
  /** Rejects with `rollout_not_found` and `stable_bundle_missing`. */
  patch(current: Channel, patch: ChannelPatch, actor: Actor): ChannelChange;
}

/** What operators can do to a channel, each a pure change with the deployment that it is. */
export function createChannelChanges(deps: {
  readonly appSnapshots: Pick<AppSnapshots, 'find'>;
  readonly clock: Clock;
  readonly ids: Ids;
}): ChannelChanges {
  const { appSnapshots, clock, ids } = deps;
  /** None, with what clients have set of it for the next one. */
  const noRollout = ({ cacheTtlSeconds }: Pick<Rollout, 'cacheTtlSeconds'> = rolloutDefaults): Rollout => ({
    id: ids.next(),
    ...rolloutDefaults,
    cacheTtlSeconds,
  });

  /** @param served the channel as it serves from now on */
  function deployment(
    served: Pick<Channel, 'bundleId' | 'rollout'>,
    actor: Actor,
    reason: string,
  ): NewDeployment {
    const { bundleId, rollout } = served;
    const createdAtMs = clock.now();
    return {
      ...{ id: ids.next(), bundleId, rolloutBundleId: rollout.bundleId },
      ...{ actor: labelOf(actor), reason, createdAtMs },
    };
  }

  function merge(channel: Channel, settings: ChannelSettings): Channel {
    const autoPause = { ...channel.autoPause, ...settings.autoPause };
    checkAutoPause(autoPause);
    const platforms = { ...channel.platforms, ...settings.platforms };
    return { ...channel, ...settings, platforms, autoPause };
  }

  /** The stable bundle, with a deployment when it is another one. */
  function serve(current: Channel, bundleId: string | null, actor: Actor, reason: string): ChannelChange {
    const channel = { ...current, bundleId };
    if (bundleId === current.bundleId) return { channel };
    return { channel, deployment: deployment(channel, actor, reason) };
  }

  /** What became of the rollout, for people: a deployment itself names the stable bundle only. */
  function rolloutReason({ appId, rollout }: Channel, what: string, why?: string): string {
    const bundle = appSnapshots.find(appId)?.bundlesById.get(rollout.bundleId ?? '');
    const name = bundle?.versionName ?? `bundle ${rollout.bundleId}`;
    return `rollout of ${name} ${what}${why ? ` (${why})` : ''}`;
  }

  /** Who has the rollout bundle is sent back to the stable one. */
  function cancel(current: Channel, actor: Actor, why?: string): ChannelChange {
    const channel = { ...current, rollout: noRollout(current.rollout) };
    if (current.rollout.bundleId === null) return { channel };
    return {
      channel,
      deployment: deployment(channel, actor, rolloutReason(current, 'cancelled', why)),
    };
  }

  /** A rollout that is paused already keeps the reason and the time of the first pause. */
  function pause(current: Channel, actor: Actor, why: string): ChannelChange {
    requireRollout(current);
    if (current.rollout.pausedAtMs !== null) return { channel: current };
    const rollout = { ...current.rollout, pausedAtMs: clock.now(), pauseReason: why };
    return {
      channel: { ...current, rollout },
      deployment: deployment(current, actor, rolloutReason(current, 'paused', why)),
    };
  }

  function resume(current: Channel, actor: Actor, why?: string): ChannelChange {
    requireRollout(current);
    if (current.rollout.pausedAtMs === null) return { channel: current };
    const rollout = { ...current.rollout, pausedAtMs: null, pauseReason: null };
    return {
      channel: { ...current, rollout },
      deployment: deployment(current, actor, rolloutReason(current, 'resumed', why)),
    };
  }

  function promote(current: Channel, actor: Actor): ChannelChange {
    const bundleId = requireRollout(current);
    const reason = rolloutReason(current, 'promoted');
    return serve({ ...current, rollout: noRollout(current.rollout) }, bundleId, actor, reason);
  }

  function changeRollout(current: Channel, settings: RolloutSettings, actor: Actor): ChannelChange {
    const isNew = settings.bundleId !== undefined && settings.bundleId !== current.rollout.bundleId;
    // In place of another one a new bundle starts from nobody: a share that the older one had earned must not be given
    // to it at once.
    const earned = current.rollout.bundleId === null ? current.rollout.percentageBps : 0;
    const before = isNew
      ? { ...current.rollout, id: ids.next(), percentageBps: earned, pausedAtMs: null, pauseReason: null }
      : current.rollout;
    const rollout = { ...before, ...settings };
    checkRollout(rollout);
    const channel = { ...current, rollout };
    const isSame =
      !isNew &&
      rollout.percentageBps === current.rollout.percentageBps &&
      rollout.isEnabled === current.rollout.isEnabled;
    if (isSame || (rollout.bundleId === null && !isNew)) return { channel };
    const share = rollout.isEnabled ? `at ${rollout.percentageBps / 100} %` : 'disabled';
    const reason =
      rollout.bundleId === null ? rolloutReason(current, 'cancelled') : rolloutReason(channel, share);
    return { channel, deployment: deployment(channel, actor, reason) };
  }

  /** As it is told, also where there is nothing to pause: it is for clients that say all that they know. */
  function setPause(current: Channel, pause: RolloutPause, actor: Actor): ChannelChange {
    const { pausedAtMs = current.rollout.pausedAtMs, pauseReason = current.rollout.pauseReason } = pause;
    const rollout = {
      ...current.rollout,
      pausedAtMs,
      pauseReason: pausedAtMs === null ? null : pauseReason,
    };
    const channel = { ...current, rollout };
    const wasPaused = current.rollout.pausedAtMs !== null;
    if (rollout.bundleId === null || wasPaused === (pausedAtMs !== null)) return { channel };
    const reason = rolloutReason(channel, wasPaused ? 'resumed' : 'paused', rollout.pauseReason ?? '');
    return { channel, deployment: deployment(channel, actor, reason) };
  }

  /** What a rollout has come to so far, for the bundle that takes its place. */
  function advance(current: Channel, settings: RolloutSettings, actor: Actor): readonly ChannelChange[] {
    const { bundleId, isEnabled, percentageBps } = current.rollout;
    // Told again, as a client does that did not hear the answer: it is done already.
    if (bundleId === null || settings.bundleId === bundleId) return [];
    const promoted = promote(current, actor);
    const rollout = { ...promoted.channel.rollout, isEnabled, percentageBps };
    return [{ ...promoted, channel: { ...promoted.channel, rollout } }];
  }

  function patch(current: Channel, given: ChannelPatch, actor: Actor): ChannelChange {
    const { settings, bundleId, rollout, advancesRollout, endsRollout } = given;
    let channel = current;
    const reasons: string[] = [];
    const take = (change: ChannelChange) => {
      channel = change.channel;
      if (change.deployment) reasons.push(change.deployment.reason);
    };
    if (settings) channel = merge(channel, settings);
    if (advancesRollout) {
      if (!rollout?.bundleId) throw new AppError('rollout_not_found', 'Name the bundle to roll out next');
      for (const change of advance(channel, rollout, actor)) take(change);
    }
    if (bundleId !== undefined) take(serve(channel, bundleId, actor, 'set bundle'));
    if (rollout) {
      const { pausedAtMs, pauseReason, ...share } = rollout;
      if (Object.keys(share).length > 0) take(changeRollout(channel, share, actor));
      if (pausedAtMs !== undefined || pauseReason !== undefined) {
        const pause = {
          ...(pausedAtMs === undefined ? {} : { pausedAtMs }),
          ...(pauseReason === undefined ? {} : { pauseReason }),
        };
        take(setPause(channel, pause, actor));
      }
      if (share.bundleId && channel.bundleId === null) {
        throw new AppError(
          'stable_bundle_missing',
          `Channel ${channel.name} serves no bundle to the devices outside of a rollout; set one first`,
        );
      }
    }
    if (endsRollout === 'promote') {
      if (channel.rollout.bundleId === null) {
        throw new AppError('rollout_not_found', `Channel ${channel.name} has no rollout to promote`);
      }
      take(promote(channel, actor));
    } else if (endsRollout === 'cancel') {
      take(cancel(channel, actor));
    }
    if (reasons.length === 0) return { channel };
    return { channel, deployment: deployment(channel, actor, reasons.join('; ')) };
  }

  return { noRollout, deployment, merge, serve, cancel, pause, resume, promote, changeRollout, patch };
}
