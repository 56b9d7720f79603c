/** What trying out a storage found, as a sentence for the operator. */
export interface StorageFinding {
  /** `problem`: devices or uploads will fail; `note`: they will not, but the operator would want to know. */
  readonly kind: 'ok' | 'note' | 'problem';
  readonly text: string;
}

/**
 * Tries a storage out with an object of its own, which it deletes again. Ends early when what was found makes the rest
 * pointless; never rejects because of what it found.
 */
export type StorageCheck = () => AsyncIterable<StorageFinding>;
