import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { dayMs, dayOf, startOfDay } from './statistics.ts';

/** What happened on a day, or until then. */
export interface UsagePoint {
  /** ISO 8601: the first moment that was asked for, and the same time of the days after it. */
  readonly date: string;
  /** Devices that were there for the first time in their month. */
  readonly mau: number;
  /** Bytes. */
  readonly storage: number;
  readonly storageByteHours: number;
  /** Bytes. */
  readonly bandwidth: number;
  readonly get: number;
}

type Amounts = Omit<UsagePoint, 'date'>;

export interface UsageRange {
  readonly fromMs: number;
  /** Excluded. */
  readonly toMs: number;
  readonly nowMs: number;
  /** Whether each point is the sum of the days up to it. */
  readonly isAccumulated: boolean;
}

/** By UTC day, but for what came into storage and left it, which is by time. */
export interface UsageData {
  readonly mau: ReadonlyMap<string, number>;
  readonly bandwidth: ReadonlyMap<string, number>;
  readonly get: ReadonlyMap<string, number>;
  readonly storageChanges: readonly { readonly atMs: number; readonly bytes: number }[];
}

/** How many points a range has. */
export function pointCount({ fromMs, toMs }: Pick<UsageRange, 'fromMs' | 'toMs'>): number {
  return Math.round(Math.abs(toMs - fromMs) / dayMs);
}

/** The moments of a range, one a day; days after today are none yet. */
export function momentsOf(range: Omit<UsageRange, 'isAccumulated'>): readonly number[] {
  const today = dayOf(range.nowMs);
  return Array.from({ length: pointCount(range) }, (_each, index) => range.fromMs + index * dayMs).filter(
    (moment) => dayOf(moment) <= today,
  );
}

/** Bytes times hours in which they were there, on a UTC day or as much of it as is over. */
function byteHoursOf(day: string, changes: UsageData['storageChanges'], nowMs: number): number {
  const start = startOfDay(day);
  const end = Math.min(start + dayMs, nowMs);
  let byteMs = 0;
  for (const { atMs, bytes } of changes) {
    if (atMs < end) byteMs += bytes * (end - Math.max(atMs, start));
  }
  return Math.max(0, Math.round(byteMs / 3_600_000));
}

function add(one: Amounts, other: Amounts): Amounts {
  return {
    mau: one.mau + other.mau,
    storage: one.storage + other.storage,
    storageByteHours: one.storageByteHours + other.storageByteHours,
    bandwidth: one.bandwidth + other.bandwidth,
    get: one.get + other.get,
  };
}

/**
 * The points of a range. Storage is what came and went that day; the first point holds what was there before, so that the
 * sum of all is what is there now.
 */
export function usagePoints(range: UsageRange, data: UsageData): readonly UsagePoint[] {
  const deltas = new Map<string, number>();
  for (const { atMs, bytes } of data.storageChanges) {
    deltas.set(dayOf(atMs), (deltas.get(dayOf(atMs)) ?? 0) + bytes);
  }
  const moments = momentsOf(range);
  const days = moments.map(dayOf);
  const total = data.storageChanges.reduce((sum, { bytes }) => sum + bytes, 0);
  const inRange = days.reduce((sum, day) => sum + (deltas.get(day) ?? 0), 0);
  let sum: Amounts = { mau: 0, storage: 0, storageByteHours: 0, bandwidth: 0, get: 0 };
  return moments.map((moment, index) => {
    const day = dayOf(moment);
    const delta = deltas.get(day) ?? 0;
    const amounts: Amounts = {
      mau: data.mau.get(day) ?? 0,
      storage: index === 0 ? Math.max(0, total - inRange + delta) : delta,
      storageByteHours: byteHoursOf(day, data.storageChanges, range.nowMs),
      bandwidth: data.bandwidth.get(day) ?? 0,
      get: data.get.get(day) ?? 0,
    };
    sum = add(sum, amounts);
    return { date: formatTimestamp(moment), ...(range.isAccumulated ? sum : amounts) };
  });
}
