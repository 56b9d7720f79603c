import type { ExpressionBuilder, Kysely, Selectable } from 'kysely';
import type { DeviceEvent } from '../../domain/device.ts';
import type { DeviceEventFilter, DeviceEventLog, RecordedEvent } from '../../ports/device-events.ts';
import { cutPage, decodeCursor } from '../cursor.ts';
import { noteDeviceChanges } from './changes.ts';
import { addToCounters } from './counters.ts';
import { addEventStatistics } from './device-activity.ts';
import { recordDevices } from './devices.ts';
import type { DeviceEventsTable, DeviceFailuresTable, Schema, SqlDatabase } from './schema.ts';

function toRow({ event, effects: { outcome } }: RecordedEvent): DeviceEventsTable {
  return {
    id: event.id,
    app_id: event.appId,
    device_id: event.deviceId,
    received_at: event.receivedAtMs,
    device_time: event.deviceTimeMs,
    action: event.action,
    version_name: event.versionName,
    old_version_name: event.oldVersionName,
    platform: event.platform,
    plugin_version: event.pluginVersion,
    version_build: event.nativeVersion,
    version_code: event.nativeBuild,
    version_os: event.osVersion,
    is_emulator: event.isEmulator ? 1 : 0,
    is_prod: event.isProd ? 1 : 0,
    custom_id: event.customId,
    default_channel: event.defaultChannel,
    key_id: event.keyId,
    install_source: event.installSource,
    metadata: event.metadata === null ? null : JSON.stringify(event.metadata),
    channel_name: event.channelName,
    outcome: outcome?.result ?? null,
    outcome_bundle: outcome?.bundle ?? null,
  };
}

function toEvent(row: Selectable<DeviceEventsTable>): DeviceEvent {
  return {
    id: row.id,
    appId: row.app_id,
    deviceId: row.device_id,
    receivedAtMs: row.received_at,
    deviceTimeMs: row.device_time,
    action: row.action,
    versionName: row.version_name,
    oldVersionName: row.old_version_name,
    platform: row.platform,
    pluginVersion: row.plugin_version,
    nativeVersion: row.version_build,
    nativeBuild: row.version_code,
    osVersion: row.version_os,
    isEmulator: row.is_emulator === 1,
    isProd: row.is_prod === 1,
    customId: row.custom_id,
    defaultChannel: row.default_channel,
    keyId: row.key_id,
    installSource: row.install_source,
    metadata: row.metadata === null ? null : JSON.parse(row.metadata),
    channelName: row.channel_name,
  };
}

function matches(filter: DeviceEventFilter) {
  return ({ eb, and }: ExpressionBuilder<Schema, 'device_events'>) => {
    const conditions = [eb('app_id', '=', filter.appId)];
    if (filter.deviceId !== undefined) conditions.push(eb('device_id', '=', filter.deviceId));
    if (filter.action !== undefined) conditions.push(eb('action', '=', filter.action));
    if (filter.fromMs !== undefined) conditions.push(eb('received_at', '>=', filter.fromMs));
    if (filter.toMs !== undefined) conditions.push(eb('received_at', '<', filter.toMs));
    return and(conditions);
  };
}

/** Counts the failures of devices to install a bundle; 0 or more of each event. */
async function addFailures(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  events: readonly RecordedEvent[],
): Promise<void> {
  const rows = new Map<string, DeviceFailuresTable>();
  for (const { event, effects } of events) {
    if (effects.failedInstall === null) continue;
    const key = JSON.stringify([event.appId, event.deviceId, effects.failedInstall]);
    const row = rows.get(key);
    if (row) {
      row.failures += 1;
      row.last_failed_at = event.receivedAtMs;
    } else {
      rows.set(key, {
        app_id: event.appId,
        device_id: event.deviceId,
        version_name: effects.failedInstall,
        failures: 1,
        last_failed_at: event.receivedAtMs,
      });
    }
  }
  if (rows.size === 0) return;
  await database.lockChanges(transaction);
  await noteDeviceChanges(database, transaction, [...rows.values()]);
  await database.upsertMany(transaction, 'device_failures', [...rows.values()], (conflict) =>
    conflict.columns(['app_id', 'device_id', 'version_name']).doUpdateSet(({ eb, ref }) => ({
      failures: eb('device_failures.failures', '+', ref('excluded.failures')),
      last_failed_at: ref('excluded.last_failed_at'),
    })),
  );
}

export function createSqlDeviceEvents(database: SqlDatabase): DeviceEventLog {
  const { db } = database;
  return {
    async appendDeviceEvents(events) {
      if (events.length === 0) return;
      // Before the transaction: while it runs, nobody else may be able to use the database.
      const rows = events.map(toRow);
      await database.write(async (transaction) => {
        const isNew = await database.insertNew(transaction, 'device_events', rows);
        const told = events.filter((_, index) => isNew[index]);
        const increments = told.flatMap(({ event, effects }) =>
          effects.counters.map((increment) => ({ appId: event.appId, increment, times: 1 })),
        );
        await addToCounters(database, transaction, increments);
        await recordDevices(
          database,
          transaction,
          told.flatMap(({ device }) => (device ? [device] : [])),
        );
        await addEventStatistics(database, transaction, told);
        // Last, because other changes wait for the rest of it.
        await addFailures(database, transaction, told);
      });
    },

    addToCounters: (additions) =>
      database.write((transaction) => addToCounters(database, transaction, additions)),

    async listDeviceEvents(filter, page) {
      let query = db.selectFrom('device_events').selectAll().where(matches(filter));
      if (page.cursor !== undefined) {
        const after = decodeCursor(page.cursor, /^[0-9a-f]{24}$/);
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('received_at', 'id'), '<', tuple(after.timeMs, after.id)),
        );
      }
      const rows = await query
        .orderBy('received_at', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return cutPage(rows, page.limit, (row) => ({ timeMs: row.received_at, id: row.id }), toEvent);
    },

    async countDeviceEvents(filter) {
      const row = await db
        .selectFrom('device_events')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where(matches(filter))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },

    async deleteDeviceEventsBefore(timeMs, limit) {
      const { numDeletedRows } = await db
        .deleteFrom('device_events')
        .where('id', 'in', (query) =>
          query
            .selectFrom('device_events')
            .select('id')
            .where('received_at', '<', timeMs)
            .orderBy('received_at')
            .orderBy('id')
            .limit(limit),
        )
        .executeTakeFirst();
      return Number(numDeletedRows);
    },

    async countRolloutOutcomes({ appId, channelName, versionName, sinceMs }) {
      let query = db
        .selectFrom('device_events')
        .select(({ fn }) => ['outcome', fn.countAll<number>().as('count')])
        .where('app_id', '=', appId)
        .where('outcome_bundle', '=', versionName)
        .where('received_at', '>=', sinceMs)
        .groupBy('outcome');
      if (channelName !== undefined) query = query.where('channel_name', '=', channelName);
      const rows = await query.execute();
      const countOf = (outcome: 'install' | 'fail') =>
        Number(rows.find((row) => row.outcome === outcome)?.count ?? 0);
      return { installs: countOf('install'), failures: countOf('fail') };
    },
  };
}
