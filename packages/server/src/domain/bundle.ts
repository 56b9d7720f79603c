import type { ManifestStatus } from './manifest-status.ts';

/** An immutable uploaded set of web files. */
export interface Bundle {
  /** 24 hex characters. */
  readonly id: string;
  readonly appId: string;
  /** Semver, and unique in its app for ever, also after deletion; not so of bundles that an older server wrote. */
  readonly versionName: string;
  readonly description: string;
  /** CRC-32 of the zip's bytes, 8 lower-case hex characters; '' of an external bundle that was never fetched. */
  readonly crcChecksum: string;
  /**
   * SHA-256 of the stored bytes in lower-case hex; of an encrypted bundle, the text its uploader gave; '' of a bundle that
   * an older server wrote, until it was computed.
   */
  readonly checksum: string;
  readonly sizeBytes: number;
  /** Opaque to us; '' when the bundle is not encrypted. */
  readonly sessionKey: string;
  /** Which public key decrypts the bundle: the first characters of its text. */
  readonly keyId: string | null;
  /** Lowest native version this bundle runs on. */
  readonly minUpdateVersion: string | null;
  /** Where the zip lies in object storage; null when it lies elsewhere. */
  readonly objectKey: string | null;
  /** Where the zip lies when it is not ours to store. */
  readonly externalUrl: string | null;
  /** What an app may show of the bundle: an http(s) URL for people, and a text. */
  readonly link: string | null;
  readonly comment: string | null;
  /** What has become of the list of its files, for devices that download only those they do not have. */
  readonly manifest: ManifestStatus;
  readonly createdAtMs: number;
}

export function isEncrypted(bundle: Pick<Bundle, 'sessionKey'>): boolean {
  return bundle.sessionKey !== '';
}

/** What all our keys begin with: in a bucket shared with others, nothing else is ours to give out. */
export const objectKeyPrefix = 'apps/';

/** The key of a bundle's zip in object storage; it never changes, so neither does the bundle's download URL. */
export function bundleObjectKey(appId: string, bundleId: string): string {
  return `${objectKeyPrefix}${appId}/bundles/${bundleId}.zip`;
}

/** The app that an object is of; undefined for what is no key of ours. */
export function appIdOfObjectKey(objectKey: string): string | undefined {
  return /^apps\/([^/]+)\/./.exec(objectKey)?.[1];
}

/** The bundle whose zip an object is; undefined for any other object. */
export function bundleIdOfObjectKey(objectKey: string): string | undefined {
  return /^apps\/[^/]+\/bundles\/([0-9a-f]{24})\.zip$/.exec(objectKey)?.[1];
}
