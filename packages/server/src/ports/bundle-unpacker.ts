/** A file of a bundle's zip, unpacked. */
export interface UnpackedFile {
  /** Where it lies in the zip's order; by it `extract` is told which files are wanted. */
  readonly index: number;
  /** Relative to the folder that becomes the bundle. */
  readonly path: string;
  /** SHA-256 of its bytes, in lower-case hex. */
  readonly hash: string;
  readonly sizeBytes: number;
}

/** A file as it is to be stored. */
export interface ExtractedFile {
  readonly index: number;
  /** Of the file below the folder that was given. */
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly isBrotli: boolean;
}

/** A zip that is being unpacked. */
export interface OpenedBundle {
  /** Every file, folders left out, in the order of their paths' UTF-16 units. */
  readonly files: readonly UnpackedFile[];
  /**
   * Writes some of the files into a folder, each compressed with brotli when it has 8,192 bytes or more and is then more
   * than 10 bytes smaller (protocol §3.3).
   */
  extract(indexes: readonly number[], folder: string): Promise<readonly ExtractedFile[]>;
  /** Lets go of the zip. */
  close(): Promise<void>;
}

/** Takes the zips of plain bundles apart, beside the event loop. */
export interface BundleUnpacker {
  /**
   * Opens the zip at a path of the local file system, which was found safe before.
   * - hashes every file;
   * - refuses with `invalid_bundle` what is damaged by now;
   * - never holds a large file whole in memory;
   * - ends early when the signal says so, and then rejects.
   */
  open(zipPath: string, signal: AbortSignal): Promise<OpenedBundle>;
}
