import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { RequestLimits } from '../../ports/request-limits.ts';

const waitOptions = { timeout: 10_000, interval: 5 };

/** The suite every `RequestLimits` passes, on a clock of its own that nobody can set. */
export function describeRequestLimits(name: string, open: () => Promise<RequestLimits>): void {
  describe(`the limits ${name}`, () => {
    let limits: RequestLimits;
    beforeAll(async () => {
      limits = await open();
    });
    const newKey = () => randomUUID();

    describe('that refill', () => {
      const takeMany = async (perMinute: number, key: string, requests: number) => {
        const limit = limits.refilling({ name: 'test', perMinute });
        const waits = await Promise.all(Array.from({ length: requests }, () => limit.take(key)));
        return { passed: waits.filter((waitMs) => waitMs === 0).length, waits };
      };

      it.each([1, 7, 20])('let %i pass at once and not one more, also when all ask at once', async (max) => {
        expect((await takeMany(max, newKey(), 3 * max)).passed).toBe(max);
      });

      it('let everything pass that is far from them', async () => {
        expect((await takeMany(10_000_000_000, newKey(), 1_000)).passed).toBe(1_000);
      });

      it('say when one more may pass, and then it may, and only one', async () => {
        const limit = limits.refilling({ name: 'test', perMinute: 120 });
        const key = newKey();
        const start = performance.now();
        const { passed, waits } = await takeMany(120, key, 121);
        expect(passed).toBe(120);
        const waitMs = waits.find((wait) => wait > 0) ?? 0;
        expect(waitMs).toBeGreaterThan(0);
        expect(waitMs).toBeLessThanOrEqual(500);
        await vi.waitFor(async () => expect(await limit.take(key)).toBe(0), waitOptions);
        expect(performance.now() - start).toBeGreaterThanOrEqual(waitMs - 2);
        expect(await limit.take(key)).toBeGreaterThan(0);
      });

      it('do not count what they refuse', async () => {
        const key = newKey();
        await takeMany(2, key, 50);
        const [wait = 0] = (await takeMany(2, key, 1)).waits;
        expect(wait).toBeGreaterThan(29_000);
        expect(wait).toBeLessThanOrEqual(30_000);
      });

      it('count each key and each name for itself', async () => {
        const key = newKey();
        const other = limits.refilling({ name: 'other', perMinute: 1 });
        await takeMany(1, key, 2);
        expect((await takeMany(1, newKey(), 1)).passed).toBe(1);
        expect(await other.take(key)).toBe(0);
      });
    });

    describe('of a window', () => {
      const windowMs = 300;
      const windowOf = (max: number) => limits.windowed({ name: 'test', max, windowMs });

      it('count nothing when they are asked, and refuse until the window ends that the first began', async () => {
        const limit = windowOf(2);
        const key = newKey();
        for (let check = 0; check < 5; check += 1) expect(await limit.waitMs(key)).toBe(0);
        const start = performance.now();
        await limit.record(key);
        const startedBy = performance.now();
        expect(await limit.waitMs(key)).toBe(0);
        await vi.waitFor(() => expect(performance.now() - startedBy).toBeGreaterThan(100), waitOptions);
        await limit.record(key);
        const waitMs = await limit.waitMs(key);
        expect(waitMs).toBeGreaterThan(0);
        expect(waitMs).toBeLessThanOrEqual(windowMs - 98);
        await vi.waitFor(async () => expect(await limit.waitMs(key)).toBe(0), waitOptions);
        expect(performance.now() - start).toBeGreaterThanOrEqual(windowMs - 2);
        await limit.record(key);
        expect(await limit.waitMs(key)).toBe(0);
      });

      it('know what was recorded before they were asked, though nobody waited for it', async () => {
        const limit = limits.windowed({ name: 'long', max: 30, windowMs: 60_000 });
        const key = newKey();
        for (let request = 0; request < 29; request += 1) void limit.record(key);
        expect(await limit.waitMs(key)).toBe(0);
        void limit.record(key);
        expect(await limit.waitMs(key)).toBeGreaterThan(59_000);
      });

      it('count each key and each name for itself', async () => {
        const key = newKey();
        const long = limits.windowed({ name: 'long', max: 1, windowMs: 60_000 });
        const other = limits.windowed({ name: 'other', max: 1, windowMs: 60_000 });
        await long.record(key);
        expect(await long.waitMs(newKey())).toBe(0);
        expect(await other.waitMs(key)).toBe(0);
        expect(await long.waitMs(key)).toBeGreaterThan(0);
      });
    });
  });
}
