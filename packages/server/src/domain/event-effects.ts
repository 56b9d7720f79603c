import { coerceNativeVersion } from '@capgo-server/protocol/formats/native-version';
import { compareSemver, parseSemver } from '@capgo-server/protocol/formats/semver';
import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { AppSnapshot } from './app.ts';
import type { DeviceEvent } from './device.ts';

export type CounterName = 'get' | 'install' | 'uninstall' | 'fail';

/** One more in a daily counter. */
export interface CounterIncrement {
  /** UTC day, `2026-01-31`. */
  readonly date: string;
  /** A bundle's version name, `builtin` or `unknown`. */
  readonly bundle: string;
  /** '' when no channel served the device. */
  readonly channel: string;
  readonly platform: string;
  readonly counter: CounterName;
}

/** What an event changes beside the log, once, however often it is reported. */
export interface EventEffects {
  readonly counters: readonly CounterIncrement[];
  /** The version name of a bundle that the device failed to install. */
  readonly failedInstall: string | null;
}

/** Actions that say "this bundle does not work here", as opposed to "the network broke". */
const failedInstallActions: ReadonlySet<string> = new Set([
  ...['set_fail', 'update_fail', 'unzip_fail', 'checksum_fail', 'decrypt_fail', 'finish_download_fail'],
  ...['windows_path_fail', 'canonical_path_fail', 'directory_path_fail', 'manifest_path_fail'],
  ...['download_manifest_checksum_fail', 'download_manifest_brotli_fail'],
]);

/** The bundle an event is about: what stands before the colon of `<bundle>:<file>` (protocol §5.3). */
export function bundleNameOf(versionName: string): string {
  const colon = versionName.indexOf(':');
  return colon > 0 ? versionName.slice(0, colon) : versionName;
}

/** Older plugins report every "no update" as a failed download (protocol §5.3 rule 1). */
function meansDownloadFailure(pluginVersion: string | null): boolean {
  const parsed = pluginVersion === null ? undefined : parseSemver(pluginVersion);
  if (!parsed) return false;
  if (parsed.major === 6) return compareSemver(parsed.text, '6.14.25') >= 0;
  return compareSemver(parsed.text, '7.17.0') >= 0;
}

function counterBundle(name: string, event: DeviceEvent, app: AppSnapshot): string {
  if (app.bundlesByName.has(name)) return name;
  // A device on builtin names its native version as it stands, "1.0"; the event holds it coerced (protocol §1.5).
  const isNative = name === event.nativeVersion || coerceNativeVersion(name) === event.nativeVersion;
  return name === 'builtin' || isNative ? 'builtin' : 'unknown';
}

/** The counters an action of the device moves (protocol §5.3 rule 4). */
function countersOf(event: DeviceEvent, app: AppSnapshot): [CounterName, string][] {
  const name = bundleNameOf(event.versionName);
  if (event.action === 'get') return [['get', name]];
  if (event.action === 'set') {
    const old = event.oldVersionName;
    const replaced = old !== null && old !== name && app.bundlesByName.has(old);
    return replaced
      ? [
          ['install', name],
          ['uninstall', old],
        ]
      : [['install', name]];
  }
  if (event.action === 'download_fail' && !meansDownloadFailure(event.pluginVersion)) return [];
  return event.action.endsWith('_fail') ? [['fail', name]] : [];
}

/** Only of bundles that exist: what is remembered lies in memory, and a device can make up names without end. */
function failedInstallOf(event: DeviceEvent, app: AppSnapshot): string | null {
  const name = bundleNameOf(event.versionName);
  return failedInstallActions.has(event.action) && app.bundlesByName.has(name) ? name : null;
}

/** Counters speak of real users only; the failure memory is about one device, whatever it is. */
export function effectsOf(event: DeviceEvent, app: AppSnapshot): EventEffects {
  const date = formatTimestamp(event.receivedAtMs).slice(0, 10);
  const isCounted = event.isProd && !event.isEmulator;
  const counters = isCounted ? countersOf(event, app) : [];
  return {
    counters: counters.map(([counter, name]) => ({
      date,
      bundle: counterBundle(name, event, app),
      channel: event.channelName ?? '',
      platform: event.platform,
      counter,
    })),
    failedInstall: failedInstallOf(event, app),
  };
}
