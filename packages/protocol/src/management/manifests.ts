/** A file of a bundle, as devices that download only what changed get it. */
export interface BundleFileView {
  /** In the bundle, without the name of a single root folder. */
  readonly path: string;
  /** SHA-256 of the file in lower-case hex; of an encrypted bundle what its uploader gave. */
  readonly hash: string;
  /** Bytes over the wire. */
  readonly size: number;
  readonly compression: 'br' | null;
  readonly download_url: string;
}

/** Answer of `bundles.manifest`. */
export interface BundleManifestView {
  readonly bundle_id: string;
  readonly app_id: string;
  readonly version_name: string;
  readonly manifest_state: string;
  readonly manifest_reason: string | null;
  /** Bytes over the wire for a device that has none of the files. */
  readonly total_size: number;
  /** Empty unless the manifest is ready. */
  readonly files: readonly BundleFileView[];
}

interface ComparedBundle {
  readonly id: string;
  readonly version_name: string;
}

/** Answer of `bundles.diff`. */
export interface BundleDiffView {
  readonly from: ComparedBundle;
  readonly to: ComparedBundle;
  readonly added: readonly BundleFileView[];
  readonly changed: readonly {
    readonly path: string;
    readonly from: BundleFileView;
    readonly to: BundleFileView;
  }[];
  readonly removed: readonly BundleFileView[];
  /** Over the wire, to a device that has all of `from`. */
  readonly zip_bytes: number;
  readonly delta_bytes: number;
}
