import { deviceCount, deviceIdAt } from './devices.ts';
import type { SeededApp, SeededBundle } from './fleet.ts';
import type { RequestSet } from './load-messages.ts';
import { activeBundleOf, appIdAt } from './seed.ts';

/** Many devices asking one thing, and what is right to answer them. */
export interface Workload extends RequestSet {
  /** For the request at `i` the answer at `i % answers.length`. */
  readonly answers: readonly object[];
}

/** How an update check ends. */
export const checkOutcomes = ['hit', 'no new version', 'unknown app'] as const;
export type CheckOutcome = (typeof checkOutcomes)[number];

export const eventsPerBatch = 50;
const batches = 200;
/** As behind a proxy: one name for all servers, so that their requests are equal byte by byte. */
const host = 'updates.example.com';
const pluginVersions = ['8.51.14', '8.45.11', '7.43.3', '6.40.1'];
const runningVersion = '1.4.2';

function pick<T>(choices: readonly T[], index: number): T {
  const choice = choices[index % choices.length];
  if (choice === undefined) throw new Error('nothing to choose from');
  return choice;
}

function post(path: string, userAgent: string, body: object): string {
  const json = JSON.stringify(body);
  return [
    `POST ${path} HTTP/1.1`,
    `Host: ${host}`,
    `User-Agent: ${userAgent}`,
    'Content-Type: application/json; charset=utf-8',
    'Accept-Encoding: gzip',
    `Content-Length: ${Buffer.byteLength(json)}`,
    '',
    json,
  ].join('\r\n');
}

/** What a device says of itself in every request; its app follows from its number. */
function deviceAt(index: number, apps: readonly SeededApp[]) {
  const app = pick(apps, index);
  const { platform, versionName, versionCode } = pick(app.releases, Math.floor(index / apps.length));
  const pluginVersion = pick(pluginVersions, Math.floor(index / 3));
  const versionOs = platform === 'ios' ? '18.5' : '15';
  return {
    app,
    userAgent: `CapacitorUpdater/${pluginVersion} (${app.id}) ${platform}/${versionOs}`,
    info: {
      platform,
      device_id: deviceIdAt(index),
      app_id: app.id,
      custom_id: '',
      version_build: versionName,
      version_code: versionCode,
      version_os: versionOs,
      version_name: runningVersion,
      plugin_version: pluginVersion,
      is_emulator: false,
      is_prod: true,
      defaultChannel: '',
    },
  };
}

function answerFor(app: SeededApp, outcome: CheckOutcome, bundle: SeededBundle): object {
  switch (outcome) {
    case 'hit':
      return {
        version: bundle.versionName,
        url: `http://${host}/files/read/attachments/apps/${app.id}/bundles/${bundle.id}.zip`,
        session_key: '',
        checksum: bundle.checksum,
        manifest: bundle.files.map(({ name, hash, path }) => {
          return { file_name: name, file_hash: hash, download_url: `http://${host}${path}` };
        }),
      };
    case 'no new version':
      return { error: 'no_new_version_available', message: 'No new version available', kind: 'up_to_date' };
    case 'unknown app':
      return { error: 'app_not_found', message: 'App not found', kind: 'blocked' };
  }
}

/**
 * `POST /updates` of devices of all the apps in turn.
 *
 * @param bundleFor the bundle that is right for a device; without it each app has one for all of its devices
 */
export function updateChecks(
  name: string,
  apps: readonly SeededApp[],
  outcome: CheckOutcome,
  bundleFor?: (device: number, app: SeededApp) => SeededBundle,
): Workload {
  const requests = Array.from({ length: deviceCount }, (_, index) => {
    const { app, userAgent, info } = deviceAt(index, apps);
    const versionName = outcome === 'no new version' ? activeBundleOf(app).versionName : info.version_name;
    // Ids after the last seeded one are nobody's.
    const appId = outcome === 'unknown app' ? appIdAt(apps.length + (index % apps.length)) : app.id;
    return post('/updates', userAgent, { ...info, app_id: appId, version_name: versionName });
  });
  const answers = Array.from({ length: bundleFor ? deviceCount : apps.length }, (_, index) => {
    const app = pick(apps, index);
    return answerFor(app, outcome, bundleFor?.(index, app) ?? activeBundleOf(app));
  });
  return { name, requests, answers };
}

/** None that the server itself writes of an update check, so that what was sent can be counted. */
export const reportedActions = [
  'app_moved_to_foreground',
  'download_complete',
  'set',
  'app_moved_to_background',
] as const;
/** The leading digits of a time, which count how often the batches were sent: a report sent again would not be kept. */
const firstTime = '1760000';

/** `POST /stats` in batches; a batch is of one device, as a plugin collects them. */
export function eventBatches(apps: readonly SeededApp[]): Workload {
  const requests = Array.from({ length: batches }, (_, index) => {
    const { userAgent, info } = deviceAt(index, apps);
    const events = Array.from({ length: eventsPerBatch }, (_, at) => ({
      ...info,
      action: pick(reportedActions, at),
      old_version_name: '',
      timestamp: Number(firstTime) * 1_000_000 + at * 1_000,
    }));
    return post('/stats', userAgent, events);
  });
  const results = Array.from({ length: eventsPerBatch }, (_, index) => ({ status: 'ok', index }));
  return { name: 'event batches', requests, counter: firstTime, answers: [{ status: 'ok', results }] };
}
