import { type Static, Type } from 'typebox';
import { UpdateCheckBody } from './update-check.ts';

/** Unknown on purpose: what does not fit is passed over, not refused (protocol §4). */
const tolerated = (description: string, example: unknown) =>
  Type.Optional(Type.Unknown({ description, examples: [example] }));

const exampleFile = {
  file_name: 'assets/app.js',
  file_hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
};

/** Body of `POST /updates/manifest_size`: that of an update check and the files in question. */
export const ManifestSizeBody = Type.Object(
  {
    ...UpdateCheckBody.properties,
    manifest: tolerated('The entries the device is missing: objects with at least a `file_hash`', [
      exampleFile,
    ]),
    files: tolerated('Another name of `manifest`', [exampleFile]),
    version: tolerated('Version name of the bundle they are of', '1.0.1'),
    version_id: tolerated(
      'Id of the bundle they are of: digits, or 24 hex characters',
      '6560a1f4c0ffee0123456789',
    ),
  },
  { description: 'What a device sends to learn how much it would download' },
);
export type ManifestSizeBody = Static<typeof ManifestSizeBody>;

/** A file as the device named it; null where it said nothing. */
const fileFields = {
  file_name: Type.Union([Type.String(), Type.Null()], {
    description: 'Its path in the bundle, as the device named it',
    examples: ['assets/app.js'],
  }),
  file_hash: Type.String({ description: 'Its SHA-256', examples: [exampleFile.file_hash] }),
  download_url: Type.Union([Type.String(), Type.Null()], {
    description: 'Its URL, as the device named it',
    examples: [null],
  }),
};

function amount(description: string, example: number) {
  return Type.Integer({ minimum: 0, description, examples: [example] });
}

/** Sizes in bytes, as they are transferred. */
export const ManifestSizeAnswer = Type.Object(
  {
    totalSize: amount('Bytes of all files whose size is known', 5_120),
    knownFiles: amount('How many those are', 1),
    unknownFiles: amount('How many files have no known size', 0),
    files: Type.Array(
      Type.Union([
        Type.Object({ ...fileFields, size: amount('Bytes, as they are transferred', 5_120) }),
        Type.Object({
          ...fileFields,
          error: Type.Literal('size_unknown', { description: 'Nobody knows its size' }),
        }),
      ]),
      { description: 'Each file that was asked about, once' },
    ),
  },
  { description: 'How much the device would download' },
);
export type ManifestSizeAnswer = Static<typeof ManifestSizeAnswer>;
