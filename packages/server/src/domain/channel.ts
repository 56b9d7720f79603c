import type { Platform } from '@capgo-server/protocol/formats/identifiers';
import type { AutoPause } from './auto-pause.ts';
import type { Rollout } from './rollout.ts';

/** How far a bundle may be from the native version; `version_number` compares with the bundle's own minimum. */
export type UpdatePolicy = 'major' | 'minor' | 'patch' | 'version_number' | 'none';

/** How devices get what a channel serves; those `…_from_builtin` hold for devices that run their builtin bundle only. */
export const updatePackages = ['all', 'zip', 'delta', 'zip_from_builtin', 'delta_from_builtin'] as const;
export type UpdatePackage = (typeof updatePackages)[number];

/** A named line of delivery with rules (protocol §2.3). */
export interface Channel {
  /** A number because the plugins want one; unique on the server. */
  readonly id: number;
  readonly appId: string;
  /** Unique in its app; compared to the letter. */
  readonly name: string;
  /** Devices that name no channel get it. At most one per platform in an app. */
  readonly isPublic: boolean;
  /** Devices may choose it themselves. */
  readonly allowDeviceSelfSet: boolean;
  readonly platforms: Readonly<Record<Platform, boolean>>;
  readonly policy: UpdatePolicy;
  /** Withholds a bundle older than the native version. */
  readonly blocksUnderNative: boolean;
  readonly allowProd: boolean;
  readonly allowDev: boolean;
  readonly allowDevice: boolean;
  readonly allowEmulator: boolean;
  readonly updatePackage: UpdatePackage;
  /** What it serves; null for builtin. */
  readonly bundleId: string | null;
  readonly rollout: Rollout;
  readonly autoPause: AutoPause;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** What a channel is when its maker says nothing else. */
export const channelDefaults = {
  isPublic: false,
  allowDeviceSelfSet: false,
  platforms: { ios: true, android: true, electron: true },
  policy: 'major',
  blocksUnderNative: true,
  allowProd: true,
  allowDev: true,
  allowDevice: true,
  allowEmulator: true,
  updatePackage: 'all',
  bundleId: null,
} as const satisfies Partial<Channel>;

export const rolloutDefaults = {
  bundleId: null,
  isEnabled: false,
  percentageBps: 0,
  pausedAtMs: null,
  pauseReason: null,
  cacheTtlSeconds: 2_592_000,
} as const satisfies Partial<Rollout>;

export const autoPauseDefaults: AutoPause = {
  isEnabled: false,
  windowMinutes: 60,
  failureRateBps: null,
  confidence: 0.95,
  minAttempts: null,
  minFailures: null,
  action: 'pause',
  cooldownMinutes: 60,
  lastTriggeredAtMs: null,
};

/** Whether a device may be on the channel without an operator having put it there. */
export function isOpenToDevices(channel: Channel): boolean {
  return channel.isPublic || channel.allowDeviceSelfSet;
}
