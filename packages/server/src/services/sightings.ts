import type { DeviceRecord } from '../domain/device.ts';

/** What was last written of each device, so that a device that says the same again and again costs no write. */
export interface Sightings {
  /** Whether the state differs from the last one, or the last one is a minute old; then it is the last one from now on. */
  isNews(device: DeviceRecord): boolean;
  /** The bundle that the device ran when it was last seen; undefined when that is forgotten or never was. */
  runningVersionName(device: Pick<DeviceRecord, 'appId' | 'deviceId'>): string | undefined;
  /** Takes the last answer back: the state was not written after all. */
  forget(device: Pick<DeviceRecord, 'appId' | 'deviceId'>): void;
}

const quietMs = 60_000;
/** The longest unseen are forgotten past it; a forgotten device costs one write more. */
const maxDevices = 50_000;

function keyOf({ appId, deviceId }: Pick<DeviceRecord, 'appId' | 'deviceId'>): string {
  return `${appId}\n${deviceId}`;
}

export function createSightings(): Sightings {
  const last = new Map<
    string,
    { readonly state: string; readonly versionName: string; readonly seenAtMs: number }
  >();
  return {
    isNews(device) {
      const { seenAtMs, ...facts } = device;
      const key = keyOf(device);
      const state = Object.values(facts).join('\n');
      const before = last.get(key);
      if (before && before.state === state && seenAtMs - before.seenAtMs < quietMs) return false;
      last.delete(key);
      last.set(key, { state, versionName: device.versionName, seenAtMs });
      if (last.size > maxDevices) {
        const [oldest] = last.keys();
        if (oldest !== undefined) last.delete(oldest);
      }
      return true;
    },
    runningVersionName: (device) => last.get(keyOf(device))?.versionName,
    forget(device) {
      last.delete(keyOf(device));
    },
  };
}
