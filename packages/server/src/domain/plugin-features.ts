import { compareSemver, parseSemver } from '@capgo-server/protocol/formats/semver';
import type { ReportedPlatform } from './device.ts';

/** What the plugin that asks can do with an answer (protocol §2.4, §0.3 D1 and D9). */
export interface PluginFeatures {
  /** What it compares the downloaded zip with. */
  readonly checksum: 'crc32' | 'sha256';
  /** Whether `{"version":"builtin"}` makes it go back to builtin. */
  readonly builtinRevert: boolean;
  /** Whether a bundle encrypted for another key is withheld. */
  readonly keyCheck: boolean;
  /** Whether the server keeps the channel this device chose, instead of the device itself. */
  readonly serverChannelStorage: boolean;
  /** Whether its `download_fail` is a failed download; older ones report every "no update" so (protocol §5.3 rule 1). */
  readonly meansDownloadFailure: boolean;
  /** Whether it passes a bundle's link and comment on to the app. */
  readonly linkAndComment: boolean;
  /** Whether it can put a bundle together from a manifest, instead of unpacking the zip. */
  readonly manifest: boolean;
}

/** For each major version the first version that has a feature; majors not named have it. */
type FirstVersions = Readonly<Record<number, string | 'never'>>;

const sha256Since: FirstVersions = {
  0: 'never',
  1: 'never',
  2: 'never',
  3: 'never',
  4: 'never',
  5: '5.10.0',
  6: '6.25.0',
  7: '7.0.30',
};
const downloadFailureSince: FirstVersions = {
  0: 'never',
  1: 'never',
  2: 'never',
  3: 'never',
  4: 'never',
  5: 'never',
  6: '6.14.25',
  7: '7.17.0',
};
const deviceChannelStorageSince: FirstVersions = { 5: '5.34.0', 6: '6.34.0', 7: '7.34.0', 8: '8.0.0' };
const linkAndCommentSince: FirstVersions = {
  4: 'never',
  5: '5.35.0',
  6: '6.35.0',
  7: '7.35.0',
  8: '8.35.0',
};
const manifestSince: FirstVersions = { 4: 'never', 5: '5.10.0', 6: '6.25.0', 7: '7.0.35', 8: '8.0.0' };
const builtinRevertSince = '6.2.0';
const keyCheckAfter = '8.40.7';

/** The npm package 10.0.0 is a build of the 5.0 generation published under a wrong number (protocol §0.2). */
const mislabelled = '10.0.0';
const mislabelledReally = '5.0.0';

function hasSince(first: FirstVersions, version: string, major: number): boolean {
  const since = first[major];
  if (since === undefined) return true;
  return since !== 'never' && compareSemver(version, since) >= 0;
}

/** Enough for every version in the field; what devices make up beyond it is only computed again. */
const maxRemembered = 1_000;
const remembered: Record<ReportedPlatform, Map<string, PluginFeatures>> = {
  ios: new Map(),
  android: new Map(),
  electron: new Map(),
  unknown: new Map(),
};

/** @param pluginVersion what a semver parser does not accept is as old as can be */
export function pluginFeatures(platform: ReportedPlatform, pluginVersion: string): PluginFeatures {
  const ofPlatform = remembered[platform];
  const known = ofPlatform.get(pluginVersion);
  if (known) return known;
  const features = computeFeatures(platform, pluginVersion);
  if (ofPlatform.size >= maxRemembered) ofPlatform.clear();
  ofPlatform.set(pluginVersion, features);
  return features;
}

function computeFeatures(platform: ReportedPlatform, pluginVersion: string): PluginFeatures {
  const parsed = parseSemver(pluginVersion);
  const text = parsed?.text ?? '0.0.0';
  const version = text === mislabelled ? mislabelledReally : text;
  const major = version === mislabelledReally ? 5 : (parsed?.major ?? 0);
  // Electron numbers its plugin from 0 again, but verifies SHA-256 and can be sent back to builtin.
  const isElectron = platform === 'electron';
  const checksum = isElectron || hasSince(sha256Since, version, major) ? 'sha256' : 'crc32';
  return {
    checksum,
    builtinRevert: isElectron || compareSemver(version, builtinRevertSince) >= 0,
    keyCheck: compareSemver(version, keyCheckAfter) > 0,
    serverChannelStorage: !hasSince(deviceChannelStorageSince, version, major),
    meansDownloadFailure: hasSince(downloadFailureSince, version, major),
    linkAndComment: hasSince(linkAndCommentSince, version, major),
    // What compares CRC-32 is of a time before manifests, whatever its number (protocol §0.3 D1).
    manifest: checksum === 'sha256' && hasSince(manifestSince, version, major),
  };
}
