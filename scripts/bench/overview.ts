import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningServer } from '../../e2e/start-server.ts';
import { addDays, dayMs, dayOf } from '../../packages/server/src/domain/statistics.ts';
import { systemClock } from '../../packages/server/src/ports/clock.ts';
import type { StoredRow, StoredRows } from '../../packages/server/src/testing/stored-rows.ts';
import { deviceIdAt } from './devices.ts';
import type { BenchEngine } from './engines.ts';
import { startOurServer } from './servers.ts';

/** An app that many devices use every day. */
export interface OverviewSize {
  readonly devices: number;
  readonly days: number;
  /** How often each thing is asked for. */
  readonly requests: number;
}

export interface OverviewReport {
  readonly size: OverviewSize;
  readonly rows: { readonly statistics: number; readonly counters: number };
  readonly asked: readonly { readonly name: string; readonly timesMs: readonly number[] }[];
}

const appId = 'com.example.overview';
const rowsPerInsert = 1_000;
const names = (count: number, nameAt: (index: number) => string) =>
  Array.from({ length: count }, (_each, index) => nameAt(index));
/** More than an app has alive at a time, as over months. */
const bundles = names(30, (index) => `1.0.${index}`);
const nativeVersions = names(15, (index) => `1.${index}.0`);
const pluginVersions = names(10, (index) => `8.${index}.0`);
const channels = ['', 'production', 'beta', 'internal'];
const platforms = ['android', 'ios'];
const failures = ['download_fail', 'set_fail', 'update_fail', 'checksum_fail'];

const pick = (of: readonly string[], index: number) => of[index % of.length] ?? '';

/** What a day of the app adds up to. */
function statisticsOf(date: string, { devices, days }: OverviewSize): StoredRow[] {
  const row = (metric: string, name: string, share: number, detail = '') => {
    return { app_id: appId, metric, date, name, detail, amount: Math.ceil(devices * share) };
  };
  const each = (of: readonly string[], toRow: (name: string) => StoredRow) => of.map(toRow);
  return [
    ...each(platforms, (name) => row('active', name, 1 / platforms.length)),
    ...each(platforms, (name) => row('new', name, 1 / days / platforms.length)),
    ...each(bundles, (name) => row('active_bundle', name, 1 / bundles.length)),
    ...platforms.flatMap((platform) =>
      each(nativeVersions, (name) => row('active_native', name, 1 / nativeVersions.length / 2, platform)),
    ),
    ...each(pluginVersions, (name) => row('active_plugin', name, 1 / pluginVersions.length)),
    ...each(channels, (name) => row('active_channel', name, 1 / channels.length)),
    ...each(bundles, (name) => row('offered', name, 0.01)),
    ...each(bundles, (name) => row('downloaded', name, 0.01)),
    ...bundles.flatMap((bundle) => each(failures, (action) => row('failure', bundle, 0.0001, action))),
    ...each(['served', 'redirected'], (name) => row('bandwidth', name, 10_000)),
    ...each(['added', 'deleted'], (name) => row('file_bytes', name, 1)),
  ];
}

function countersOf(date: string): StoredRow[] {
  return bundles.flatMap((bundle) =>
    channels.flatMap((channel) =>
      platforms.map((platform) => {
        const row = { app_id: appId, date, bundle, channel, platform };
        return { ...row, gets: 100, installs: 90, uninstalls: 80, fails: 2 };
      }),
    ),
  );
}

/** A device that was there today, and one row that says under what it is counted. */
function deviceRows(index: number, size: OverviewSize, nowMs: number) {
  const key = { app_id: appId, device_id: deviceIdAt(index), platform: pick(platforms, index) };
  const firstSeen = nowMs - (index % size.days) * dayMs;
  // Each with most of the others, as devices that update at different times have them.
  const mixed = (of: readonly string[], by: number) => pick(of, Math.floor(index / by));
  const counted = { bundle: pick(bundles, index), plugin_version: mixed(pluginVersions, 7) };
  return {
    devices: {
      ...{ ...key, plugin_version: counted.plugin_version, version_os: '15', version_build: '1.0.0' },
      ...{ version_code: '1', version_name: counted.bundle, custom_id: null, is_emulator: 0, is_prod: 1 },
      ...{ default_channel: null, key_id: null, install_source: null, first_seen: firstSeen, seen_at: nowMs },
    },
    device_activity: {
      ...{ ...key, ...counted, active_on: dayOf(nowMs), counted_at: nowMs, first_seen: firstSeen },
      ...{ native_version: mixed(nativeVersions, 11), channel: mixed(channels, 13), offered: null },
    },
  };
}

