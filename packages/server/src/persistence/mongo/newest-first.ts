import type { Document, Filter, Sort } from 'mongodb';
import { type CursorPosition, decodeCursor } from '../cursor.ts';
import { toObjectId } from './keys.ts';

const idForm = /^[0-9a-f]{24}$/;

/** Newest first, of those of the same time the latest id first. */
export const newestFirst: Sort = { created_at: -1, _id: -1 };

/** The condition of what stands behind a position in a list that is sorted by time and id, both descending. */
export function behind(
  names: { readonly time: string; readonly id: string },
  time: unknown,
  id: unknown,
): Document {
  return { $or: [{ [names.time]: { $lt: time } }, { [names.time]: time, [names.id]: { $lt: id } }] };
}

/**
 * The condition of the documents behind a cursor in a list of records. Rejects with `invalid_request`.
 *
 * @param toTime how the collection keeps times
 */
export function afterCursor<T>(cursor: string | undefined, toTime: (timeMs: number) => unknown): Filter<T> {
  if (cursor === undefined) return {};
  const { timeMs, id }: CursorPosition = decodeCursor(cursor, idForm);
  return behind({ time: 'created_at', id: '_id' }, toTime(timeMs), toObjectId(id)) as Filter<T>;
}
