/** What has become of the list of a bundle's files. */
export const manifestStates = ['pending', 'ready', 'none', 'failed'] as const;
export type ManifestState = (typeof manifestStates)[number];

/** Why a bundle has no manifest: by what it is, or because it could not be unpacked. */
export const manifestReasons = [
  // never
  'encrypted',
  'external',
  'brotli_names',
  'too_many_files',
  // failed
  'damaged',
  'interrupted',
] as const;
export type ManifestReason = (typeof manifestReasons)[number];

export interface ManifestStatus {
  readonly state: ManifestState;
  /** Null while it is pending, and when it is ready. */
  readonly reason: ManifestReason | null;
}
