import { type Static, Type } from 'typebox';
import { AppId, count, nullable, oneOf, text } from './fields.ts';
import { recordIdOf } from './pages.ts';

export const manifestStates = ['pending', 'ready', 'none', 'failed'] as const;

/** Of a bundle, wherever it is shown. */
export const manifestFields = {
  manifest_state: oneOf(manifestStates, 'Whether devices can download single files of it'),
  manifest_reason: nullable(text('Why it has none, or why making one failed; null otherwise', 'encrypted')),
};

/** A file of a bundle, as devices that download only what changed get it. */
export const BundleFileView = Type.Object(
  {
    path: text('In the bundle, without the name of a single root folder', 'assets/index.js'),
    hash: text(
      'SHA-256 of the file in lower-case hex; of an encrypted bundle what its uploader gave',
      '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    ),
    size: count('Bytes over the wire', 51_234),
    compression: nullable(oneOf(['br'], 'How its bytes are compressed; null when they are not')),
    download_url: text(
      'Where devices get it',
      'https://updates.example.com/files/read/attachments/apps/com.example.app/files/9f86/6560a1f4c0ffee0123456789',
    ),
  },
  { title: 'BundleFile', description: 'A file of a bundle' },
);
export type BundleFileView = Static<typeof BundleFileView>;

export const BundleManifestQuery = Type.Object({ bundle_id: recordIdOf('Id of the bundle') });

/** Answer of `bundles.manifest`. */
export const BundleManifestView = Type.Object(
  {
    bundle_id: recordIdOf('Id of the bundle'),
    app_id: AppId,
    version_name: text('Its version', '1.0.1'),
    ...manifestFields,
    total_size: count('Bytes over the wire for a device that has none of the files', 1_048_576),
    files: Type.Array(BundleFileView, { description: 'Its files; empty unless the manifest is ready' }),
  },
  { title: 'BundleManifest', description: 'The files of a bundle' },
);
export type BundleManifestView = Static<typeof BundleManifestView>;

export const BundleDiffQuery = Type.Object({
  from: recordIdOf('Id of the bundle that a device has'),
  to: recordIdOf('Id of the bundle that it is to get, of the same app'),
});

function comparedBundle(description: string) {
  return Type.Object(
    { id: recordIdOf('Id of the bundle'), version_name: text('Its version', '1.0.1') },
    { description },
  );
}

/** Answer of `bundles.diff`. */
export const BundleDiffView = Type.Object(
  {
    from: comparedBundle('The bundle that a device has'),
    to: comparedBundle('The bundle that it is to get'),
    added: Type.Array(BundleFileView, { description: 'Files that only the latter has' }),
    changed: Type.Array(
      Type.Object({
        path: text('In both bundles', 'assets/index.js'),
        from: BundleFileView,
        to: BundleFileView,
      }),
      { description: 'Files that both have, with other bytes' },
    ),
    removed: Type.Array(BundleFileView, { description: 'Files that only the former has' }),
    zip_bytes: count('Over the wire, when the device downloads the zip', 1_048_576),
    delta_bytes: count('Over the wire, when it has all of the former bundle', 51_234),
  },
  { title: 'BundleDiff', description: 'What is different between two bundles' },
);
export type BundleDiffView = Static<typeof BundleDiffView>;
