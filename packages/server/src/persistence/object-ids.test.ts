import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createIds } from './object-ids.ts';

const newestFirstFault = (ids: readonly string[]) =>
  ids.find((id, index) => index > 0 && id <= (ids[index - 1] ?? ''));

describe('record ids', () => {
  it('are 24 lower-case hex characters that begin with the second they were made in', () => {
    const clock = createFakeClock(0x65a4f000 * 1000 + 999);
    const ids = createIds(clock);
    expect(ids.next()).toMatch(/^65a4f000[0-9a-f]{16}$/);
    clock.advance(1);
    expect(ids.next()).toMatch(/^65a4f001[0-9a-f]{16}$/);
  });

  it('stay in the order of creation when the clock is set back', () => {
    const clock = createFakeClock();
    const ids = createIds(clock);
    const made = [ids.next()];
    clock.advance(-3_600_000);
    made.push(ids.next(), ids.next());
    clock.advance(7_200_000);
    made.push(ids.next());
    expect(newestFirstFault(made)).toBeUndefined();
  });

  it('are unique and in the order of creation, however the clock moves', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100_000, max: 100_000 }), { maxLength: 200 }), (steps) => {
        const clock = createFakeClock();
        const ids = createIds(clock);
        const made = steps.map((step) => {
          clock.advance(step);
          return ids.next();
        });
        expect(newestFirstFault(made)).toBeUndefined();
      }),
    );
  });

  it('stay in order past the end of the counter, within one second', () => {
    const clock = createFakeClock();
    const ids = createIds(clock, 0xfffffc);
    const made = Array.from({ length: 6 }, () => ids.next());
    expect(made.map((id) => id.slice(-6))).toEqual([
      ...['fffffd', 'fffffe', 'ffffff'],
      ...['000000', '000001', '000002'],
    ]);
    expect(newestFirstFault(made)).toBeUndefined();
  });

  it('differ between processes that make them at the same moment', () => {
    const clock = createFakeClock();
    const made = Array.from({ length: 200 }, () => createIds(clock).next());
    expect(new Set(made).size).toBe(200);
  });
});
