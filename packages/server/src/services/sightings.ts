import type { DeviceKey, DeviceRecord } from '../domain/device.ts';
import { isWithin } from '../domain/elapsed.ts';
import type { ReporterFacts } from '../domain/event-effects.ts';
import type { DeviceActivity } from '../domain/statistics.ts';

/** What was last written of each device, so that a device that says the same again and again costs no write. */
export interface Sightings {
  /** Whether the state differs from the last one, or the last one is a minute old; then it is the last one from now on. */
  isNews(device: DeviceRecord): boolean;
  /** Notes the bundle that the device was given to install. */
  noteOffer(device: DeviceKey, versionName: string): void;
  /** What the device ran and was given when it was last heard of, while that is remembered. */
  known(device: DeviceKey): ReporterFacts;
  /** Whether the device was not counted like that yet; then it is from now on. What it does not tell is no difference. */
  isNewActivity(device: DeviceKey, activity: DeviceActivity): boolean;
  /** Takes the last answers back: the state was not written after all. */
  forget(device: DeviceKey): void;
}

interface Sighting {
  readonly appId: string;
  /** What was written last; undefined when that is to be taken for unwritten. */
  written: DeviceRecord | undefined;
  counted: DeviceActivity | undefined;
  runningVersionName: string | null;
  offeredVersionName: string | null;
}

const quietMs = 60_000;
/** The longest unseen are forgotten past it; a forgotten device costs one write more. */
const maxDevices = 50_000;

const nothing: ReporterFacts = { runningVersionName: null, offeredVersionName: null };

/** Whether two records of a device say the same; field by field, because it is asked for each event. */
function isSameState(left: DeviceRecord, right: DeviceRecord): boolean {
  return (
    left.versionName === right.versionName &&
    left.platform === right.platform &&
    left.pluginVersion === right.pluginVersion &&
    left.osVersion === right.osVersion &&
    left.nativeVersion === right.nativeVersion &&
    left.nativeBuild === right.nativeBuild &&
    left.customId === right.customId &&
    left.isEmulator === right.isEmulator &&
    left.isProd === right.isProd &&
    left.defaultChannel === right.defaultChannel &&
    left.keyId === right.keyId &&
    left.installSource === right.installSource
  );
}

function isSameActivity(before: DeviceActivity, activity: DeviceActivity): boolean {
  return (
    before.date === activity.date &&
    before.platform === activity.platform &&
    before.channel === activity.channel &&
    (activity.bundle ?? before.bundle) === before.bundle &&
    (activity.nativeVersion ?? before.nativeVersion) === before.nativeVersion &&
    (activity.pluginVersion ?? before.pluginVersion) === before.pluginVersion &&
    (activity.offered ?? before.offered) === before.offered
  );
}

export function createSightings(): Sightings {
  // By device alone: an installation asks for one app but for the moments in which it looks at a preview of another.
  const last = new Map<string, Sighting>();

  function find({ appId, deviceId }: DeviceKey): Sighting | undefined {
    const sighting = last.get(deviceId);
    return sighting?.appId === appId ? sighting : undefined;
  }

  /** The device's sighting, made if need be, as the one seen last. */
  function touch(device: DeviceKey): Sighting {
    const sighting = find(device) ?? {
      appId: device.appId,
      written: undefined,
      counted: undefined,
      ...nothing,
    };
    last.delete(device.deviceId);
    last.set(device.deviceId, sighting);
    if (last.size > maxDevices) {
      const [oldest] = last.keys();
      if (oldest !== undefined) last.delete(oldest);
    }
    return sighting;
  }

  return {
    isNews(device) {
      const before = find(device)?.written;
      if (before && isWithin(quietMs, before.seenAtMs, device.seenAtMs) && isSameState(before, device))
        return false;
      const sighting = touch(device);
      sighting.written = device;
      sighting.runningVersionName = device.versionName ?? sighting.runningVersionName;
      return true;
    },
    isNewActivity(device, activity) {
      const sighting = touch(device);
      const before = sighting.counted;
      if (before && isSameActivity(before, activity)) return false;
      sighting.counted = {
        ...activity,
        bundle: activity.bundle ?? before?.bundle ?? null,
        nativeVersion: activity.nativeVersion ?? before?.nativeVersion ?? null,
        pluginVersion: activity.pluginVersion ?? before?.pluginVersion ?? null,
        offered: activity.offered ?? before?.offered ?? null,
      };
      return true;
    },
    noteOffer(device, versionName) {
      touch(device).offeredVersionName = versionName;
    },
    known: (device) => find(device) ?? nothing,
    forget(device) {
      const sighting = find(device);
      if (!sighting) return;
      sighting.written = undefined;
      sighting.counted = undefined;
    },
  };
}
