export interface ArchiveLimits {
  readonly maxEntries: number;
  /** Sum of all entries once unpacked, in bytes. */
  readonly maxUnpackedBytes: number;
}

/** What a bundle's zip holds once it has been found safe. */
export interface ArchiveSummary {
  /** Files, folders not counted. */
  readonly fileCount: number;
  readonly unpackedBytes: number;
  /** The single top-level folder that becomes the bundle, with its trailing slash; '' when index.html is at the root. */
  readonly rootFolder: string;
}

/** Reads the zip of a plain (not encrypted) bundle as the plugins on phones will read it. */
export interface BundleArchive {
  /**
   * Checks the zip at a path of the local file system.
   * - refuses with `invalid_bundle`, naming the entry as it stands in the zip and the rule, anything a plugin of
   *   any platform would refuse, unpack elsewhere, or unpack differently from another platform;
   * - inflates every entry and compares its size and CRC-32 with what the zip says;
   * - never holds the zip or an entry whole in memory, and never unpacks more than the limits allow;
   * - leaves the file as it was.
   */
  inspect(filePath: string, limits: ArchiveLimits): Promise<ArchiveSummary>;
}
