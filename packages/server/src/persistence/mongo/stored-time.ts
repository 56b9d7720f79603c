/** How an older server kept times, and therefore how we keep those of bundles and releases. */
// biome-ignore lint/style/noRestrictedGlobals: the driver reads and writes times as dates; nobody asks this one for the time.
export type StoredTime = Date;

export function toStoredTime(timeMs: number): StoredTime {
  // biome-ignore lint/style/noRestrictedGlobals: as above.
  return new Date(timeMs);
}
