import type { ChangedBy } from '../domain/actor.ts';
import type { Bundle } from '../domain/bundle.ts';

/**
 * A bundle with what only its management knows of it. Update checks do without, so it is no part of what they hold in
 * memory.
 */
export interface BundleRecord extends Bundle {
  /** What clients that know bundles by numbers call it: unique on the server, in order of arrival, never used again. */
  readonly number: number;
  /** How many files its manifest names; 0 without one. */
  readonly fileCount: number;
  /** When something an operator says of it was changed last. */
  readonly updatedAtMs: number;
}

/** What an operator may change of a bundle; its files, and what proves them, never change. */
export interface BundleChange {
  readonly link?: string | null;
  readonly comment?: string | null;
  readonly minUpdateVersion?: string | null;
}

/** By what bundles are looked for. */
export type BundleNames =
  | { readonly ids: readonly string[] }
  | { readonly numbers: readonly number[] }
  | { readonly versionNames: readonly string[] };

/** Bundles that were not deleted, as clients see them that know them by numbers. */
export interface BundleRecords {
  /** Rows from an offset on, newest first. */
  listBundleRecords(
    appId: string,
    rows: { readonly offset: number; readonly limit: number },
  ): Promise<readonly BundleRecord[]>;
  /** Those of the app that are named, newest first; what there is not is left out. */
  findBundleRecords(appId: string, names: BundleNames): Promise<readonly BundleRecord[]>;
  /**
   * Sets what is given and leaves the rest as it is at that moment: of changes made at once none is lost. Rejects with
   * `bundle_not_found`.
   */
  changeBundle(id: string, change: BundleChange, by: ChangedBy): Promise<BundleRecord>;
  /**
   * Deletes bundles of the app as `deleteBundle` does, the oldest first, except those that a release has as builtin or
   * active bundle or a channel as stable or rollout bundle. None of them can come to be used at the same moment.
   *
   * @returns those that it deleted, with their numbers
   */
  deleteUnusedBundles(
    appId: string,
    which: {
      /** Only those that were made then or before; null for all. */
      readonly createdUntilMs: number | null;
      /** These stay, too. */
      readonly exceptIds: readonly string[];
      readonly limit: number;
    },
    by: ChangedBy,
  ): Promise<readonly BundleRecord[]>;
}
