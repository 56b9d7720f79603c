import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceEvent } from '../../domain/device.ts';
import {
  type DeviceActivity,
  maxFreeNames,
  type StatisticMetric,
  startOfDay,
  statisticMetrics,
} from '../../domain/statistics.ts';
import type { DeviceFilter, RecordedEvent } from '../../ports/device-events.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildDeviceRecord,
  buildFile,
  buildRecordedEvent,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore, readPages } from './opened-store.ts';
import { add, entriesFor, farAwayMs, insertPending } from './stored-files.ts';

const today = '2026-01-15';
const everyDay = { fromDate: '0000-01-01', toDate: '9999-12-31' };

function deviceIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** A device that is there, with its row in the inventory. */
function active(
  appId: string,
  device: number,
  given: Partial<DeviceActivity> = {},
  event: Partial<DeviceEvent> = {},
): RecordedEvent {
  const deviceId = deviceIdOf(device);
  const receivedAtMs = event.receivedAtMs ?? someTimeMs;
  return buildRecordedEvent(
    { appId, deviceId, receivedAtMs, ...event },
    {
      device: buildDeviceRecord({
        appId,
        deviceId,
        seenAtMs: receivedAtMs,
        versionName: given.bundle ?? '1.0.0',
      }),
      activity: {
        atMs: receivedAtMs,
        ...{ date: today, platform: 'ios', bundle: '1.0.0', nativeVersion: '1.0.0', pluginVersion: '8.0.0' },
        ...{ channel: '', offered: null },
        ...given,
      },
    },
  );
}

