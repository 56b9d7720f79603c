import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceEvent } from '../../domain/device.ts';
import type { DeviceEventFilter, DeviceEventLog } from '../../ports/device-events.ts';
import {
  buildDeviceEvent,
  buildRecordedEvent,
  nextId,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { encodeCursor } from '../cursor.ts';
import { newAppId, outcomesOf, readPages } from './opened-store.ts';
import { describePaging } from './paging-contract.ts';

export interface OpenedLog {
  readonly log: DeviceEventLog;
  destroy(): Promise<void>;
}

/** The duties of `DeviceEventLog`. */
export function describeDeviceEvents(open: () => Promise<OpenedLog>): void {
  describe('device events', () => {
    let opened: OpenedLog;
    let log: DeviceEventLog;
    beforeAll(async () => {
      opened = await open();
      log = opened.log;
    });
    afterAll(() => opened.destroy());

    async function listed(filter: DeviceEventFilter, limit = 100): Promise<readonly DeviceEvent[]> {
      return (await log.listDeviceEvents(filter, { limit })).items;
    }

    const append = (...events: DeviceEvent[]) =>
      log.appendDeviceEvents(events.map((event) => buildRecordedEvent(event)));

    const numbered = (appId: string, count: number, prefix = '') =>
      Array.from({ length: count }, (_each, index) =>
        buildRecordedEvent({ appId, versionName: `${prefix}${index}` }),
      );

    it('keeps every field as it was given', async () => {
      const appId = newAppId();
      const full = buildDeviceEvent({
        appId,
        action: 'some.new:action-1',
        versionName: '1.0.0:js/main é 👩‍👧.js',
        oldVersionName: '0.9.0',
        platform: 'electron',
        pluginVersion: '8.51.14',
        nativeVersion: '2.0',
        nativeBuild: '0042',
        osVersion: '17.0 (21A329)',
        isEmulator: true,
        isProd: false,
        customId: 'e\u0301 "quoted"',
        defaultChannel: 'Beta',
        keyId: 'MIIBCgKCAQEA12345678',
        installSource: 'app_store',
        channelName: 'Productiön 👋',
        metadata: { reason: 'Grüße 👋\n"\\', '': '', 'a.b$c': '1' },
        deviceTimeMs: someTimeMs - 86_400_000,
        receivedAtMs: someTimeMs + 1,
      });
      const bare = buildDeviceEvent({
        appId,
        versionName: '',
        pluginVersion: null,
        nativeVersion: null,
        nativeBuild: null,
        osVersion: null,
      });
      await append(bare, full);
      expect(await listed({ appId })).toStrictEqual([full, bare]);
    });

    it.each([
      ['empty', {}],
      ['with a key of every prototype', JSON.parse('{"__proto__":"a","constructor":"b"}')],
      ['large', Object.fromEntries(Array.from({ length: 30 }, (_each, n) => [`key${n}`, 'ü'.repeat(2_048)]))],
    ])('keeps metadata that is %s', async (_what, metadata: Record<string, string>) => {
      const appId = newAppId();
      await append(buildDeviceEvent({ appId, metadata }));
      const [event] = await listed({ appId });
      expect(Object.entries(event?.metadata ?? { missing: '' })).toStrictEqual(Object.entries(metadata));
    });

    it('takes no events without complaint', async () => {
      await expect(log.appendDeviceEvents([])).resolves.toBeUndefined();
    });

    it('keeps none of the events when one of them cannot be kept, and goes on working', async () => {
      const appId = newAppId();
      const unfit = buildRecordedEvent({ appId, action: null as unknown as string });
      await expect(
        log.appendDeviceEvents([...numbered(appId, 10), unfit, ...numbered(appId, 10)]),
      ).rejects.toThrow();
      expect(await log.countDeviceEvents({ appId })).toBe(0);
      await log.appendDeviceEvents(numbered(appId, 3));
      expect(await log.countDeviceEvents({ appId })).toBe(3);
    });

    describe('filtered', () => {
      const appId = newAppId();
      const otherDeviceId = someDeviceId.replace(/^./, '0');
      const first = buildDeviceEvent({ appId, receivedAtMs: someTimeMs });
      const second = buildDeviceEvent({ appId, receivedAtMs: someTimeMs + 10, action: 'set_fail' });
      const third = buildDeviceEvent({ appId, receivedAtMs: someTimeMs + 20, deviceId: otherDeviceId });
      const ofOtherApp = buildDeviceEvent({ appId: appId.toUpperCase() });
      beforeAll(() => append(first, second, third, ofOtherApp));

      const cases: [string, Omit<DeviceEventFilter, 'appId'>, DeviceEvent[]][] = [
        ['by app alone', {}, [third, second, first]],
        ['by device', { deviceId: someDeviceId }, [second, first]],
        ['by another device', { deviceId: otherDeviceId }, [third]],
        ['by action', { action: 'set_fail' }, [second]],
        ['by action to the letter', { action: 'SET' }, []],
        ['by device to the letter', { deviceId: someDeviceId.toUpperCase() }, []],
        ['from a time, included', { fromMs: someTimeMs + 10 }, [third, second]],
        ['from just after a time', { fromMs: someTimeMs + 11 }, [third]],
        ['to a time, excluded', { toMs: someTimeMs + 10 }, [first]],
        ['to just after a time', { toMs: someTimeMs + 11 }, [second, first]],
        ['between times', { fromMs: someTimeMs + 1, toMs: someTimeMs + 20 }, [second]],
        ['by a span that is empty', { fromMs: someTimeMs + 10, toMs: someTimeMs + 10 }, []],
        [
          'by everything',
          { deviceId: someDeviceId, action: 'set', fromMs: someTimeMs, toMs: someTimeMs + 1 },
          [first],
        ],
      ];
      it.each(cases)('%s, lists and counts those events', async (_how, filter, expected) => {
        expect(await listed({ appId, ...filter })).toStrictEqual(expected);
        expect(await log.countDeviceEvents({ appId, ...filter })).toBe(expected.length);
      });

      it('by an app without events, lists and counts none', async () => {
        expect(await listed({ appId: newAppId() })).toStrictEqual([]);
        expect(await log.countDeviceEvents({ appId: newAppId() })).toBe(0);
      });

      it('goes on with the same filter on the next page', async () => {
        const filter = { appId, deviceId: someDeviceId };
        const pages = await readPages((page) => log.listDeviceEvents(filter, page), 1);
        expect(pages.map((page) => page.map(({ receivedAtMs }) => receivedAtMs))).toStrictEqual([
          [second.receivedAtMs],
          [first.receivedAtMs],
        ]);
      });
    });

    it('keeps an event that is told twice once: the first telling', async () => {
      const appId = newAppId();
      const deviceTimeMs = someTimeMs - 1;
      const first = buildDeviceEvent({ appId, deviceTimeMs, osVersion: 'first' });
      const again = { ...first, id: nextId(), osVersion: 'again', receivedAtMs: someTimeMs + 9 };
      await append(first, again);
      await append(again);
      await append({ ...again, id: nextId() }, { ...again, id: nextId() });
      expect(await listed({ appId })).toStrictEqual([first]);
    });

    it.each([
      ['app', { appId: newAppId() }],
      ['device', { deviceId: someDeviceId.replace(/^./, '0') }],
      ['action', { action: 'SET' }],
      ['version name', { versionName: '1.0.1:index.html' }],
      ['device time', { deviceTimeMs: someTimeMs + 1 }],
    ])('keeps events that differ in their %s alone', async (_part, difference) => {
      const appId = newAppId();
      const first = buildDeviceEvent({ appId, deviceTimeMs: someTimeMs });
      const second = { ...first, id: nextId(), ...difference };
      await append(first, second);
      await append(first, second);
      const count = async (ofApp: string) => log.countDeviceEvents({ appId: ofApp });
      const counts = second.appId === appId ? [2] : [1, 1];
      expect(await Promise.all([...new Set([appId, second.appId])].map(count))).toStrictEqual(counts);
    });

    it('keeps all events without a device time, however alike', async () => {
      const appId = newAppId();
      const event = buildDeviceEvent({ appId, deviceTimeMs: null });
      const alike = Array.from({ length: 3 }, () => ({ ...event, id: nextId() }));
      await append(...alike);
      await append(event);
      expect(await log.countDeviceEvents({ appId })).toBe(4);
    });

    describe('when they are many', () => {
      // Of its own: an engine that reads past them would do so in all other tests.
      let own: OpenedLog;
      beforeEach(async () => {
        own = await open();
      });
      afterEach(() => own.destroy());

      /** Names of the events, oldest first. */
      async function namesOf(appId: string): Promise<string[]> {
        const pages = await readPages((page) => own.log.listDeviceEvents({ appId }, page), 1_000);
        return pages
          .flat()
          .map(({ versionName }) => versionName)
          .reverse();
      }

      it('keeps the order of the events of a call', async () => {
        const appId = newAppId();
        await own.log.appendDeviceEvents(numbered(appId, 200));
        expect(await namesOf(appId)).toStrictEqual(
          numbered(appId, 200).map(({ event }) => event.versionName),
        );
      });

      it('never shows a part of a call’s events', async () => {
        const appId = newAppId();
        const counts = new Set<number>();
        let isWriting = true;
        const writing = (async () => {
          try {
            for (let round = 0; round < 5; round += 1) await own.log.appendDeviceEvents(numbered(appId, 500));
          } finally {
            isWriting = false;
          }
        })();
        while (isWriting) counts.add(await own.log.countDeviceEvents({ appId }));
        await writing;
        expect([...counts].filter((count) => count % 500 !== 0)).toStrictEqual([]);
      });

      it('keeps a large batch of 5,000 events whole and in order', async () => {
        const appId = newAppId();
        await own.log.appendDeviceEvents(numbered(appId, 5_000));
        expect(await own.log.countDeviceEvents({ appId })).toBe(5_000);
        expect(await namesOf(appId)).toStrictEqual(
          Array.from({ length: 5_000 }, (_each, index) => String(index)),
        );
      });

      it('keeps the events of 20 calls made at once, each call’s in their order', async () => {
        const appId = newAppId();
        const prefixes = Array.from({ length: 20 }, (_each, call) => `${call}/`);
        const outcomes = await outcomesOf(
          prefixes.map((prefix) => own.log.appendDeviceEvents(numbered(appId, 25, prefix))),
        );
        expect(new Set(outcomes)).toStrictEqual(new Set(['done']));
        const names = await namesOf(appId);
        expect(names).toHaveLength(500);
        for (const prefix of prefixes) {
          expect(names.filter((name) => name.startsWith(prefix))).toStrictEqual(
            numbered(appId, 25, prefix).map(({ event }) => event.versionName),
          );
        }
      });
    });

    describe('deleted by age', () => {
      let own: OpenedLog;
      beforeEach(async () => {
        own = await open();
      });
      afterEach(() => own.destroy());

      const appIds = [newAppId(), newAppId()] as const;
      async function timesLeft(): Promise<number[]> {
        const pages = await Promise.all(
          appIds.map((appId) => own.log.listDeviceEvents({ appId }, { limit: 100 })),
        );
        const times = pages.flatMap(({ items }) =>
          items.map(({ receivedAtMs }) => receivedAtMs - someTimeMs),
        );
        return times.toSorted((left, right) => left - right);
      }
      const appendAt = (...offsets: number[]) =>
        own.log.appendDeviceEvents(
          offsets.map((offset, index) => {
            const appId = appIds[index % 2] as string;
            return buildRecordedEvent({ appId, receivedAtMs: someTimeMs + offset });
          }),
        );

      it('are those that arrived before the time, of every app', async () => {
        await appendAt(3, 1, 4, 2, 5, 3);
        expect(await own.log.deleteDeviceEventsBefore(someTimeMs + 3, 100)).toBe(2);
        expect(await timesLeft()).toStrictEqual([3, 3, 4, 5]);
        expect(await own.log.deleteDeviceEventsBefore(someTimeMs + 3, 100)).toBe(0);
      });

      it('are the oldest first, up to the limit', async () => {
        await appendAt(3, 1, 4, 2, 5, 6);
        expect(await own.log.deleteDeviceEventsBefore(someTimeMs + 6, 3)).toBe(3);
        expect(await timesLeft()).toStrictEqual([4, 5, 6]);
        expect(await own.log.deleteDeviceEventsBefore(someTimeMs + 6, 3)).toBe(2);
        expect(await timesLeft()).toStrictEqual([6]);
      });
    });

    describe('counted as outcomes of a rollout', () => {
      const served = (appId: string) => ({ appId, channelName: 'production', versionName: '2.0.0' });
      const outcomesIn = (appId: string, sinceMs = someTimeMs) =>
        log.countRolloutOutcomes({ ...served(appId), sinceMs });
      const told = (
        appId: string,
        result: 'install' | 'fail' | null,
        { bundle = '2.0.0', ...given }: Partial<DeviceEvent> & { bundle?: string } = {},
      ) =>
        buildRecordedEvent(
          { id: nextId(), ...served(appId), ...given },
          { effects: { outcome: result && { result, bundle } } },
        );

      it('are installs and failures by their effects, whatever the event is called', async () => {
        const appId = newAppId();
        await log.appendDeviceEvents([
          ...[told(appId, 'install'), told(appId, 'install', { action: 'set_fail' }), told(appId, null)],
          ...[told(appId, 'fail', { versionName: '1.0.0' }), told(appId, null, { action: 'update_fail' })],
        ]);
        expect(await outcomesIn(appId)).toStrictEqual({ installs: 2, failures: 1 });
      });

      it('are none where nothing was reported', async () => {
        expect(await outcomesIn(newAppId())).toStrictEqual({ installs: 0, failures: 0 });
      });

      it('are those that arrived since the time, included', async () => {
        const appId = newAppId();
        const at = (result: 'install' | 'fail', offset: number) =>
          told(appId, result, { receivedAtMs: someTimeMs + offset });
        await log.appendDeviceEvents([
          ...[-1, 0, 1].map((offset) => at('install', offset)),
          ...[-1, 1].map((offset) => at('fail', offset)),
        ]);
        expect(await outcomesIn(appId)).toStrictEqual({ installs: 2, failures: 1 });
        expect(await outcomesIn(appId, someTimeMs + 1)).toStrictEqual({ installs: 1, failures: 1 });
        expect(await outcomesIn(appId, 0)).toStrictEqual({ installs: 3, failures: 2 });
      });

      it.each([
        ['app', { appId: newAppId() }],
        ['channel', { channelName: 'Production' }],
        ['channel, which is none', { channelName: null }],
        ['bundle', { bundle: '2.0.0-rc' }],
        ['bundle, whose name starts alike', { bundle: '2.0.01' }],
      ])('are not those of another %s', async (_what, difference) => {
        const appId = newAppId();
        await log.appendDeviceEvents([told(appId, 'install'), told(appId, 'install', difference)]);
        expect(await outcomesIn(appId)).toStrictEqual({ installs: 1, failures: 0 });
      });

      it('are counted once for an event that is told twice', async () => {
        const appId = newAppId();
        const twice = () => told(appId, 'install', { deviceTimeMs: someTimeMs });
        await log.appendDeviceEvents([twice(), twice()]);
        expect(await outcomesIn(appId)).toStrictEqual({ installs: 1, failures: 0 });
      });
    });

    describePaging('device events', () => {
      const appId = newAppId();
      return {
        async add(receivedAtMs) {
          const versionName = nextId();
          await append(buildDeviceEvent({ appId, versionName, receivedAtMs }));
          return versionName;
        },
        async list(page) {
          const { items, nextCursor } = await log.listDeviceEvents({ appId }, page);
          return { items: items.map(({ versionName }) => versionName), nextCursor };
        },
        foreignCursor: encodeCursor({ timeMs: someTimeMs, id: someDeviceId }),
      };
    });
  });
}
