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
    version_name: text(255, 'The bundle it runs', '1.0.0', { emptyAllowed: false }),
    version_build: text(255, 'Its native version', '1.0.0', { emptyAllowed: false }),
    version_code: Type.Optional(UncheckedNativeBuildField),
    plugin_version: Type.String({
      maxLength: 128,
      format: 'semver',
      description: 'Version of the plugin',
      examples: ['8.3.1'],
    }),
    ...optionalDeviceFields,
  },
  { description: 'What a device sends when it asks for an update' },
);
export type UpdateCheckBody = Static<typeof UpdateCheckBody>;

/** A file of a bundle, for a plugin that downloads only those it does not have (protocol §3.3). */
export const ManifestEntry = Type.Object(
  {
    file_name: Type.String({
      description: 'Relative path, with .br behind it when the payload is compressed with brotli',
      examples: ['assets/index.js.br'],
    }),
    file_hash: Type.String({
      description:
        'SHA-256 of the file before compression, in lower-case hex; opaque when the bundle is encrypted',
      examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    }),
    download_url: Type.String({
      description: 'Where to download the payload',
      examples: [
        'https://updates.example.com/files/read/attachments/apps/com.example.app/files/9f86/index.js.br',
      ],
    }),
  },
  { title: 'ManifestEntry', description: 'A file of a bundle' },
);
export type ManifestEntry = Static<typeof ManifestEntry>;

/** The answer that makes a plugin download and install a bundle. */
export const UpdateAvailableAnswer = Type.Object(
  {
    version: Type.String({ description: 'Version name of the bundle', examples: ['1.0.1'] }),
    url: Type.String({
      description: 'Where to download its zip',
      examples: ['https://updates.example.com/files/read/attachments/apps/com.example.app/bundles/1.0.1.zip'],
    }),
    session_key: Type.String({
      // Never null, which crashes Android (protocol §3.5).
      description: 'Of an encrypted bundle its sealed key; "" when it is not encrypted',
      examples: [''],
    }),
    checksum: Type.String({
      description: 'SHA-256 of the zip, or what stands for it in an encrypted bundle; "" when there is none',
      examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    }),
    // Left out, and never empty or null, when there is none to send (protocol §3.5).
    manifest: Type.Optional(
      Type.Array(ManifestEntry, {
        description: 'All files of the bundle, for plugins that download only those they do not have',
      }),
    ),
    // Left out, and never null, when there is none to tell (protocol §3.1).
    link: Type.Optional(
      Type.String({ description: 'For the people who use the app', examples: ['https://example.com/news'] }),
    ),
    comment: Type.Optional(
      Type.String({ description: 'For the people who use the app', examples: ['A new look'] }),
    ),
  },
  { title: 'UpdateAvailable', description: 'A bundle to download and install' },
);
export type UpdateAvailableAnswer = Static<typeof UpdateAvailableAnswer>;

/** The answer that makes a plugin go back to the builtin bundle. */
export const RevertToBuiltinAnswer = Type.Object(
  { version: Type.Literal('builtin', { description: 'The bundle inside the native build' }) },
  { title: 'RevertToBuiltin', description: 'Go back to the builtin bundle' },
);
export type RevertToBuiltinAnswer = Static<typeof RevertToBuiltinAnswer>;

/** Every other answer: always with all three of error, message and kind (protocol §3.4). */
export const NoUpdateAnswer = Type.Object(
  {
    error: Type.String({
      description: 'Why there is none, for programs',
      examples: ['no_new_version_available'],
    }),
    message: Type.String({
      description: 'Why there is none, for people',
      examples: ['No new version available'],
    }),
    kind: Type.Union([Type.Literal('up_to_date'), Type.Literal('blocked'), Type.Literal('failed')], {
      description: 'How the plugin is to take it',
      examples: ['up_to_date'],
    }),
    version: Type.Optional(
      Type.String({ description: 'The bundle that was considered', examples: ['2.0.0'] }),
    ),
    old: Type.Optional(Type.String({ description: 'The bundle that runs', examples: ['1.0.0'] })),
    major: Type.Optional(
      Type.Literal(true, { description: 'There, and true, when the bundle is of another major version' }),
    ),
    deviceKeyId: Type.Optional(
      Type.String({ description: "The first characters of the app's public key", examples: ['abcd1234'] }),
    ),
    bundleKeyId: Type.Optional(
      Type.String({ description: 'Those of the key the bundle was encrypted for', examples: ['efgh5678'] }),
    ),
  },
  { title: 'NoUpdate', description: 'There is no update for the device now' },
);
export type NoUpdateAnswer = Static<typeof NoUpdateAnswer>;

export const UpdateCheckAnswer = Type.Union([UpdateAvailableAnswer, RevertToBuiltinAnswer, NoUpdateAnswer], {
  description: 'What the device is to do',
});
export type UpdateCheckAnswer = Static<typeof UpdateCheckAnswer>;
