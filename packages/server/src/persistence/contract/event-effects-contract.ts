import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceRecord } from '../../domain/device.ts';
import type { CounterIncrement } from '../../domain/event-effects.ts';
import type { CounterRow, InventoryDevice, RecordedEvent } from '../../ports/device-events.ts';
import type { PageRequest } from '../../ports/page.ts';
import type { Store } from '../../ports/store.ts';
import { buildDeviceRecord, buildRecordedEvent, someDeviceId, someTimeMs } from '../../testing/builders.ts';
import { encodeCursor, encodeSortKey } from '../cursor.ts';
import { newAppId, type OpenedStore, type OpenStore, readPages } from './opened-store.ts';
import { describePaging } from './paging-contract.ts';
import { readDeviceState } from './read-device-state.ts';

function increment(given: Partial<CounterIncrement> = {}): CounterIncrement {
  return {
    date: '2026-01-15',
    bundle: '1.0.0',
    channel: 'production',
    platform: 'ios',
    counter: 'get',
    ...given,
  };
}

const zero = { get: 0, install: 0, uninstall: 0, fail: 0 };
const always = { fromDate: '2000-01-01', toDate: '2100-01-01' };

/** What the appending of events changes beside the log: counters, the inventory and failures of devices. */
export function describeEventEffects(open: OpenStore): void {
  describe('what events change', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    const counting = (appId: string, ...counters: CounterIncrement[]): RecordedEvent =>
      buildRecordedEvent({ appId }, { effects: { counters } });
    const listCounters = (appId: string) => (page: PageRequest) =>
      store.listCounters({ appId, ...always }, page);
    const countersOf = async (appId: string) => (await listCounters(appId)({ limit: 1_000 })).items;

    /** An event that has one of every effect. */
    function effective(appId: string, deviceTimeMs: number | null): RecordedEvent {
      const effects = { counters: [increment()], failedInstall: '1.0.0' };
      return buildRecordedEvent({ appId, deviceTimeMs }, { effects, device: buildDeviceRecord({ appId }) });
    }

    async function effectsSeen(appId: string) {
      return {
        events: await store.countDeviceEvents({ appId }),
        gets: (await countersOf(appId)).map(({ get }) => get),
        failures: [...(await readDeviceState(store, appId, someDeviceId)).failedInstalls.values()],
        isInInventory: (await store.findDevice(appId, someDeviceId)) !== undefined,
      };
    }
    const none = { events: 0, gets: [], failures: [], isInInventory: false };

    it('changes once when one of the events is told again, in one call and over calls', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([effective(appId, someTimeMs), effective(appId, someTimeMs)]);
      for (let times = 0; times < 2; times += 1) {
        await store.appendDeviceEvents([effective(appId, someTimeMs)]);
      }
      const once = { events: 1, gets: [1], failures: [1], isInInventory: true };
      expect(await effectsSeen(appId)).toStrictEqual(once);
    });

    it('changes once when an event is told by 20 calls at once', async () => {
      const appId = newAppId();
      await Promise.all(
        Array.from({ length: 20 }, () => store.appendDeviceEvents([effective(appId, someTimeMs)])),
      );
      expect(await effectsSeen(appId)).toMatchObject({ events: 1, gets: [1], failures: [1] });
    });

    it('changes for the new events of a call that also tells known ones', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([effective(appId, someTimeMs)]);
      await store.appendDeviceEvents([
        effective(appId, someTimeMs),
        effective(appId, someTimeMs + 1),
        effective(appId, null),
      ]);
      expect(await effectsSeen(appId)).toMatchObject({ events: 3, gets: [3], failures: [3] });
    });

    it('changes nothing when an event or an effect of the call cannot be kept', async () => {
      const unfit: RecordedEvent[] = [
        buildRecordedEvent({ action: null as unknown as string }),
        counting('com.example.unfit', increment({ bundle: null as unknown as string })),
        buildRecordedEvent({}, { device: buildDeviceRecord({ platform: null as unknown as string }) }),
      ];
      for (const each of unfit) {
        const appId = newAppId();
        await expect(
          store.appendDeviceEvents([effective(appId, someTimeMs), each, effective(appId, null)]),
        ).rejects.toThrow();
        expect(await effectsSeen(appId)).toStrictEqual(none);
        await store.appendDeviceEvents([effective(appId, someTimeMs)]);
        expect(await effectsSeen(appId)).toMatchObject({ events: 1, gets: [1], failures: [1] });
      }
    });

    it('shows with the event or not at all', async () => {
      const appId = newAppId();
      const seen = new Set<boolean>();
      let isWriting = true;
      const writing = (async () => {
        try {
          for (let round = 0; round < 20; round += 1) {
            await store.appendDeviceEvents([effective(appId, null)]);
          }
        } finally {
          isWriting = false;
        }
      })();
      while (isWriting) {
        const before = await store.countDeviceEvents({ appId });
        const gets = (await countersOf(appId))[0]?.get ?? 0;
        const after = await store.countDeviceEvents({ appId });
        seen.add(before <= gets && gets <= after);
      }
      await writing;
      expect([...seen]).toStrictEqual([true]);
    });

    describe('in the counters', () => {
      it('is added to what no event stands for, so many times, all of it or nothing', async () => {
        const appId = newAppId();
        await store.appendDeviceEvents([counting(appId, increment())]);
        await store.addToCounters([
          { appId, increment: increment(), times: 41 },
          { appId, increment: increment({ bundle: '2.0.0' }), times: 1 },
          { appId, increment: increment({ bundle: '2.0.0' }), times: 2 },
        ]);
        await store.addToCounters([]);
        const unfit = increment({ bundle: null as unknown as string });
        await expect(
          store.addToCounters([
            { appId, increment: increment(), times: 1 },
            { appId, increment: unfit, times: 1 },
          ]),
        ).rejects.toThrow();
        expect((await countersOf(appId)).map(({ bundle, get }) => [bundle, get])).toStrictEqual([
          ['1.0.0', 42],
          ['2.0.0', 3],
        ]);
      });

      it('adds up by day, bundle, channel and platform', async () => {
        const appId = newAppId();
        await store.appendDeviceEvents([
          counting(appId, increment(), increment({ counter: 'install' })),
          counting(
            appId,
            increment({ counter: 'install' }),
            increment({ counter: 'uninstall', bundle: '0.9.0' }),
          ),
        ]);
        await store.appendDeviceEvents([
          counting(appId, increment({ counter: 'fail' })),
          counting(appId, increment(), increment({ channel: '' }), increment({ platform: 'android' })),
          counting(appId, increment({ date: '2026-01-14' })),
        ]);
        const { counter: _counter, ...row } = increment();
        expect(await countersOf(appId)).toStrictEqual([
          { ...row, date: '2026-01-14', ...zero, get: 1 },
          { ...row, bundle: '0.9.0', ...zero, uninstall: 1 },
          { ...row, channel: '', ...zero, get: 1 },
          { ...row, platform: 'android', ...zero, get: 1 },
          { ...row, ...zero, get: 2, install: 2, fail: 1 },
        ]);
      });

      it.each(['get', 'install', 'uninstall', 'fail'] as const)('adds up %s over calls', async (counter) => {
        const appId = newAppId();
        for (let times = 0; times < 3; times += 1) {
          await store.appendDeviceEvents([counting(appId, increment({ counter }))]);
        }
        const { counter: _counter, ...row } = increment();
        expect(await countersOf(appId)).toStrictEqual([{ ...row, ...zero, [counter]: 3 }]);
      });

      it('loses nothing of 20 calls made at once', async () => {
        const appId = newAppId();
        await Promise.all(
          Array.from({ length: 20 }, () =>
            store.appendDeviceEvents([counting(appId, increment()), counting(appId, increment())]),
          ),
        );
        expect(await countersOf(appId)).toMatchObject([{ get: 40 }]);
      });

      it('reads the days from and to, both included, of one app', async () => {
        const appId = newAppId();
        const days = ['2025-12-31', '2026-01-01', '2026-01-02', '2026-01-03'];
        await store.appendDeviceEvents(days.map((date) => counting(appId, increment({ date }))));
        const some = { appId, fromDate: '2026-01-01', toDate: '2026-01-02' };
        const pages = await readPages((page) => store.listCounters(some, page), 1);
        expect(pages.map(([row]) => row?.date)).toStrictEqual(['2026-01-01', '2026-01-02']);
        expect((await store.listCounters(some, { limit: 5 })).items).toStrictEqual(pages.flat());
        expect(await countersOf(newAppId())).toStrictEqual([]);
      });

      it('compares bundles and channels to the letter', async () => {
        const appId = newAppId();
        const names = ['Beta', 'beta', 'e\u0301', 'é'];
        await store.appendDeviceEvents(names.map((channel) => counting(appId, increment({ channel }))));
        await store.appendDeviceEvents(names.map((bundle) => counting(appId, increment({ bundle }))));
        const rows = await countersOf(appId);
        expect(rows.map(({ get }) => get)).toStrictEqual(Array.from({ length: 8 }, () => 1));
      });

      describe('page by page', () => {
        /** Texts that a cursor has to carry whole, and that sort in different ways. */
        const names = [
          '1.0.0',
          '1.0.0-a',
          'A',
          'a',
          '',
          ':',
          'a:b',
          '%',
          '%3A',
          "'",
          'é',
          '😀',
          'a b',
          'x\ny',
        ];

        /** An app with a row for each of the names as bundle, as channel, and on two platforms and days. */
        async function createCounted(): Promise<string> {
          const appId = newAppId();
          const increments = names.flatMap((name) => [
            ...[increment({ bundle: name }), increment({ channel: name }), increment({ date: '2026-01-14' })],
            increment({ bundle: name, platform: 'android', date: '2026-01-16' }),
          ]);
          await store.appendDeviceEvents([counting(appId, ...increments)]);
          return appId;
        }

        it.each([1, 2, 7, 1_000])(
          'of %d rows goes through all of them in order, in full pages',
          async (limit) => {
            const appId = await createCounted();
            const all = await countersOf(appId);
            const pages = await readPages(listCounters(appId), limit);
            expect(pages.flat()).toStrictEqual(all);
            expect(pages.slice(0, -1).every(({ length }) => length === limit)).toBe(true);
            const days = all.map(({ date }) => date);
            expect(days).toStrictEqual(days.toSorted());
          },
        );

        it('answers no row with no next page, and no empty page after a full one', async () => {
          const appId = newAppId();
          expect(await listCounters(appId)({ limit: 2 })).toStrictEqual({ items: [], nextCursor: null });
          const platforms = ['android', 'ios'] as const;
          const increments = platforms.map((platform) => increment({ platform }));
          await store.appendDeviceEvents([counting(appId, ...increments)]);
          expect((await listCounters(appId)({ limit: 2 })).nextCursor).toBeNull();
          expect((await listCounters(appId)({ limit: 1 })).nextCursor).not.toBeNull();
        });

        it('shows every row exactly once while these and others grow between pages', async () => {
          const appId = await createCounted();
          const keyOf = ({ date, bundle, channel, platform }: CounterRow) =>
            JSON.stringify([date, bundle, channel, platform]);
          const before = (await countersOf(appId)).map(keyOf);
          const seen: string[] = [];
          let cursor: string | undefined;
          do {
            const page = await listCounters(appId)({ limit: 3, cursor });
            seen.push(...page.items.map(keyOf));
            cursor = page.nextCursor ?? undefined;
            // Rows before, between and behind what was seen, and more in those that are there.
            const bundle = `0.${seen.length}.0`;
            const grown = ['2026-01-13', '2026-01-15', '2026-01-17'].map((date) =>
              increment({ date, bundle }),
            );
            const again = names.map((name) => increment({ bundle: name }));
            await store.appendDeviceEvents([counting(appId, ...grown, ...again)]);
          } while (cursor !== undefined && seen.length < 1_000);
          expect(seen).toStrictEqual([...new Set(seen)]);
          expect(seen.filter((key) => before.includes(key))).toStrictEqual(before);
        });

        it.each([
          ['empty', ''],
          ['made up', 'nextpage'],
          ['of another list', encodeCursor({ timeMs: someTimeMs, id: '1'.repeat(24) })],
          ['without a platform', encodeSortKey(['2026-01-15', '1.0.0', ''])],
          ['with more parts', encodeSortKey(['2026-01-15', '1.0.0', '', 'ios', ''])],
          ['with a time for a day', encodeSortKey([String(someTimeMs), '1.0.0', '', 'ios'])],
          ['with NUL in it', encodeSortKey(['2026-01-15', '1.0.0', '\0', 'ios'])],
          ['with a broken escape', Buffer.from('2026-01-15:%:%zz:ios').toString('base64url')],
          ['very long', 'A'.repeat(10_000)],
        ])('refuses a cursor that is %s', async (_fault, cursor) => {
          await expect(listCounters(newAppId())({ limit: 5, cursor })).rejects.toMatchObject({
            code: 'invalid_request',
          });
        });
      });
    });

    describe('in the inventory', () => {
      const seeing = (device: DeviceRecord): RecordedEvent =>
        buildRecordedEvent({ appId: device.appId, deviceId: device.deviceId }, { device });
      const found = (appId: string) => store.findDevice(appId, someDeviceId);

      it('keeps every field of a device as it was given', async () => {
        const full = buildDeviceRecord({
          appId: newAppId(),
          platform: 'electron',
          versionName: '1.0.0 é 👋',
          customId: 'Jürgen "1"',
          isEmulator: true,
          isProd: false,
          defaultChannel: 'Beta',
          keyId: 'MIIBCgKCAQEA12345678',
          installSource: 'app_store',
        });
        const bare = buildDeviceRecord({
          appId: newAppId(),
          pluginVersion: null,
          osVersion: null,
          nativeVersion: null,
          nativeBuild: null,
          versionName: null,
        });
        await store.appendDeviceEvents([seeing(full), seeing(bare)]);
        for (const device of [full, bare]) {
          expect(await found(device.appId)).toStrictEqual({ ...device, firstSeenAtMs: someTimeMs });
        }
      });

      it('knows no device that was never recorded', async () => {
        const appId = newAppId();
        await store.appendDeviceEvents([buildRecordedEvent({ appId })]);
        expect(await found(appId)).toBeUndefined();
        await store.appendDeviceEvents([seeing(buildDeviceRecord({ appId }))]);
        expect(await found(newAppId())).toBeUndefined();
        expect(await store.findDevice(appId, someDeviceId.toUpperCase())).toBeUndefined();
      });

      it('replaces all of a device by a newer record and keeps its first sight', async () => {
        const appId = newAppId();
        const older = buildDeviceRecord({
          ...{ appId, customId: 'old', keyId: 'old', defaultChannel: 'old', installSource: 'old' },
          ...{ isEmulator: true, isProd: false },
        });
        const newer = buildDeviceRecord({
          ...{ appId, platform: 'android', pluginVersion: '9.0.0', osVersion: '15', nativeVersion: '2.0.0' },
          ...{ nativeBuild: '2', versionName: '2.0.1', seenAtMs: someTimeMs + 10 },
        });
        for (const device of [older, newer]) await store.appendDeviceEvents([seeing(device)]);
        expect(await found(appId)).toStrictEqual({ ...newer, firstSeenAtMs: someTimeMs });
      });

      it('keeps what a newer record does not tell of its versions, within one call and over calls', async () => {
        const untold = {
          ...{
            versionName: null,
            pluginVersion: null,
            osVersion: null,
            nativeVersion: null,
            nativeBuild: null,
          },
          ...{ platform: 'android', seenAtMs: someTimeMs + 10 },
        };
        for (const isOneCall of [true, false]) {
          const appId = newAppId();
          const records = [buildDeviceRecord({ appId }), buildDeviceRecord({ appId, ...untold })].map(seeing);
          for (const call of isOneCall ? [records] : records.map((record) => [record])) {
            await store.appendDeviceEvents(call);
          }
          const { platform, seenAtMs } = untold;
          const expected = { ...buildDeviceRecord({ appId }), platform, seenAtMs, firstSeenAtMs: someTimeMs };
          expect(await found(appId)).toStrictEqual(expected);
        }
      });

      it('leaves a device as it is when an older record comes late, its first sight too', async () => {
        const appId = newAppId();
        const newer = buildDeviceRecord({ appId, versionName: '2.0.0', seenAtMs: someTimeMs + 10 });
        await store.appendDeviceEvents([seeing(newer)]);
        await store.appendDeviceEvents([seeing(buildDeviceRecord({ appId, versionName: '1.0.0' }))]);
        expect(await found(appId)).toStrictEqual({ ...newer, firstSeenAtMs: someTimeMs + 10 });
      });

      it('takes a record that is older by more than ten minutes for the newest: the clock was set back', async () => {
        const appId = newAppId();
        const minuteMs = 60_000;
        const see = (versionName: string, seenAtMs: number) =>
          store.appendDeviceEvents([seeing(buildDeviceRecord({ appId, versionName, seenAtMs }))]);
        await see('1.0.0', someTimeMs);
        await see('1.0.1', someTimeMs - 10 * minuteMs);
        expect(await found(appId)).toMatchObject({ versionName: '1.0.0', seenAtMs: someTimeMs });
        await see('1.0.2', someTimeMs - 10 * minuteMs - 1);
        expect(await found(appId)).toMatchObject({ versionName: '1.0.2' });
      });

      it('takes the newest of the records of one call, of equally new ones the last', async () => {
        const appId = newAppId();
        const record = (versionName: string, seenAtMs: number) =>
          buildDeviceRecord({ appId, versionName, seenAtMs });
        const newest = record('2.0.1', someTimeMs + 10);
        await store.appendDeviceEvents(
          [
            record('1.0.0', someTimeMs),
            record('2.0.0', someTimeMs + 10),
            newest,
            record('1.0.1', someTimeMs + 5),
          ].map(seeing),
        );
        expect(await found(appId)).toStrictEqual({ ...newest, firstSeenAtMs: someTimeMs });
      });

      it('keeps the newest record of 20 calls made at once', async () => {
        const appId = newAppId();
        await Promise.all(
          Array.from({ length: 20 }, (_each, index) => {
            const seenAtMs = someTimeMs + ((index * 7) % 20);
            return store.appendDeviceEvents([
              seeing(buildDeviceRecord({ appId, versionName: `1.0.${(index * 7) % 20}`, seenAtMs })),
            ]);
          }),
        );
        expect(await found(appId)).toMatchObject({ versionName: '1.0.19', seenAtMs: someTimeMs + 19 });
      });

      it('lists the devices of one app', async () => {
        const device = buildDeviceRecord({ appId: newAppId() });
        const others = [
          buildDeviceRecord({ appId: newAppId() }),
          buildDeviceRecord({ appId: device.appId.toUpperCase() }),
        ];
        await store.appendDeviceEvents([device, ...others].map(seeing));
        const expected: InventoryDevice = { ...device, firstSeenAtMs: someTimeMs };
        const { items } = await store.listDevices({ appId: device.appId }, { limit: 5 });
        expect(items).toStrictEqual([expected]);
      });

      it('keeps a device’s place in the list when it reports again', async () => {
        const appId = newAppId();
        const idOf = (index: number) => someDeviceId.replace(/^./, String(index));
        const record = (index: number, seenAtMs: number) =>
          seeing(buildDeviceRecord({ appId, deviceId: idOf(index), seenAtMs }));
        for (const index of [1, 2, 3, 4]) await store.appendDeviceEvents([record(index, someTimeMs + index)]);
        const first = await store.listDevices({ appId }, { limit: 2 });
        await store.appendDeviceEvents([record(1, someTimeMs + 100), record(4, someTimeMs + 101)]);
        const second = await store.listDevices({ appId }, { limit: 2, cursor: first.nextCursor ?? '' });
        expect([...first.items, ...second.items].map(({ deviceId }) => deviceId)).toStrictEqual(
          [4, 3, 2, 1].map(idOf),
        );
      });

      describePaging('devices', () => {
        const appId = newAppId();
        let added = 0;
        return {
          async add(seenAtMs) {
            added += 1;
            const deviceId = `${added.toString(16).padStart(8, '0')}${someDeviceId.slice(8)}`;
            await store.appendDeviceEvents([seeing(buildDeviceRecord({ appId, deviceId, seenAtMs }))]);
            return deviceId;
          },
          async list(page) {
            const { items, nextCursor } = await store.listDevices({ appId }, page);
            return { items: items.map(({ deviceId }) => deviceId), nextCursor };
          },
          foreignCursor: encodeCursor({ timeMs: someTimeMs, id: '1'.repeat(24) }),
        };
      });
    });

    it('stays when the events are deleted', async () => {
      const appId = newAppId();
      await store.appendDeviceEvents([effective(appId, null), effective(appId, null)]);
      await store.deleteDeviceEventsBefore(someTimeMs + 1, 100_000);
      const left = { events: 0, gets: [2], failures: [2], isInInventory: true };
      expect(await effectsSeen(appId)).toStrictEqual(left);
    });
  });
}
