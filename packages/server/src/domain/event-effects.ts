import { coerceNativeVersion } from '@capgo-server/protocol/formats/native-version';
import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { AppSnapshot } from './app.ts';
import { type DeviceEvent, type ReportedPlatform, reportedPlatform } from './device.ts';
import { pluginFeatures } from './plugin-features.ts';
import { otherName, type StatisticIncrement } from './statistics.ts';

export type CounterName = 'get' | 'install' | 'uninstall' | 'fail';

/** One more in a daily counter. */
export interface CounterIncrement {
  /** UTC day, `2026-01-31`. */
  readonly date: string;
  /** A bundle's version name, `builtin` or `unknown`. */
  readonly bundle: string;
  /** '' when no channel served the device. */
  readonly channel: string;
  /** Counters are kept for ever: a name that devices make up must not become a row. */
  readonly platform: ReportedPlatform;
  readonly counter: CounterName;
}

/** What an event says of a bundle: that it was installed, or that something with it failed. */
export interface BundleOutcome {
  readonly result: 'install' | 'fail';
  readonly bundle: string;
}

/** What an event changes beside the log, once, however often it is reported. */
export interface EventEffects {
  readonly counters: readonly CounterIncrement[];
  /** What rollouts are judged by; null for an event that says nothing of a bundle, or comes from no real user. */
  readonly outcome: BundleOutcome | null;
  /** What else is counted of real users: finished downloads, and failures by their action. */
  readonly statistics: readonly StatisticIncrement[];
  /** The version name of a bundle that the device failed to install. */
  readonly failedInstall: string | null;
}

/** What is known of a device when it reports something; null for what is not. */
export interface ReporterFacts {
  readonly runningVersionName: string | null;
  readonly offeredVersionName: string | null;
}

/** Actions that say "this bundle does not work here", as opposed to "the network broke". */
const failedInstallActions: ReadonlySet<string> = new Set([
  ...['set_fail', 'update_fail', 'unzip_fail', 'checksum_fail', 'decrypt_fail', 'finish_download_fail'],
  ...['windows_path_fail', 'canonical_path_fail', 'directory_path_fail', 'manifest_path_fail'],
  ...['download_manifest_checksum_fail', 'download_manifest_brotli_fail'],
]);

/**
 * Of these, a plugin in the midst of an update names the bundle that it runs and not the one that fails
 * (protocol §5.4).
 */
const namesRunningBundle: ReadonlySet<string> = new Set([
  ...['unzip_fail', 'checksum_fail', 'windows_path_fail', 'canonical_path_fail', 'directory_path_fail'],
]);

/** Failures that are counted by their action; others, which devices can make up, are `other` ones. */
const countedFailures: ReadonlySet<string> = new Set([
  ...failedInstallActions,
  ...['download_fail', 'download_manifest_file_fail', 'low_mem_fail'],
]);

/** What stands before the colon of `<bundle>:<file>` (protocol §5.3). */
function bundleNameOf(versionName: string): string {
  const colon = versionName.indexOf(':');
  return colon > 0 ? versionName.slice(0, colon) : versionName;
}

/**
 * The bundle an event is about; null when it names the bundle that runs and means another that nobody knows: to blame
 * the one that runs would be wrong.
 */
function subjectOf(
  event: DeviceEvent,
  { runningVersionName, offeredVersionName }: ReporterFacts,
): string | null {
  const name = bundleNameOf(event.versionName);
  if (!namesRunningBundle.has(event.action) || name !== runningVersionName) return name;
  return offeredVersionName === name ? null : offeredVersionName;
}

function isFailure(event: DeviceEvent): boolean {
  if (event.action !== 'download_fail') return event.action.endsWith('_fail');
  return pluginFeatures(reportedPlatform(event), event.pluginVersion ?? '').meansDownloadFailure;
}

/** The name a bundle is counted under: its version name, `builtin` or `unknown`. */
export function countedBundle(
  name: string,
  event: Pick<DeviceEvent, 'nativeVersion'>,
  app: AppSnapshot,
): string {
  if (app.bundlesByName.has(name)) return name;
  // A device on builtin names its native version as it stands, "1.0"; the event holds it coerced (protocol §1.5).
  const isNative = name === event.nativeVersion || coerceNativeVersion(name) === event.nativeVersion;
  return name === 'builtin' || isNative ? 'builtin' : 'unknown';
}

/** What an event says of the bundle it is about (protocol §5.3 rule 4). */
function outcomeOf(event: DeviceEvent, subject: string | null): BundleOutcome | null {
  if (subject === null) return null;
  if (event.action === 'set') return { result: 'install', bundle: subject };
  return isFailure(event) ? { result: 'fail', bundle: subject } : null;
}

/** The counters an event moves, each with the bundle it is kept for (protocol §5.3 rule 4). */
function countersOf(
  event: DeviceEvent,
  app: AppSnapshot,
  outcome: BundleOutcome | null,
): [CounterName, string][] {
  if (event.action === 'get') return [['get', event.versionName]];
  if (!outcome) return [];
  const counters: [CounterName, string][] = [[outcome.result, outcome.bundle]];
  const old = event.oldVersionName;
  if (outcome.result === 'install' && old !== null && old !== outcome.bundle && app.bundlesByName.has(old)) {
    counters.push(['uninstall', old]);
  }
  return counters;
}

function statisticsOf(
  event: DeviceEvent,
  app: AppSnapshot,
  outcome: BundleOutcome | null,
): StatisticIncrement[] {
  const date = formatTimestamp(event.receivedAtMs).slice(0, 10);
  if (event.action === 'download_complete') {
    const name = countedBundle(bundleNameOf(event.versionName), event, app);
    return [{ metric: 'downloaded', date, name, detail: '', amount: 1 }];
  }
  if (outcome?.result !== 'fail') return [];
  const detail = countedFailures.has(event.action) ? event.action : otherName;
  return [{ metric: 'failure', date, name: countedBundle(outcome.bundle, event, app), detail, amount: 1 }];
}

const nothingKnown: ReporterFacts = { runningVersionName: null, offeredVersionName: null };

/** Counters and outcomes speak of real users only; the failure memory is about one device, whatever it is. */
export function effectsOf(
  event: DeviceEvent,
  app: AppSnapshot,
  known: ReporterFacts = nothingKnown,
): EventEffects {
  const subject = subjectOf(event, known);
  const isRealUser = event.isProd && !event.isEmulator;
  const outcome = isRealUser ? outcomeOf(event, subject) : null;
  const counters = isRealUser ? countersOf(event, app, outcome) : [];
  // Only of bundles that exist: what is remembered lies in memory, and a device can make up names without end.
  const isFailedInstall =
    failedInstallActions.has(event.action) && subject !== null && app.bundlesByName.has(subject);
  return {
    counters: counters.map(([counter, name]) => ({
      date: formatTimestamp(event.receivedAtMs).slice(0, 10),
      bundle: countedBundle(name, event, app),
      channel: event.channelName ?? '',
      platform: reportedPlatform(event),
      counter,
    })),
    outcome,
    statistics: isRealUser ? statisticsOf(event, app, outcome) : [],
    failedInstall: isFailedInstall ? subject : null,
  };
}
