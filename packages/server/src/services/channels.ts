import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { type Actor, systemActor } from '../domain/actor.ts';
import { judgeRollout, type RolloutOutcomes } from '../domain/auto-pause.ts';
import { autoPauseDefaults, type Channel, channelDefaults } from '../domain/channel.ts';
import { type Deployment, rollbackReason } from '../domain/deployment.ts';
import { AppError } from '../domain/errors.ts';
import { servesSomebody, takesDevices } from '../domain/rollout.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import type { ChannelChange, ChannelStore, DeploymentLog } from '../ports/store.ts';
import {
  type ChannelPatch,
  type ChannelSettings,
  createChannelChanges,
  type RolloutSettings,
} from './channel-changes.ts';
import { findPreviouslyServed } from './previously-served.ts';

/**
 * Every change is visible to the next update check. One of what a channel serves is a deployment whose reason says what
 * happened; who may have it, its settings decide, and those leave none.
 */
export interface Channels {
  create(
    facts: { readonly appId: string; readonly name: string } & ChannelSettings,
    actor: Actor,
  ): Promise<Channel>;
  /**
   * Makes of a channel, or of a new one of that name, all that is said of it, as one change. Rejects with
   * `invalid_request`, `bundle_not_found`, `rollout_not_found` and `stable_bundle_missing`, and then nothing has changed; a
   * rollout bundle needs a channel that is there.
   */
  save(
    which: Pick<Channel, 'appId' | 'name'>,
    given: ChannelPatch,
    actor: Actor,
  ): Promise<{ readonly channel: Channel; readonly isNew: boolean }>;
  changeSettings(id: number, settings: ChannelSettings, actor: Actor): Promise<Channel>;
  /** @param bundleId null for builtin */
  setBundle(id: number, bundleId: string | null, actor: Actor): Promise<Channel>;
  changeRollout(id: number, settings: RolloutSettings, actor: Actor): Promise<Channel>;
  /**
   * Nobody new gets the rollout bundle; who has it keeps it. One that is paused already stays as it is, with the first
   * reason. Rejects with `invalid_request` without a rollout bundle.
   *
   * @param why for people, in the rollout and in the deployment
   */
  pauseRollout(id: number, actor: Actor, why: string): Promise<Channel>;
  /** Takes new devices again; one that is not paused stays as it is. Rejects as `pauseRollout`. */
  resumeRollout(id: number, actor: Actor, why?: string): Promise<Channel>;
  /** The rollout bundle becomes the stable one, for everybody. Rejects with `invalid_request` without a rollout. */
  promoteRollout(id: number, actor: Actor): Promise<Channel>;
  /** Nobody gets the rollout bundle any more; who has it is sent back to the stable one. */
  cancelRollout(id: number, actor: Actor, why?: string): Promise<Channel>;
  /**
   * A rollout that serves somebody, also a paused one, is cancelled and the stable bundle stays; without one the stable
   * bundle gives way to the one before it, rollback after rollback further back. Who has what was taken back is sent
   * back.
   *
   * It takes back what was served when it was asked. When another change took that away first, nothing more happens
   * and the answer is the channel as it then is: two operators who roll back at once go back one step, and a bundle
   * that one of them sets meanwhile stays. A rollout that starts meanwhile is cancelled as any other.
   *
   * Rejects with `invalid_request` when there is nothing to go back to.
   */
  rollback(id: number, actor: Actor): Promise<Channel>;
  /**
   * Does with a rollout that fails too often what its channel says (protocol §2.6), and marks it, in one step. Changes
   * nothing and answers undefined when by then the rollout is another one or takes no devices, or the channel's rules
   * do not call for it any more: it was triggered meanwhile, or an operator was faster.
   *
   * @param judged the channel whose rollout the outcomes are of
   */
  triggerAutoPause(judged: Channel, outcomes: RolloutOutcomes): Promise<Channel | undefined>;
  get(id: number): Promise<Channel>;
  list(appId: string): Promise<readonly Channel[]>;
  listDeployments(id: number, page: PageRequest): Promise<Page<Deployment>>;
  delete(id: number, actor: Actor): Promise<void>;
}

const maxNameLength = 255;
const autoPauseActor = systemActor('auto-pause');

function invalid(message: string): AppError {
  return new AppError('invalid_request', message);
}

function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be in a name.
  if (name.trim() === '' || name.length > maxNameLength || /[\u0000-\u001f\u007f]/.test(name)) {
    throw invalid(`channel must be a name of 1 to ${maxNameLength} characters`);
  }
}

/** Whether some device may have another bundle than the stable one; a rollout of that very bundle gives it nothing else. */
function rollsOutAnother({ bundleId, rollout }: Channel): boolean {
  return servesSomebody(rollout) && rollout.bundleId !== bundleId;
}

/** Whether what a rollback was to take back, of the channel as it was when it was asked, is not served any more. */
function isTakenBack(asked: Channel, current: Channel): boolean {
  return rollsOutAnother(asked)
    ? current.rollout.id !== asked.rollout.id || !rollsOutAnother(current)
    : current.bundleId !== asked.bundleId;
}

