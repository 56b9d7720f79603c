import { AppError } from '../domain/errors.ts';

/** Where a page ended: what its last row is sorted by. Together the parts are of one row only. */
export type SortKey = readonly string[];

export function encodeSortKey(key: SortKey): string {
  return Buffer.from(key.map(encodeURIComponent).join(':')).toString('base64url');
}

function readSortKey(cursor: string): SortKey {
  try {
    return Buffer.from(cursor, 'base64url').toString('utf8').split(':').map(decodeURIComponent);
  } catch {
    return [];
  }
}

/** Rejects with `invalid_request` what `encodeSortKey` did not make of parts of these forms. */
export function decodeSortKey<const Forms extends readonly RegExp[]>(
  cursor: string,
  forms: Forms,
): { readonly [Part in keyof Forms]: string } {
  const key = readSortKey(cursor);
  const isOfForm = key.length === forms.length && key.every((part, index) => forms[index]?.test(part));
  if (!isOfForm || encodeSortKey(key) !== cursor) {
    throw new AppError(
      'invalid_request',
      'cursor is not a next_cursor of this list; leave it out to start over',
    );
  }
  return key as { readonly [Part in keyof Forms]: string };
}

/**
 * Cuts a page out of rows that were read with one row more than the page holds.
 *
 * @param sortKeyOf where a row stands in the order of the list
 */
export function cutSortedPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  sortKeyOf: (row: Row) => SortKey,
  toItem: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const nextCursor = rows.length > limit && last ? encodeSortKey(sortKeyOf(last)) : null;
  return { items: kept.map(toItem), nextCursor };
}

/** Where a page of a list that is sorted by time ended: the time and the id of its last row. */
export interface CursorPosition {
  readonly timeMs: number;
  readonly id: string;
}

function sortKeyOfPosition({ timeMs, id }: CursorPosition): SortKey {
  return [String(timeMs), id];
}

export function encodeCursor(position: CursorPosition): string {
  return encodeSortKey(sortKeyOfPosition(position));
}

/** Rejects with `invalid_request` what `encodeCursor` did not make for ids of that form. */
export function decodeCursor(cursor: string, idForm: RegExp): CursorPosition {
  const [timeText, id] = decodeSortKey(cursor, [/^(0|[1-9]\d{0,14})$/, idForm]);
  return { timeMs: Number(timeText), id };
}

/** The page of a list that is sorted by time; otherwise as `cutSortedPage`. */
export function cutPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => CursorPosition,
  toItem: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  return cutSortedPage(rows, limit, (row) => sortKeyOfPosition(positionOf(row)), toItem);
}
