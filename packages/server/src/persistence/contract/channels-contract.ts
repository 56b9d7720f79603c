import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../../domain/channel.ts';
import { AppError } from '../../domain/errors.ts';
import type { ChannelChange, Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildNewDeployment,
  nextId,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { lookalikes } from './bundles-contract.ts';
import { newAppId, type OpenedStore, type OpenStore, outcomesOf } from './opened-store.ts';
import { readDeviceState } from './read-device-state.ts';

const unknownNumber = 2_000_000_000;

/** A channel as given, whose every field differs from the defaults; it serves the two bundles. */
function unusualChannel(appId: string, bundleId: string, rolloutBundleId: string): Omit<Channel, 'id'> {
  return {
    appId,
    name: 'Bêta 👩‍👧 "1"',
    isPublic: true,
    allowDeviceSelfSet: true,
    platforms: { ios: false, android: true, electron: false },
    policy: 'version_number',
    blocksUnderNative: false,
    allowProd: false,
    allowDev: false,
    allowDevice: false,
    allowEmulator: false,
    updatePackage: 'delta_from_builtin',
    bundleId,
    rollout: {
      id: nextId(),
      bundleId: rolloutBundleId,
      isEnabled: true,
      percentageBps: 1_234,
      pausedAtMs: someTimeMs + 3,
      pauseReason: 'Zu viele Fehler 👎',
      cacheTtlSeconds: 60,
    },
    autoPause: {
      isEnabled: true,
      windowMinutes: 30,
      failureRateBps: 250,
      confidence: 0.987_654_321,
      minAttempts: 20,
      minFailures: 3,
      action: 'rollback',
      cooldownMinutes: 15,
      lastTriggeredAtMs: someTimeMs + 4,
    },
    createdAtMs: someTimeMs + 1,
    updatedAtMs: someTimeMs + 2,
  };
}

/** The duties of `ChannelStore`. */
export function describeChannels(open: OpenStore): void {
  describe('channels', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    async function insertedBundle(appId: string) {
      const bundle = buildBundle({ appId });
      await store.insertBundle(bundle, someAuthor);
      return bundle;
    }

    /** A channel of an app of its own, unless one is given. */
    function insertedChannel(given: Partial<Omit<Channel, 'id'>> = {}): Promise<Channel> {
      return store.insertChannel(buildNewChannel({ appId: newAppId(), ...given }), undefined, someAuthor);
    }

    const patch = (given: Partial<Channel>) => {
      return (channel: Channel): ChannelChange => ({ channel: { ...channel, ...given } });
    };
    const updated = (id: number, given: Partial<Channel>) =>
      store.updateChannel(id, patch(given), someAuthor);

    /** Bundle ids that an app may not serve: unknown, deleted, and another app's. */
    async function unfitBundleIds(appId: string): Promise<string[]> {
      const deleted = await insertedBundle(appId);
      await store.deleteBundle(deleted.id, someAuthor);
      return [nextId(), deleted.id, (await insertedBundle(newAppId())).id];
    }

    it('keeps every field as it was given', async () => {
      const appId = newAppId();
      const bundles = [await insertedBundle(appId), await insertedBundle(appId)] as const;
      const given = unusualChannel(appId, bundles[0].id, bundles[1].id);
      const full = await store.insertChannel(given, undefined, someAuthor);
      const plain = await insertedChannel();
      expect(full).toStrictEqual({ ...given, id: full.id });
      expect(await store.findChannel(full.id)).toStrictEqual(full);
      expect(await store.findChannel(plain.id)).toStrictEqual(plain);
      expect(await store.listChannels(appId)).toStrictEqual([full]);
      expect((await store.readAppState(appId))?.channels).toStrictEqual([full]);
    });

    it('keeps every field that a change sets', async () => {
      const { id, appId } = await insertedChannel();
      const bundles = [await insertedBundle(appId), await insertedBundle(appId)] as const;
      const target = {
        ...unusualChannel(appId, bundles[0].id, bundles[1].id),
        id,
        createdAtMs: someTimeMs,
      };
      expect(await updated(id, target)).toStrictEqual(target);
      expect(await store.findChannel(id)).toStrictEqual(target);
    });

    it('registers the app with its first channel', async () => {
      const channel = await insertedChannel();
      expect(await store.readAppState(channel.appId)).toStrictEqual({
        appId: channel.appId,
        settings: { exposeMetadata: false, allowDeviceCustomId: true },
        releases: [],
        channels: [channel],
        bundles: [],
      });
    });

    it('gives every channel a number of its own, also across apps', async () => {
      const channels = await Promise.all(Array.from({ length: 20 }, () => insertedChannel()));
      expect(new Set(channels.map(({ id }) => id)).size).toBe(20);
      expect(channels.every(({ id }) => Number.isSafeInteger(id) && id > 0)).toBe(true);
    });

    it('never gives the number of a deleted channel again', async () => {
      const given = [];
      for (let round = 0; round < 5; round += 1) {
        const { id } = await insertedChannel();
        given.push(id);
        await store.deleteChannel(id, someAuthor);
      }
      expect(new Set(given).size).toBe(5);
    });

    it('never gives the number of a deleted channel again after it was opened again', async ({ skip }) => {
      const own = await open();
      try {
        if (!own.reopen) {
          skip('the data of this engine ends with the store');
          return;
        }
        const { id } = await own.store.insertChannel(buildNewChannel(), undefined, someAuthor);
        await own.store.deleteChannel(id, someAuthor);
        const again = await own.reopen();
        expect((await again.insertChannel(buildNewChannel(), undefined, someAuthor)).id).not.toBe(id);
      } finally {
        await own.destroy();
      }
    });

    it('refuses a name the app has, and keeps the first channel', async () => {
      const first = await insertedChannel();
      await expect(insertedChannel({ appId: first.appId, name: first.name })).rejects.toMatchObject({
        code: 'channel_already_exists',
      });
      expect(await store.listChannels(first.appId)).toStrictEqual([first]);
    });

    it('refuses to rename a channel to a name the app has, and changes nothing', async () => {
      const first = await insertedChannel();
      const second = await insertedChannel({ appId: first.appId });
      await expect(updated(second.id, { name: first.name, isPublic: true })).rejects.toMatchObject({
        code: 'channel_already_exists',
      });
      expect(await store.findChannel(second.id)).toStrictEqual(second);
    });

    it('lets a channel have the name of another app’s channel, of a deleted one, and its own', async () => {
      const first = await insertedChannel();
      const other = await insertedChannel({ name: first.name });
      expect(await updated(other.id, { name: other.name })).toStrictEqual(other);
      await store.deleteChannel(first.id, someAuthor);
      const again = await insertedChannel({ appId: first.appId, name: first.name });
      expect(await store.findChannel(again.id)).toStrictEqual(again);
    });

    it('compares names to the letter and keeps them byte for byte', async () => {
      const appId = newAppId();
      for (const name of lookalikes) await insertedChannel({ appId, name });
      const names = (await store.listChannels(appId)).map(({ name }) => name);
      expect(names.toSorted()).toStrictEqual(lookalikes.toSorted());
    });

    it('lists the channels of one app by name', async () => {
      const appId = newAppId();
      for (const name of ['b', 'a', 'B', '10', '9', 'ä']) await insertedChannel({ appId, name });
      const names = (await store.listChannels(appId)).map(({ name }) => name);
      expect(names).toStrictEqual(['10', '9', 'B', 'a', 'b', 'ä']);
      expect(await store.listChannels(appId.toUpperCase())).toStrictEqual([]);
    });

    it('lets exactly one of 20 inserts of the same name win', async () => {
      const appId = newAppId();
      const outcomes = await outcomesOf(
        Array.from({ length: 20 }, () => insertedChannel({ appId, name: 'production' })),
      );
      expect(outcomes.toSorted()).toStrictEqual([
        ...Array.from({ length: 19 }, () => 'channel_already_exists'),
        'done',
      ]);
      expect(await store.listChannels(appId)).toHaveLength(1);
    });

    it('refuses a new channel that is to serve a bundle its app does not have, and keeps nothing', async () => {
      const appId = newAppId();
      const { rollout } = buildNewChannel();
      for (const bundleId of await unfitBundleIds(appId)) {
        for (const unfit of [{ bundleId }, { rollout: { ...rollout, bundleId } }]) {
          await expect(insertedChannel({ appId, ...unfit })).rejects.toMatchObject({
            code: 'bundle_not_found',
          });
        }
      }
      expect(await store.listChannels(appId)).toStrictEqual([]);
    });

    it('does not register the app of a channel it refuses', async () => {
      const appId = newAppId();
      await expect(insertedChannel({ appId, bundleId: nextId() })).rejects.toMatchObject({
        code: 'bundle_not_found',
      });
      expect(await store.readAppState(appId)).toBeUndefined();
    });

    it('refuses to make a channel serve a bundle its app does not have, and changes nothing', async () => {
      const channel = await insertedChannel();
      for (const bundleId of await unfitBundleIds(channel.appId)) {
        for (const unfit of [{ bundleId }, { rollout: { ...channel.rollout, bundleId } }]) {
          await expect(updated(channel.id, { ...unfit, policy: 'none' })).rejects.toMatchObject({
            code: 'bundle_not_found',
          });
        }
      }
      expect(await store.findChannel(channel.id)).toStrictEqual(channel);
    });

    it('hands a change the channel as it is and answers what the change made of it', async () => {
      const channel = await insertedChannel();
      const seen: Channel[] = [];
      const answer = await store.updateChannel(
        channel.id,
        (current) => {
          seen.push(current);
          return { channel: { ...current, policy: 'minor', updatedAtMs: someTimeMs + 1 } };
        },
        someAuthor,
      );
      expect(new Set(seen.map((each) => JSON.stringify(each))).size).toBe(1);
      expect(seen[0]).toStrictEqual(channel);
      expect(answer).toStrictEqual({ ...channel, policy: 'minor', updatedAtMs: someTimeMs + 1 });
    });

    it('loses none of 20 changes made at once', async () => {
      const { id } = await insertedChannel();
      const increment = ({ ...channel }: Channel): ChannelChange => {
        const { rollout } = channel;
        return {
          channel: { ...channel, rollout: { ...rollout, percentageBps: rollout.percentageBps + 1 } },
        };
      };
      await Promise.all(Array.from({ length: 20 }, () => store.updateChannel(id, increment, someAuthor)));
      expect((await store.findChannel(id))?.rollout.percentageBps).toBe(20);
    });

    it('rejects with the change’s own error and keeps everything as it was', async () => {
      const channel = await insertedChannel();
      const refusal = new AppError('invalid_request', 'no');
      await expect(
        store.updateChannel(
          channel.id,
          () => {
            throw refusal;
          },
          someAuthor,
        ),
      ).rejects.toBe(refusal);
      expect(await store.findChannel(channel.id)).toStrictEqual(channel);
      const target = { kind: 'channel', channelId: channel.id } as const;
      expect((await store.listDeployments(target, { limit: 5 })).items).toStrictEqual([]);
      expect(await updated(channel.id, { policy: 'patch' })).toMatchObject({ policy: 'patch' });
    });

    it('logs no deployment of a change it refuses', async () => {
      const channel = await insertedChannel();
      const { name } = await insertedChannel({ appId: channel.appId });
      await expect(
        store.updateChannel(
          channel.id,
          () => ({
            channel: { ...channel, name },
            deployment: buildNewDeployment(),
          }),
          someAuthor,
        ),
      ).rejects.toMatchObject({ code: 'channel_already_exists' });
      const target = { kind: 'channel', channelId: channel.id } as const;
      expect((await store.listDeployments(target, { limit: 5 })).items).toStrictEqual([]);
    });

    it('refuses to change, delete or find a channel that does not exist or no longer does', async () => {
      const { id } = await insertedChannel();
      await store.deleteChannel(id, someAuthor);
      for (const missing of [id, unknownNumber]) {
        await expect(updated(missing, {})).rejects.toMatchObject({ code: 'channel_not_found' });
        await expect(store.deleteChannel(missing, someAuthor)).rejects.toMatchObject({
          code: 'channel_not_found',
        });
        expect(await store.findChannel(missing)).toBeUndefined();
      }
    });

    it('answers the channel it deletes, and leaves the others', async () => {
      const channel = await insertedChannel();
      const sibling = await insertedChannel({ appId: channel.appId });
      expect(await store.deleteChannel(channel.id, someAuthor)).toStrictEqual(channel);
      expect(await store.listChannels(channel.appId)).toStrictEqual([sibling]);
    });

    it('forgets with a deleted channel who was pinned to it or chose it, and no other pins', async () => {
      const channel = await insertedChannel();
      const { appId } = channel;
      const sibling = await insertedChannel({ appId });
      await store.setDeviceOverride({ appId, deviceId: someDeviceId }, channel.id, null, someAuthor);
      await store.setSelfSetChannel({ appId, deviceId: someDeviceId }, sibling.id);
      await store.setDeviceOverride({ appId, deviceId: 'other' }, sibling.id, null, someAuthor);
      await store.setSelfSetChannel({ appId, deviceId: 'other' }, channel.id);
      await store.deleteChannel(channel.id, someAuthor);
      expect(await readDeviceState(store, appId, someDeviceId)).toMatchObject({
        overrideChannelId: null,
        selfSetChannelId: sibling.id,
      });
      expect(await readDeviceState(store, appId, 'other')).toMatchObject({
        overrideChannelId: sibling.id,
        selfSetChannelId: null,
      });
    });

    describe('that are public', () => {
      const on = (...platforms: (keyof Channel['platforms'])[]) => ({
        ios: platforms.includes('ios'),
        android: platforms.includes('android'),
        electron: platforms.includes('electron'),
      });
      const publicNames = async (appId: string) =>
        (await store.listChannels(appId)).filter(({ isPublic }) => isPublic).map(({ name }) => name);

      it('stop being it when a changed channel takes one of their platforms', async () => {
        const appId = newAppId();
        await insertedChannel({ appId, name: 'ios', isPublic: true, platforms: on('ios') });
        await insertedChannel({
          appId,
          name: 'others',
          isPublic: true,
          platforms: on('android', 'electron'),
        });
        const next = await insertedChannel({ appId, name: 'next', platforms: on('electron') });
        expect(await publicNames(appId)).toStrictEqual(['ios', 'others']);
        await updated(next.id, { isPublic: true, updatedAtMs: someTimeMs + 9 });
        expect(await publicNames(appId)).toStrictEqual(['ios', 'next']);
        const [, , others] = await store.listChannels(appId);
        expect(others).toMatchObject({ isPublic: false, updatedAtMs: someTimeMs + 9 });
      });

      it('stop being it when a new channel is public on one of their platforms', async () => {
        const appId = newAppId();
        await insertedChannel({ appId, name: 'old', isPublic: true });
        await insertedChannel({ appId, name: 'new', isPublic: true, platforms: on('ios') });
        expect(await publicNames(appId)).toStrictEqual(['new']);
      });

      it('stop being it when a public channel comes to serve one of their platforms', async () => {
        const appId = newAppId();
        await insertedChannel({ appId, name: 'android', isPublic: true, platforms: on('android') });
        const { id } = await insertedChannel({ appId, name: 'ios', isPublic: true, platforms: on('ios') });
        await updated(id, { platforms: on('ios', 'android') });
        expect(await publicNames(appId)).toStrictEqual(['ios']);
      });

      it('stay it beside private channels and channels of other apps', async () => {
        const { appId, name } = await insertedChannel({ isPublic: true });
        await insertedChannel({ appId, isPublic: false });
        await insertedChannel({ isPublic: true });
        expect(await publicNames(appId)).toStrictEqual([name]);
      });

      it('leave private channels untouched', async () => {
        const hidden = await insertedChannel();
        await insertedChannel({ appId: hidden.appId, isPublic: true, updatedAtMs: someTimeMs + 9 });
        expect(await store.findChannel(hidden.id)).toStrictEqual(hidden);
      });

      it('are one per platform also when many are made public at once', async () => {
        const appId = newAppId();
        const channels = await Promise.all(Array.from({ length: 10 }, () => insertedChannel({ appId })));
        await Promise.all([
          ...channels.map(({ id }) => updated(id, { isPublic: true })),
          ...channels.map(() => insertedChannel({ appId, isPublic: true })),
        ]);
        expect(await publicNames(appId)).toHaveLength(1);
      });
    });

    it('lists every channel of any app that has a rollout and may pause it, and no other', async () => {
      const own = await open();
      try {
        const expected: Channel[] = [];
        for (const appId of [newAppId(), newAppId()]) {
          const bundle = buildBundle({ appId });
          await own.store.insertBundle(bundle, someAuthor);
          const { autoPause, rollout } = buildNewChannel();
          const pausing = { ...autoPause, isEnabled: true };
          const rolling = { ...rollout, bundleId: bundle.id };
          const add = (given: Partial<Channel>) =>
            own.store.insertChannel(buildNewChannel({ appId, ...given }), undefined, someAuthor);
          await add({ autoPause: pausing });
          await add({ rollout: rolling });
          expected.push(await add({ autoPause: pausing, rollout: rolling }));
        }
        const listed = await own.store.listAutoPausingChannels();
        expect(listed.toSorted((left, right) => left.id - right.id)).toStrictEqual(expected);
      } finally {
        await own.destroy();
      }
    });
  });
}
