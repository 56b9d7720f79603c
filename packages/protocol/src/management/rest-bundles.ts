import { type Static, Type } from 'typebox';
import { AppId, count, flag, nullable, oneOf, text, timestamp } from './fields.ts';
import { RestPage } from './rest-answers.ts';

const number = (description: string) => Type.Integer({ minimum: 1, description, examples: [456] });
const version = text('Version name: a semantic version without a leading v', '1.2.3');
const checksum = text(
  'SHA-256 of the zip in hex; of an encrypted bundle, the checksum that `bundle encrypt` printed',
  'a1b2c3d4e5f6789abcdef123456789abcdef123456789abcdef123456789abcd',
);
const minUpdateVersion = text('Lowest native version the bundle runs on', '1.0.0');
const link = text('An http or https URL for people', 'https://github.com/myorg/myapp/releases/tag/v1.0.0');
const comment = text('A text for people', 'Fixed critical bug in authentication');
const sessionKey = text('Of an encrypted bundle: what `bundle encrypt` printed', 'aXY=:a2V5');
const keyId = text(
  'Of an encrypted bundle: the first 20 characters of its public key',
  'MIIBCgKCAQEA12345678',
);

/** A bundle as the REST API shows it. */
export const RestBundle = Type.Object(
  {
    id: number('Number of the bundle: unique on the server, never used again'),
    app_id: AppId,
    name: version,
    created_at: timestamp('When it was uploaded'),
    updated_at: timestamp('When something was said of it last'),
    deleted: flag('Always false: deleted bundles are not listed', false),
    deleted_at: Type.Null({ description: 'Always null, as deleted', examples: [null] }),
    checksum: nullable(checksum),
    session_key: nullable(sessionKey),
    key_id: nullable(keyId),
    storage_provider: oneOf(
      ['r2', 'external'],
      '`r2` for a bundle that this server stores, whatever the storage is; `external` for one that lies elsewhere',
    ),
    r2_path: nullable(
      text('Where it lies in the storage', 'apps/com.example.app/bundles/6560a1f4c0ffee0123456789.zip'),
    ),
    external_url: nullable(text('Where it lies elsewhere', 'https://your-storage.com/bundles/app-1.2.3.zip')),
    min_update_version: nullable(minUpdateVersion),
    link: nullable(link),
    comment: nullable(comment),
    manifest: Type.Null({
      description: 'Always null: lists of files are not part of this',
      examples: [null],
    }),
    manifest_count: count('Files that devices can fetch one by one', 0),
    native_packages: Type.Null({ description: 'Not kept', examples: [null] }),
    cli_version: Type.Null({ description: 'Not kept', examples: [null] }),
    owner_org: text('The organization', '046a36ac-e03c-4590-9257-bd6c9dba9ee8'),
    user_id: Type.Null({ description: 'Not kept: the audit log says who did what', examples: [null] }),
    created_by_apikey_rbac_id: Type.Null({ description: 'As user_id', examples: [null] }),
    bucket_id: Type.Optional(Type.Null({ description: 'Not for who sends capgo_api', examples: [null] })),
    minUpdateVersion: Type.Optional(nullable(minUpdateVersion)),
  },
  { description: 'A bundle' },
);
export type RestBundle = Static<typeof RestBundle>;

export const RestBundleListQuery = Type.Object(
  { app_id: AppId, page: Type.Optional(RestPage) },
  { description: 'Which bundles' },
);
export const RestBundleList = Type.Object(
  { data: Type.Array(RestBundle, { description: 'Newest first, 50 a page' }) },
  { description: 'Bundles that were not deleted' },
);

export const RestBundleCreateBody = Type.Object(
  {
    app_id: AppId,
    version,
    external_url: text(
      'Where devices fetch the zip, sent to them as it is written; https only, without a sign-in',
      'https://your-storage.com/bundles/app-1.2.3.zip',
    ),
    checksum,
    session_key: Type.Optional(sessionKey),
    key_id: Type.Optional(keyId),
    min_update_version: Type.Optional(minUpdateVersion),
    link: Type.Optional(link),
    comment: Type.Optional(comment),
  },
  {
    description:
      'A zip that lies elsewhere. Or, as multipart/form-data with the file `bundle` in place of external_url and checksum, one that this server is to store',
  },
);

/** The text fields of the form that uploads a zip to `POST /bundle`. */
export const restBundleFields = [
  ...['app_id', 'version', 'checksum', 'session_key', 'key_id', 'min_update_version', 'link', 'comment'],
] as const;

export const RestBundleCreated = Type.Object(
  { status: text('That it was made', 'ok') },
  { description: 'It was made' },
);
export const RestBundleMade = Type.Object(
  { status: text('That it was made', 'success'), bundle: RestBundle },
  { description: 'It was made' },
);

export const RestBundleDeleteBody = Type.Object(
  { app_id: AppId, version: Type.Optional(version) },
  { description: 'One bundle, or without version all that nothing uses; in the query string as well' },
);

export const RestBundleMetadataBody = Type.Object(
  {
    app_id: AppId,
    version_id: number('Number of the bundle'),
    link: Type.Optional(link),
    comment: Type.Optional(comment),
    min_update_version: Type.Optional(minUpdateVersion),
  },
  { description: 'What is left out stays as it is; an empty text takes it away' },
);

export const RestBundleSetBody = Type.Object(
  {
    app_id: AppId,
    version_id: number('Number of the bundle'),
    channel_id: number('Number of the channel'),
  },
  { description: 'Which bundle to which channel; in the query string as well' },
);
