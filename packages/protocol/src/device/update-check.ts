import { type Static, Type } from 'typebox';
import {
  AppIdField,
  DeviceIdField,
  optionalDeviceFields,
  PlatformField,
  text,
  UncheckedNativeBuildField,
} from './device-info.ts';

/** Body of `POST /updates` after its defaults are in place; keys that are not named here are ignored. */
export const UpdateCheckBody = Type.Object(
  {
    app_id: AppIdField,
    device_id: DeviceIdField,
    platform: PlatformField,
    version_name: text(255, 'The bundle it runs', { emptyAllowed: false }),
    version_build: text(255, 'Its native version', { emptyAllowed: false }),
    version_code: Type.Optional(UncheckedNativeBuildField),
    plugin_version: Type.String({ maxLength: 128, format: 'semver', description: 'Version of the plugin' }),
    ...optionalDeviceFields,
  },
  { description: 'What a device sends when it asks for an update' },
);
export type UpdateCheckBody = Static<typeof UpdateCheckBody>;

/** A file of a bundle, for a plugin that downloads only those it does not have (protocol §3.3). */
export interface ManifestEntry {
  /** Relative path, with `.br` behind it when the payload is compressed with brotli. */
  readonly file_name: string;
  /** SHA-256 of the file before compression, in lower-case hex; opaque when the bundle is encrypted. */
  readonly file_hash: string;
  readonly download_url: string;
}

/** The answer that makes a plugin download and install a bundle. */
export interface UpdateAvailableAnswer {
  readonly version: string;
  readonly url: string;
  /** '' when the bundle is not encrypted; never null, which crashes Android (protocol §3.5). */
  readonly session_key: string;
  readonly checksum: string;
  /** All files of the bundle; left out, and never empty or null, when there is none to send (protocol §3.5). */
  readonly manifest?: readonly ManifestEntry[];
  /** Left out, and never null, when there is none to tell (protocol §3.1). */
  readonly link?: string;
  readonly comment?: string;
}

/** The answer that makes a plugin go back to the builtin bundle. */
export interface RevertToBuiltinAnswer {
  readonly version: 'builtin';
}

/** Every other answer: always with all three of error, message and kind (protocol §3.4). */
export interface NoUpdateAnswer {
  readonly error: string;
  readonly message: string;
  readonly kind: 'up_to_date' | 'blocked' | 'failed';
  readonly version?: string;
  readonly old?: string;
  readonly major?: true;
  readonly deviceKeyId?: string;
  readonly bundleKeyId?: string;
}

export type UpdateCheckAnswer = UpdateAvailableAnswer | RevertToBuiltinAnswer | NoUpdateAnswer;
