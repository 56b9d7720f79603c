import { AppError } from '../domain/errors.ts';

/** Where a page ended: the sort time and the id of its last row. */
export interface CursorPosition {
  readonly timeMs: number;
  readonly id: string;
}

export function encodeCursor(position: CursorPosition): string {
  return Buffer.from(`${position.timeMs}:${position.id}`).toString('base64url');
}

/** Rejects with `invalid_request` what `encodeCursor` did not make for ids of that form. */
export function decodeCursor(cursor: string, idForm: RegExp): CursorPosition {
  const [timeText = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString('utf8').split(':');
  const position = { timeMs: Number(timeText), id };
  if (
    rest.length > 0 ||
    !/^\d{1,15}$/.test(timeText) ||
    !idForm.test(id) ||
    encodeCursor(position) !== cursor
  ) {
    throw new AppError(
      'invalid_request',
      'cursor is not a next_cursor of this list; leave it out to start over',
    );
  }
  return position;
}

/**
 * Cuts a page out of rows that were read with one row more than the page holds.
 *
 * @param positionOf where a row stands in the order of the list
 */
export function cutPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => CursorPosition,
  toItem: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const nextCursor = rows.length > limit && last ? encodeCursor(positionOf(last)) : null;
  return { items: kept.map(toItem), nextCursor };
}
