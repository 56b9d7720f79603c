import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noDeviceState } from '../domain/device-state.ts';
import { AppError } from '../domain/errors.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { DeviceStateStore, Store } from '../ports/store.ts';
import { buildNewChannel, buildRecordedEvent, someDeviceId } from '../testing/builders.ts';
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
  async function read<T>(key: string, readNow: () => Promise<T>): Promise<T> {
    reads += 1;
    if (failing.has(key)) throw outage;
    const state = await readNow();
    await gate;
    return state;
  }
  return {
    reader: {
      readDeviceState: (appId: string, deviceId: string) =>
        read(deviceId, () => store.readDeviceState(appId, deviceId)),
      readAllDeviceStates: () => read('*', () => store.readAllDeviceStates()),
    },
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
    const add = async () => (await store.insertChannel(buildNewChannel({ appId }))).id;
    channelIds = [await add(), await add()];
    await store.setDeviceOverride(appId, someDeviceId, channelIds[0]);
    under = watched(store);
    states = await loadDeviceStates(under.reader);
  });

  const pin = (channelId: number | null, deviceId = someDeviceId) =>
    store.setDeviceOverride(appId, deviceId, channelId);
  const pinnedTo = (deviceId = someDeviceId) => states.find(appId, deviceId).overrideChannelId;

  it('are there from the start, and of all other devices nothing is remembered', () => {
    expect(states.find(appId, someDeviceId)).toStrictEqual({
      ...noDeviceState,
      overrideChannelId: channelIds[0],
    });
    expect(states.find(appId, otherDeviceId)).toBe(noDeviceState);
    expect(states.find(newAppId(), someDeviceId)).toBe(noDeviceState);
  });

  it('cannot be loaded while the store fails', async () => {
    under.failing.add('*');
    await expect(loadDeviceStates(under.reader)).rejects.toBe(outage);
  });

  it('hold everything that is remembered of a device', async () => {
    await store.setSelfSetChannel(appId, otherDeviceId, channelIds[1]);
    await store.appendDeviceEvents([
      buildRecordedEvent({ appId, deviceId: otherDeviceId }, { effects: { failedInstall: '1.0.0' } }),
    ]);
    const expected = {
      overrideChannelId: null,
      selfSetChannelId: channelIds[1],
      failedInstalls: new Map([['1.0.0', 1]]),
    };
    await states.refresh(appId, otherDeviceId);
    expect(states.find(appId, otherDeviceId)).toStrictEqual(expected);
    await states.refreshAll();
    expect(states.find(appId, otherDeviceId)).toStrictEqual(expected);
  });

  it('stay as they are until the device is refreshed, then show all that was committed before', async () => {
    await pin(channelIds[1]);
    await pin(channelIds[1], otherDeviceId);
    expect([pinnedTo(), pinnedTo(otherDeviceId)]).toStrictEqual([channelIds[0], null]);
    await states.refresh(appId, someDeviceId);
    expect([pinnedTo(), pinnedTo(otherDeviceId)]).toStrictEqual([channelIds[1], null]);
    await states.refresh(appId, otherDeviceId);
    expect(pinnedTo(otherDeviceId)).toBe(channelIds[1]);
  });

  it('are forgotten when nothing is remembered any more', async () => {
    await pin(null);
    await states.refresh(appId, someDeviceId);
    expect(states.find(appId, someDeviceId)).toBe(noDeviceState);
  });

  it('are forgotten for a deleted channel when all are refreshed', async () => {
    await store.deleteChannel(channelIds[0]);
    await states.refreshAll();
    expect(states.find(appId, someDeviceId)).toBe(noDeviceState);
  });

  it('never go back to an older state when refreshes overlap', async () => {
    const release = under.hold();
    const older = states.refresh(appId, someDeviceId);
    const oldestOfAll = states.refreshAll();
    await pin(channelIds[1]);
    const newer = states.refresh(appId, someDeviceId);
    release();
    await newer;
    expect(pinnedTo()).toBe(channelIds[1]);
    await Promise.all([older, oldestOfAll]);
    expect(pinnedTo()).toBe(channelIds[1]);
  });

  it('keep the old state when the store fails, and catch up when the missed are refreshed', async () => {
    await pin(channelIds[1]);
    under.failing.add(someDeviceId);
    await expect(states.refresh(appId, someDeviceId)).rejects.toBe(outage);
    await expect(states.refreshMissed()).rejects.toBe(outage);
    expect(pinnedTo()).toBe(channelIds[0]);
    under.failing.clear();
    await states.refreshMissed();
    expect(pinnedTo()).toBe(channelIds[1]);
    const before = under.readCount();
    await states.refreshMissed();
    expect(under.readCount()).toBe(before);
  });

  it('catch up on one device although another one keeps failing', async () => {
    await pin(channelIds[1], otherDeviceId);
    for (const deviceId of [someDeviceId, otherDeviceId]) {
      under.failing.add(deviceId);
      await expect(states.refresh(appId, deviceId)).rejects.toBe(outage);
    }
    under.failing.delete(otherDeviceId);
    await expect(states.refreshMissed()).rejects.toBe(outage);
    expect(pinnedTo(otherDeviceId)).toBe(channelIds[1]);
  });

  it('remember a refresh that failed although all devices were read while it waited', async () => {
    const release = under.hold();
    const all = states.refreshAll();
    await expect.poll(() => under.readCount()).toBe(2);
    await pin(channelIds[1]);
    under.failing.add(someDeviceId);
    const later = states.refresh(appId, someDeviceId);
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
