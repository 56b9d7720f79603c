import type { AppSnapshot, ServedChannel } from './app.ts';
import { type Bundle, isEncrypted } from './bundle.ts';
import type { Channel } from './channel.ts';
import { findPolicyRefusal } from './channel-policies.ts';
import { type Resolution, resolveServing } from './channel-resolution.ts';
import { type DeviceCheck, isOnBuiltin } from './device.ts';
import { type DeviceState, noDeviceState } from './device-state.ts';
import type { Manifest } from './manifest.ts';
import { type PluginFeatures, pluginFeatures } from './plugin-features.ts';
import { type RefusalCode, type RefusalFacts, type RefusalKind, refusalCodes, refusals } from './refusals.ts';
import { drawRollout } from './rollout.ts';
import type { Trace } from './trace.ts';

/** What was considered for a device, whatever became of it. */
export interface Considered {
  readonly resolution: Resolution;
  /** Undefined for builtin. */
  readonly bundle: Bundle | undefined;
}

/** Our answer to an update check, with its reason. */
export type UpdateDecision = { readonly considered: Considered | undefined } & (
  | {
      readonly outcome: 'update_available';
      readonly bundle: Bundle;
      /** The one this device's plugin compares the zip with. */
      readonly checksum: string;
      /** The files of the bundle, when the device is to download only those it does not have; the zip stays good. */
      readonly manifest: Manifest | undefined;
      /** What this device is told of the bundle's; null for nothing. */
      readonly link: string | null;
      readonly comment: string | null;
    }
  | { readonly outcome: 'revert_to_builtin' }
  | {
      readonly outcome: RefusalCode;
      readonly kind: RefusalKind;
      readonly message: string;
      readonly facts: RefusalFacts;
    }
);

export type UpdateOutcome = UpdateDecision['outcome'];

/** Every outcome there is, for counters that must exist before the first of them happens. */
export const updateOutcomes: readonly UpdateOutcome[] = [
  'update_available',
  'revert_to_builtin',
  ...refusalCodes,
];

/** Settings of the whole server that bear on decisions. */
export interface DecisionRules {
  /** How often a device may fail to install a bundle and still be offered it; 0 for ever. */
  readonly failedBundleRetries: number;
}

/** The number of failures from which on a bundle is withheld; null when none ever is. */
export function minFailuresOf({ failedBundleRetries }: DecisionRules): number | null {
  return failedBundleRetries > 0 ? failedBundleRetries + 1 : null;
}

const noFacts: RefusalFacts = {};
const nothingToTell: Pick<Bundle, 'link' | 'comment'> = { link: null, comment: null };

/**
 * Decides what a device is to run: protocol §2.1 in its order, with the resolution of §0.3 D2 and the builtin table of
 * §3.7. Pure: the same arguments always have the same answer.
 *
 * @param app the app's snapshot, or undefined when no such app is registered
 * @param state what is remembered of the device
 * @param trace hears each step and why it went as it did
 */
export function decideUpdate(
  app: AppSnapshot | undefined,
  device: DeviceCheck,
  state: DeviceState = noDeviceState,
  rules: DecisionRules = { failedBundleRetries: 0 },
  trace?: Trace,
): UpdateDecision {
  if (!app) {
    trace?.('app_not_found', `no app ${device.appId} is registered`);
    return refuse('app_not_found', noFacts, undefined);
  }
  const resolution = resolveServing(app, device, state, trace);
  switch (resolution.kind) {
    case 'none':
      trace?.('no_channel', 'nothing serves this device');
      return refuse('no_channel', noFacts, undefined);
    case 'release': {
      const bundle = resolution.source === 'release' ? resolution.served.activeBundle : undefined;
      return decideFor(app, device, state, rules, { resolution, bundle }, trace);
    }
    case 'channel': {
      const bundle = pickBundle(resolution.served, device, trace);
      return decideFor(app, device, state, rules, { resolution, bundle }, trace);
    }
  }
}

function refuse(
  outcome: RefusalCode,
  facts: RefusalFacts,
  considered: Considered | undefined,
): UpdateDecision {
  const { kind, message } = refusals[outcome];
  return { outcome, kind, message, facts, considered };
}

/** The stable or the rollout bundle of a channel. */
function pickBundle(
  { channel, bundle, rolloutBundle }: ServedChannel,
  device: DeviceCheck,
  trace?: Trace,
): Bundle | undefined {
  if (!rolloutBundle) return bundle;
  const draw = drawRollout(
    channel.rollout,
    device.deviceId,
    device.versionName === rolloutBundle.versionName,
  );
  const bucket =
    draw.bucket === undefined ? '' : ` (bucket ${draw.bucket} of ${channel.rollout.percentageBps})`;
  trace?.(
    'rollout',
    `${draw.reason}${bucket}: ${draw.isSelected ? rolloutBundle.versionName : 'the stable bundle'}`,
  );
  return draw.isSelected ? rolloutBundle : bundle;
}

