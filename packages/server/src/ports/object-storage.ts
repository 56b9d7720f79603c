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

/** A file of a workspace that is to become an object. */
export interface WorkspaceFile {
  readonly fileName: string;
  readonly key: string;
}

/** A folder of the local file system for files that are to become objects. */
export interface Workspace {
  readonly path: string;
  /**
   * Makes files of the folder objects, and takes them away from there; when it resolves all of them survive a crash of
   * the machine. A key that exists already is refused with `internal`; then some of the others may be objects.
   */
  store(files: readonly WorkspaceFile[]): Promise<void>;
  /** Removes the folder with what is left in it. */
  remove(): Promise<void>;
}

/** The bytes of an object as a file. */
export interface LocalCopy {
  /** To be read only. */
  readonly filePath: string;
  /** Lets go of it; the object stays. */
  release(): Promise<void>;
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
  /** The object's bytes as a file, for who reads here and there in them; rejects with `not_found`. */
  checkOut(key: string): Promise<LocalCopy>;
  /** An empty folder; what a killed process had left in one is gone at the next start. */
  openWorkspace(): Promise<Workspace>;
  /** Deletes an object; one that does not exist is no error. */
  remove(key: string): Promise<void>;
  /** Rejects with `unavailable` when an object could not be stored now. */
  ping(): Promise<void>;
}
