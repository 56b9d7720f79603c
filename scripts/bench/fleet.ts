export interface ChannelFleetSize {
  /** The public one among them. */
  readonly count: number;
  /** Devices pinned to a channel: half of those that ask, and others. */
  readonly overrides: number;
}

export interface FleetSize {
  readonly apps: number;
  readonly releasesPerApp: number;
  /** Lets channels serve the devices; without them the releases do. */
  readonly channels?: ChannelFleetSize;
}

export interface SeededBundle {
  readonly id: string;
  readonly versionName: string;
  readonly checksum: string;
  readonly files: readonly SeededFile[];
}

/** A file of a bundle's manifest, as the update check names it. */
export interface SeededFile {
  readonly name: string;
  readonly hash: string;
  /** Of its download URL. */
  readonly path: string;
}

export interface SeededApp {
  readonly id: string;
  readonly builtinBundleId: string;
  /** The first is the active one of the releases, unless channels serve the devices. */
  readonly bundles: readonly SeededBundle[];
  /** What its devices may run. */
  readonly releases: readonly SeededRelease[];
}

export interface SeededRelease {
  readonly platform: 'android' | 'ios';
  readonly versionName: string;
  readonly versionCode: string;
}
