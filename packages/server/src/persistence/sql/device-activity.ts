import type { Kysely } from 'kysely';
import type { CountedDevice } from '../../domain/statistics.ts';
import type { RecordedEvent } from '../../ports/device-events.ts';
import { type CountingReads, countDevices, statisticsOfEffects } from '../counted-devices.ts';
import type { DeviceActivityTable, Schema, SqlDatabase } from './schema.ts';
import { addToStatistics } from './statistics.ts';

/** A device of the inventory, and what is kept of it beside that. */
interface JoinedRow {
  readonly device_id: string;
  readonly first_seen: number;
  readonly active_on: string | null;
  readonly counted_at: number | null;
  readonly active_platform: string | null;
  readonly bundle: string | null;
  readonly native_version: string | null;
  readonly active_plugin: string | null;
  readonly channel: string | null;
  readonly offered: string | null;
}

function toCounted(row: JoinedRow): CountedDevice | undefined {
  if (row.active_on === null) return undefined;
  return {
    date: row.active_on,
    atMs: row.counted_at ?? 0,
    platform: row.active_platform ?? '',
    bundle: row.bundle ?? '',
    nativeVersion: row.native_version ?? '',
    pluginVersion: row.active_plugin ?? '',
    channel: row.channel ?? '',
    offered: row.offered,
  };
}

function readJoined(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  appId: string,
  deviceIds: readonly string[],
): Promise<JoinedRow[]> {
  return transaction
    .selectFrom('devices')
    .leftJoin('device_activity', (join) =>
      join
        .onRef('device_activity.app_id', '=', 'devices.app_id')
        .onRef('device_activity.device_id', '=', 'devices.device_id'),
    )
    .select([
      'devices.device_id',
      'devices.first_seen',
      'active_on',
      'counted_at',
      'bundle',
      'native_version',
      'channel',
    ])
    .select([
      'device_activity.platform as active_platform',
      'device_activity.plugin_version as active_plugin',
    ])
    .select('offered')
    .where('devices.app_id', '=', appId)
    .where('devices.device_id', 'in', database.listed(deviceIds))
    .execute();
}

function readsOf(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  noteFirstSeen: (appId: string, deviceId: string, firstSeenAtMs: number) => void,
): CountingReads {
  return {
    async readCounted(appId, deviceIds) {
      const rows = await readJoined(database, transaction, appId, deviceIds);
      for (const row of rows) noteFirstSeen(appId, row.device_id, row.first_seen);
      return new Map(rows.map((row) => [row.device_id, toCounted(row)]));
    },
    async readNames(appId, metric, date) {
      const rows = await transaction
        .selectFrom('statistics')
        .select(({ fn }) => ['name', fn.sum<number>('amount').as('amount')])
        .where('app_id', '=', appId)
        .where('metric', '=', metric)
        .where('date', '=', date)
        .groupBy('name')
        .execute();
      return rows.map(({ name, amount }) => ({ name, amount: Number(amount) }));
    },
  };
}

/**
 * Counts the devices of events, and all else that events add to statistics. To be called when the devices' rows in the
 * inventory are written: whoever has written a device's row, or locked it, has the device to itself until the transaction
 * ends.
 */
export async function addEventStatistics(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  events: readonly RecordedEvent[],
): Promise<void> {
  const unwritten = events.filter(({ device, activity }) => activity && !device).map(({ event }) => event);
  if (unwritten.length > 0) await database.lockDevices(transaction, unwritten);
  const firstSeen = new Map<string, number>();
  const keyOf = (appId: string, deviceId: string) => `${appId} ${deviceId}`;
  const reads = readsOf(database, transaction, (appId, deviceId, atMs) => {
    firstSeen.set(keyOf(appId, deviceId), atMs);
  });
  const { additions, changed } = await countDevices(events, reads);
  const rows = changed.map(
    ({ appId, deviceId, counted }): DeviceActivityTable => ({
      app_id: appId,
      device_id: deviceId,
      active_on: counted.date,
      counted_at: counted.atMs,
      platform: counted.platform,
      bundle: counted.bundle,
      native_version: counted.nativeVersion,
      plugin_version: counted.pluginVersion,
      channel: counted.channel,
      offered: counted.offered,
      first_seen: firstSeen.get(keyOf(appId, deviceId)) ?? 0,
    }),
  );
  await database.upsertMany(transaction, 'device_activity', rows, (conflict) =>
    conflict.columns(['app_id', 'device_id']).doUpdateSet(({ ref }) => ({
      active_on: ref('excluded.active_on'),
      counted_at: ref('excluded.counted_at'),
      platform: ref('excluded.platform'),
      bundle: ref('excluded.bundle'),
      native_version: ref('excluded.native_version'),
      plugin_version: ref('excluded.plugin_version'),
      channel: ref('excluded.channel'),
      offered: ref('excluded.offered'),
    })),
  );
  await addToStatistics(database, transaction, [...additions, ...statisticsOfEffects(events)]);
}
