import { createHash } from 'node:crypto';
import type { RequestSet } from './load-messages.ts';
import { appIdAt, type SeededApp } from './seed.ts';

/** Many devices asking one thing, and what is right to answer them. */
export interface Workload extends RequestSet {
  /** For the request at `i` the answer at `i % answers.length`. */
  readonly answers: readonly object[];
}

/** How an update check ends. */
export const checkOutcomes = ['hit', 'no new version', 'unknown app'] as const;
export type CheckOutcome = (typeof checkOutcomes)[number];

/** Different devices of one workload; a multiple of the number of apps, so that each answer finds its request. */
const devices = 4_000;
export const eventsPerBatch = 50;
const batches = 200;
/** As behind a proxy: one name for all servers, so that their requests are equal byte by byte. */
const host = 'updates.example.com';
const pluginVersions = ['8.51.14', '8.45.11', '7.43.3', '6.40.1'];
const runningVersion = '1.4.2';

/** A UUID that is the same in every run. */
function deviceIdAt(index: number): string {
  const hex = createHash('sha256').update(`device ${index}`).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}

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

function answerFor(app: SeededApp, outcome: CheckOutcome): object {
  switch (outcome) {
    case 'hit':
      return {
        version: app.activeBundle.versionName,
        url: `http://${host}/files/read/attachments/apps/${app.id}/bundles/${app.activeBundle.id}.zip`,
        session_key: '',
        checksum: app.activeBundle.checksum,
      };
    case 'no new version':
      return { error: 'no_new_version_available', message: 'No new version available', kind: 'up_to_date' };
    case 'unknown app':
      return { error: 'app_not_found', message: 'App not found', kind: 'blocked' };
  }
}

/** `POST /updates` of devices of all the apps in turn. */
export function updateChecks(name: string, apps: readonly SeededApp[], outcome: CheckOutcome): Workload {
  const requests = Array.from({ length: devices }, (_, index) => {
    const { app, userAgent, info } = deviceAt(index, apps);
    const versionName = outcome === 'no new version' ? app.activeBundle.versionName : info.version_name;
    // Ids after the last seeded one are nobody's.
    const appId = outcome === 'unknown app' ? appIdAt(apps.length + (index % apps.length)) : app.id;
    return post('/updates', userAgent, { ...info, app_id: appId, version_name: versionName });
  });
  return { name, requests, answers: apps.map((app) => answerFor(app, outcome)) };
}

const actions = ['app_moved_to_foreground', 'download_complete', 'set', 'get', 'app_moved_to_background'];

/** `POST /stats` in batches; a batch is of one device, as a plugin collects them. */
export function eventBatches(apps: readonly SeededApp[]): Workload {
  const requests = Array.from({ length: batches }, (_, index) => {
    const { userAgent, info } = deviceAt(index, apps);
    const events = Array.from({ length: eventsPerBatch }, (_, at) => ({
      ...info,
      action: pick(actions, at),
      old_version_name: '',
      timestamp: 1_760_000_000_000 + at * 1_000,
    }));
    return post('/stats', userAgent, events);
  });
  const results = Array.from({ length: eventsPerBatch }, (_, index) => ({ status: 'ok', index }));
  return { name: 'event batches', requests, answers: [{ status: 'ok', results }] };
}
