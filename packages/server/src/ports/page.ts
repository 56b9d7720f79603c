/** Part of a list, newest first. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page starts; null on the last one. Opaque to callers. */
  readonly nextCursor: string | null;
}

export interface PageRequest {
  /** 1 or more. */
  readonly limit: number;
  /** A `nextCursor` of the same list. */
  readonly cursor?: string | undefined;
}
