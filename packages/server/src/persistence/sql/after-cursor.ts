import { type RawBuilder, sql } from 'kysely';
import { decodeCursor } from '../cursor.ts';

/** The condition of the rows behind a cursor in a list of records, newest first. Rejects with `invalid_request`. */
export function afterCursor(cursor: string): RawBuilder<boolean> {
  const { timeMs, id } = decodeCursor(cursor, /^[0-9a-f]{24}$/);
  return sql<boolean>`(created_at, id) < (${timeMs}, ${id})`;
}
