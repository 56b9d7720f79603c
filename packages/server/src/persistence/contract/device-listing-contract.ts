import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceListing } from '../../ports/device-events.ts';
import type { Store } from '../../ports/store.ts';
import { buildDeviceRecord, buildRecordedEvent, someDeviceId, someTimeMs } from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore } from './opened-store.ts';

const idOf = (first: string) => someDeviceId.replace(/^./, first);

/** The duties of `listDevicesInOrder`. */
export function describeDeviceListing(open: OpenStore): void {
  describe('the inventory in an order', () => {
    let opened: OpenedStore;
    let store: Store;
    const appId = newAppId();
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
      const seen = [
        ['3', 1, 'anna'],
        ['a', 3, null],
        ['1', 2, ''],
        ['f', 2, 'bob'],
        ['2', 2, null],
      ] as const;
      for (const [first, offsetMs, customId] of seen) {
        const device = { appId, deviceId: idOf(first), seenAtMs: someTimeMs + offsetMs, customId };
        await store.appendDeviceEvents([
          buildRecordedEvent(
            { appId, deviceId: device.deviceId },
            { device: buildDeviceRecord({ ...device, osVersion: `os ${first}` }) },
          ),
        ]);
      }
      const other = { appId: newAppId(), deviceId: idOf('0') };
      await store.appendDeviceEvents([buildRecordedEvent(other, { device: buildDeviceRecord(other) })]);
    });
    afterAll(() => opened.destroy());

    const list = async (given: Partial<DeviceListing>) =>
      (await store.listDevicesInOrder({ appId, order: 'id', limit: 10, ...given })).map(({ deviceId }) =>
        deviceId.slice(0, 1),
      );

    it.each([
      ['by id', { order: 'id' }, '123af'],
      ['by when they were seen, those of the same moment by id', { order: 'seen_first' }, '312fa'],
      ['the last seen first, those of the same moment by id', { order: 'seen_last' }, 'a12f3'],
      ['later than a time', { seenAfterMs: someTimeMs + 1 }, '12af'],
      ['later than a time, last first', { order: 'seen_last', seenAfterMs: someTimeMs + 2 }, 'a'],
      ['that have named themselves', { hasCustomId: true }, '3f'],
      ['as many as are wanted', { limit: 2 }, '12'],
      ['behind one by id, whenever that was seen', { after: { deviceId: idOf('2'), seenAtMs: 0 } }, '3af'],
      [
        'behind one by time',
        { order: 'seen_first', after: { deviceId: idOf('1'), seenAtMs: someTimeMs + 2 } },
        '2fa',
      ],
      [
        'behind one by time, last first',
        { order: 'seen_last', after: { deviceId: idOf('1'), seenAtMs: someTimeMs + 2 } },
        '2f3',
      ],
      [
        'behind one that is not there any more',
        { order: 'seen_last', after: { deviceId: idOf('9'), seenAtMs: someTimeMs + 3 } },
        'a12f3',
      ],
    ] as const)('lists devices %s', async (_how, given, expected) => {
      expect(await list(given)).toStrictEqual([...expected]);
    });

    it('shows all that is known of a device', async () => {
      const [device] = await store.listDevicesInOrder({ appId, order: 'id', limit: 1 });
      expect(device).toStrictEqual(await store.findDevice(appId, idOf('1')));
      expect(device).toMatchObject({ osVersion: 'os 1', seenAtMs: someTimeMs + 2 });
    });

    it('knows no devices of an app that was never heard of', async () => {
      expect(await list({ appId: newAppId() })).toStrictEqual([]);
    });
  });
}
