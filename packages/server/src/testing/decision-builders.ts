import { type AppSnapshot, type AppState, appSettingDefaults, buildAppSnapshot } from '../domain/app.ts';
import type { Bundle } from '../domain/bundle.ts';
import { autoPauseDefaults, type Channel, channelDefaults, rolloutDefaults } from '../domain/channel.ts';
import type { DeviceCheck } from '../domain/device.ts';
import { type DeviceState, noDeviceState } from '../domain/device-state.ts';
import type { Release } from '../domain/release.ts';
import type { Rollout } from '../domain/rollout.ts';

/** What an update decision is made of, every value such that nothing stands against an update. */

const appId = 'com.example.app';
const someTimeMs = Date.UTC(2026, 0, 15, 12);

let lastNumber = 0;

function nextNumber(): number {
  lastNumber += 1;
  return lastNumber;
}

/** A stored bundle, above every native version of these builders. */
export function buildTarget(given: Partial<Bundle> = {}): Bundle {
  const id = given.id ?? nextNumber().toString(16).padStart(24, '0');
  return {
    id,
    appId,
    versionName: '1.2.0',
    description: '',
    crcChecksum: '0badcafe',
    checksum: 'c0'.repeat(32),
    sizeBytes: 1_000,
    sessionKey: '',
    keyId: null,
    minUpdateVersion: null,
    objectKey: `apps/${appId}/bundles/${id}.zip`,
    externalUrl: null,
    link: null,
    comment: null,
    manifest: { state: 'none', reason: 'external' },
    createdAtMs: someTimeMs,
    ...given,
  };
}

export function buildTargetRollout(given: Partial<Rollout> = {}): Rollout {
  return { id: 'rollout-1', ...rolloutDefaults, ...given };
}

/** A public channel with the defaults of protocol §2.3 otherwise. */
export function buildTargetChannel(given: Partial<Channel> = {}): Channel {
  const id = given.id ?? nextNumber();
  return {
    id,
    appId,
    name: `channel-${id}`,
    ...channelDefaults,
    isPublic: true,
    rollout: buildTargetRollout(),
    autoPause: autoPauseDefaults,
    createdAtMs: someTimeMs,
    updatedAtMs: someTimeMs,
    ...given,
  };
}

/** The release that `buildAsker` is a device of. */
export function buildTargetRelease(given: Partial<Release> = {}): Release {
  return {
    id: nextNumber().toString(16).padStart(24, '0'),
    appId,
    platform: 'ios',
    versionName: '1.0.0',
    versionCode: '1',
    releaseDateMs: null,
    builtinBundleId: 'f'.repeat(24),
    activeBundleId: null,
    createdAtMs: someTimeMs,
    updatedAtMs: someTimeMs,
    ...given,
  };
}

/** A store build of iOS 1.0.0 (1) with a current plugin, which runs a bundle. */
export function buildAsker(given: Partial<DeviceCheck> = {}): DeviceCheck {
  return {
    appId,
    deviceId: 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11',
    platform: 'ios',
    versionName: '1.1.0',
    nativeVersion: '1.0.0',
    rawNativeVersion: given.nativeVersion ?? '1.0.0',
    nativeBuild: '1',
    pluginVersion: '8.51.14',
    isEmulator: false,
    isProd: true,
    defaultChannel: undefined,
    keyId: undefined,
    ...given,
  };
}

export function buildState(given: Partial<DeviceState> = {}): DeviceState {
  return { ...noDeviceState, ...given };
}

export function buildTargetApp(given: Partial<AppState> = {}): AppSnapshot {
  const nothing: AppState = { appId, settings: appSettingDefaults, releases: [], channels: [], bundles: [] };
  return buildAppSnapshot({ ...nothing, ...given });
}
