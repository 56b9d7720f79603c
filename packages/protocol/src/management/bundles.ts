import { type Static, Type } from 'typebox';
import { AppId, messageAnswer, nullable, text, timestamp } from './fields.ts';
import { manifestFields } from './manifests.ts';
import { pageOf, RecordId, recordIdOf } from './pages.ts';

/** A bundle as the management API shows it. */
export const BundleView = Type.Object(
  {
    id: recordIdOf('Id of the bundle'),
    app_id: AppId,
    version_name: text('Its semantic version, never reused in the app', '1.0.1'),
    description: text('What its uploader wrote; "" for nothing', 'Fixes the sign-in'),
    crc_checksum: text('CRC-32 of the zip, 8 lower-case hex characters', '3610a686'),
    checksum: text(
      'SHA-256 of the zip in lower-case hex; of an encrypted bundle what its uploader gave',
      '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    ),
    size: Type.Integer({ minimum: 0, description: 'Bytes of the zip', examples: [1_048_576] }),
    session_key: text('Of an encrypted bundle its sealed key; "" when it is not encrypted', ''),
    key_id: nullable(
      text("The first characters of the app's public key; null when not encrypted", 'abcd1234'),
    ),
    min_update_version: nullable(text('The least native version that may run it', '1.0.0')),
    link: nullable(text('An http or https URL for the people who use the app', 'https://example.com/news')),
    comment: nullable(text('A text for the people who use the app', 'A new look')),
    ...manifestFields,
    public_download_url: text(
      'Where devices get the zip',
      'https://updates.example.com/files/read/attachments/apps/com.example.app/bundles/1.0.1.zip',
    ),
    created_at: timestamp('When it was uploaded'),
  },
  { title: 'Bundle', description: 'An immutable uploaded set of web files' },
);
export type BundleView = Static<typeof BundleView>;

export const BundleList = pageOf(BundleView, 'bundles, newest first');

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

/** The form of `bundles.upload`; for the documentation, because a form is read as a stream. */
export const BundleUploadForm = Type.Object(
  {
    bundle: Type.String({
      format: 'binary',
      contentMediaType: 'application/zip',
      description: 'The zip, with index.html at its root or in its only folder',
      examples: ['@bundle.zip'],
    }),
    app_id: AppId,
    version_name: text('A semantic version that the app never had', '1.0.1'),
    description: Type.Optional(text('For people', 'Fixes the sign-in')),
    session_key: Type.Optional(
      text('Of a bundle that `npx @capgo/cli bundle encrypt` encrypted, as that prints it', 'NnM…=:aGVs…='),
    ),
    checksum: Type.Optional(
      text(
        'Of an encrypted bundle, as the encryption prints it; of another one its SHA-256, which is then compared',
        '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      ),
    ),
    key_id: Type.Optional(
      text("Of an encrypted bundle, the first characters of the app's public key", 'abcd1234'),
    ),
    min_update_version: Type.Optional(text('The least native version that may run it', '1.0.0')),
    link: Type.Optional(text('An http or https URL that devices are told', 'https://example.com/news')),
    comment: Type.Optional(text('A text that devices are told', 'A new look')),
  } satisfies Record<(typeof bundleUploadFields)[number] | 'bundle', unknown>,
  { description: 'A bundle and what is to be known of it' },
);

export const BundleUploadAnswer = Type.Object(
  { message: text('What was done, for people', 'Bundle uploaded successfully'), bundle: BundleView },
  { description: 'The bundle as it is kept' },
);

export const BundleDeleteBody = Type.Object(
  { bundle_id: RecordId },
  { description: 'The bundle that is to go' },
);
export type BundleDeleteBody = Static<typeof BundleDeleteBody>;

export const BundleDeleteAnswer = messageAnswer('Bundle deleted successfully');
