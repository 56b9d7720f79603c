import type { AppSnapshot } from './app.ts';
import { type Bundle, isEncrypted } from './bundle.ts';
import { type DeviceCheck, isOnBuiltin } from './device.ts';
import { type PluginFeatures, pluginFeatures } from './plugin-features.ts';
import { releaseKey } from './release.ts';

/** How a plugin is to take an answer without an update: as quiet, as an operator's "no", or as a failure. */
export type RefusalKind = 'up_to_date' | 'blocked' | 'failed';

/** Facts of a refusal that the device or a person reading its log may want. */
export interface RefusalFacts {
  /** The version the device was not given. */
  readonly version?: string;
  readonly deviceKeyId?: string;
  readonly bundleKeyId?: string;
}

const refusals = {
  app_not_found: ['blocked', 'App not found'],
  no_channel: ['failed', 'No channel and no release serves this device'],
  key_id_mismatch: ['blocked', 'The bundle is encrypted for another key than the one in this app'],
  no_new_version_available: ['up_to_date', 'No new version available'],
  already_on_builtin: ['up_to_date', 'Already on builtin'],
  revert_to_builtin_plugin_version_too_old: ['failed', 'This plugin version cannot go back to builtin'],
} as const satisfies Record<string, readonly [RefusalKind, string]>;

export type RefusalCode = keyof typeof refusals;

/** Our answer to an update check, with its reason. */
export type UpdateDecision =
  | {
      readonly outcome: 'update_available';
      readonly bundle: Bundle;
      /** The one this device's plugin compares the zip with. */
      readonly checksum: string;
    }
  | { readonly outcome: 'revert_to_builtin' }
  | {
      readonly outcome: RefusalCode;
      readonly kind: RefusalKind;
      readonly message: string;
      readonly facts: RefusalFacts;
    };

export type UpdateOutcome = UpdateDecision['outcome'];

/** Every outcome there is, for counters that must exist before the first of them happens. */
export const updateOutcomes: readonly UpdateOutcome[] = [
  'update_available',
  'revert_to_builtin',
  ...(Object.keys(refusals) as RefusalCode[]),
];

const noFacts: RefusalFacts = {};

function refuse(outcome: RefusalCode, facts: RefusalFacts = noFacts): UpdateDecision {
  const [kind, message] = refusals[outcome];
  return { outcome, kind, message, facts };
}

/**
 * Decides what a device is to run (protocol §2.1 in the order of §0.3 D2).
 *
 * @param app the app's snapshot, or undefined when no such app is registered
 */
export function decideUpdate(app: AppSnapshot | undefined, device: DeviceCheck): UpdateDecision {
  if (!app) return refuse('app_not_found');
  const served = app.releases.get(releaseKey(device.platform, device.rawNativeVersion, device.nativeBuild));
  if (!served) return refuse('no_channel');
  const features = pluginFeatures(device.platform, device.pluginVersion);
  return served.activeBundle
    ? offerBundle(served.activeBundle, device, features)
    : leaveOnBuiltin(device, features);
}

/** Protocol §2.1 rows 15, 16 and 34: an operator's explicit choice, so no channel policy stands before it. */
function offerBundle(bundle: Bundle, device: DeviceCheck, features: PluginFeatures): UpdateDecision {
  if (features.keyCheck && device.keyId && bundle.keyId && device.keyId !== bundle.keyId) {
    return refuse('key_id_mismatch', { deviceKeyId: device.keyId, bundleKeyId: bundle.keyId });
  }
  if (device.versionName === bundle.versionName) return refuse('no_new_version_available');
  const useCrc = features.checksum === 'crc32' && !isEncrypted(bundle);
  return { outcome: 'update_available', bundle, checksum: useCrc ? bundle.crcChecksum : bundle.checksum };
}

/** Protocol §3.7: a device already on builtin is told so, because a repeated revert resets the app each time. */
function leaveOnBuiltin(device: DeviceCheck, features: PluginFeatures): UpdateDecision {
  if (isOnBuiltin(device)) return refuse('already_on_builtin', { version: 'builtin' });
  if (features.builtinRevert) return { outcome: 'revert_to_builtin' };
  return refuse('revert_to_builtin_plugin_version_too_old');
}
