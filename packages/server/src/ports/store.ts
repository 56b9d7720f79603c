import type { AppState } from '../domain/app.ts';
import type { Bundle } from '../domain/bundle.ts';
import type { Release } from '../domain/release.ts';
import type { DeviceEventLog } from './device-events.ts';
import type { Page, PageRequest } from './page.ts';

/**
 * Every method is one atomic step: it happens whole or not at all, also when several run at once on several nodes.
 * That is why there is no transaction to hold open: an engine without transactions can keep the same promises.
 * A store that cannot be reached, or refuses writes, rejects with `unavailable`; a full disk with
 * `insufficient_storage`.
 */
export interface Store extends BundleStore, ReleaseStore, AppStateReader, PlannedDeletions, DeviceEventLog {
  /** Rejects with `unavailable` when the store does not answer. */
  ping(): Promise<void>;
  /** Finishes what is under way and lets go of the database. */
  close(): Promise<void>;
}

export interface BundleStore {
  /**
   * Adds a bundle, registers its app if it is the first thing of it, and takes back the planned deletion of its
   * object. Rejects with `version_already_exists` when the app has, or ever had, a bundle of that version name;
   * of two at once exactly one wins.
   */
  insertBundle(bundle: Bundle): Promise<void>;
  /** Whether the app has, or ever had, a bundle of that version name. */
  isVersionNameTaken(appId: string, versionName: string): Promise<boolean>;
  /** The bundle, unless it was deleted. */
  findBundle(id: string): Promise<Bundle | undefined>;
  /** Bundles that were not deleted, of one app or of all; paging holds while bundles are added and deleted. */
  listBundles(filter: { readonly appId?: string | undefined }, page: PageRequest): Promise<Page<Bundle>>;
  /**
   * Marks the bundle deleted and plans the deletion of its object for now; its version name stays taken.
   * Rejects with `bundle_not_found`, or with `bundle_in_use` (details `release_ids`) while a release has it as
   * builtin or active bundle. A release cannot come to use it at the same moment.
   */
  deleteBundle(id: string, nowMs: number): Promise<Bundle>;
}

export interface ReleaseStore {
  /**
   * Adds a release and registers its app if it is the first thing of it. Rejects with `release_already_exists`
   * for the same app, platform, version name and version code, and with `bundle_not_found` when the builtin bundle
   * is not a bundle of the app.
   */
  insertRelease(release: Release): Promise<void>;
  findRelease(id: string): Promise<Release | undefined>;
  listReleases(filter: { readonly appId?: string | undefined }, page: PageRequest): Promise<Page<Release>>;
  /** Rejects with `release_not_found`. */
  setReleaseDate(id: string, releaseDateMs: number | null, nowMs: number): Promise<Release>;
  /**
   * Makes a bundle the active one, or none. Rejects with `release_not_found`, and with `bundle_not_found` when the
   * bundle is not one of the release's app.
   */
  setActiveBundle(id: string, bundleId: string | null, nowMs: number): Promise<Release>;
  /** Deletes and answers what was deleted; rejects with `release_not_found`. */
  deleteRelease(id: string): Promise<Release>;
}

export interface AppStateReader {
  /** One app as of one moment; undefined when it is not registered. */
  readAppState(appId: string): Promise<AppState | undefined>;
  /** All apps. Each is as of one moment. */
  readAllAppStates(): Promise<readonly AppState[]>;
}

/**
 * Objects that are to be deleted from object storage. An object is planned for deletion before it is stored and the
 * plan is taken back by the row that owns it, so a crash at any point leaves neither a row without its object nor an
 * object that nobody will ever delete.
 */
export interface PlannedDeletions {
  planObjectDeletion(objectKey: string, dueAtMs: number): Promise<void>;
  /** Keys due at that time, oldest first. */
  listDueObjectDeletions(nowMs: number, limit: number): Promise<readonly string[]>;
  /** Takes a plan back, or off the list once it is done; an unknown key is no error. */
  forgetObjectDeletion(objectKey: string): Promise<void>;
}
