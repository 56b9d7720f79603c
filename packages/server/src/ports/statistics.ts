import type { StatisticIncrement, StatisticMetric } from '../domain/statistics.ts';

/** More, or less, of something in an app. */
export interface StatisticAddition {
  readonly appId: string;
  readonly increment: StatisticIncrement;
}

/** Which statistics to read: days from and to, both included. */
export interface StatisticFilter {
  readonly appIds: readonly string[];
  readonly metrics: readonly StatisticMetric[];
  readonly fromDate: string;
  readonly toDate: string;
}

export interface StatisticRow {
  readonly appId: string;
  readonly metric: StatisticMetric;
  readonly date: string;
  readonly name: string;
  readonly detail: string;
  /** Greater than 0. */
  readonly amount: number;
}

/** How many update checks an app had in a minute. */
export interface CheckMinute {
  readonly appId: string;
  /** Epoch milliseconds of its start. */
  readonly minuteMs: number;
  readonly checks: number;
}

/** The counters of a day and a bundle over all channels and platforms. */
export interface CounterSum {
  readonly appId: string;
  readonly date: string;
  readonly bundle: string;
  readonly get: number;
  readonly install: number;
  readonly fail: number;
}

/** Bytes that came into an app's storage at a moment, or left it. */
export interface StorageChange {
  readonly appId: string;
  readonly atMs: number;
  readonly bytes: number;
}

/** Devices that are counted under the same things, since a day. */
export interface ActiveGroup {
  readonly name: string;
  readonly devices: number;
}
export const activeGroupings = ['bundle', 'native_version', 'plugin_version', 'platform', 'channel'] as const;
export type ActiveGrouping = (typeof activeGroupings)[number];

/** What is counted by day. It is kept for as long as its app. */
export interface StatisticsStore {
  /** Adds up, over calls and nodes; all of it or nothing. */
  addToStatistics(additions: readonly StatisticAddition[]): Promise<void>;
  /** By metric, day, app, name and detail; what came to nothing is left out. */
  readStatistics(filter: StatisticFilter): Promise<readonly StatisticRow[]>;
  /** The counters, summed up; by day, app and bundle. */
  sumCounters(filter: Omit<StatisticFilter, 'metrics'>): Promise<readonly CounterSum[]>;
  /** Adds up, over calls and nodes; all of it or nothing. */
  addCheckMinutes(additions: readonly CheckMinute[]): Promise<void>;
  /** Minutes that start at or after one time and before another, in their order; without those that had no checks. */
  readCheckMinutes(appId: string, fromMs: number, toMs: number): Promise<readonly CheckMinute[]>;
  /** Forgets minutes that started before a time. */
  deleteCheckMinutesBefore(timeMs: number): Promise<void>;
  /**
   * What came into storage and left it, by time: each bundle that is ours to store when it was uploaded, and again when it
   * was deleted; single files of bundles at the start of the UTC day on which they were added or swept.
   */
  readStorageChanges(appIds: readonly string[]): Promise<readonly StorageChange[]>;
  /** Devices of an app that were there on a day or later, grouped by what they are counted under, the most first. */
  countActiveDevices(
    appId: string,
    sinceDate: string,
  ): Promise<Readonly<Record<ActiveGrouping, readonly ActiveGroup[]>>>;
}
