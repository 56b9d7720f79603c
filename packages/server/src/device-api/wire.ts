import type { ChannelSelfBody } from '@capgo-server/protocol/device/channel-self';
import type { DeviceEventBody } from '@capgo-server/protocol/device/device-events';
import type {
  ManifestEntry,
  UpdateCheckAnswer,
  UpdateCheckBody,
} from '@capgo-server/protocol/device/update-check';
import type { DeviceCheck } from '../domain/device.ts';
import type { ManifestEntry as Entry } from '../domain/manifest.ts';
import type { UpdateDecision } from '../domain/update-decision.ts';
import type { InventoryDevice } from '../ports/device-events.ts';
import type { CheckFacts } from '../services/check-recorder.ts';
import type { ReportedEvent } from '../services/device-events.ts';
import { type ParsedBody, textOf } from './parse-body.ts';

/** Wire text to "absent": the plugins send '' where they mean none. */
function presentOrUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function presentOrNull(text: string | null | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** What the log and the inventory keep of a request, beside what the answer to it needs. */
export function toCheckFacts(body: object): CheckFacts {
  return {
    osVersion: presentOrNull(textOf(body, 'version_os').trim()),
    customId: presentOrNull(textOf(body, 'custom_id', 36).trim()),
    installSource: presentOrNull(textOf(body, 'install_source', 64).trim().toLowerCase()),
  };
}

export function toDeviceCheck({
  body,
  rawVersionBuild,
  rawVersionCode,
}: ParsedBody<typeof UpdateCheckBody>): DeviceCheck {
  return {
    appId: body.app_id,
    deviceId: body.device_id,
    platform: body.platform,
    versionName: body.version_name,
    nativeVersion: body.version_build,
    rawNativeVersion: rawVersionBuild,
    nativeBuild: rawVersionCode,
    pluginVersion: body.plugin_version,
    isEmulator: body.is_emulator,
    isProd: body.is_prod,
    defaultChannel: presentOrUndefined(body.defaultChannel),
    keyId: presentOrUndefined(body.key_id),
  };
}

/** A manifest's entry as plugins read it. */
export function toManifestEntry(
  { fileName, hash, objectKey }: Entry,
  downloadUrl: (objectKey: string) => string,
): ManifestEntry {
  return { file_name: fileName, file_hash: hash, download_url: downloadUrl(objectKey) };
}

/**
 * The answer's body, without the manifest, which `manifest-answers.ts` adds. One with an update holds neither error nor message nor kind, any other all three: the plugins
 * tell them apart by these keys alone (protocol §3.4, §3.5).
 *
 * @param downloadUrl of an object's key
 */
export function toUpdateAnswer(
  decision: UpdateDecision,
  downloadUrl: (objectKey: string) => string,
): UpdateCheckAnswer {
  switch (decision.outcome) {
    case 'update_available': {
      const { bundle, checksum, link, comment } = decision;
      return {
        version: bundle.versionName,
        url: bundle.externalUrl ?? downloadUrl(bundle.objectKey ?? ''),
        session_key: bundle.sessionKey,
        checksum,
        ...(link === null ? {} : { link }),
        ...(comment === null ? {} : { comment }),
      };
    }
    case 'revert_to_builtin':
      return { version: 'builtin' };
    default:
      return { error: decision.outcome, message: decision.message, kind: decision.kind, ...decision.facts };
  }
}

/** The latest time that a calendar date can stand for: beyond it an event could be stored and never be shown. */
const maxTimeMs = 8_640_000_000_000_000;

/** Not part of the contract on the wire: a value we cannot use is no reason to refuse the event. */
function deviceTime(timestamp: unknown): number | null {
  if (typeof timestamp !== 'number' || !Number.isInteger(timestamp)) return null;
  return timestamp > 0 && timestamp <= maxTimeMs ? timestamp : null;
}

/** @param body an event that has passed `parseDeviceEvent` */
export function toReportedEvent(
  { body, rawVersionBuild, rawVersionCode }: ParsedBody<typeof DeviceEventBody>,
  timestamp: unknown,
): ReportedEvent {
  return {
    appId: body.app_id,
    deviceId: body.device_id,
    action: body.action,
    versionName: body.version_name,
    oldVersionName: presentOrNull(body.old_version_name),
    platform: body.platform,
    pluginVersion: presentOrNull(body.plugin_version),
    nativeVersion: presentOrNull(body.version_build),
    rawNativeVersion: rawVersionBuild,
    nativeBuild: presentOrNull(rawVersionCode),
    osVersion: presentOrNull(body.version_os),
    isEmulator: body.is_emulator,
    isProd: body.is_prod,
    customId: presentOrNull(body.custom_id?.trim()),
    defaultChannel: presentOrNull(body.defaultChannel),
    keyId: presentOrNull(body.key_id),
    installSource: presentOrNull(body.install_source?.trim().toLowerCase()),
    metadata: (body.metadata as Record<string, string> | undefined) ?? null,
    deviceTimeMs: deviceTime(timestamp),
  };
}

/** What a device of the inventory would send when it asked now. */
export function toUpdateCheckBody(device: InventoryDevice): object {
  return {
    app_id: device.appId,
    device_id: device.deviceId,
    platform: device.platform,
    // Of a device that never said what it runs, the native bundle is the safest guess.
    version_name: device.versionName ?? device.nativeVersion ?? '',
    version_build: device.nativeVersion ?? '',
    version_code: device.nativeBuild ?? '',
    plugin_version: device.pluginVersion ?? '',
    is_emulator: device.isEmulator,
    is_prod: device.isProd,
    defaultChannel: device.defaultChannel ?? '',
    ...(device.keyId === null ? {} : { key_id: device.keyId }),
  };
}

/** What a device did with channels, as an event of it. */
export function toChannelEvent(
  action: string,
  { body, rawVersionBuild, rawVersionCode }: ParsedBody<typeof ChannelSelfBody>,
): ReportedEvent {
  return {
    appId: body.app_id,
    deviceId: body.device_id,
    action,
    // Electron sends '' on builtin, where the others name the native version.
    versionName: body.version_name === '' ? body.version_build : body.version_name,
    oldVersionName: null,
    platform: body.platform,
    pluginVersion: presentOrNull(body.plugin_version),
    nativeVersion: presentOrNull(body.version_build),
    rawNativeVersion: rawVersionBuild,
    nativeBuild: presentOrNull(rawVersionCode),
    ...toCheckFacts(body),
    isEmulator: body.is_emulator,
    isProd: body.is_prod,
    defaultChannel: presentOrNull(body.defaultChannel),
    keyId: presentOrNull(body.key_id),
    metadata: null,
    deviceTimeMs: null,
  };
}
