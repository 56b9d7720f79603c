import { MessageChannel } from 'node:worker_threads';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../ports/clock.ts';
import type { RequestLimits } from '../ports/request-limits.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { describeRequestLimits } from './contract/request-limits-contract.ts';
import { type FallingBackLimits, fallingBack } from './falling-back.ts';
import { createNodeLimits } from './node-limits.ts';

describeRequestLimits('that fall back', async () => nodeWith(sharedLimits()).limits);

type Weather = 'fine' | 'failing' | 'silent';

/** Counts that several nodes share, and that can be made to fail or to say nothing. */
function sharedLimits() {
  const counts = createNodeLimits(systemClock);
  let weather: Weather = 'fine';
  let asked = 0;
  async function through<Value>(ask: () => Value | Promise<Value>): Promise<Value> {
    asked += 1;
    if (weather === 'failing') throw new Error('connection refused');
    if (weather === 'silent') return new Promise(() => undefined);
    return ask();
  }
  const limits: RequestLimits = {
    refilling(rule) {
      const limit = counts.refilling(rule);
      return { take: (key) => through(() => limit.take(key)) };
    },
    windowed(rule) {
      const limit = counts.windowed(rule);
      return {
        waitMs: (key) => through(() => limit.waitMs(key)),
        record: (key) => through(() => limit.record(key)),
      };
    },
  };
  return {
    limits,
    become(next: Weather) {
      weather = next;
    },
    get asked() {
      return asked;
    },
  };
}

function nodeWith(shared: { readonly limits: RequestLimits }) {
  const log: { event: string; level: number; reason?: string }[] = [];
  const limits: FallingBackLimits = fallingBack({
    shared: shared.limits,
    ofThisNode: createNodeLimits(createFakeClock()),
    logger: pino({}, { write: (line) => log.push(JSON.parse(line)) }),
  });
  return { limits, log, events: () => log.map(({ event }) => event) };
}

const updates = { name: 'updates', perMinute: 3 };

async function passing(limits: RequestLimits, key: string, requests: number): Promise<number> {
  const limit = limits.refilling(updates);
  let passed = 0;
  for (let request = 0; request < requests; request += 1) passed += Number((await limit.take(key)) === 0);
  return passed;
}

it('two nodes count together; each for itself while the counts are out of reach; then together again', async () => {
  const shared = sharedLimits();
  const [a, b] = [nodeWith(shared), nodeWith(shared)];
  onTestFinished(() => a.limits.close());
  onTestFinished(() => b.limits.close());
  expect([await passing(a.limits, 'first', 2), await passing(b.limits, 'first', 5)]).toEqual([2, 1]);
  shared.become('failing');
  expect([await passing(a.limits, 'second', 5), await passing(b.limits, 'second', 5)]).toEqual([3, 3]);
  shared.become('fine');
  await vi.waitFor(() => expect([a.events().length, b.events().length]).toEqual([2, 2]), 5_000);
  expect([await passing(a.limits, 'third', 5), await passing(b.limits, 'third', 5)]).toEqual([3, 0]);
  expect(a.log).toMatchObject([
    { event: 'limits_per_node', level: 40, reason: 'connection refused' },
    { event: 'limits_shared', level: 30 },
  ]);
});

it('silence holds up no request for more than a tenth of a second, and none after the first', async () => {
  const shared = sharedLimits();
  const { limits, events } = nodeWith(shared);
  onTestFinished(() => limits.close());
  expect(await passing(limits, 'key', 1)).toBe(1);
  shared.become('silent');
  const window = limits.windowed({ name: 'window', max: 1, windowMs: 1_000 });
  const start = performance.now();
  expect([await passing(limits, 'key', 1), await window.waitMs('key')]).toEqual([1, 0]);
  // What is over the tenth of a second is for a machine that is busy with other tests.
  expect(performance.now() - start).toBeLessThan(150);
  const askedBefore = shared.asked;
  const answer = window.waitMs('key');
  void window.record('key');
  expect([answer, shared.asked - askedBefore]).toEqual([0, 0]);
  expect(events()).toEqual(['limits_per_node']);
});

it('a request that asks two limits one after the other is held up for no longer', async () => {
  const shared = sharedLimits();
  const { limits } = nodeWith(shared);
  onTestFinished(() => limits.close());
  const window = limits.windowed({ name: 'window', max: 1, windowMs: 1_000 });
  await window.waitMs('key');
  shared.become('silent');
  const start = performance.now();
  await window.waitMs('first');
  await window.waitMs('second');
  expect(performance.now() - start).toBeLessThan(150);
});

it('an answer that came while this node was too busy to take it is not late', async () => {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  const slow = nodeWith({
    limits: {
      ...createNodeLimits(systemClock),
      refilling: () => ({
        take: () =>
          new Promise((resolve) => {
            port1.once('message', () => resolve(0));
            port2.postMessage('answer');
          }),
      }),
    },
  });
  onTestFinished(() => slow.limits.close());
  const taken = slow.limits.refilling(updates).take('key');
  const busyUntil = performance.now() + 150;
  while (performance.now() < busyUntil);
  expect(await taken).toBe(0);
  expect(slow.events()).toEqual([]);
});

it('that the counts are out of reach at the start is told without any request', async () => {
  const shared = sharedLimits();
  shared.become('failing');
  const { limits, events } = nodeWith(shared);
  onTestFinished(() => limits.close());
  await vi.waitFor(() => expect(events()).toEqual(['limits_per_node']));
});