/** The duties of `StatisticsStore`, and what events add to statistics. */
export function describeStatistics(open: OpenStore): void {
  describe('statistics', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    /** Amounts by date, name and detail. */
    async function read(appId: string, metric: StatisticMetric): Promise<Record<string, number>> {
      const rows = await store.readStatistics({ appIds: [appId], metrics: [metric], ...everyDay });
      return Object.fromEntries(
        rows.map(({ date, name, detail, amount }) => [
          [date, name, ...(detail === '' ? [] : [detail])].join(' '),
          amount,
        ]),
      );
    }

    it('counts a device once a day, however often and in how many calls it is told of', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([active(appId, 1), active(appId, 1), active(appId, 2)]);
      await store.appendDeviceEvents([active(appId, 1)]);
      await Promise.all(Array.from({ length: 10 }, () => store.appendDeviceEvents([active(appId, 3)])));
      expect(await read(appId, 'active')).toEqual({ [`${today} ios`]: 3 });
      expect(await read(appId, 'active_bundle')).toEqual({ [`${today} 1.0.0`]: 3 });
      expect(await read(appId, 'active_native')).toEqual({ [`${today} 1.0.0 ios`]: 3 });
      expect(await read(appId, 'active_plugin')).toEqual({ [`${today} 8.0.0`]: 3 });
      expect(await read(appId, 'active_channel')).toEqual({ [`${today} `]: 3 });
      expect(await read(appId, 'new')).toEqual({ [`${today} ios`]: 3 });
    });

    it('moves a device with what it runs, on the day itself', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([active(appId, 1), active(appId, 2)]);
      await store.appendDeviceEvents([active(appId, 1, { bundle: '1.0.1', channel: 'beta' })]);
      await store.appendDeviceEvents([
        active(appId, 1, { bundle: null, nativeVersion: null, pluginVersion: null, channel: 'beta' }),
      ]);
      expect(await read(appId, 'active_bundle')).toEqual({ [`${today} 1.0.0`]: 1, [`${today} 1.0.1`]: 1 });
      expect(await read(appId, 'active_channel')).toEqual({ [`${today} `]: 1, [`${today} beta`]: 1 });
      expect(await read(appId, 'active')).toEqual({ [`${today} ios`]: 2 });
    });

    it('does not move a device with what is told late', async () => {
      const appId = newAppId();
      const told = (bundle: string, atMs: number) => active(appId, 1, { bundle, atMs });
      await store.appendDeviceEvents([told('1.0.0', someTimeMs)]);
      await store.appendDeviceEvents([told('1.0.1', someTimeMs + 500)]);
      await store.appendDeviceEvents([told('1.0.0', someTimeMs + 250)]);
      expect(await read(appId, 'active_bundle')).toEqual({ [`${today} 1.0.1`]: 1 });
    });

    it('counts a device each day, as new once a month, and not on a day that is over', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents(
        ['2026-01-30', '2026-01-31', '2026-01-30', '2026-02-01', '2026-02-01'].map((date) =>
          active(appId, 1, { date }),
        ),
      );
      expect(await read(appId, 'active')).toEqual({
        '2026-01-30 ios': 1,
        '2026-01-31 ios': 1,
        '2026-02-01 ios': 1,
      });
      expect(await read(appId, 'new')).toEqual({ '2026-01-30 ios': 1, '2026-02-01 ios': 1 });
    });

    it('counts a device that the inventory has, also when there is nothing new to write of it, and no other one', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([active(appId, 1)]);
      const unwritten = (device: number) => ({
        ...active(appId, device, { date: '2026-01-16', bundle: '1.0.1' }),
        device: undefined,
      });
      await store.appendDeviceEvents([unwritten(1), unwritten(2), active(appId, 3, { date: '2026-01-16' })]);
      expect(await read(appId, 'active_bundle')).toEqual({
        [`${today} 1.0.0`]: 1,
        '2026-01-16 1.0.0': 1,
        '2026-01-16 1.0.1': 1,
      });
    });

    it('counts under unknown what a device never told', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([
        active(appId, 1, { bundle: null, nativeVersion: null, pluginVersion: null }),
      ]);
      expect(await read(appId, 'active_bundle')).toEqual({ [`${today} unknown`]: 1 });
      expect(await read(appId, 'active_plugin')).toEqual({ [`${today} unknown`]: 1 });
    });

    it('counts an offer once for each bundle that a device is offered in a row', async () => {
      const appId = newAppId();
      const offers = ['1.0.1', '1.0.1', null, '1.0.1', '1.0.2'];
      await store.appendDeviceEvents(offers.map((offered) => active(appId, 1, { offered })));
      await store.appendDeviceEvents([
        active(appId, 1, { offered: '1.0.2' }),
        active(appId, 2, { offered: '1.0.2' }),
      ]);
      expect(await read(appId, 'offered')).toEqual({ [`${today} 1.0.1`]: 1, [`${today} 1.0.2`]: 2 });
    });

    it('bounds the names that devices make up, and keeps those that were there the day before', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents(
        [0, 1, 2].map((each) => active(appId, each, { nativeVersion: '1.0.0' })),
      );
      const madeUp = Array.from({ length: maxFreeNames + 20 }, (_each, index) => index + 10);
      const tomorrow = '2026-01-16';
      for (const some of [madeUp.slice(0, 60), madeUp.slice(60)]) {
        await store.appendDeviceEvents(
          some.map((each) => active(appId, each, { date: tomorrow, nativeVersion: `9.9.${each}` })),
        );
      }
      await store.appendDeviceEvents([active(appId, 1, { date: tomorrow, nativeVersion: '1.0.0' })]);
      await store.appendDeviceEvents([active(appId, 2, { date: tomorrow, nativeVersion: 'x'.repeat(65) })]);
      const names = Object.entries(await read(appId, 'active_native')).filter(([key]) =>
        key.startsWith(tomorrow),
      );
      expect(names).toHaveLength(maxFreeNames + 2);
      expect(Object.fromEntries(names)).toMatchObject({
        [`${tomorrow} other ios`]: 21,
        [`${tomorrow} 1.0.0 ios`]: 1,
      });
    });

    it('adds what events have as effects once, though the event is told again', async () => {
      const appId = newAppId();
      const failing = () =>
        buildRecordedEvent(
          { appId, action: 'update_fail', deviceTimeMs: someTimeMs - 5 },
          {
            effects: {
              statistics: [
                { metric: 'failure', date: today, name: '1.0.1', detail: 'update_fail', amount: 1 },
              ],
            },
          },
        );
      await store.appendDeviceEvents([failing(), failing()]);
      await store.appendDeviceEvents([failing()]);
      expect(await read(appId, 'failure')).toEqual({ [`${today} 1.0.1 update_fail`]: 1 });
    });

    it('adds up what is added from many sides, and large numbers', async () => {
      const appId = newAppId();
      const bytes = 5_000_000_000_000;
      const addition = (amount: number) => ({
        appId,
        increment: { metric: 'bandwidth', date: today, name: 'served', detail: '', amount } as const,
      });
      await Promise.all(
        Array.from({ length: 20 }, () => store.addToStatistics([addition(bytes), addition(1)])),
      );
      expect(await read(appId, 'bandwidth')).toEqual({ [`${today} served`]: 20 * (bytes + 1) });
      await store.addToStatistics([addition(-20 * (bytes + 1))]);
      expect(await read(appId, 'bandwidth')).toEqual({});
      await expect(store.addToStatistics([])).resolves.toBeUndefined();
    });

    it('reads what is asked for: apps, metrics and days, in their order', async () => {
      const [appId, otherAppId] = [newAppId(), newAppId()];
      const add = (app: string, metric: StatisticMetric, date: string, name: string) => ({
        appId: app,
        increment: { metric, date, name, detail: '', amount: 1 },
      });
      await store.addToStatistics([
        ...['b', 'é', 'a', 'Z', ''].map((name) => add(appId, 'downloaded', today, name)),
        add(appId, 'downloaded', '2026-01-14', 'a'),
        add(appId, 'downloaded', '2026-01-16', 'a'),
        add(appId, 'offered', today, 'a'),
        add(otherAppId, 'downloaded', today, 'a'),
      ]);
      const filter = { metrics: ['downloaded'], fromDate: '2026-01-14', toDate: today } as const;
      const rows = await store.readStatistics({ ...filter, appIds: [appId] });
      expect(rows.map(({ date, name }) => `${date} ${name}`)).toEqual([
        '2026-01-14 a',
        ...['', 'Z', 'a', 'b', 'é'].map((name) => `${today} ${name}`),
      ]);
      expect(await store.readStatistics({ ...filter, appIds: [] })).toEqual([]);
      expect(
        await store.readStatistics({ ...filter, appIds: [appId, otherAppId, 'com.example.none'] }),
      ).toHaveLength(7);
      expect(
        await store.readStatistics({ ...everyDay, metrics: statisticMetrics, appIds: [appId] }),
      ).toHaveLength(8);
    });

    it('sums up counters over channels and platforms', async () => {
      const appId = newAppId();
      const counter = (name: 'get' | 'install' | 'fail', channel: string, platform: 'ios' | 'android') => ({
        ...{ appId, times: 2 },
        increment: { date: today, bundle: '1.0.1', channel, platform, counter: name },
      });
      await store.addToCounters([
        counter('get', '', 'ios'),
        counter('get', 'beta', 'android'),
        counter('install', '', 'ios'),
        counter('fail', 'beta', 'ios'),
      ]);
      expect(await store.sumCounters({ appIds: [appId], ...everyDay })).toEqual([
        { appId, date: today, bundle: '1.0.1', get: 4, install: 2, fail: 2 },
      ]);
      expect(
        await store.sumCounters({ appIds: [appId], fromDate: '2026-01-16', toDate: '2026-01-17' }),
      ).toEqual([]);
    });

    it('keeps update checks by the minute, and forgets old ones', async () => {
      const [appId, otherAppId] = [newAppId(), newAppId()];
      const minute = (number: number, checks: number, app = appId) => ({
        ...{ appId: app, checks },
        minuteMs: someTimeMs + number * 60_000,
      });
      await store.addCheckMinutes([minute(1, 5), minute(0, 1), minute(1, 2), minute(1, 9, otherAppId)]);
      await Promise.all([store.addCheckMinutes([minute(1, 1)]), store.addCheckMinutes([minute(1, 1)])]);
      await store.addCheckMinutes([]);
      const read = (from: number, to: number) =>
        store.readCheckMinutes(appId, someTimeMs + from * 60_000, someTimeMs + to * 60_000);
      expect(await read(0, 2)).toEqual([minute(0, 1), minute(1, 9)]);
      expect(await read(0, 1)).toEqual([minute(0, 1)]);
      await store.deleteCheckMinutesBefore(someTimeMs + 60_000);
      expect(await read(0, 2)).toEqual([minute(1, 9)]);
    });

    it('tells what came into storage and left it', async () => {
      const appId = newAppId();
      const kept = buildBundle({ appId, sizeBytes: 100, createdAtMs: someTimeMs + 1 });
      const deleted = buildBundle({ appId, sizeBytes: 30, createdAtMs: someTimeMs });
      const external = buildBundle({
        ...{ appId, objectKey: null, externalUrl: 'https://example.com/a.zip' },
        createdAtMs: someTimeMs,
      });
      for (const bundle of [kept, deleted, external]) await store.insertBundle(bundle, someAuthor);
      await store.deleteBundle(deleted.id, { ...someAuthor, atMs: someTimeMs + 2 });
      expect(await store.readStorageChanges([appId])).toEqual([
        { appId, atMs: someTimeMs, bytes: 30 },
        { appId, atMs: someTimeMs + 1, bytes: 100 },
        { appId, atMs: someTimeMs + 2, bytes: -30 },
      ]);
      expect(await store.readStorageChanges([])).toEqual([]);
    });

    it('tells of single files by the day, once however often they are added, and of what is swept', async () => {
      const appId = newAppId();
      const bundle = await insertPending(store, appId, { sizeBytes: 100, createdAtMs: someTimeMs });
      const [used, unused] = [
        buildFile({ appId, name: 'a'.repeat(64), sizeBytes: 7 }),
        buildFile({ appId, name: 'b'.repeat(64), sizeBytes: 20 }),
      ];
      await add(store, [used, unused]);
      await add(store, [buildFile({ appId, name: used.name, sizeBytes: 7 })], someTimeMs + 1);
      await store.setManifest(bundle.id, entriesFor([used]));
      const atMs = startOfDay(today);
      const before = [
        { appId, atMs, bytes: 27 },
        { appId, atMs: someTimeMs, bytes: 100 },
      ];
      expect(await store.readStorageChanges([appId])).toEqual(before);
      const nextDay = startOfDay('2026-01-16');
      while ((await store.sweepFiles(farAwayMs, nextDay + 5, 1_000)) > 0);
      expect(await store.readStorageChanges([appId])).toEqual([
        ...before,
        { appId, atMs: nextDay, bytes: -20 },
      ]);
    });

    it('groups the devices that were there since a day', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([
        active(appId, 1, { date: '2026-01-14' }),
        active(appId, 2, { bundle: '1.0.1', channel: 'beta' }),
        active(appId, 3, { bundle: '1.0.1', platform: 'android', nativeVersion: '2.0.0' }),
        active(appId, 4),
      ]);
      expect(await store.countActiveDevices(appId, today)).toEqual({
        bundle: [
          { name: '1.0.1', devices: 2 },
          { name: '1.0.0', devices: 1 },
        ],
        native_version: [
          { name: '1.0.0', devices: 2 },
          { name: '2.0.0', devices: 1 },
        ],
        plugin_version: [{ name: '8.0.0', devices: 3 }],
        platform: [
          { name: 'ios', devices: 2 },
          { name: 'android', devices: 1 },
        ],
        channel: [
          { name: '', devices: 2 },
          { name: 'beta', devices: 1 },
        ],
      });
    });
  });

  describe('lists of devices by a filter', () => {
    let opened: OpenedStore;
    let store: Store;
    const appId = newAppId();
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
      const record = (
        number: number,
        given: Parameters<typeof buildDeviceRecord>[0],
        counted: Partial<DeviceActivity>,
      ) =>
        buildRecordedEvent(
          { appId, deviceId: deviceIdOf(number), action: 'ping' },
          {
            device: buildDeviceRecord({
              versionName: '1.0.0',
              appId,
              deviceId: deviceIdOf(number),
              seenAtMs: someTimeMs + number,
              ...given,
            }),
            activity: active(appId, number, counted).activity ?? undefined,
          },
        );
      const failed = buildRecordedEvent(
        { appId, deviceId: deviceIdOf(3), action: 'set_fail' },
        { effects: { failedInstall: '1.0.2' } },
      );
      await store.appendDeviceEvents([
        record(1, { customId: 'User 100% Ü_a' }, { channel: 'beta' }),
        record(2, { versionName: '1.0.1', platform: 'android' }, { bundle: '1.0.1', date: '2026-01-14' }),
        record(3, { platform: 'symbian' }, { nativeVersion: '2.0.0', pluginVersion: '7.0.0' }),
        failed,
        ...Array.from({ length: 20 }, (_each, index) =>
          record(100 + index, { versionName: '9.9.9' }, { bundle: 'unknown' }),
        ),
      ]);
    });
    afterAll(() => opened.destroy());

    async function find(filter: Omit<DeviceFilter, 'appId'>): Promise<number[]> {
      const pages = await readPages((page) => store.listDevices({ appId, ...filter }, page), 7);
      return pages.flat().map(({ deviceId }) => Number.parseInt(deviceId.slice(-12), 16));
    }

    it.each<[string, Omit<DeviceFilter, 'appId'>, number[]]>([
      ['part of the id', { text: '8000-000000000002' }, [2]],
      ['part of the custom id in any case', { text: 'USER 1' }, [1]],
      ['signs that patterns are made of', { text: '% ü_' }, []],
      ['the same in the letters that are there', { text: '% Ü_' }, [1]],
      ['a text of signs alone', { text: '.*' }, []],
      ['an escape', { text: '\\' }, []],
      ['the bundle they name', { versionName: '1.0.1' }, [2]],
      ['the bundle they are counted under', { bundle: '1.0.1' }, [2]],
      ['native version', { nativeVersion: '2.0.0' }, [3]],
      ['plugin version', { pluginVersion: '7.0.0' }, [3]],
      ['channel', { channel: 'beta' }, [1]],
      ['platform', { platform: 'android' }, [2]],
      ['platforms nobody knows', { platform: 'unknown' }, [3]],
      ['a bundle that failed', { failedBundle: '1.0.2' }, [3]],
      ['a bundle that failed on none', { failedBundle: '1.0.1' }, []],
      ['the day they were there last', { activeSince: today, channel: 'beta' }, [1]],
      ['several at once', { bundle: '1.0.0', pluginVersion: '7.0.0', failedBundle: '1.0.2', text: '3' }, [3]],
      ['several of which one does not hold', { bundle: '1.0.1', platform: 'ios' }, []],
    ])('are found by %s', async (_what, filter, found) => {
      expect(await find(filter)).toEqual(found);
    });

    it('come in pages, first seen last', async () => {
      const all = Array.from({ length: 20 }, (_each, index) => 119 - index);
      expect(await find({ bundle: 'unknown' })).toEqual(all);
      expect(await find({ versionName: '9.9.9', activeSince: today })).toEqual(all);
      expect(await find({})).toEqual([...all, 3, 2, 1]);
      expect(await find({ activeSince: today })).toEqual([...all, 3, 1]);
    });
  });
}
