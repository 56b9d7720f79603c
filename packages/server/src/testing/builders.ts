import { type Bundle, bundleObjectKey } from '../domain/bundle.ts';
import type { DeviceCheck, DeviceEvent } from '../domain/device.ts';
import type { Release } from '../domain/release.ts';

/** Values that pass every rule; a test names only what it is about. */
export const someAppId = 'com.example.app';
export const someDeviceId = 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11';
export const someTimeMs = Date.UTC(2026, 0, 15, 12);

let lastNumber = 0;

/** A record id that no earlier call answered. */
export function nextId(): string {
  lastNumber += 1;
  return lastNumber.toString(16).padStart(24, '0');
}

export function buildBundle(given: Partial<Bundle> = {}): Bundle {
  const id = given.id ?? nextId();
  const appId = given.appId ?? someAppId;
  return {
    id,
    appId,
    versionName: `1.0.${Number.parseInt(id, 16)}`,
    description: '',
    crcChecksum: '0a1b2c3d',
    checksum: 'ab'.repeat(32),
    sizeBytes: 1_000,
    sessionKey: '',
    keyId: null,
    minUpdateVersion: null,
    objectKey: bundleObjectKey(appId, id),
    createdAtMs: someTimeMs,
    ...given,
  };
}

export function buildRelease(given: Partial<Release> & Pick<Release, 'builtinBundleId'>): Release {
  const id = given.id ?? nextId();
  return {
    id,
    appId: someAppId,
    platform: 'ios',
    versionName: '1.0.0',
    versionCode: String(Number.parseInt(id, 16)),
    releaseDateMs: null,
    activeBundleId: null,
    createdAtMs: someTimeMs,
    updatedAtMs: someTimeMs,
    ...given,
  };
}

export function buildDeviceCheck(given: Partial<DeviceCheck> = {}): DeviceCheck {
  return {
    appId: someAppId,
    deviceId: someDeviceId,
    platform: 'ios',
    versionName: '1.0.0',
    nativeVersion: '1.0.0',
    rawNativeVersion: given.nativeVersion ?? '1.0.0',
    nativeBuild: '1',
    pluginVersion: '8.45.11',
    isEmulator: false,
    isProd: true,
    defaultChannel: undefined,
    keyId: undefined,
    ...given,
  };
}

export function buildDeviceEvent(given: Partial<DeviceEvent> = {}): DeviceEvent {
  return {
    appId: someAppId,
    deviceId: someDeviceId,
    action: 'set',
    versionName: '1.0.1',
    oldVersionName: null,
    platform: 'ios',
    pluginVersion: '8.45.11',
    nativeVersion: '1.0.0',
    nativeBuild: '1',
    osVersion: '17.0',
    isEmulator: false,
    isProd: true,
    customId: null,
    defaultChannel: null,
    keyId: null,
    installSource: null,
    metadata: null,
    deviceTimeMs: null,
    receivedAtMs: someTimeMs,
    ...given,
  };
}

/** The body of `POST /updates` as a current plugin sends it. */
export function buildUpdateCheckBody(given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    platform: 'ios',
    device_id: someDeviceId,
    app_id: someAppId,
    custom_id: '',
    version_build: '1.0.0',
    version_code: '1',
    version_os: '17.0',
    version_name: 'builtin',
    plugin_version: '8.45.11',
    is_emulator: false,
    is_prod: true,
    ...given,
  };
}

/** An event of `POST /stats` as a current plugin sends it. */
export function buildDeviceEventBody(given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...buildUpdateCheckBody({ version_name: '1.0.1' }),
    action: 'set',
    old_version_name: '',
    ...given,
  };
}
