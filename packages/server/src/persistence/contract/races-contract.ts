import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CounterIncrement } from '../../domain/event-effects.ts';
import type { DeviceActivity } from '../../domain/statistics.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildDeviceRecord,
  buildNewChannel,
  buildNewDeployment,
  buildRecordedEvent,
  buildRelease,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, objectKeyOf, outcomesOf } from './opened-store.ts';
import { readDeviceState } from './read-device-state.ts';

export interface OpenedNodes {
  /** Two stores over the same data, as two nodes have them; or twice the same one. */
  readonly nodes: readonly [Store, Store];
  destroy(): Promise<void>;
}

const rounds = 15;

/** What must hold however the calls of two nodes fall together. */
export function describeRaces(name: string, open: () => Promise<OpenedNodes>): void {
  describe(`what happens at once on ${name}`, () => {
    let opened: OpenedNodes;
    let here: Store;
    let there: Store;
    beforeAll(async () => {
      opened = await open();
      [here, there] = opened.nodes;
    });
    afterAll(() => opened.destroy());

    async function insertedBundle(appId: string) {
      const bundle = buildBundle({ appId });
      await here.insertBundle(bundle, someAuthor);
      return bundle;
    }

    /** Starts both, the other one first in every second round. */
    function atOnce(
      round: number,
      one: () => Promise<unknown>,
      other: () => Promise<unknown>,
    ): Promise<unknown[]> {
      if (round % 2 === 0) return outcomesOf([one(), other()]);
      const second = other();
      return outcomesOf([one(), second]);
    }

    it('a device is counted once a day', async () => {
      const appId = newAppId();
      const activity: DeviceActivity = {
        atMs: someTimeMs,
        ...{ date: '2026-01-15', platform: 'ios' as const, bundle: '1.0.0', nativeVersion: '1.0.0' },
        ...{ pluginVersion: '8.0.0', channel: '', offered: '1.0.1' },
      };
      for (let round = 0; round < rounds; round += 1) {
        const deviceId = `00000000-0000-4000-8000-${round.toString(16).padStart(12, '0')}`;
        const told = () =>
          buildRecordedEvent(
            { appId, deviceId },
            { device: buildDeviceRecord({ appId, deviceId }), activity },
          );
        await atOnce(
          round,
          () => here.appendDeviceEvents([told()]),
          () => there.appendDeviceEvents([told()]),
        );
      }
      const days = { fromDate: '2026-01-15', toDate: '2026-01-15' };
      const metrics = ['active', 'new', 'offered'] as const;
      const rows = await here.readStatistics({ appIds: [appId], metrics, ...days });
      expect(rows.map(({ metric, amount }) => [metric, amount])).toEqual([
        ['active', rounds],
        ['new', rounds],
        ['offered', rounds],
      ]);
    });

    it('a version name is given once', async () => {
      const appId = newAppId();
      const rivals = Array.from({ length: 20 }, () => buildBundle({ appId, versionName: '1.0.0' }));
      const outcomes = await outcomesOf(
        rivals.map((rival, index) => (index % 2 === 0 ? here : there).insertBundle(rival, someAuthor)),
      );
      expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'version_already_exists')).toHaveLength(19);
    });

    it('two settings of an app are both changed', async () => {
      const appId = newAppId();
      await insertedBundle(appId);
      for (let round = 0; round < rounds; round += 1) {
        const [exposeMetadata, allowDeviceCustomId] = [round % 2 === 0, round % 2 === 1];
        const outcomes = await atOnce(
          round,
          () => here.updateApp(appId, { exposeMetadata }, someAuthor),
          () => there.updateApp(appId, { allowDeviceCustomId }, someAuthor),
        );
        expect(outcomes).toStrictEqual(['done', 'done']);
        const { settings } = (await here.readAppState(appId)) ?? {};
        expect(settings).toStrictEqual({ exposeMetadata, allowDeviceCustomId });
      }
    });

    it('a bundle is either deleted or made active, never both', async () => {
      const appId = newAppId();
      const builtin = await insertedBundle(appId);
      const release = buildRelease({ appId, builtinBundleId: builtin.id });
      await here.insertRelease(release, someAuthor);
      for (let round = 0; round < rounds; round += 1) {
        const bundle = await insertedBundle(appId);
        const outcomes = await atOnce(
          round,
          () => here.deleteBundle(bundle.id, someAuthor),
          () => there.deployToRelease(release.id, buildNewDeployment({ bundleId: bundle.id }), someAuthor),
        );
        const isDeleted = (await there.findBundle(bundle.id)) === undefined;
        const isActive = (await here.findRelease(release.id))?.activeBundleId === bundle.id;
        expect({ outcomes, isDeleted, isActive }).toStrictEqual(
          isDeleted
            ? { outcomes: ['done', 'bundle_not_found'], isDeleted: true, isActive: false }
            : { outcomes: ['bundle_in_use', 'done'], isDeleted: false, isActive: true },
        );
        await here.deployToRelease(release.id, buildNewDeployment({ bundleId: null }), someAuthor);
      }
    });

    it('a bundle is either deleted or made builtin, never both', async () => {
      const appId = newAppId();
      for (let round = 0; round < rounds; round += 1) {
        const bundle = await insertedBundle(appId);
        const release = buildRelease({ appId, builtinBundleId: bundle.id });
        const outcomes = await atOnce(
          round,
          () => here.deleteBundle(bundle.id, someAuthor),
          () => there.insertRelease(release, someAuthor),
        );
        const isDeleted = (await there.findBundle(bundle.id)) === undefined;
        expect({ outcomes, isKept: (await here.findRelease(release.id)) !== undefined }).toStrictEqual(
          isDeleted
            ? { outcomes: ['done', 'bundle_not_found'], isKept: false }
            : { outcomes: ['bundle_in_use', 'done'], isKept: true },
        );
      }
    });

    it('a bundle is either deleted or served by a channel, never both', async () => {
      const appId = newAppId();
      const { id } = await here.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
      for (let round = 0; round < rounds; round += 1) {
        const bundle = await insertedBundle(appId);
        const outcomes = await atOnce(
          round,
          () => here.deleteBundle(bundle.id, someAuthor),
          () =>
            there.updateChannel(
              id,
              (channel) => ({ channel: { ...channel, bundleId: bundle.id } }),
              someAuthor,
            ),
        );
        const isDeleted = (await there.findBundle(bundle.id)) === undefined;
        expect({ outcomes, servedId: (await here.findChannel(id))?.bundleId }).toStrictEqual(
          isDeleted
            ? { outcomes: ['done', 'bundle_not_found'], servedId: null }
            : { outcomes: ['bundle_in_use', 'done'], servedId: bundle.id },
        );
        await here.updateChannel(id, (channel) => ({ channel: { ...channel, bundleId: null } }), someAuthor);
      }
    });

    it('of two channels made public one stays it', async () => {
      const appId = newAppId();
      const ids: number[] = [];
      for (let each = 0; each < 2; each += 1) {
        ids.push((await here.insertChannel(buildNewChannel({ appId }), undefined, someAuthor)).id);
      }
      const [first, second] = ids as [number, number];
      const publish = (store: Store, id: number) =>
        store.updateChannel(id, (channel) => ({ channel: { ...channel, isPublic: true } }), someAuthor);
      for (let round = 0; round < rounds; round += 1) {
        const outcomes = await atOnce(
          round,
          () => publish(here, first),
          () => publish(there, second),
        );
        expect(outcomes).toStrictEqual(['done', 'done']);
        expect((await here.listChannels(appId)).filter(({ isPublic }) => isPublic)).toHaveLength(1);
      }
    });

    it('changes of one channel are all kept', async () => {
      const { id } = await here.insertChannel(buildNewChannel({ appId: newAppId() }), undefined, someAuthor);
      const increase = (store: Store) =>
        store.updateChannel(
          id,
          (channel) => {
            const { rollout } = channel;
            return {
              channel: { ...channel, rollout: { ...rollout, percentageBps: rollout.percentageBps + 1 } },
            };
          },
          someAuthor,
        );
      await Promise.all(
        Array.from({ length: 20 }, (_each, index) => increase(index % 2 === 0 ? here : there)),
      );
      expect((await here.findChannel(id))?.rollout.percentageBps).toBe(20);
    });

    it('a device is never left pinned to a channel that is deleted', async () => {
      const appId = newAppId();
      for (let round = 0; round < rounds; round += 1) {
        const { id } = await here.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
        await atOnce(
          round,
          () => here.deleteChannel(id, someAuthor),
          () => there.setDeviceOverride({ appId, deviceId: someDeviceId }, id, null, someAuthor),
        );
        expect(await readDeviceState(here, appId, someDeviceId)).toMatchObject({ overrideChannelId: null });
      }
    });

    it('counters add up and an event told to both counts once', async () => {
      const appId = newAppId();
      const counters: CounterIncrement[] = [
        { date: '2026-01-15', bundle: '1.0.0', channel: '', platform: 'ios', counter: 'get' },
      ];
      await Promise.all(
        Array.from({ length: rounds }, (_each, round) => {
          const told = () =>
            buildRecordedEvent({ appId, deviceTimeMs: someTimeMs + round }, { effects: { counters } });
          const own = () => buildRecordedEvent({ appId }, { effects: { counters } });
          return [here, there].map((store) => store.appendDeviceEvents([told(), own()]));
        }).flat(),
      );
      const days = { fromDate: '2026-01-01', toDate: '2026-12-31' };
      const { items } = await here.listCounters({ appId, ...days }, { limit: 2 });
      expect(items.map(({ get }) => get)).toEqual([rounds * 3]);
      expect(await there.countDeviceEvents({ appId })).toBe(rounds * 3);
    });

    it('an upload claims its object or its version name is refused and the object stays planned', async () => {
      const appId = newAppId();
      for (let round = 0; round < rounds; round += 1) {
        const versionName = `2.0.${round}`;
        const rivals = [buildBundle({ appId, versionName }), buildBundle({ appId, versionName })] as const;
        for (const rival of rivals) await here.planObjectDeletion(objectKeyOf(rival), someTimeMs);
        const outcomes = await atOnce(
          round,
          () => here.insertBundle(rivals[0], someAuthor),
          () => there.insertBundle(rivals[1], someAuthor),
        );
        const planned = await there.listDueObjectDeletions(someTimeMs, 10_000);
        for (const [index, rival] of rivals.entries()) {
          expect(planned.includes(objectKeyOf(rival))).toBe(outcomes[index] !== 'done');
        }
      }
    });
  });
}
