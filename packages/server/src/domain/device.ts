import type { Platform } from '@capgo-server/protocol/formats/identifiers';

/** What a device says of itself when it asks for an update. */
export interface DeviceCheck {
  readonly appId: string;
  /** Lower-case UUID. */
  readonly deviceId: string;
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
export interface DeviceEvent {
  /** 24 hex characters, in the order of arrival on a node. */
  readonly id: string;
  readonly appId: string;
  /** Lower-case UUID. */
  readonly deviceId: string;
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

/** What the inventory knows of a device: its last state. */
export interface DeviceRecord {
  readonly appId: string;
  readonly deviceId: string;
  readonly platform: string;
  readonly pluginVersion: string | null;
  readonly osVersion: string | null;
  readonly nativeVersion: string | null;
  readonly nativeBuild: string | null;
  /** The bundle it runs, or was given last. */
  readonly versionName: string;
  readonly customId: string | null;
  readonly isEmulator: boolean;
  readonly isProd: boolean;
  readonly defaultChannel: string | null;
  readonly keyId: string | null;
  readonly installSource: string | null;
  /** When this state was seen. */
  readonly seenAtMs: number;
}
