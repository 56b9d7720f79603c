import type { Bundle } from '../domain/bundle.ts';
import type { Manifest, ManifestEntry, StoredFile } from '../domain/manifest.ts';
import type { ManifestReason } from '../domain/manifest-status.ts';

/** What came of giving a bundle its manifest. */
export type ManifestOutcome =
  | { readonly kind: 'set' }
  /** The bundle has one already, or was deleted. */
  | { readonly kind: 'not_wanted' }
  /** Some of its files are gone meanwhile; by their ids. */
  | { readonly kind: 'files_missing'; readonly fileIds: readonly string[] };

/**
 * The files of bundles and which bundle has which. A file is in use as long as a manifest of a bundle that was not
 * deleted names it. One that is not is marked with the time; only `sweepFiles` deletes it, a while later.
 */
export interface ManifestStore {
  /** Bundles whose manifest is pending, the oldest first; of one age by id. Deleted ones are not among them. */
  listPendingManifests(limit: number): Promise<readonly Bundle[]>;
  /**
   * Counts that somebody begins to make a pending manifest; answers how often that happened since the last
   * `postponeManifest`, or 0 when the bundle wants none any more.
   */
  beginManifest(bundleId: string): Promise<number>;
  /** Notes that an attempt ended in order, without a manifest, and is to be made again. */
  postponeManifest(bundleId: string): Promise<void>;
  /** Gives up a pending manifest for good; one that is not pending stays as it is. */
  refuseManifest(bundleId: string, state: 'none' | 'failed', reason: ManifestReason): Promise<void>;
  /** Files of an app that have these names, in any order; a name nobody has is left out. */
  findFiles(appId: string, names: readonly string[]): Promise<readonly StoredFile[]>;
  /** Those of them that are in use. */
  findUsedFiles(appId: string, names: readonly string[]): Promise<readonly StoredFile[]>;
  /**
   * Adds files whose objects are stored, unused as of now, and takes back the planned deletions of the objects. Where the
   * app has a file of that name already, that one stays and the plan for the new object, too: of several who add a file
   * at once all go on with the same one. A file whose object is not planned for deletion after now is not added,
   * because the object may be gone, nor is one of an app that is not registered. Answers the files the app has then, under the names given.
   */
  addFiles(files: readonly StoredFile[], nowMs: number): Promise<readonly StoredFile[]>;
  /**
   * Gives a bundle its manifest and takes its files into use, in one step; its app's snapshot is then another one.
   * Happens whole or not at all: not when the bundle was deleted or has a manifest, and not when a file is gone.
   */
  setManifest(bundleId: string, entries: readonly ManifestEntry[]): Promise<ManifestOutcome>;
  /** The manifest of a bundle that was not deleted; undefined when there is none. */
  readManifest(bundleId: string): Promise<Manifest | undefined>;
  /**
   * Deletes at most `limit` files that are out of use since before a time, and plans the deletion of their objects for
   * now, in one step; answers how many those were. A file that was taken into use again stays, however close that was.
   */
  sweepFiles(unusedBeforeMs: number, nowMs: number, limit: number): Promise<number>;
}
