import {
  addDays,
  type CountedDevice,
  countActivity,
  type DeviceActivity,
  type FreeMetric,
  freeName,
  keptFreeNames,
  maxFreeNames,
} from '../domain/statistics.ts';
import type { RecordedEvent } from '../ports/device-events.ts';
import type { StatisticAddition } from '../ports/statistics.ts';

/** What an engine knows, as of the transaction or commit in which devices are counted. */
export interface CountingReads {
  /** What those devices of an app that the inventory has are counted under; undefined for one that was never counted. */
  readCounted(
    appId: string,
    deviceIds: readonly string[],
  ): Promise<ReadonlyMap<string, CountedDevice | undefined>>;
  /** The names of a day, each with its amount. */
  readNames(
    appId: string,
    metric: FreeMetric,
    date: string,
  ): Promise<readonly { readonly name: string; readonly amount: number }[]>;
}

interface CountedNow {
  readonly appId: string;
  readonly deviceId: string;
  readonly counted: CountedDevice;
}

const freeMetrics = [
  ['active_native', 'nativeVersion'],
  ['active_plugin', 'pluginVersion'],
] as const;

/** The names of a day that are counted as they are: those there are, and of the wanted ones as many as there is room for. */
async function admit(
  { readNames }: CountingReads,
  appId: string,
  metric: FreeMetric,
  date: string,
  wanted: readonly string[],
): Promise<ReadonlySet<string>> {
  const names = new Set((await readNames(appId, metric, date)).map(({ name }) => name));
  const news = new Set(wanted.filter((name) => !names.has(name)));
  const room = Math.max(0, maxFreeNames - names.size);
  if (news.size > room) {
    const before = (await readNames(appId, metric, addDays(date, -1))).toSorted(
      (one, other) => other.amount - one.amount,
    );
    for (const { name } of before.slice(0, keptFreeNames)) names.add(name);
  }
  for (const name of [...news].slice(0, room)) names.add(name);
  return names;
}

async function namesOf(reads: CountingReads, appId: string, activities: readonly DeviceActivity[]) {
  const admitted = new Map<string, ReadonlySet<string>>();
  for (const [date, ofDay] of Map.groupBy(activities, (activity) => activity.date)) {
    for (const [metric, field] of freeMetrics) {
      const wanted = ofDay.flatMap((activity) => activity[field] ?? []);
      admitted.set(`${metric} ${date}`, await admit(reads, appId, metric, date, wanted));
    }
  }
  return (metric: FreeMetric, given: string, date: string) =>
    freeName(given, (name) => admitted.get(`${metric} ${date}`)?.has(name) ?? false);
}

/** Counts the devices of events in their order: what that adds to statistics, and whose counting it changes. */
export async function countDevices(
  events: readonly RecordedEvent[],
  reads: CountingReads,
): Promise<{ readonly additions: readonly StatisticAddition[]; readonly changed: readonly CountedNow[] }> {
  const additions: StatisticAddition[] = [];
  const changed: CountedNow[] = [];
  const active = events.flatMap(({ event, activity }) => (activity ? [{ event, activity }] : []));
  for (const [appId, ofApp] of Map.groupBy(active, ({ event }) => event.appId)) {
    const byDevice = Map.groupBy(ofApp, ({ event }) => event.deviceId);
    const known = await reads.readCounted(appId, [...byDevice.keys()]);
    const name = await namesOf(
      reads,
      appId,
      ofApp.map(({ activity }) => activity),
    );
    for (const [deviceId, ofDevice] of byDevice) {
      if (!known.has(deviceId)) continue;
      const before = known.get(deviceId);
      let counted = before;
      for (const { activity } of ofDevice) {
        const next = countActivity(counted, activity, name);
        additions.push(...next.increments.map((increment) => ({ appId, increment })));
        counted = next.counted;
      }
      if (counted && counted !== before) changed.push({ appId, deviceId, counted });
    }
  }
  return { additions, changed };
}

/** What the effects of events add to statistics. */
export function statisticsOfEffects(events: readonly RecordedEvent[]): readonly StatisticAddition[] {
  return events.flatMap(({ event, effects }) =>
    effects.statistics.map((increment) => ({ appId: event.appId, increment })),
  );
}
