import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { noDeviceState } from '../domain/device-state.ts';
import { loadDeviceStates } from '../persistence/device-states.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { Store } from '../ports/store.ts';
import {
  buildActor,
  buildDeviceRecord,
  buildNewChannel,
  buildRecordedEvent,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createDevices, type Devices } from './devices.ts';

const clock = createFakeClock(someTimeMs);
let store: Store;
let deviceStates: DeviceStates;
let devices: Devices;
/** Each test has an app of its own. */
let appId: string;
let appCount = 0;

beforeAll(async () => {
  store = await openSqliteStore(':memory:');
  deviceStates = await loadDeviceStates(store, { minFailures: 1, clock });
  devices = createDevices({ store, deviceStates, clock });
});
afterAll(() => store.close());
beforeEach(() => {
  appCount += 1;
  appId = `com.example.app${appCount}`;
});

const state = () => deviceStates.find({ appId, deviceId: someDeviceId });

describe('an operator', () => {
  it('pins a device to a channel and unpins it, for the next update check, in any letter case', async () => {
    const { id } = await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
    await devices.setOverride({ appId, deviceId: someDeviceId.toUpperCase() }, id, buildActor());
    expect(state().overrideChannelId).toBe(id);
    await devices.setOverride({ appId, deviceId: someDeviceId }, null, buildActor());
    expect(state().overrideChannelId).toBeNull();
  });

  it('pins a device for 90 days, which writing it again renews', async () => {
    const { id } = await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
    const device = { appId, deviceId: someDeviceId };
    const overrides = () => [...devices.findOverrides([device])];
    const dayMs = 86_400_000;
    clock.advance(1_234);
    await devices.setOverride(device, id, buildActor());
    clock.advance(89 * dayMs);
    expect(overrides()).toEqual([[someDeviceId, id]]);
    await devices.setOverride(device, id, buildActor());
    clock.advance(89 * dayMs);
    expect(state().overrideChannelId).toBe(id);
    expect(await devices.deleteExpiredOverrides()).toBe(0);
    clock.advance(dayMs);
    // Nothing was deleted yet, here or in the store.
    expect(overrides()).toEqual([]);
    expect(state()).toStrictEqual(noDeviceState);
    await deviceStates.refresh([device]);
    expect(state()).toStrictEqual(noDeviceState);
    expect(await store.readDeviceFacts([device], null)).toHaveLength(1);
    expect(await devices.deleteExpiredOverrides()).toBe(1);
    expect(await store.readDeviceFacts([device], null)).toEqual([]);
    expect(await devices.deleteExpiredOverrides()).toBe(0);
  });

  it('pins no device to a channel of another app', async () => {
    const { id } = await store.insertChannel(
      buildNewChannel({ appId: `${appId}.other` }),
      undefined,
      someAuthor,
    );
    await expect(
      devices.setOverride({ appId, deviceId: someDeviceId }, id, buildActor()),
    ).rejects.toMatchObject({
      code: 'channel_not_found',
    });
    expect(state().overrideChannelId).toBeNull();
  });

  it('clears what failed on a device, one bundle or all', async () => {
    await store.appendDeviceEvents(
      ['1.0.0', '1.0.1', '1.0.2'].map((failedInstall) =>
        buildRecordedEvent({ appId }, { effects: { failedInstall } }),
      ),
    );
    await deviceStates.refresh([{ appId, deviceId: someDeviceId }]);
    await devices.clearFailures({ appId, deviceId: someDeviceId }, '1.0.1');
    expect([...state().failedInstalls.keys()]).toEqual(['1.0.0', '1.0.2']);
    await devices.clearFailures({ appId, deviceId: someDeviceId.toUpperCase() });
    expect(state().failedInstalls.size).toBe(0);
  });

  it('finds a device in any letter case, and lists those of an app', async () => {
    const device = buildDeviceRecord({ appId });
    await store.appendDeviceEvents([buildRecordedEvent({ appId }, { device })]);
    expect(await devices.find({ appId, deviceId: someDeviceId.toUpperCase() })).toMatchObject(device);
    expect(await devices.find({ appId: `${appId}.other`, deviceId: someDeviceId })).toBeUndefined();
    expect((await devices.list({ appId }, { limit: 10 })).items).toEqual([expect.objectContaining(device)]);
  });
});
