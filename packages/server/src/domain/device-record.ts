import type { DeviceKey, DeviceRecord } from './device.ts';

/** Records come late by seconds: one that is older by more is of a clock that was set back, and the newest there is. */
export const clockSetBackMs = 10 * 60 * 1000;

/** Whether a record takes the place of the one that is kept of its device. */
export function replacesRecord(kept: Pick<DeviceRecord, 'seenAtMs'>, record: DeviceRecord): boolean {
  return isRecentEnough(kept.seenAtMs, record.seenAtMs);
}

/** Whether what was seen at a time is newer than what is kept of another one, or of a clock that was set back since. */
export function isRecentEnough(keptMs: number, seenMs: number): boolean {
  return seenMs >= keptMs || keptMs > seenMs + clockSetBackMs;
}

/** A record, with what it does not tell of the device's versions as it was before. */
export function withUntold(record: DeviceRecord, kept: DeviceRecord): DeviceRecord {
  return {
    ...record,
    pluginVersion: record.pluginVersion ?? kept.pluginVersion,
    osVersion: record.osVersion ?? kept.osVersion,
    nativeVersion: record.nativeVersion ?? kept.nativeVersion,
    nativeBuild: record.nativeBuild ?? kept.nativeBuild,
    versionName: record.versionName ?? kept.versionName,
  };
}

/** What some records, in the order in which they were made, come to: one for each device, with its first sight. */
export function foldRecords(
  records: readonly DeviceRecord[],
): readonly { readonly record: DeviceRecord; readonly firstSeenAtMs: number }[] {
  const folded = new Map<string, { record: DeviceRecord; firstSeenAtMs: number }>();
  const keyOf = ({ appId, deviceId }: DeviceKey) => `${deviceId}\n${appId}`;
  for (const record of records) {
    const kept = folded.get(keyOf(record));
    if (!kept) folded.set(keyOf(record), { record, firstSeenAtMs: record.seenAtMs });
    else if (replacesRecord(kept.record, record)) kept.record = withUntold(record, kept.record);
  }
  return [...folded.values()];
}
