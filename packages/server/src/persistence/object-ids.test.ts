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
    // Counters start anywhere; of many, one is nearest to its end.
    const started = Array.from({ length: 100 }, () => {
      const ids = createIds(clock);
      const first = ids.next();
      return { ids, first, counter: first.slice(-6) };
    });
    const [nearest] = started.toSorted((left, right) => right.counter.localeCompare(left.counter));
    if (!nearest) throw new Error('there is none');
    const { ids } = nearest;
    let last = nearest.first;
    let afterTheEnd = 0;
    for (let made = 0; made <= 0xffffff && afterTheEnd < 3; made += 1) {
      const next = ids.next();
      if (next <= last) throw new Error(`${next} came after ${last}`);
      if (afterTheEnd > 0 || next.endsWith('000000')) afterTheEnd += 1;
      last = next;
    }
    expect(afterTheEnd).toBe(3);
  });

  it('differ between processes that make them at the same moment', () => {
    const clock = createFakeClock();
    const made = Array.from({ length: 200 }, () => createIds(clock).next());
    expect(new Set(made).size).toBe(200);
  });
});
