import type { Readable } from 'node:stream';

/** The first and last byte wanted, both counted in, 0-based. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes that have arrived whole and safe, but are not an object yet. */
export interface StagedObject {
  /** Where the bytes can be read on the local file system until `store` or `discard`. */
  readonly filePath: string;
  readonly sizeBytes: number;
  /**
   * Makes them the object of that key; when it resolves they survive a crash of the machine. A key that exists
   * already is refused with `internal`: objects never change.
   */
  store(key: string): Promise<void>;
  /** Forgets them; does nothing after `store`. */
  discard(): Promise<void>;
}

/**
 * Immutable objects by key. Keys are relative POSIX paths of segments that are neither empty nor dots.
 * An operation on a storage that cannot be reached rejects with `unavailable`, on a full one with
 * `insufficient_storage`.
 */
export interface ObjectStorage {
  /**
   * Takes bytes in as they come, never whole in memory. When the source fails or ends early, rejects with the
   * source's error and leaves nothing behind; what a killed process had staged is gone at the next start.
   */
  stage(source: AsyncIterable<Uint8Array>): Promise<StagedObject>;
  /** The size of an object, or undefined when there is none; a staged object is not one yet. */
  find(key: string): Promise<{ readonly sizeBytes: number } | undefined>;
  /** The object's bytes, or those of the range; rejects with `not_found` when there is no such object. */
  read(key: string, range?: ByteRange): Promise<Readable>;
  /** Deletes an object; one that does not exist is no error. */
  remove(key: string): Promise<void>;
  /** Rejects with `unavailable` when an object could not be stored now. */
  ping(): Promise<void>;
}