function decideFor(
  app: AppSnapshot,
  device: DeviceCheck,
  state: DeviceState,
  rules: DecisionRules,
  considered: Considered,
  trace: Trace | undefined,
): UpdateDecision {
  const { resolution, bundle } = considered;
  const features = pluginFeatures(device.platform, device.pluginVersion);
  trace?.('target', bundle ? `bundle ${bundle.versionName}` : 'the builtin bundle');

  const early = bundle && findEarlyRefusal(bundle, device, features);
  if (early) {
    trace?.(early.code, refusals[early.code].message);
    return refuse(early.code, early.facts, considered);
  }
  // A release is an operator's explicit choice for one native build: no channel's policy stands before it.
  if (resolution.kind === 'channel') {
    const isOverride = resolution.source === 'device_override';
    const refused = findPolicyRefusal({ channel: resolution.served.channel, bundle, device, isOverride });
    if (refused) {
      trace?.(refused.code, refusals[refused.code].message);
      return refuse(refused.code, refused.facts, considered);
    }
    trace?.('policies', `every rule of channel ${resolution.served.channel.name} lets this device pass`);
  }
  if (!bundle) return leaveOnBuiltin(device, features, considered, trace);

  if (bundle.externalUrl !== null && !/^https?:\/\//i.test(bundle.externalUrl)) {
    trace?.('no_bundle_url', 'the URL of the external bundle is not http or https');
    return refuse('no_bundle_url', noFacts, considered);
  }
  const failures = state.failedInstalls.get(bundle.versionName) ?? 0;
  const minFailures = minFailuresOf(rules);
  if (minFailures !== null && failures >= minFailures) {
    trace?.(
      'bundle_failed_on_device',
      `this device failed to install ${bundle.versionName} ${failures} times`,
    );
    return refuse(
      'bundle_failed_on_device',
      { version: bundle.versionName, old: device.versionName },
      considered,
    );
  }
  // What we never read has no CRC; the text its uploader gave is the only checksum there is (protocol §0.3 D1).
  const useCrc = features.checksum === 'crc32' && !isEncrypted(bundle) && bundle.crcChecksum !== '';
  const checksum = useCrc ? bundle.crcChecksum : bundle.checksum;
  // Of a bundle that an older server wrote the SHA-256 is not known at first. Without a checksum a plugin installs it
  // all the same, unless its app has a public key: then the install would fail (protocol §8.1).
  if (checksum === '' && device.keyId) {
    trace?.('no_bundle', `the SHA-256 of ${bundle.versionName} is still to be computed`);
    return refuse('no_bundle', noFacts, considered);
  }
  const manifest = pickManifest(app, bundle, resolution, device, features, trace);
  trace?.('update_available', `bundle ${bundle.versionName} is offered`);
  const { link, comment } = app.settings.exposeMetadata && features.linkAndComment ? bundle : nothingToTell;
  return { outcome: 'update_available', bundle, checksum, manifest, link, comment, considered };
}

/** Whether a channel sends the zip alone; `delta` is `all` with a word for operators, because the zip is always there. */
function sendsZipOnly({ updatePackage }: Channel, device: DeviceCheck): boolean {
  return updatePackage === 'zip' || (updatePackage === 'zip_from_builtin' && isOnBuiltin(device));
}

/** Protocol §2.4 and §3.2: a manifest goes to plugins that can use it, never with a zip that lies elsewhere. */
function pickManifest(
  { manifests }: AppSnapshot,
  bundle: Bundle,
  resolution: Resolution,
  device: DeviceCheck,
  features: PluginFeatures,
  trace: Trace | undefined,
): Manifest | undefined {
  if (!features.manifest) {
    trace?.('zip', `plugin ${device.pluginVersion} knows no manifests`);
    return undefined;
  }
  if (resolution.kind === 'channel' && sendsZipOnly(resolution.served.channel, device)) {
    const { name, updatePackage } = resolution.served.channel;
    trace?.('zip', `channel ${name} sends the zip alone (${updatePackage})`);
    return undefined;
  }
  const manifest = bundle.externalUrl === null ? manifests.get(bundle.id) : undefined;
  if (!manifest) {
    const { state, reason } = bundle.manifest;
    trace?.('zip', `the manifest of ${bundle.versionName} is ${state}${reason ? `: ${reason}` : ''}`);
    return undefined;
  }
  trace?.('manifest', `the device gets the zip and a manifest of ${manifest.fileCount} files`);
  return manifest;
}

/** Rows 14 to 16 of protocol §2.1: they come before any policy, and a wrong key before "nothing new". */
function findEarlyRefusal(
  bundle: Bundle,
  device: DeviceCheck,
  features: PluginFeatures,
): { code: RefusalCode; facts: RefusalFacts } | undefined {
  if (bundle.objectKey === null && bundle.externalUrl === null) return { code: 'no_bundle', facts: noFacts };
  if (features.keyCheck && device.keyId && bundle.keyId && device.keyId !== bundle.keyId) {
    return { code: 'key_id_mismatch', facts: { deviceKeyId: device.keyId, bundleKeyId: bundle.keyId } };
  }
  if (device.versionName === bundle.versionName) return { code: 'no_new_version_available', facts: noFacts };
  return undefined;
}

/** Protocol §3.7: a device already on builtin is told so, because a repeated revert resets the app each time. */
function leaveOnBuiltin(
  device: DeviceCheck,
  features: PluginFeatures,
  considered: Considered,
  trace: Trace | undefined,
): UpdateDecision {
  if (isOnBuiltin(device)) {
    trace?.('already_on_builtin', 'the device runs its builtin bundle');
    return refuse('already_on_builtin', { version: 'builtin' }, considered);
  }
  if (features.builtinRevert) {
    trace?.('revert_to_builtin', 'the device is sent back to its builtin bundle');
    return { outcome: 'revert_to_builtin', considered };
  }
  trace?.('revert_to_builtin_plugin_version_too_old', `plugin ${device.pluginVersion} cannot go back`);
  return refuse('revert_to_builtin_plugin_version_too_old', noFacts, considered);
}
