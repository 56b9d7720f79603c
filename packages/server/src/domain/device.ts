import { type Platform, platforms } from '@capgo-server/protocol/formats/identifiers';

/** An installation of an app. */
export interface DeviceKey {
  readonly appId: string;
  /** Lower-case UUID. */
  readonly deviceId: string;
}

/** What a device says of itself when it asks for an update. */
export interface DeviceCheck extends DeviceKey {
  readonly platform: Platform;
  /** Name of the bundle it runs; equal to `nativeVersion` when that is the builtin one. */
  readonly versionName: string;
  /** `version_build` coerced to semver. */
  readonly nativeVersion: string;
  /** `version_build` exactly as sent; releases are found by it. */
  readonly rawNativeVersion: string;
  /** `version_code` exactly as sent; '' when absent. */
  readonly nativeBuild: string;
  readonly pluginVersion: string;
  readonly isEmulator: boolean;
  readonly isProd: boolean;
  readonly defaultChannel: string | undefined;
  readonly keyId: string | undefined;
}

/** Current clients report builtin as the native version, older ones as a word the parser replaces by it (protocol §1.5). */
export function isOnBuiltin(
  device: Pick<DeviceCheck, 'versionName' | 'nativeVersion' | 'rawNativeVersion'>,
): boolean {
  return device.versionName === device.nativeVersion || device.versionName === device.rawNativeVersion;
}

/** One thing a device reports through the statistics API, or that we record of answering it. */
export interface DeviceEvent extends DeviceKey {
  /** 24 hex characters, in the order of arrival on a node. */
  readonly id: string;
  /** A word of the protocol's action catalogue, or an unknown one kept as given. */
  readonly action: string;
  /** A bundle's version name, or `<version name>:<file>`. */
  readonly versionName: string;
  readonly oldVersionName: string | null;
  readonly platform: string;
  readonly pluginVersion: string | null;
  readonly nativeVersion: string | null;
  readonly nativeBuild: string | null;
  readonly osVersion: string | null;
  readonly isEmulator: boolean;
  readonly isProd: boolean;
  readonly customId: string | null;
  readonly defaultChannel: string | null;
  readonly keyId: string | null;
  readonly installSource: string | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  /** The channel that served the device by our own resolution, never by what it says; null for none. */
  readonly channelName: string | null;
  /** When it happened by the device's clock. */
  readonly deviceTimeMs: number | null;
  /** When it reached us. */
  readonly receivedAtMs: number;
}

/** A platform, or what stands for every other name: an event may give any (protocol §1.5). */
export type ReportedPlatform = Platform | 'unknown';

export function reportedPlatform({ platform }: Pick<DeviceEvent, 'platform'>): ReportedPlatform {
  return platforms.find((known) => known === platform) ?? 'unknown';
}

/** What the inventory knows of a device: its last state. */
export interface DeviceRecord extends DeviceKey {
  readonly platform: string;
  readonly pluginVersion: string | null;
  readonly osVersion: string | null;
  readonly nativeVersion: string | null;
  readonly nativeBuild: string | null;
  /** The bundle it runs; null while nobody knows. */
  readonly versionName: string | null;
  readonly customId: string | null;
  readonly isEmulator: boolean;
  readonly isProd: boolean;
  readonly defaultChannel: string | null;
  readonly keyId: string | null;
  readonly installSource: string | null;
  /** When this state was seen. */
  readonly seenAtMs: number;
}