export function createChannels(deps: {
  readonly store: ChannelStore & DeploymentLog;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
  readonly ids: Ids;
}): Channels {
  const { store, appSnapshots, clock } = deps;
  const { noRollout, deployment, merge, serve, cancel, pause, resume, promote, changeRollout, patch } =
    createChannelChanges(deps);

  async function published(channel: Channel): Promise<Channel> {
    await appSnapshots.refresh(channel.appId);
    return channel;
  }

  /** A change that answers the very channel it was given changes nothing, not even its date. */
  async function update(
    id: number,
    actor: Actor,
    change: (current: Channel) => ChannelChange,
  ): Promise<Channel> {
    const updatedAtMs = clock.now();
    const dated = (current: Channel): ChannelChange => {
      const { channel, deployment: deployed } = change(current);
      if (channel === current) return { channel };
      return { channel: { ...channel, updatedAtMs }, deployment: deployed };
    };
    return published(await store.updateChannel(id, dated, { actor, atMs: updatedAtMs }));
  }

  function newChannel(appId: string, name: string): Channel {
    if (!isAppId(appId)) throw invalid('app_id must be a reverse-domain id such as com.example.app');
    checkName(name);
    const now = clock.now();
    return {
      ...channelDefaults,
      ...{ id: 0, appId, name, rollout: noRollout(), autoPause: autoPauseDefaults },
      ...{ createdAtMs: now, updatedAtMs: now },
    };
  }

  async function insert(empty: Channel, given: ChannelPatch, actor: Actor): Promise<Channel> {
    if (given.rollout?.bundleId) {
      throw new AppError(
        'channel_not_found',
        `There is no channel ${empty.name} yet; make it first, with the bundle for those outside of the rollout`,
      );
    }
    const { id: _unset, ...channel } = patch(empty, given, actor).channel;
    const created = deployment(channel, actor, 'created');
    return published(await store.insertChannel(channel, created, { actor, atMs: clock.now() }));
  }

  async function find(id: number): Promise<Channel> {
    const channel = await store.findChannel(id);
    if (!channel) throw new AppError('channel_not_found', `There is no channel ${id}`);
    return channel;
  }

  return {
    async create({ appId, name, ...settings }, actor) {
      const empty = newChannel(appId, name);
      const { id: _unset, ...channel } = merge(empty, settings);
      const created = deployment(empty, actor, 'created');
      return published(await store.insertChannel(channel, created, { actor, atMs: clock.now() }));
    },
    async save({ appId, name }, given, actor) {
      // Whoever is faster in making or deleting it makes us look again.
      for (;;) {
        const known = (await store.listChannels(appId)).find((channel) => channel.name === name);
        try {
          if (known) {
            const channel = await update(known.id, actor, (current) => patch(current, given, actor));
            return { channel, isNew: false };
          }
          return { channel: await insert(newChannel(appId, name), given, actor), isNew: true };
        } catch (error) {
          const isOvertaken =
            error instanceof AppError &&
            error.code === (known ? 'channel_not_found' : 'channel_already_exists');
          if (!isOvertaken) throw error;
        }
      }
    },
    changeSettings: (id, settings, actor) =>
      update(id, actor, (current) => ({ channel: merge(current, settings) })),
    setBundle: (id, bundleId, actor) =>
      update(id, actor, (current) => serve(current, bundleId, actor, 'set bundle')),

    changeRollout: (id, settings, actor) =>
      update(id, actor, (current) => changeRollout(current, settings, actor)),
    pauseRollout: (id, actor, why) => update(id, actor, (current) => pause(current, actor, why)),
    resumeRollout: (id, actor, why) => update(id, actor, (current) => resume(current, actor, why)),
    promoteRollout: (id, actor) => update(id, actor, (current) => promote(current, actor)),
    cancelRollout: (id, actor, why) => update(id, actor, (current) => cancel(current, actor, why)),

    async rollback(id, actor) {
      const asked = await find(id);
      const previous = await findPreviouslyServed(deps, {
        appId: asked.appId,
        target: { kind: 'channel', channelId: id },
        servedNow: asked.bundleId,
        base: undefined,
      });
      return update(id, actor, (current) => {
        if (isTakenBack(asked, current)) return { channel: current };
        if (rollsOutAnother(current)) return cancel(current, actor, rollbackReason);
        if (previous === undefined)
          throw invalid('The channel has served nothing before that it could go back to');
        // A rollout of the very bundle that is taken back would go on giving it to its share of the devices.
        const rollout = servesSomebody(current.rollout) ? noRollout(current.rollout) : current.rollout;
        return serve({ ...current, rollout }, previous, actor, rollbackReason);
      });
    },

    async triggerAutoPause(judged, outcomes) {
      let isTriggered = false;
      const channel = await update(judged.id, autoPauseActor, (current) => {
        const now = clock.now();
        isTriggered =
          current.rollout.id === judged.rollout.id &&
          takesDevices(current.rollout) &&
          judgeRollout(current.autoPause, outcomes, now) === 'triggered';
        if (!isTriggered) return { channel: current };
        const marked = { ...current, autoPause: { ...current.autoPause, lastTriggeredAtMs: now } };
        const { installs, failures } = outcomes;
        const why = `${autoPauseActor.name}: ${failures} of ${installs + failures} installs failed`;
        switch (current.autoPause.action) {
          case 'pause':
            return pause(marked, autoPauseActor, why);
          case 'rollback':
            return cancel(marked, autoPauseActor, why);
          case 'notify':
            return { channel: marked };
        }
      });
      return isTriggered ? channel : undefined;
    },

    get: find,
    list: (appId) => store.listChannels(appId),
    async listDeployments(id, page) {
      await find(id);
      return store.listDeployments({ kind: 'channel', channelId: id }, page);
    },
    async delete(id, actor) {
      await published(await store.deleteChannel(id, { actor, atMs: clock.now() }));
    },
  };
}
