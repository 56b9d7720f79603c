import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../domain/errors.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';
import type { Store } from '../ports/store.ts';
import { buildRecordedEvent } from '../testing/builders.ts';
import { newAppId } from './contract/opened-store.ts';
import { groupedDeviceEvents } from './group-commit.ts';
import { openSqliteStore } from './sqlite/open-sqlite-store.ts';

/** A log over a real store that tells how many events each transaction had, and can be held up or made to fail. */
function watched(store: DeviceEventLog) {
  const transactions: number[] = [];
  let gate: Promise<void> = Promise.resolve();
  let failure: Error | undefined;
  const log: DeviceEventLog = {
    ...store,
    async appendDeviceEvents(events) {
      transactions.push(events.length);
      await gate;
      if (failure) throw failure;
      await store.appendDeviceEvents(events);
    },
  };
  return {
    log,
    transactions,
    /** Holds up every transaction until the function it answers is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    failWith(error: Error | undefined) {
      failure = error;
    },
  };
}

describe('device events written in groups', () => {
  let store: Store;
  let under: ReturnType<typeof watched>;
  let log: DeviceEventLog;
  let filter: { appId: string };
  beforeAll(async () => {
    store = await openSqliteStore(':memory:');
  });
  afterAll(() => store.close());
  beforeEach(() => {
    filter = { appId: newAppId() };
    under = watched(store);
    log = groupedDeviceEvents(under.log);
  });

  const eventsOf = (count: number, prefix = '') =>
    Array.from({ length: count }, (_each, index) =>
      buildRecordedEvent({ ...filter, versionName: `${prefix}${index}` }),
    );

  it('share one transaction when they come while another one is written', async () => {
    const release = under.hold();
    const callers = Array.from({ length: 50 }, (_each, caller) =>
      log.appendDeviceEvents(eventsOf(3, `${caller}/`)),
    );
    release();
    await Promise.all(callers);
    expect(under.transactions).toStrictEqual([3, 49 * 3]);
    const { items } = await log.listDeviceEvents(filter, { limit: 200 });
    expect(items.map(({ versionName }) => versionName).reverse()).toStrictEqual(
      Array.from({ length: 50 }, (_each, caller) => [0, 1, 2].map((index) => `${caller}/${index}`)).flat(),
    );
  });

  it('are written at once when nothing else is under way', async () => {
    await log.appendDeviceEvents(eventsOf(2));
    await log.appendDeviceEvents(eventsOf(1));
    expect(under.transactions).toStrictEqual([2, 1]);
  });

  it('are acknowledged only after the transaction that holds them', async () => {
    const countsWhenAcknowledged: number[] = [];
    const callers = Array.from({ length: 10 }, async () => {
      const appId = newAppId();
      await log.appendDeviceEvents([buildRecordedEvent({ appId })]);
      countsWhenAcknowledged.push(await store.countDeviceEvents({ appId }));
    });
    await Promise.all(callers);
    expect(countsWhenAcknowledged).toStrictEqual(Array.from({ length: 10 }, () => 1));
  });

  it('are not acknowledged while their transaction is held up', async () => {
    const release = under.hold();
    let acknowledged = 0;
    const callers = [1, 2, 3].map(async () => {
      await log.appendDeviceEvents(eventsOf(1));
      acknowledged += 1;
    });
    await store.ping();
    expect(acknowledged).toBe(0);
    release();
    await Promise.all(callers);
    expect(acknowledged).toBe(3);
  });

  it('fail together with their transaction, and later ones are written', async () => {
    const refusal = new AppError('unavailable', 'The database refuses work right now');
    const release = under.hold();
    const failing = [1, 2, 3].map(() => log.appendDeviceEvents(eventsOf(2)));
    under.failWith(refusal);
    release();
    expect(await Promise.allSettled(failing)).toStrictEqual(
      failing.map(() => ({ status: 'rejected', reason: refusal })),
    );
    under.failWith(undefined);
    await log.appendDeviceEvents(eventsOf(4));
    expect(await log.countDeviceEvents(filter)).toBe(4);
  });

  it('of one transaction do not fail with another one', async () => {
    const release = under.hold();
    const first = log.appendDeviceEvents(eventsOf(1));
    const unfit = log.appendDeviceEvents([
      buildRecordedEvent({ ...filter, action: null as unknown as string }),
    ]);
    release();
    await expect(first).resolves.toBeUndefined();
    await expect(unfit).rejects.toThrow();
    await log.appendDeviceEvents(eventsOf(1));
    expect(await log.countDeviceEvents(filter)).toBe(2);
  });

  it('do not wait one after the other for a store that hangs', async () => {
    const release = under.hold();
    const hanging = [1, 2, 3].map(() => log.appendDeviceEvents(eventsOf(3_000)));
    under.failWith(new AppError('unavailable', 'The database cannot be reached'));
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 5_000);
    release();
    expect((await Promise.allSettled(hanging)).map(({ status }) => status)).toStrictEqual([
      ...['rejected', 'rejected', 'rejected'],
    ]);
    clock.mockRestore();
    expect(under.transactions).toStrictEqual([3_000]);
    under.failWith(undefined);
    await log.appendDeviceEvents(eventsOf(1));
    expect(await log.countDeviceEvents(filter)).toBe(1);
  });

  it('fill a transaction up to a bound, and no call is split', async () => {
    const release = under.hold();
    const sizes = [1, 3_000, 1_000, 500, 3_600, 5_000, 10];
    const callers = sizes.map((size) => log.appendDeviceEvents(eventsOf(size)));
    release();
    await Promise.all(callers);
    expect(under.transactions).toStrictEqual([1, 4_000, 500, 3_600, 5_000, 10]);
  });

  it('are refused when too many wait, and taken again once those are written', async () => {
    // So many that writing them would take longer than all the other tests.
    under = watched({ ...store, appendDeviceEvents: async () => undefined });
    log = groupedDeviceEvents(under.log);
    const thousand = eventsOf(1_000);
    const release = under.hold();
    const first = log.appendDeviceEvents(eventsOf(1));
    const waiting = Array.from({ length: 100 }, () => log.appendDeviceEvents(thousand));
    await expect(log.appendDeviceEvents(eventsOf(1))).rejects.toMatchObject({ code: 'unavailable' });
    release();
    await Promise.all([first, ...waiting]);
    await log.appendDeviceEvents(eventsOf(1));
    expect(under.transactions.reduce((sum, events) => sum + events, 0)).toBe(100_002);
  });

  it('need no transaction when there are none', async () => {
    await log.appendDeviceEvents([]);
    expect(under.transactions).toStrictEqual([]);
  });
});
