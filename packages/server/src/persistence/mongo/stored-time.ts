import type { ObjectId } from 'mongodb';

/** How an older server kept times, and therefore how we keep those of bundles and releases. */
// biome-ignore lint/style/noRestrictedGlobals: the driver reads and writes times as dates; nobody asks this one for the time.
export type StoredTime = Date;

export function toStoredTime(timeMs: number): StoredTime {
  // biome-ignore lint/style/noRestrictedGlobals: as above.
  return new Date(timeMs);
}

/** When a record was made, also one that does not say it: its id holds the second. */
export function createdAtMsOf({
  _id,
  created_at,
}: {
  readonly _id: ObjectId;
  readonly created_at?: StoredTime | null;
}): number {
  return (created_at ?? _id.getTimestamp()).getTime();
}
