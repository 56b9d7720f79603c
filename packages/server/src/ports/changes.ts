/**
 * Something that requests are answered from out of memory is not as it was: an app, what is remembered of one of its
 * devices, or an API key.
 */
export interface Change {
  /** null when it is about an API key. */
  readonly appId: string | null;
  /** null when it is not about one device of the app. */
  readonly deviceId: string | null;
}

/** Every change of what requests are answered from out of memory, so that each node can follow what the others do. */
export interface ChangeLog {
  /**
   * The changes after a revision, oldest first, and the revision they lead to; null for changes when they are too many
   * to be told one by one, or the revision is none of this log: then everything is to be read anew. A change is in the
   * log in the same step in which it is made, and one that is committed later has the higher revision, so that who
   * follows misses none.
   *
   * @param after a revision that was answered before, or null for the end of the log
   */
  readChanges(
    after: number | null,
  ): Promise<{ readonly changes: readonly Change[] | null; readonly revision: number }>;
  /** Deletes what would not be told any more. */
  deleteOldChanges(): Promise<void>;
}

/** Work that one node does for all of them. */
export interface Leases {
  /**
   * Takes or keeps a lease for a holder: it is theirs until that time, unless another holds it still. Of several who
   * ask at once one gets it.
   */
  takeLease(lease: {
    readonly name: string;
    readonly holder: string;
    readonly nowMs: number;
    readonly untilMs: number;
  }): Promise<boolean>;
  /** Gives a lease up early; one that is not the holder's stays. */
  releaseLease(name: string, holder: string): Promise<void>;
}
