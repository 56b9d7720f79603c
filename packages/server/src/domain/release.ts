import type { Platform } from '@capgo-server/protocol/formats/identifiers';

/** A published native application build. */
export interface Release {
  /** 24 hex characters. */
  readonly id: string;
  readonly appId: string;
  readonly platform: Platform;
  /** Native version as the build states it (`CFBundleShortVersionString`, `versionName`); not always semver. */
  readonly versionName: string;
  /** Build number as text (`CFBundleVersion`, `versionCode`). */
  readonly versionCode: string;
  readonly releaseDateMs: number | null;
  /** The bundle inside the installed build. */
  readonly builtinBundleId: string;
  /** The bundle its devices are to run; null leaves them on builtin. */
  readonly activeBundleId: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** What makes a release unique in its app, as text; the parts are compared to the letter (protocol §0.3 D2). */
export function releaseKey(platform: Platform, versionName: string, versionCode: string): string {
  return `${platform}\n${versionName}\n${versionCode}`;
}
