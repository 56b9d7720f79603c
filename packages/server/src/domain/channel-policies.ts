import { compareSemver, parseSemver } from '@capgo-server/protocol/formats/semver';
import type { Bundle } from './bundle.ts';
import type { Channel } from './channel.ts';
import type { DeviceCheck } from './device.ts';
import type { RefusalCode, RefusalFacts } from './refusals.ts';

export interface PolicyRefusal {
  readonly code: RefusalCode;
  readonly facts: RefusalFacts;
}

/** What the policies look at. */
export interface PolicyCase {
  readonly channel: Channel;
  /** Undefined when the channel serves builtin: the rules that compare versions do not apply then. */
  readonly bundle: Bundle | undefined;
  readonly device: DeviceCheck;
  /** Whether an operator put the device on the channel. */
  readonly isOverride: boolean;
}

function differs(
  bundle: Bundle,
  nativeVersion: string,
  parts: readonly ('major' | 'minor' | 'patch')[],
): boolean {
  const left = parseSemver(bundle.versionName);
  const right = parseSemver(nativeVersion);
  return parts.some((part) => left?.[part] !== right?.[part]);
}

function isHigherMajor(bundle: Bundle, nativeVersion: string): boolean {
  return (parseSemver(bundle.versionName)?.major ?? 0) > (parseSemver(nativeVersion)?.major ?? 0);
}

const platformRefusals = {
  ios: 'disabled_platform_ios',
  android: 'disabled_platform_android',
  electron: 'disabled_platform_electron',
} as const;

/** Rows 20 and 22 to 25 of protocol §2.1 with the private channel of row 21 in its place. */
function versionRefusal({ channel, bundle, device, isOverride }: PolicyCase): PolicyRefusal | undefined {
  const isPrivate = !channel.isPublic && !channel.allowDeviceSelfSet && !isOverride;
  const native = device.nativeVersion;
  const upgrade = { major: true, version: bundle?.versionName ?? 'builtin', old: native } as const;
  if (bundle && channel.policy === 'major' && isHigherMajor(bundle, native)) {
    return { code: 'disable_auto_update_to_major', facts: upgrade };
  }
  if (isPrivate) return { code: 'cannot_update_via_private_channel', facts: {} };
  if (!bundle) return undefined;
  if (channel.policy === 'minor' && differs(bundle, native, ['major', 'minor'])) {
    return { code: 'disable_auto_update_to_minor', facts: upgrade };
  }
  if (channel.policy === 'patch' && differs(bundle, native, ['major', 'minor', 'patch'])) {
    return { code: 'disable_auto_update_to_patch', facts: upgrade };
  }
  if (channel.policy === 'version_number') {
    if (bundle.minUpdateVersion === null) {
      return { code: 'misconfigured_channel', facts: { version: bundle.versionName, old: native } };
    }
    if (compareSemver(bundle.minUpdateVersion, native) > 0) {
      return { code: 'disable_auto_update_to_metadata', facts: upgrade };
    }
  }
  if (channel.blocksUnderNative && compareSemver(bundle.versionName, native) < 0) {
    return {
      code: 'disable_auto_update_under_native',
      facts: { version: bundle.versionName, old: device.versionName },
    };
  }
  return undefined;
}

/** The first rule of a channel that withholds its bundle from a device: rows 17 to 29 of protocol §2.1, in order. */
export function findPolicyRefusal(policyCase: PolicyCase): PolicyRefusal | undefined {
  const { channel, bundle, device } = policyCase;
  const facts = { version: bundle?.versionName ?? 'builtin', old: device.versionName };
  if (!channel.platforms[device.platform]) return { code: platformRefusals[device.platform], facts };
  const byVersion = versionRefusal(policyCase);
  if (byVersion) return byVersion;
  if (!channel.allowProd && device.isProd) return { code: 'disable_prod_build', facts };
  if (!channel.allowDev && !device.isProd) return { code: 'disable_dev_build', facts };
  if (!channel.allowDevice && !device.isEmulator) return { code: 'disable_device', facts };
  if (!channel.allowEmulator && device.isEmulator) return { code: 'disable_emulator', facts };
  return undefined;
}
