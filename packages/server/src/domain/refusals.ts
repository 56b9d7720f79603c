/** How a plugin is to take an answer without an update: as quiet, as an operator's "no", or as a failure. */
export type RefusalKind = 'up_to_date' | 'blocked' | 'failed';

/** Facts of a refusal that the device or a person reading its log may want. */
export interface RefusalFacts {
  /** The version the device was not given; some plugins tell the app of it. */
  readonly version?: string;
  /** What the device has instead: its bundle, or its native version where that is what was compared. */
  readonly old?: string;
  readonly major?: true;
  readonly deviceKeyId?: string;
  readonly bundleKeyId?: string;
}

interface Refusal {
  readonly kind: RefusalKind;
  readonly message: string;
  /** The device event that records it; null for an app we do not know. */
  readonly action: string | null;
}

const refusal = (kind: RefusalKind, action: string | null, message: string): Refusal => ({
  kind,
  action,
  message,
});

/** Every answer without an update (protocol §2.1; the first two and the last are ours, §0.3 D4 and failure memory). */
export const refusals = {
  app_not_found: refusal('blocked', null, 'App not found'),
  no_channel: refusal('failed', 'NoChannelOrOverride', 'No channel and no release serves this device'),
  no_bundle: refusal('failed', 'missingBundle', 'Cannot get bundle'),
  key_id_mismatch: refusal(
    'blocked',
    'keyMismatch',
    'The bundle is encrypted for another key than the one in this app',
  ),
  no_new_version_available: refusal('up_to_date', 'noNew', 'No new version available'),
  disabled_platform_ios: refusal(
    'blocked',
    'disablePlatformIos',
    'Cannot update, ios is disabled in the channel',
  ),
  disabled_platform_android: refusal(
    'blocked',
    'disablePlatformAndroid',
    'Cannot update, android is disabled in the channel',
  ),
  disabled_platform_electron: refusal(
    'blocked',
    'disablePlatformElectron',
    'Cannot update, electron is disabled in the channel',
  ),
  disable_auto_update_to_major: refusal(
    'blocked',
    'disableAutoUpdateToMajor',
    'Cannot upgrade major version',
  ),
  cannot_update_via_private_channel: refusal(
    'blocked',
    'cannotUpdateViaPrivateChannel',
    'Cannot update via a private channel; make it public, let devices choose it, or pin the device to it',
  ),
  disable_auto_update_to_minor: refusal(
    'blocked',
    'disableAutoUpdateToMinor',
    'Cannot upgrade minor version',
  ),
  disable_auto_update_to_patch: refusal(
    'blocked',
    'disableAutoUpdateToPatch',
    'Cannot upgrade patch version',
  ),
  misconfigured_channel: refusal(
    'failed',
    'channelMisconfigured',
    'The channel is misconfigured: it compares native versions, but its bundle has no min_update_version',
  ),
  disable_auto_update_to_metadata: refusal(
    'blocked',
    'disableAutoUpdateMetadata',
    'Cannot upgrade, the bundle needs a newer native version',
  ),
  disable_auto_update_under_native: refusal(
    'blocked',
    'disableAutoUpdateUnderNative',
    'Cannot revert under native version',
  ),
  disable_prod_build: refusal(
    'blocked',
    'disableProdBuild',
    'Cannot update, prod builds are disabled in the channel',
  ),
  disable_dev_build: refusal(
    'blocked',
    'disableDevBuild',
    'Cannot update, dev builds are disabled in the channel',
  ),
  disable_device: refusal('blocked', 'disableDevice', 'Cannot update, devices are disabled in the channel'),
  disable_emulator: refusal(
    'blocked',
    'disableEmulator',
    'Cannot update, emulators are disabled in the channel',
  ),
  already_on_builtin: refusal('up_to_date', 'noNew', 'Already on builtin'),
  revert_to_builtin_plugin_version_too_old: refusal(
    'failed',
    'backend_refusal',
    'This plugin version cannot go back to builtin',
  ),
  no_bundle_url: refusal('failed', 'cannotGetBundle', 'Cannot get bundle url'),
  bundle_failed_on_device: refusal(
    'blocked',
    'backend_refusal',
    'This device failed to install the bundle too often; it gets the next one',
  ),
} as const satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof refusals;
export const refusalCodes = Object.keys(refusals) as readonly RefusalCode[];
