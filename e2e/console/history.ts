import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RunningServer } from '../start-server.ts';
import { deviceOf } from './seed.ts';

const dayMs = 86_400_000;
const day = (ageDays: number) => new Date(Date.now() - ageDays * dayMs).toISOString().slice(0, 10);

/** What a fleet of that size has left behind in 90 days, without the 90 days: written beside the server that runs. */
export function writeHistory(server: RunningServer, appId: string, devices: number): void {
  const database = new DatabaseSync(join(server.dataDir, 'capgo.sqlite'));
  try {
    database.exec('PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF; BEGIN IMMEDIATE');
    const statistic = database.prepare(
      'INSERT OR REPLACE INTO statistics (app_id, metric, date, name, detail, amount) VALUES (?, ?, ?, ?, ?, ?)',
    );
    const counter = database.prepare(
      'INSERT OR REPLACE INTO counters (app_id, date, bundle, channel, platform, gets, installs, uninstalls, fails) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)',
    );
    const bundles = ['1.0.0', '1.0.1', '1.1.0'];
    for (let age = 89; age >= 0; age -= 1) {
      const date = day(age);
      // Somewhat fewer at weekends; each bundle takes over from the one before within a month.
      const active = Math.round(devices * (0.7 + 0.2 * (1 - age / 90)) * (age % 7 < 2 ? 0.85 : 1));
      const shares = bundles.map((_bundle, index) => {
        const sinceDays = 90 - age - index * 30;
        return sinceDays <= 0 ? 0 : Math.min(0.9, sinceDays / 15) * (sinceDays > 30 ? 0.15 : 1);
      });
      const used = Math.min(
        1,
        shares.reduce((sum, share) => sum + share, 0),
      );
      const add = (metric: string, name: string, amount: number, detail = '') => {
        if (amount > 0) statistic.run(appId, metric, date, name, detail, Math.round(amount));
      };
      for (const [index, bundle] of bundles.entries()) {
        const running = (active * (shares[index] ?? 0)) / Math.max(used, 0.001);
        add('active_bundle', bundle, running * used);
        if ((shares[index] ?? 0) === 0) continue;
        const offered = active * 0.03;
        add('offered', bundle, offered);
        add('downloaded', bundle, offered * 0.94);
        add('failure', bundle, offered * 0.012, 'checksum_fail');
        add('failure', bundle, offered * 0.02, 'download_fail');
        counter.run(
          appId,
          date,
          bundle,
          'production',
          'ios',
          Math.round(offered),
          Math.round(offered * 0.9),
          0,
        );
      }
      add('active_bundle', 'builtin', active * (1 - used));
      for (const [name, share] of [
        ['1.0.0', 0.2],
        ['1.1.0', 0.5],
        ['1.2.0', 0.3],
      ] as const)
        add('active_native', name, active * share, 'ios');
      for (const [name, share] of [
        ['8.45.11', 0.4],
        ['8.51.14', 0.6],
      ] as const)
        add('active_plugin', name, active * share);
      for (const [name, share] of [
        ['ios', 0.45],
        ['android', 0.55],
      ] as const) {
        add('active', name, active * share);
        add('new', name, devices * 0.004 * share);
      }
      add('active_channel', 'production', active);
      add('bandwidth', 'served', active * 60_000);
    }
    const minute = database.prepare(
      'INSERT OR REPLACE INTO check_minutes (app_id, minute, checks) VALUES (?, ?, ?)',
    );
    const now = Math.floor(Date.now() / 60_000) * 60_000;
    for (let age = 60; age >= 0; age -= 1)
      minute.run(appId, now - age * 60_000, Math.round((devices / 1_440) * (1 + 0.3 * Math.sin(age / 6))));

    const device = database.prepare(
      `INSERT OR IGNORE INTO devices (app_id, device_id, platform, plugin_version, version_os, version_build, version_code,
        version_name, custom_id, is_emulator, is_prod, default_channel, key_id, install_source, first_seen, seen_at)
       VALUES (?, ?, ?, ?, '15', ?, '1', ?, NULL, 0, 1, NULL, NULL, NULL, ?, ?)`,
    );
    const activity = database.prepare(
      `INSERT OR IGNORE INTO device_activity (app_id, device_id, active_on, counted_at, platform, bundle, native_version,
        plugin_version, channel, offered, first_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'production', NULL, ?)`,
    );
    for (let index = 0; index < devices; index += 1) {
      const { device_id: id, platform } = deviceOf(appId, 1_000 + index);
      const seenAt = Date.now() - (index % 90) * 60_000;
      const firstSeen = seenAt - (index % 80) * dayMs - 1;
      const bundle = bundles[index % 10 < 7 ? 2 : index % 3] ?? 'builtin';
      const native = index % 5 === 0 ? '1.0.0' : index % 3 === 0 ? '1.2.0' : '1.1.0';
      const plugin = index % 5 < 2 ? '8.45.11' : '8.51.14';
      device.run(appId, id, platform, plugin, native, bundle, firstSeen, seenAt);
      activity.run(appId, id, day(0), seenAt, platform, bundle, native, plugin, firstSeen);
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
