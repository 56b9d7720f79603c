/** A file of a bundle's manifest whose size is asked for. */
export interface FileSizeEntry {
  /** `file_hash` as sent: any text, however long. */
  readonly hash: string;
  /** The bundle it is of; undefined leaves that to the version name. */
  readonly bundleId?: string | undefined;
  /** Names the bundle where no id does; any text. */
  readonly versionName?: string | undefined;
}

export interface FileSizeQuery {
  readonly appId: string;
  readonly entries: readonly FileSizeEntry[];
}

/**
 * The sizes of files as they are transferred (compressed, encrypted), in bytes, one for each entry, in their order.
 * - Only files of bundles of that app that were not deleted have a size; an unknown app has none, and that is no error.
 * - An entry is looked for in the bundle its id names, else in the one its version name names, else in any.
 * - Where that bundle has no such file, the largest size found for the hash by any other entry of the query counts.
 * - A hash or name that nothing can have (NUL, a lone surrogate, a megabyte of text) has no size and is no error.
 * - Ten thousand entries are answered with few look-ups, not with ten thousand.
 * - Rejects with `unavailable` when the store does not answer.
 */
export type FindFileSizes = (query: FileSizeQuery) => Promise<readonly (number | undefined)[]>;
