import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { cutPage, decodeCursor, decodeSortKey, encodeCursor, encodeSortKey } from './cursor.ts';

const recordId = /^[0-9a-f]{24}$/;
const id = '65a4f0000123456789abcdef';
const encoded = (text: string) => Buffer.from(text).toString('base64url');

const refusal = expect.objectContaining({ code: 'invalid_request' });

describe('a cursor', () => {
  it('leads back to the position it was made of', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 999_999_999_999_999 }),
        fc.stringMatching(recordId),
        (timeMs, anyId) => {
          const position = { timeMs, id: anyId };
          expect(decodeCursor(encodeCursor(position), recordId)).toStrictEqual(position);
        },
      ),
    );
  });

  it('can stand in a URL as it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (timeMs) => {
        expect(encodeCursor({ timeMs, id })).toMatch(/^[A-Za-z0-9_-]+$/);
      }),
    );
  });

  it.each([
    ['is empty', ''],
    ['has no id', encoded('1768478400000')],
    ['has an empty id', encoded('1768478400000:')],
    ['has no time', encoded(`:${id}`)],
    ['has a negative time', encoded(`-1:${id}`)],
    ['has a time with a fraction', encoded(`1.5:${id}`)],
    ['has a time of another notation', encoded(`0x10:${id}`)],
    ['has a time past what a number holds', encoded(`9999999999999999:${id}`)],
    ['has an id of another form', encoded('1768478400000:42')],
    ['has a longer id', encoded(`1768478400000:${id}0`)],
    ['has a line break after the id', encoded(`1768478400000:${id}\n`)],
    ['has one part more', encoded(`1768478400000:${id}:1`)],
    ['is an offset', '20'],
    ['is not base64url', '{"offset":20}'],
  ])('is refused when it %s', (_fault, cursor) => {
    expect(() => decodeCursor(cursor, recordId)).toThrow(refusal);
  });

  it('is refused, whatever it is, unless it was made by us', () => {
    const madeUp = fc.oneof(
      fc.string(),
      fc.base64String(),
      // Near misses: other spellings of a cursor that we did make.
      fc.constantFrom('=', '==', '!', ' ', '\n', '%').map((tail) => encodeCursor({ timeMs: 1, id }) + tail),
      fc.constantFrom('01', '0001').map((time) => encoded(`${time}:${id}`)),
    );
    fc.assert(
      fc.property(madeUp, (cursor) => {
        try {
          expect(encodeCursor(decodeCursor(cursor, recordId))).toBe(cursor);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          expect(error.code).toBe('invalid_request');
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('a cursor of any sort key', () => {
  const text = /^[^\0]*$/;

  it('leads back to the parts it was made of, whatever they hold', () => {
    const part = fc.string({ unit: 'grapheme' }).filter((each) => text.test(each) && each.isWellFormed());
    fc.assert(
      fc.property(part, part, (first, second) => {
        const cursor = encodeSortKey([first, second]);
        expect(decodeSortKey(cursor, [text, text])).toStrictEqual([first, second]);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]*$/);
      }),
    );
  });

  it('tells where one part ends and the next begins', () => {
    expect(encodeSortKey(['a:b', 'c'])).not.toBe(encodeSortKey(['a', 'b:c']));
    expect(encodeSortKey(['a', ''])).not.toBe(encodeSortKey(['', 'a']));
  });

  it.each([
    ['has a part less', encodeSortKey(['a'])],
    ['has a part more', encodeSortKey(['a', 'b', 'c'])],
    ['has a part of another form', encodeSortKey(['a', '\0'])],
    ['has a broken escape', encoded('a:%zz')],
    ['has an escape that is no UTF-8', encoded('a:%ff')],
    ['escapes what need not be', encoded('a:%62')],
    ['escapes in lower case', encoded('a:%c3%a9')],
  ])('is refused when it %s', (_fault, cursor) => {
    expect(() => decodeSortKey(cursor, [text, text])).toThrow(refusal);
  });
});

describe('a page cut out of rows', () => {
  const rowsOf = (count: number) => Array.from({ length: count }, (_each, index) => ({ at: 100 - index }));
  const cut = (count: number, limit: number) =>
    cutPage(
      rowsOf(count),
      limit,
      ({ at }) => ({ timeMs: at, id }),
      ({ at }) => at,
    );

  it('is the last one when there is no row more than it holds', () => {
    expect(cut(3, 3)).toStrictEqual({ items: [100, 99, 98], nextCursor: null });
    expect(cut(0, 3)).toStrictEqual({ items: [], nextCursor: null });
  });

  it('names its own last row when there is one more', () => {
    expect(cut(4, 3)).toStrictEqual({
      items: [100, 99, 98],
      nextCursor: encodeCursor({ timeMs: 98, id }),
    });
  });
});
