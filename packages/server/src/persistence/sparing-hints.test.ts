import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sparing } from './sparing-hints.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function counted() {
  let count = 0;
  const hints = sparing({
    announce() {
      count += 1;
    },
    onHint: () => undefined,
    close: async () => undefined,
  });
  return { hints, count: () => count };
}

it('a change is announced at once, and a hundred right after it as one', () => {
  const { hints, count } = counted();
  hints.announce();
  expect(count()).toBe(1);
  for (let times = 0; times < 100; times += 1) hints.announce();
  expect(count()).toBe(1);
  vi.advanceTimersByTime(50);
  expect(count()).toBe(2);
  vi.advanceTimersByTime(1_000);
  expect(count()).toBe(2);
  hints.announce();
  expect(count()).toBe(3);
});

it('nothing is announced after the end', async () => {
  const { hints, count } = counted();
  for (let times = 0; times < 2; times += 1) hints.announce();
  await hints.close();
  vi.advanceTimersByTime(1_000);
  expect(count()).toBe(1);
});
