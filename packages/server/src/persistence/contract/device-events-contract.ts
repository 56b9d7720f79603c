import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceEvent } from '../../domain/device.ts';
import type { DeviceEventFilter, DeviceEventLog } from '../../ports/device-events.ts';
import { buildDeviceEvent, nextId, someDeviceId, someTimeMs } from '../../testing/builders.ts';
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

    async function listed(filter: DeviceEventFilter, limit = 100): Promise<DeviceEvent[]> {
      const { items } = await log.listDeviceEvents(filter, { limit });
      return items.map(({ id: _id, ...event }) => event);
    }

    /** Names of the events, oldest first. */
    async function namesOf(appId: string): Promise<string[]> {
      const pages = await readPages((page) => log.listDeviceEvents({ appId }, page), 1_000);
      return pages
        .flat()
        .map(({ versionName }) => versionName)
        .reverse();
    }

    const numbered = (appId: string, count: number, prefix = '') =>
      Array.from({ length: count }, (_each, index) =>
        buildDeviceEvent({ appId, versionName: `${prefix}${index}` }),
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
      await log.appendDeviceEvents([bare, full]);
      expect(await listed({ appId })).toStrictEqual([full, bare]);
    });

    it.each([
      ['empty', {}],
      ['with a key of every prototype', JSON.parse('{"__proto__":"a","constructor":"b"}')],
      ['large', Object.fromEntries(Array.from({ length: 30 }, (_each, n) => [`key${n}`, 'ü'.repeat(2_048)]))],
    ])('keeps metadata that is %s', async (_what, metadata: Record<string, string>) => {
      const appId = newAppId();
      await log.appendDeviceEvents([buildDeviceEvent({ appId, metadata })]);
      const [event] = await listed({ appId });
      expect(Object.entries(event?.metadata ?? { missing: '' })).toStrictEqual(Object.entries(metadata));
    });

    it('gives every event an id of its own', async () => {
      const appId = newAppId();
      await log.appendDeviceEvents(numbered(appId, 50));
      const { items } = await log.listDeviceEvents({ appId }, { limit: 100 });
      expect(new Set(items.map(({ id }) => id)).size).toBe(50);
    });

    it('keeps the order of the events of a call', async () => {
      const appId = newAppId();
      await log.appendDeviceEvents(numbered(appId, 200));
      expect(await namesOf(appId)).toStrictEqual(numbered(appId, 200).map(({ versionName }) => versionName));
    });

    it('takes no events without complaint', async () => {
      await expect(log.appendDeviceEvents([])).resolves.toBeUndefined();
    });

    it('keeps none of the events when one of them cannot be kept, and goes on working', async () => {
      const appId = newAppId();
      const unfit = { ...buildDeviceEvent({ appId }), action: null } as unknown as DeviceEvent;
      await expect(
        log.appendDeviceEvents([...numbered(appId, 10), unfit, ...numbered(appId, 10)]),
      ).rejects.toThrow();
      expect(await log.countDeviceEvents({ appId })).toBe(0);
      await log.appendDeviceEvents(numbered(appId, 3));
      expect(await log.countDeviceEvents({ appId })).toBe(3);
    });

    it('never shows a part of a call’s events', async () => {
      const appId = newAppId();
      const counts = new Set<number>();
      let isWriting = true;
      const writing = (async () => {
        try {
          for (let round = 0; round < 5; round += 1) await log.appendDeviceEvents(numbered(appId, 500));
        } finally {
          isWriting = false;
        }
      })();
      while (isWriting) counts.add(await log.countDeviceEvents({ appId }));
      await writing;
      expect([...counts].filter((count) => count % 500 !== 0)).toStrictEqual([]);
    });

    it('keeps a large batch of 5,000 events whole and in order', async () => {
      const appId = newAppId();
      await log.appendDeviceEvents(numbered(appId, 5_000));
      expect(await log.countDeviceEvents({ appId })).toBe(5_000);
      expect(await namesOf(appId)).toStrictEqual(
        Array.from({ length: 5_000 }, (_each, index) => String(index)),
      );
    });

    it('keeps the events of 20 calls made at once, each call’s in their order', async () => {
      const appId = newAppId();
      const prefixes = Array.from({ length: 20 }, (_each, call) => `${call}/`);
      const outcomes = await outcomesOf(
        prefixes.map((prefix) => log.appendDeviceEvents(numbered(appId, 25, prefix))),
      );
      expect(new Set(outcomes)).toStrictEqual(new Set(['done']));
      const names = await namesOf(appId);
      expect(names).toHaveLength(500);
      for (const prefix of prefixes) {
        expect(names.filter((name) => name.startsWith(prefix))).toStrictEqual(
          numbered(appId, 25, prefix).map(({ versionName }) => versionName),
        );
      }
    });

    describe('filtered', () => {
      const appId = newAppId();
      const otherDeviceId = someDeviceId.replace(/^./, '0');
      const first = buildDeviceEvent({ appId, receivedAtMs: someTimeMs });
      const second = buildDeviceEvent({ appId, receivedAtMs: someTimeMs + 10, action: 'set_fail' });
      const third = buildDeviceEvent({ appId, receivedAtMs: someTimeMs + 20, deviceId: otherDeviceId });
      const ofOtherApp = buildDeviceEvent({ appId: appId.toUpperCase() });
      beforeAll(() => log.appendDeviceEvents([first, second, third, ofOtherApp]));

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

    describePaging('device events', () => {
      const appId = newAppId();
      return {
        async add(receivedAtMs) {
          const versionName = nextId();
          await log.appendDeviceEvents([buildDeviceEvent({ appId, versionName, receivedAtMs })]);
          return versionName;
        },
        async list(page) {
          const { items, nextCursor } = await log.listDeviceEvents({ appId }, page);
          return { items: items.map(({ versionName }) => versionName), nextCursor };
        },
        foreignCursor: encodeCursor({ timeMs: someTimeMs, id: nextId() }),
      };
    });
  });
}
