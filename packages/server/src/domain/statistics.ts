import { formatTimestamp, parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { ReportedPlatform } from './device.ts';
import { isRecentEnough } from './device-record.ts';

/**
 * What is counted per app and UTC day, each with what its name and its detail are:
 * - `active` devices (each once a day), by platform
 * - `active_bundle`, by the bundle they ran last that day
 * - `active_native`, by native version, with the platform as detail
 * - `active_plugin`, by plugin version
 * - `active_channel`, by the channel that served them; '' for none
 * - `new` devices of the calendar month, by platform
 * - `offered`: devices of real users that were offered a bundle other than the one before, by bundle
 * - `downloaded`: downloads that real users' devices finished, by bundle
 * - `failure`: failures on real users' devices, by bundle, with the action as detail
 * - `bandwidth`: bytes, `served` by us or `redirected` to where they are
 * - `file_bytes`: bytes of single files of bundles that came into storage (`added`) or left it (`deleted`)
 */
export const statisticMetrics = [
  'active',
  'active_bundle',
  'active_native',
  'active_plugin',
  'active_channel',
  'new',
  'offered',
  'downloaded',
  'failure',
  'bandwidth',
  'file_bytes',
] as const;
export type StatisticMetric = (typeof statisticMetrics)[number];

/** So many more, or less, of something. */
export interface StatisticIncrement {
  readonly metric: StatisticMetric;
  /** UTC day, `2026-01-31`. */
  readonly date: string;
  readonly name: string;
  /** '' where the metric has none. */
  readonly detail: string;
  readonly amount: number;
}

/** That a device was there on a day, and as what; null for what it did not tell. */
export interface DeviceActivity {
  readonly atMs: number;
  /** The UTC day of that. */
  readonly date: string;
  readonly platform: ReportedPlatform;
  /** A bundle's version name, `builtin` or `unknown`. */
  readonly bundle: string | null;
  readonly nativeVersion: string | null;
  readonly pluginVersion: string | null;
  /** '' for none. */
  readonly channel: string;
  /** The bundle that a real user's device was offered just now. */
  readonly offered: string | null;
}

/** What a device is counted under, on the day it was there last. */
export interface CountedDevice {
  /** Of the activity that made it what it is. */
  readonly atMs: number;
  readonly date: string;
  readonly platform: string;
  readonly bundle: string;
  readonly nativeVersion: string;
  readonly pluginVersion: string;
  readonly channel: string;
  /** The bundle it was offered last; null for none yet. */
  readonly offered: string | null;
}

/** Names that devices make up, as opposed to those that operators do. */
export type FreeMetric = 'active_native' | 'active_plugin';
/** What stands for names beyond the bound. */
export const otherName = 'other';
/** What stands for what a device never told. */
export const untoldName = 'unknown';
/** Different names that a day of an app may have of a free metric before the rest becomes `other`. */
export const maxFreeNames = 100;
/** So many of the names that most devices had the day before are taken in any case: made-up ones cannot crowd them out. */
export const keptFreeNames = 50;
const maxNameLength = 64;

/** The name under which something that a device made up is counted. */
export function freeName(given: string, isAdmitted: (name: string) => boolean): string {
  return given.length <= maxNameLength && isAdmitted(given) ? given : otherName;
}

export const dayMs = 24 * 60 * 60 * 1000;

/** The UTC day of a time. */
export function dayOf(timeMs: number): string {
  return formatTimestamp(timeMs).slice(0, 10);
}

/** Epoch milliseconds of the start of a UTC day. */
export function startOfDay(date: string): number {
  return parseTimestamp(date) ?? 0;
}

/** The day so many days later. */
export function addDays(date: string, days: number): string {
  return dayOf(startOfDay(date) + days * dayMs);
}

/** Whether a day came late, as opposed to a clock that was set back: midnight passes on some nodes before others. */
function isLate(date: string, counted: string): boolean {
  return date < counted && addDays(date, 1) === counted;
}

const countedUnder = {
  active: (device: CountedDevice) => [device.platform, ''],
  active_bundle: (device: CountedDevice) => [device.bundle, ''],
  active_native: (device: CountedDevice) => [device.nativeVersion, device.platform],
  active_plugin: (device: CountedDevice) => [device.pluginVersion, ''],
  active_channel: (device: CountedDevice) => [device.channel, ''],
} as const satisfies Partial<Record<StatisticMetric, (device: CountedDevice) => readonly [string, string]>>;

function oneEach(device: CountedDevice, amount: number): StatisticIncrement[] {
  return Object.entries(countedUnder).map(([metric, under]) => {
    const [name = '', detail = ''] = under(device);
    return { metric: metric as keyof typeof countedUnder, date: device.date, name, detail, amount };
  });
}

/**
 * Counts a device once a day, under what it was last that day: what it is counted under moves with it. Answers what it is
 * counted under now, and what that changes; the same as before when it changes nothing.
 *
 * @param name under which what devices made up is counted
 */
export function countActivity(
  before: CountedDevice | undefined,
  activity: DeviceActivity,
  name: (metric: FreeMetric, given: string, date: string) => string,
): { readonly counted: CountedDevice; readonly increments: readonly StatisticIncrement[] } {
  const { date, platform } = activity;
  if (before && isLate(date, before.date)) return { counted: before, increments: [] };
  const told = (metric: FreeMetric, given: string | null, last: string | undefined) =>
    given === null ? (last ?? untoldName) : name(metric, given, date);
  // Update checks are written a moment after they came, events at once: what is older than what is known moves nothing.
  const isOlder = before?.date === date && !isRecentEnough(before.atMs, activity.atMs);
  const counted: CountedDevice = isOlder
    ? { ...before, offered: before.offered ?? activity.offered }
    : {
        ...{ atMs: activity.atMs, date, platform, channel: activity.channel },
        bundle: activity.bundle ?? before?.bundle ?? untoldName,
        nativeVersion: told('active_native', activity.nativeVersion, before?.nativeVersion),
        pluginVersion: told('active_plugin', activity.pluginVersion, before?.pluginVersion),
        offered: activity.offered ?? before?.offered ?? null,
      };
  const increments: StatisticIncrement[] = [];
  if (before?.date === date) {
    const now = oneEach(counted, 1);
    for (const [index, past] of oneEach(before, -1).entries()) {
      const present = now[index];
      if (present && (present.name !== past.name || present.detail !== past.detail)) {
        increments.push(past, present);
      }
    }
  } else {
    increments.push(...oneEach(counted, 1));
    if (before?.date.slice(0, 7) !== date.slice(0, 7)) {
      increments.push({ metric: 'new', date, name: platform, detail: '', amount: 1 });
    }
  }
  if (counted.offered !== null && counted.offered !== (before?.offered ?? null)) {
    increments.push({ metric: 'offered', date, name: counted.offered, detail: '', amount: 1 });
  }
  const isSame =
    before !== undefined &&
    increments.length === 0 &&
    before.date === date &&
    before.offered === counted.offered;
  return { counted: isSame ? before : counted, increments };
}
