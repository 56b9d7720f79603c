import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceKey } from '../../domain/device.ts';
import { noDeviceState } from '../../domain/device-state.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildNewChannel,
  buildRecordedEvent,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore } from './opened-store.ts';
import { readAllDeviceStates, readDeviceState } from './read-device-state.ts';

const otherDeviceId = someDeviceId.replace(/^./, '0');

/** The two ways in which a device comes to a channel. */
const put = {
  setDeviceOverride: (store: Store, device: DeviceKey, channelId: number | null) =>
    store.setDeviceOverride(device, channelId, null, someAuthor),
  setSelfSetChannel: (store: Store, device: DeviceKey, channelId: number | null) =>
    store.setSelfSetChannel(device, channelId),
};

/** The duties of `DeviceStateStore`. */
export function describeDeviceStates(open: OpenStore): void {
  describe('device states', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    const insertedChannel = (appId: string) =>
      store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
    const failTo = (appId: string, deviceId: string, ...versionNames: string[]) =>
      store.appendDeviceEvents(
        versionNames.map((failedInstall) =>
          buildRecordedEvent({ appId, deviceId }, { effects: { failedInstall } }),
        ),
      );
    const failuresOf = async (appId: string, deviceId = someDeviceId) =>
      Object.fromEntries((await readDeviceState(store, appId, deviceId)).failedInstalls);

    it('are empty for a device that was never heard of', async () => {
      expect(await readDeviceState(store, newAppId(), someDeviceId)).toStrictEqual(noDeviceState);
    });

    it.each([
      ['the channel an operator pinned it to', 'setDeviceOverride', 'overrideChannelId'],
      ['the channel it chose', 'setSelfSetChannel', 'selfSetChannelId'],
    ] as const)('hold %s, replace it and forget it', async (_what, set, field) => {
      const appId = newAppId();
      for (const { id } of [await insertedChannel(appId), await insertedChannel(appId)]) {
        await put[set](store, { appId, deviceId: someDeviceId }, id);
        const expected = { ...noDeviceState, [field]: id };
        expect(await readDeviceState(store, appId, someDeviceId)).toStrictEqual(expected);
      }
      expect(await readDeviceState(store, appId, otherDeviceId)).toStrictEqual(noDeviceState);
      expect(await readDeviceState(store, newAppId(), someDeviceId)).toStrictEqual(noDeviceState);
      for (let times = 0; times < 2; times += 1)
        await put[set](store, { appId, deviceId: someDeviceId }, null);
      expect(await readDeviceState(store, appId, someDeviceId)).toStrictEqual(noDeviceState);
    });

    it.each(['setDeviceOverride', 'setSelfSetChannel'] as const)(
      'refuse in %s a channel that is unknown, deleted or another app’s, and keep the old one',
      async (set) => {
        const appId = newAppId();
        const kept = await insertedChannel(appId);
        await put[set](store, { appId, deviceId: someDeviceId }, kept.id);
        const before = await readDeviceState(store, appId, someDeviceId);
        const deleted = await insertedChannel(appId);
        await store.deleteChannel(deleted.id, someAuthor);
        const foreign = await insertedChannel(newAppId());
        for (const id of [2_000_000_000, deleted.id, foreign.id]) {
          await expect(put[set](store, { appId, deviceId: someDeviceId }, id)).rejects.toMatchObject({
            code: 'channel_not_found',
          });
        }
        expect(await readDeviceState(store, appId, someDeviceId)).toStrictEqual(before);
      },
    );

    it('tell when a pin ends, which the last writing of it decides', async () => {
      const appId = newAppId();
      const device = { appId, deviceId: someDeviceId };
      const { id } = await insertedChannel(appId);
      const fact = { ...device, kind: 'override', channelId: id };
      const facts = async () => {
        const all: unknown[] = [];
        for await (const some of store.readAllDeviceFacts(null)) {
          all.push(...some.filter((each) => each.appId === appId));
        }
        expect(await store.readDeviceFacts([device], null)).toStrictEqual(all);
        return all;
      };
      await store.setDeviceOverride(device, id, someTimeMs, someAuthor);
      expect(await facts()).toStrictEqual([{ ...fact, expiresAtMs: someTimeMs }]);
      await store.setDeviceOverride(device, id, someTimeMs + 5, someAuthor);
      expect(await facts()).toStrictEqual([{ ...fact, expiresAtMs: someTimeMs + 5 }]);
      await store.setDeviceOverride(device, id, null, someAuthor);
      expect(await facts()).toStrictEqual([{ ...fact, expiresAtMs: null }]);
    });

    it('let pins go that have ended, the longest ago first, and none that were renewed', async () => {
      const appId = newAppId();
      const { id } = await insertedChannel(appId);
      const devices = ['1', '2', '3', '4', '5'].map((first) => ({
        appId,
        deviceId: someDeviceId.replace(/^./, first),
      }));
      const ends = [3, 1, 2, 1_000, null];
      for (const [index, device] of devices.entries()) {
        const end = ends[index];
        await store.setDeviceOverride(device, id, typeof end === 'number' ? end : null, someAuthor);
      }
      for (const renewed of devices.slice(2, 3))
        await store.setDeviceOverride(renewed, id, 2_000, someAuthor);
      expect((await store.countDeviceOverrides([appId, newAppId()], 3)).get(appId)).toBe(3);
      expect(await store.deleteExpiredOverrides(1, { ...someAuthor, atMs: 3 })).toStrictEqual([devices[1]]);
      expect(await store.deleteExpiredOverrides(5, { ...someAuthor, atMs: 3 })).toStrictEqual([devices[0]]);
      expect(await store.deleteExpiredOverrides(5, { ...someAuthor, atMs: 3 })).toStrictEqual([]);
      const left = await store.readDeviceFacts(devices, null);
      expect(left.map(({ deviceId }) => deviceId[0]).toSorted()).toStrictEqual(['3', '4', '5']);
    });

    it('count failed installs by bundle, in one call and over calls', async () => {
      const appId = newAppId();
      await failTo(appId, someDeviceId, '1.0.0', '1.0.0', '1.0.0-RC', 'é 👋');
      await failTo(appId, someDeviceId, '1.0.0', '1.0.0-rc');
      await failTo(appId, otherDeviceId, '1.0.0');
      expect(await failuresOf(appId)).toStrictEqual({ '1.0.0': 3, '1.0.0-RC': 1, '1.0.0-rc': 1, 'é 👋': 1 });
      expect(await failuresOf(appId, otherDeviceId)).toStrictEqual({ '1.0.0': 1 });
    });

    it('lose no failure of 20 calls made at once', async () => {
      const appId = newAppId();
      await Promise.all(Array.from({ length: 20 }, () => failTo(appId, someDeviceId, '1.0.0')));
      expect(await failuresOf(appId)).toStrictEqual({ '1.0.0': 20 });
    });

    it('forget a device’s failures of one bundle, or of all', async () => {
      const appId = newAppId();
      const { id } = await insertedChannel(appId);
      await store.setDeviceOverride({ appId, deviceId: someDeviceId }, id, null, someAuthor);
      await failTo(appId, someDeviceId, '1.0.0', '1.0.0-rc', '2.0.0');
      await failTo(appId, otherDeviceId, '1.0.0');
      await store.clearFailedInstalls({ appId, deviceId: someDeviceId }, '1.0.0');
      expect(await failuresOf(appId)).toStrictEqual({ '1.0.0-rc': 1, '2.0.0': 1 });
      for (let times = 0; times < 2; times += 1)
        await store.clearFailedInstalls({ appId, deviceId: someDeviceId });
      expect(await readDeviceState(store, appId, someDeviceId)).toStrictEqual({
        ...noDeviceState,
        overrideChannelId: id,
      });
      expect(await failuresOf(appId, otherDeviceId)).toStrictEqual({ '1.0.0': 1 });
    });

    it('leave out failures that are fewer than asked for, or all of them', async () => {
      const appId = newAppId();
      await failTo(appId, someDeviceId, '1.0.0', '1.0.0', '2.0.0');
      const told = async (minFailures: number | null) =>
        (await store.readDeviceFacts([{ appId, deviceId: someDeviceId }], minFailures)).length;
      expect([await told(1), await told(2), await told(3), await told(null)]).toStrictEqual([2, 1, 0, 0]);
    });

    it('are read of many devices of several apps at once', async () => {
      const appIds = [newAppId(), newAppId()];
      const devices = appIds.flatMap((appId) =>
        Array.from({ length: 1_100 }, (_each, index) => ({ appId, deviceId: `device-${index}` })),
      );
      await store.appendDeviceEvents(
        devices.map((device) => buildRecordedEvent(device, { effects: { failedInstall: '1.0.0' } })),
      );
      const facts = await store.readDeviceFacts(devices, 1);
      const keys = (of: readonly { appId: string; deviceId: string }[]) =>
        of.map(({ appId, deviceId }) => `${appId} ${deviceId}`).toSorted();
      expect(keys(facts)).toStrictEqual(keys(devices));
      expect(await store.readDeviceFacts([], 1)).toStrictEqual([]);
    });

    it('forget failures that are long ago, the oldest first and so many at most', async () => {
      const own = await open();
      try {
        const appId = newAppId();
        const failedAt = (deviceId: string, receivedAtMs: number) =>
          own.store.appendDeviceEvents([
            buildRecordedEvent({ appId, deviceId, receivedAtMs }, { effects: { failedInstall: '1.0.0' } }),
          ]);
        for (const time of [3, 1, 2, 4]) await failedAt(`at-${time}`, time);
        await failedAt('at-1', 5);
        const left = async () =>
          (await readAllDeviceStates(own.store)).map(({ deviceId }) => deviceId).toSorted();
        expect(await own.store.deleteFailedInstallsBefore(4, 1)).toBe(1);
        expect(await left()).toStrictEqual(['at-1', 'at-3', 'at-4']);
        expect(await own.store.deleteFailedInstallsBefore(4, 10)).toBe(1);
        expect(await left()).toStrictEqual(['at-1', 'at-4']);
        expect(await own.store.deleteFailedInstallsBefore(4, 10)).toBe(0);
      } finally {
        await own.destroy();
      }
    });

    it('of all devices are those of which something is remembered, each once', async () => {
      const own = await open();
      try {
        const appIds = [newAppId(), newAppId()];
        for (const appId of appIds) {
          const { id } = await own.store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
          await own.store.setDeviceOverride({ appId, deviceId: 'all' }, id, null, someAuthor);
          await own.store.setSelfSetChannel({ appId, deviceId: 'all' }, id);
          await own.store.setSelfSetChannel({ appId, deviceId: 'chose' }, id);
          await own.store.setDeviceOverride({ appId, deviceId: 'unpinned' }, id, null, someAuthor);
          await own.store.setDeviceOverride({ appId, deviceId: 'unpinned' }, null, null, someAuthor);
          const failing = (deviceId: string, failedInstall: string) =>
            buildRecordedEvent({ appId, deviceId }, { effects: { failedInstall } });
          await own.store.appendDeviceEvents([
            ...[failing('all', '1.0.0'), failing('all', '1.0.0'), failing('all', '2.0.0')],
            ...[failing('failed', '1.0.0'), buildRecordedEvent({ appId, deviceId: 'fine' })],
          ]);
        }
        const all = await readAllDeviceStates(own.store);
        expect(all).toHaveLength(6);
        for (const { appId, deviceId, ...state } of all) {
          expect(state).toStrictEqual(await readDeviceState(own.store, appId, deviceId));
        }
        expect(
          all
            .filter(({ appId }) => appId === appIds[0])
            .map(({ deviceId }) => deviceId)
            .toSorted(),
        ).toStrictEqual(['all', 'chose', 'failed']);
      } finally {
        await own.destroy();
      }
    });

    it('of all devices are complete when they are many', async () => {
      const own = await open();
      try {
        const appId = newAppId();
        const deviceIds = Array.from({ length: 5_000 }, (_each, index) => `device-${index}`);
        await own.store.appendDeviceEvents(
          deviceIds.flatMap((deviceId) =>
            ['1.0.0', '2.0.0'].map((failedInstall) =>
              buildRecordedEvent({ appId, deviceId }, { effects: { failedInstall } }),
            ),
          ),
        );
        const all = await readAllDeviceStates(own.store);
        expect(all.map(({ deviceId }) => deviceId).toSorted()).toStrictEqual(deviceIds.toSorted());
        expect(new Set(all.map(({ failedInstalls }) => failedInstalls.size))).toStrictEqual(new Set([2]));
      } finally {
        await own.destroy();
      }
    });
  });
}
