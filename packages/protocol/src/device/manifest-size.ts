import { type Static, Type } from 'typebox';
import { UpdateCheckBody } from './update-check.ts';

/** Unknown on purpose: what does not fit is passed over, not refused (protocol §4). */
const tolerated = (description: string) => Type.Optional(Type.Unknown({ description }));

/** Body of `POST /updates/manifest_size`: that of an update check and the files in question. */
export const ManifestSizeBody = Type.Object(
  {
    ...UpdateCheckBody.properties,
    manifest: tolerated('The entries the device is missing: objects with at least a `file_hash`'),
    files: tolerated('Another name of `manifest`'),
    version: tolerated('Version name of the bundle they are of'),
    version_id: tolerated('Id of the bundle they are of: digits, or 24 hex characters'),
  },
  { description: 'What a device sends to learn how much it would download' },
);
export type ManifestSizeBody = Static<typeof ManifestSizeBody>;

/** A file as the device named it; null where it said nothing. */
interface ManifestSizeFile {
  readonly file_name: string | null;
  readonly file_hash: string;
  readonly download_url: string | null;
}

/** Sizes in bytes, as they are transferred. */
export interface ManifestSizeAnswer {
  readonly totalSize: number;
  readonly knownFiles: number;
  readonly unknownFiles: number;
  readonly files: readonly (
    | (ManifestSizeFile & { readonly size: number })
    | (ManifestSizeFile & { readonly error: 'size_unknown' })
  )[];
}
