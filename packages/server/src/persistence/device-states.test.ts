import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noDeviceState } from '../domain/device-state.ts';
import { AppError } from '../domain/errors.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { DeviceStateStore, Store } from '../ports/store.ts';
import { buildNewChannel, buildRecordedEvent, someAuthor, someDeviceId } from '../testing/builders.ts';
import { newAppId } from './contract/opened-store.ts';
import { loadDeviceStates } from './device-states.ts';
import { openSqliteStore } from './sqlite/open-sqlite-store.ts';

const outage = new AppError('unavailable', 'The database refuses work right now');
const otherDeviceId = someDeviceId.replace(/^./, '0');

/** Reads from a real store; reads can be made to fail or be held up after they were made. */
function watched(store: DeviceStateStore) {
  const failing = new Set<string>();
  let gate: Promise<void> = Promise.resolve();
  let reads = 0;
  async function begin(keys: readonly string[]): Promise<void> {
    reads += 1;
    if (keys.some((key) => failing.has(key))) throw outage;
  }
  const reader: Pick<DeviceStateStore, 'readDeviceFacts' | 'readAllDeviceFacts'> = {
    async readDeviceFacts(devices, minFailures) {
      await begin(devices.map(({ deviceId }) => deviceId));
      const facts = await store.readDeviceFacts(devices, minFailures);
      await gate;
      return facts;
    },
    async *readAllDeviceFacts(minFailures) {
      await begin(['*']);
      for await (const facts of store.readAllDeviceFacts(minFailures)) {
        await gate;
        yield facts;
      }
    },
  };
  return {
    reader,
    failing,
    readCount: () => reads,
    /** Holds back what reads answer until the function it answers is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

const failing = (appId: string, deviceId: string, failedInstall: string, receivedAtMs = 0) =>
  buildRecordedEvent({ appId, deviceId, receivedAtMs }, { effects: { failedInstall } });

describe('device states', () => {
  let store: Store;
  let under: ReturnType<typeof watched>;
  let states: DeviceStates;
  let appId: string;
  let channelIds: [number, number];

  beforeAll(async () => {
    store = await openSqliteStore(':memory:');
  });
  afterAll(() => store.close());
  beforeEach(async () => {
    appId = newAppId();
    const add = async () => (await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor)).id;
    channelIds = [await add(), await add()];
    await store.setDeviceOverride({ appId, deviceId: someDeviceId }, channelIds[0], null, someAuthor);
    under = watched(store);
    states = await loadDeviceStates(under.reader, { minFailures: 1 });
  });

  const pin = (channelId: number | null, deviceId = someDeviceId) =>
    store.setDeviceOverride({ appId, deviceId }, channelId, null, someAuthor);
  const pinnedTo = (deviceId = someDeviceId) => states.find({ appId, deviceId }).overrideChannelId;

  it('are there from the start, and of all other devices nothing is remembered', () => {
    expect(states.find({ appId, deviceId: someDeviceId })).toStrictEqual({
      ...noDeviceState,
      overrideChannelId: channelIds[0],
    });
    expect(states.find({ appId, deviceId: otherDeviceId })).toBe(noDeviceState);
    expect(states.find({ appId: newAppId(), deviceId: someDeviceId })).toBe(noDeviceState);
  });

  it('cannot be loaded while the store fails', async () => {
    under.failing.add('*');
    await expect(loadDeviceStates(under.reader, { minFailures: 1 })).rejects.toBe(outage);
  });

  it('hold everything that is remembered of a device', async () => {
    await store.setSelfSetChannel({ appId, deviceId: otherDeviceId }, channelIds[1]);
    await store.appendDeviceEvents([
      buildRecordedEvent({ appId, deviceId: otherDeviceId }, { effects: { failedInstall: '1.0.0' } }),
    ]);
    const expected = {
      overrideChannelId: null,
      selfSetChannelId: channelIds[1],
      failedInstalls: new Map([['1.0.0', 1]]),
    };
    await states.refresh([{ appId, deviceId: otherDeviceId }]);
    expect(states.find({ appId, deviceId: otherDeviceId })).toStrictEqual(expected);
    await states.refreshAll();
    expect(states.find({ appId, deviceId: otherDeviceId })).toStrictEqual(expected);
  });

  it('stay as they are until the device is refreshed, then show all that was committed before', async () => {
    await pin(channelIds[1]);
    await pin(channelIds[1], otherDeviceId);
    expect([pinnedTo(), pinnedTo(otherDeviceId)]).toStrictEqual([channelIds[0], null]);
    await states.refresh([{ appId, deviceId: someDeviceId }]);
    expect([pinnedTo(), pinnedTo(otherDeviceId)]).toStrictEqual([channelIds[1], null]);
    await states.refresh([{ appId, deviceId: otherDeviceId }]);
    expect(pinnedTo(otherDeviceId)).toBe(channelIds[1]);
  });

  it('are forgotten when nothing is remembered any more', async () => {
    await pin(null);
    await states.refresh([{ appId, deviceId: someDeviceId }]);
    expect(states.find({ appId, deviceId: someDeviceId })).toBe(noDeviceState);
  });

  it('are forgotten for a deleted channel when all are refreshed', async () => {
    await store.deleteChannel(channelIds[0], someAuthor);
    await states.refreshAll();
    expect(states.find({ appId, deviceId: someDeviceId })).toBe(noDeviceState);
  });

  it('never go back to an older state when refreshes overlap', async () => {
    const release = under.hold();
    const older = states.refresh([{ appId, deviceId: someDeviceId }]);
    const oldestOfAll = states.refreshAll();
    await pin(channelIds[1]);
    const newer = states.refresh([{ appId, deviceId: someDeviceId }]);
    release();
    await newer;
    expect(pinnedTo()).toBe(channelIds[1]);
    await Promise.all([older, oldestOfAll]);
    expect(pinnedTo()).toBe(channelIds[1]);
  });

  it('keep the old state when the store fails, and catch up when the missed are refreshed', async () => {
    await pin(channelIds[1]);
    under.failing.add(someDeviceId);
    await expect(states.refresh([{ appId, deviceId: someDeviceId }])).rejects.toBe(outage);
    await expect(states.refreshMissed()).rejects.toBe(outage);
    expect(pinnedTo()).toBe(channelIds[0]);
    under.failing.clear();
    await states.refreshMissed();
    expect(pinnedTo()).toBe(channelIds[1]);
    const before = under.readCount();
    await states.refreshMissed();
    expect(under.readCount()).toBe(before);
  });

  it('are refreshed for many devices with one read', async () => {
    const devices = [someDeviceId, otherDeviceId].map((deviceId) => ({ appId, deviceId }));
    for (const { deviceId } of devices) await pin(channelIds[1], deviceId);
    const before = under.readCount();
    await states.refresh(devices);
    expect(under.readCount()).toBe(before + 1);
    expect([pinnedTo(), pinnedTo(otherDeviceId)]).toStrictEqual([channelIds[1], channelIds[1]]);
  });

  it('count the devices whose choice of a channel is kept', async () => {
    const before = states.selfSetCount;
    const choose = async (deviceId: string, channelId: number | null) => {
      await store.setSelfSetChannel({ appId, deviceId }, channelId);
      await states.refresh([{ appId, deviceId }]);
      return states.selfSetCount - before;
    };
    expect(await choose(someDeviceId, channelIds[0])).toBe(1);
    expect(await choose(someDeviceId, channelIds[1])).toBe(1);
    expect(await choose(otherDeviceId, channelIds[1])).toBe(2);
    expect(await choose(otherDeviceId, null)).toBe(1);
    await states.refreshAll();
    expect(states.selfSetCount - before).toBe(1);
    await choose(someDeviceId, null);
  });

  it('hold failures from the number on that withholds the bundle, and none when none does', async () => {
    await store.appendDeviceEvents([
      ...['1.0.0', '1.0.0', '2.0.0'].map((version) => failing(appId, otherDeviceId, version)),
    ]);
    const failuresWith = async (minFailures: number | null) => {
      const loaded = await loadDeviceStates(store, { minFailures });
      const atStart = Object.fromEntries(loaded.find({ appId, deviceId: otherDeviceId }).failedInstalls);
      await loaded.refresh([{ appId, deviceId: otherDeviceId }]);
      const refreshed = loaded.find({ appId, deviceId: otherDeviceId }).failedInstalls;
      expect(Object.fromEntries(refreshed)).toStrictEqual(atStart);
      return atStart;
    };
    expect(await failuresWith(1)).toStrictEqual({ '1.0.0': 2, '2.0.0': 1 });
    expect(await failuresWith(2)).toStrictEqual({ '1.0.0': 2 });
    expect(await failuresWith(null)).toStrictEqual({});
  });

  it('hold failures of so many devices at most, and forget the oldest first, but not their channels', async () => {
    const own = await openSqliteStore(':memory:');
    try {
      const ownApp = newAppId();
      const { id } = await own.insertChannel(buildNewChannel({ appId: ownApp }), undefined, someAuthor);
      await own.appendDeviceEvents(
        // Not in the order of their names, so that it is the time that decides.
        [3, 1, 2, 0].map((time) => failing(ownApp, `device-${time}`, '1.0.0', time)),
      );
      for (const device of ['device-0', 'device-1']) {
        await own.setDeviceOverride({ appId: ownApp, deviceId: device }, id, null, someAuthor);
      }
      const loaded = await loadDeviceStates(own, { minFailures: 1, maxFailingDevices: 2 });
      const remembered = () =>
        [0, 1, 2, 3].filter(
          (time) => loaded.find({ appId: ownApp, deviceId: `device-${time}` }).failedInstalls.size > 0,
        );
      expect(remembered()).toStrictEqual([2, 3]);
      await loaded.refresh([{ appId: ownApp, deviceId: 'device-0' }]);
      expect(remembered()).toStrictEqual([0, 3]);
      expect(loaded.find({ appId: ownApp, deviceId: 'device-1' })).toStrictEqual({
        ...noDeviceState,
        overrideChannelId: id,
      });
      expect(loaded.find({ appId: ownApp, deviceId: 'device-2' })).toBe(noDeviceState);
    } finally {
      await own.close();
    }
  });

  it('remember a refresh that failed although all devices were read while it waited', async () => {
    const release = under.hold();
    const all = states.refreshAll();
    await expect.poll(() => under.readCount()).toBe(2);
    await pin(channelIds[1]);
    under.failing.add(someDeviceId);
    const later = states.refresh([{ appId, deviceId: someDeviceId }]);
    release();
    await all;
    await expect(later).rejects.toBe(outage);
    under.failing.clear();
    await states.refreshMissed();
    expect(pinnedTo()).toBe(channelIds[1]);
  });

  it('keep the old state when refreshing all fails', async () => {
    await pin(channelIds[1]);
    under.failing.add('*');
    await expect(states.refreshAll()).rejects.toBe(outage);
    expect(pinnedTo()).toBe(channelIds[0]);
    under.failing.clear();
    await states.refreshAll();
    expect(pinnedTo()).toBe(channelIds[1]);
  });
});