async function insertAll(rows: StoredRows, table: string, all: readonly StoredRow[]): Promise<number> {
  for (let at = 0; at < all.length; at += rowsPerInsert) {
    await rows.insert(table, all.slice(at, at + rowsPerInsert));
  }
  return all.length;
}

/** Past the store: through it a day of 100,000 devices takes as long as it takes them. */
async function seed(rows: StoredRows, size: OverviewSize): Promise<OverviewReport['rows']> {
  const nowMs = systemClock.now();
  const dates = Array.from({ length: size.days }, (_each, index) => addDays(dayOf(nowMs), -index));
  const statistics = dates.flatMap((date) => statisticsOf(date, size));
  const counters = dates.flatMap(countersOf);
  for (let at = 0; at < size.devices; at += rowsPerInsert) {
    const some = Array.from({ length: Math.min(rowsPerInsert, size.devices - at) }, (_each, index) =>
      deviceRows(at + index, size, nowMs),
    );
    await rows.insert(
      'devices',
      some.map(({ devices }) => devices),
    );
    await rows.insert(
      'device_activity',
      some.map(({ device_activity }) => device_activity),
    );
  }
  return {
    statistics: await insertAll(rows, 'statistics', statistics),
    counters: await insertAll(rows, 'counters', counters),
  };
}

async function ask({ managementUrl, token }: RunningServer, path: string, body?: object): Promise<string> {
  const response = await fetch(`${managementUrl}${path}`, {
    headers: { 'x-api-key': token, 'content-type': 'application/json' },
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
  return text;
}

/** What the console's first page and `/statistics` take, of an app with many devices and a long past. */
export async function measureOverview(
  engine: BenchEngine,
  folder: string,
  size: OverviewSize,
): Promise<OverviewReport> {
  const dataDir = await mkdtemp(join(folder, 'overview-'));
  const database = await engine.createDatabase(dataDir);
  const first = await startOurServer(dataDir, database.env, undefined);
  await ask(first.running, '/app', { app_id: appId, name: 'Overview' });
  await first.stop();
  const stored = await database.openRows();
  const rows = await seed(stored, size).finally(() => stored.close());

  const server = await startOurServer(dataDir, database.env, undefined);
  const today = dayOf(systemClock.now());
  const days = `from=${addDays(today, 1 - size.days)}&to=${today}`;
  const range = `from=${addDays(today, 1 - size.days)}&to=${addDays(today, 1)}`;
  const paths = {
    'overview.get': `/api/v1/overview.get?app_id=${appId}&${days}`,
    'statistics/app': `/statistics/app/${appId}?${range}`,
    bundle_usage: `/statistics/app/${appId}/bundle_usage?${days}`,
    native_usage: `/statistics/app/${appId}/native_usage?${days}`,
    'devices.list, one bundle': `/api/v1/devices.list?app_id=${appId}&bundle=${bundles[0]}`,
  };
  const { data } = JSON.parse(await ask(server.running, paths['overview.get'])) as {
    data: { now: { devices: number } };
  };
  if (data.now.devices !== size.devices) throw new Error(`it tells of ${data.now.devices} devices`);
  const asked: { name: string; timesMs: number[] }[] = [];
  for (const [name, path] of Object.entries(paths)) {
    const timesMs: number[] = [];
    for (let request = 0; request < size.requests; request += 1) {
      const startedAt = performance.now();
      await ask(server.running, path);
      timesMs.push(performance.now() - startedAt);
    }
    asked.push({ name, timesMs });
  }
  await server.stop();
  return { size, rows, asked };
}
