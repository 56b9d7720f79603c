import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../ports/store.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { leased } from './leased.ts';

let store: Store;
beforeAll(async () => {
  store = await openSqliteStore(':memory:');
});
afterAll(() => store.close());

const minuteMs = 60_000;
const clock = createFakeClock();
let lastJob = 0;

/** A job on two nodes, and who ran it. */
function onTwoNodes(everyMs: number) {
  lastJob += 1;
  const name = `job-${lastJob}`;
  const ran: string[] = [];
  const [a, b] = ['a', 'b'].map((holder) =>
    leased({ name, everyMs, run: async () => ran.push(holder) }, { leases: store, holder, clock }),
  );
  return { ran, runA: () => a?.run(), runB: () => b?.run(), name };
}

it('a leased job runs on the node that came first, as long as that runs it', async () => {
  const { ran, runA, runB } = onTwoNodes(minuteMs);
  for (let times = 0; times < 5; times += 1) {
    await runA();
    await runB();
    clock.advance(minuteMs);
  }
  expect(ran).toEqual(['a', 'a', 'a', 'a', 'a']);
});

it('a leased job runs on another node three runs after its node died, or at once when that gave it up', async () => {
  const { ran, runA, runB, name } = onTwoNodes(minuteMs);
  await runA();
  clock.advance(3 * minuteMs - 1);
  await runB();
  expect(ran).toEqual(['a']);
  clock.advance(1);
  await runB();
  expect(ran).toEqual(['a', 'b']);
  await store.releaseLease(name, 'b');
  await runA();
  expect(ran).toEqual(['a', 'b', 'a']);
});

it('a leased job that fails says so and keeps its lease', async () => {
  lastJob += 1;
  const name = `job-${lastJob}`;
  const failing = leased(
    { name, everyMs: 1, run: () => Promise.reject(new Error('broken')) },
    { leases: store, holder: 'a', clock },
  );
  await expect(failing.run()).rejects.toThrow('broken');
  clock.advance(minuteMs - 1);
  const ran: string[] = [];
  const other = leased(
    { name, everyMs: 1, run: async () => ran.push('b') },
    { leases: store, holder: 'b', clock },
  );
  await other.run();
  expect(ran).toEqual([]);
});

it('a leased job that takes longer than its lease runs on no other node meanwhile', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  lastJob += 1;
  const name = `job-${lastJob}`;
  const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const run = () => {
    begun.resolve();
    return held.promise;
  };
  const long = leased({ name, everyMs: minuteMs, run }, { leases: store, holder: 'a', clock });
  const ran: string[] = [];
  const other = leased(
    { name, everyMs: minuteMs, run: async () => ran.push('b') },
    { leases: store, holder: 'b', clock },
  );
  const passMinute = async () => {
    clock.advance(minuteMs);
    vi.advanceTimersByTime(minuteMs);
    await other.run();
  };
  const running = long.run();
  await begun.promise;
  for (let minutes = 0; minutes < 10; minutes += 1) await passMinute();
  expect(ran).toEqual([]);
  held.resolve();
  await running;
  for (let minutes = 0; minutes < 3; minutes += 1) await passMinute();
  expect(ran).toEqual(['b']);
});
