import { appIdOfObjectKey, bundleIdOfObjectKey } from '../domain/bundle.ts';
import { sizeOfObject } from '../domain/manifest.ts';
import { dayOf } from '../domain/statistics.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { CheckMinute, StatisticAddition, StatisticsStore } from '../ports/statistics.ts';

/**
 * Counts update checks and bytes of registered apps, in memory: nobody waits for it. What could not be written is kept
 * for the next time.
 */
export interface Usage {
  countCheck(appId: string): void;
  /**
   * Bytes of an object that went to a device.
   *
   * @param how by us, or from where we sent it to
   */
  countBytes(objectKey: string, bytes: number, how: 'served' | 'redirected'): void;
  /** Of an object that is a bundle, or a file of one that is served; undefined for any other. */
  sizeOf(objectKey: string): number | undefined;
  /** Writes the bytes, and the checks of minutes that are over; rejects when the store refuses. */
  flush(): Promise<void>;
  /** Writes all of it. */
  flushAll(): Promise<void>;
}

const minuteMs = 60_000;
/** How long minutes are kept: operators look at what happens now. */
const keptMinutesMs = 24 * 60 * minuteMs;

export function createUsage(deps: {
  readonly store: Pick<StatisticsStore, 'addToStatistics' | 'addCheckMinutes'>;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
}): Usage {
  const { store, appSnapshots, clock } = deps;
  /** By minute, then by app. */
  const checks = new Map<number, Map<string, number>>();
  let current: { readonly minute: number; readonly ofApps: Map<string, number> } | undefined;
  let bytes = new Map<string, StatisticAddition>();

  function minute(startMs: number): Map<string, number> {
    const known = checks.get(startMs) ?? new Map<string, number>();
    checks.set(startMs, known);
    return known;
  }

  function addBytes({ appId, increment }: StatisticAddition): void {
    const key = `${appId} ${increment.date} ${increment.name}`;
    const amount = increment.amount + (bytes.get(key)?.increment.amount ?? 0);
    bytes.set(key, { appId, increment: { ...increment, amount } });
  }

  async function writeBytes(): Promise<void> {
    const taken = [...bytes.values()];
    if (taken.length === 0) return;
    bytes = new Map();
    try {
      await store.addToStatistics(taken);
    } catch (error) {
      for (const addition of taken) addBytes(addition);
      throw error;
    }
  }

  function putBack(minutes: readonly CheckMinute[]): void {
    for (const { appId, minuteMs: startMs, checks: count } of minutes) {
      if (startMs < clock.now() - keptMinutesMs) continue;
      const ofApps = minute(startMs);
      ofApps.set(appId, (ofApps.get(appId) ?? 0) + count);
    }
  }

  async function writeChecks(beforeMs: number): Promise<void> {
    const over = [...checks].filter(([startMs]) => startMs < beforeMs);
    if (over.length === 0) return;
    for (const [startMs] of over) checks.delete(startMs);
    if (current && !checks.has(current.minute)) current = undefined;
    const minutes = over.flatMap(([startMs, ofApps]) =>
      [...ofApps].map(([appId, count]) => ({ appId, minuteMs: startMs, checks: count })),
    );
    try {
      await store.addCheckMinutes(minutes);
    } catch (error) {
      putBack(minutes);
      throw error;
    }
  }

  async function flush(beforeMs: number): Promise<void> {
    // Each for itself, so that neither takes the other along.
    const outcomes = await Promise.allSettled([writeBytes(), writeChecks(beforeMs)]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  return {
    countCheck(appId) {
      const now = clock.now();
      const start = now - (now % minuteMs);
      if (current?.minute !== start) current = { minute: start, ofApps: minute(start) };
      const { ofApps } = current;
      ofApps.set(appId, (ofApps.get(appId) ?? 0) + 1);
    },
    countBytes(objectKey, amount, how) {
      const appId = appIdOfObjectKey(objectKey);
      if (amount === 0 || appId === undefined || !appSnapshots.find(appId)) return;
      const date = dayOf(clock.now());
      addBytes({ appId, increment: { metric: 'bandwidth', date, name: how, detail: '', amount } });
    },
    sizeOf(objectKey) {
      const app = appSnapshots.find(appIdOfObjectKey(objectKey) ?? '');
      const bundle = app?.bundlesById.get(bundleIdOfObjectKey(objectKey) ?? '');
      if (bundle?.objectKey === objectKey) return bundle.sizeBytes;
      for (const manifest of app?.manifests.values() ?? []) {
        const size = sizeOfObject(manifest, objectKey);
        if (size !== undefined) return size;
      }
      return undefined;
    },
    flush: () => flush(clock.now() - (clock.now() % minuteMs)),
    flushAll: () => flush(Number.POSITIVE_INFINITY),
  };
}

/** Forgets update checks by the minute that nobody looks at any more. */
export async function deleteOldMinutes(deps: {
  readonly store: Pick<StatisticsStore, 'deleteCheckMinutesBefore'>;
  readonly clock: Clock;
}): Promise<void> {
  await deps.store.deleteCheckMinutesBefore(deps.clock.now() - keptMinutesMs);
}
