import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Page, PageRequest } from '../../ports/page.ts';
import { someTimeMs } from '../../testing/builders.ts';
import { readPages } from './opened-store.ts';

/** A list with nothing in it yet, whose items are known by a label. */
export interface PagedList {
  /** Adds an item of that time and answers its label; one added later counts as newer at the same time. */
  add(timeMs: number): Promise<string>;
  /** Of a list in which an item added later is the newer one whatever its time is. */
  readonly isInOrderOfAdding?: true;
  /** Undefined when items of this list are never removed. */
  readonly remove?: (label: string) => Promise<void>;
  list(page: PageRequest): Promise<Page<string>>;
  /** A cursor as the list of another noun answers it. */
  readonly foreignCursor: string;
}

/** The duties of every paged list. */
export function describePaging(name: string, open: () => Promise<PagedList> | PagedList): void {
  describe(`paging through ${name}`, () => {
    async function listOf(times: readonly number[]): Promise<{ list: PagedList; newestFirst: string[] }> {
      const list = await open();
      const added: { label: string; time: number; order: number }[] = [];
      for (const [order, time] of times.entries()) added.push({ label: await list.add(time), time, order });
      const byTime = (left: { time: number }, right: { time: number }) =>
        list.isInOrderOfAdding ? 0 : right.time - left.time;
      added.sort((left, right) => byTime(left, right) || right.order - left.order);
      return { list, newestFirst: added.map(({ label }) => label) };
    }

    it('answers an empty list with no items and no next page', async () => {
      const list = await open();
      expect(await list.list({ limit: 5 })).toStrictEqual({ items: [], nextCursor: null });
    });

    it('goes from the newest to the oldest, each item once, in full pages', async () => {
      const { list, newestFirst } = await listOf([5, 1, 9, 3, 7, 2, 8].map((each) => someTimeMs + each));
      expect(await readPages(list.list, 3)).toStrictEqual([
        newestFirst.slice(0, 3),
        newestFirst.slice(3, 6),
        newestFirst.slice(6),
      ]);
    });

    it('puts the one added last first among items of the same time, also across pages', async () => {
      const { list, newestFirst } = await listOf(Array.from({ length: 7 }, () => someTimeMs));
      expect((await readPages(list.list, 2)).flat()).toStrictEqual(newestFirst);
    });

    it('ends without an empty page when the last one is full', async () => {
      const { list, newestFirst } = await listOf([1, 2, 3, 4].map((each) => someTimeMs + each));
      expect(await readPages(list.list, 2)).toStrictEqual([newestFirst.slice(0, 2), newestFirst.slice(2)]);
      expect((await list.list({ limit: 4 })).nextCursor).toBeNull();
      expect((await list.list({ limit: 3 })).nextCursor).not.toBeNull();
    });

    it('keeps the order for any times and any page size', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 }),
          fc.integer({ min: 1, max: 9 }),
          async (times, limit) => {
            const { list, newestFirst } = await listOf(times.map((each) => someTimeMs + each));
            expect((await readPages(list.list, limit)).flat()).toStrictEqual(newestFirst);
          },
        ),
        { numRuns: 12 },
      );
    });

    it('shows every item that stays exactly once while others come and go between pages', async () => {
      const { list, newestFirst } = await listOf([1, 2, 2, 2, 3, 4, 5, 5, 6, 7].map((t) => someTimeMs + t));
      const seen: string[] = [];
      const removed = new Set<string>();
      let cursor: string | undefined;
      for (let round = 0; round < 20; round += 1) {
        const page = await list.list({ limit: 2, cursor });
        seen.push(...page.items);
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
        await list.add(someTimeMs + 100 + round);
        // The item the cursor stands on, one seen before it, and one still to come.
        const doomed = [seen.at(-1), seen.at(-2), newestFirst[seen.length + 1]];
        for (const label of round % 2 === 0 ? doomed : []) {
          if (label === undefined || removed.has(label) || !list.remove) continue;
          await list.remove(label);
          removed.add(label);
        }
      }
      const surviving = newestFirst.filter((label) => !removed.has(label));
      expect(seen).toStrictEqual([...new Set(seen)]);
      expect(seen.filter((label) => surviving.includes(label))).toStrictEqual(surviving);
    });

    it.each([
      ['empty', ''],
      ['made up', 'nextpage'],
      ['without an id', Buffer.from('1768478400000').toString('base64url')],
      ['without a time', Buffer.from(':000000000000000000000001').toString('base64url')],
      ['with a negative time', Buffer.from('-1:000000000000000000000001').toString('base64url')],
      ['with more parts', Buffer.from('1:1:1').toString('base64url')],
      ['with a query in it', Buffer.from("1:1' or '1'='1").toString('base64url')],
      ['very long', 'A'.repeat(10_000)],
    ])('refuses a cursor that is %s', async (_fault, cursor) => {
      const { list } = await listOf([someTimeMs]);
      await expect(list.list({ limit: 5, cursor })).rejects.toMatchObject({ code: 'invalid_request' });
    });

    it('refuses the cursor of a list of another noun', async () => {
      const { list } = await listOf([someTimeMs]);
      await expect(list.list({ limit: 5, cursor: list.foreignCursor })).rejects.toMatchObject({
        code: 'invalid_request',
      });
    });
  });
}
