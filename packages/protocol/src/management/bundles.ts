import { type Static, Type } from 'typebox';
import { RecordId } from './pages.ts';

/** A bundle as the management API shows it. */
export interface BundleView {
  readonly id: string;
  readonly app_id: string;
  readonly version_name: string;
  readonly description: string;
  /** 8 lower-case hex characters. */
  readonly crc_checksum: string;
  /** SHA-256 in lower-case hex; of an encrypted bundle what its uploader gave. */
  readonly checksum: string;
  /** Bytes. */
  readonly size: number;
  /** '' when the bundle is not encrypted. */
  readonly session_key: string;
  readonly key_id: string | null;
  readonly min_update_version: string | null;
  /** An http or https URL. */
  readonly link: string | null;
  readonly comment: string | null;
  /** `pending`, `ready`, `none` or `failed`: whether devices can download single files of it. */
  readonly manifest_state: string;
  /** Why it has none, or why making one failed; null otherwise. */
  readonly manifest_reason: string | null;
  readonly public_download_url: string;
  /** ISO 8601, UTC. */
  readonly created_at: string;
}

/** The text fields of the form of `bundles.upload`, beside the file `bundle`. */
export const bundleUploadFields = [
  'app_id',
  'version_name',
  'description',
  'session_key',
  'checksum',
  'key_id',
  'min_update_version',
  'link',
  'comment',
] as const;

export const BundleDeleteBody = Type.Object({ bundle_id: RecordId });
export type BundleDeleteBody = Static<typeof BundleDeleteBody>;
