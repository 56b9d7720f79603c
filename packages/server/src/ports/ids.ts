/** Makes the ids of records. */
export interface Ids {
  /**
   * 24 lower-case hex characters: never the same twice, on any node, and in the order of creation within a
   * process.
   */
  next(): string;
}
