import type { ExpressionBuilder, Selectable } from 'kysely';
import type { DeviceEvent } from '../../domain/device.ts';
import type { DeviceEventFilter, DeviceEventLog, StoredDeviceEvent } from '../../ports/device-events.ts';
import { cutPage, decodeCursor } from '../cursor.ts';
import type { DeviceEventsTable, Schema, SqlDatabase } from './schema.ts';

function toRow(event: DeviceEvent): Omit<DeviceEventsTable, 'id'> {
  return {
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
  };
}

function toStoredEvent(row: Selectable<DeviceEventsTable>): StoredDeviceEvent {
  return {
    id: String(row.id),
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

export function createSqlDeviceEvents(database: SqlDatabase): DeviceEventLog {
  const { db } = database;
  return {
    async appendDeviceEvents(events) {
      if (events.length > 0) await database.insertMany('device_events', events.map(toRow));
    },

    async listDeviceEvents(filter, page) {
      let query = db.selectFrom('device_events').selectAll().where(matches(filter));
      if (page.cursor !== undefined) {
        const after = decodeCursor(page.cursor, /^\d{1,15}$/);
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('received_at', 'id'), '<', tuple(after.timeMs, Number(after.id))),
        );
      }
      const rows = await query
        .orderBy('received_at', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1)
        .execute();
      return cutPage(
        rows,
        page.limit,
        (row) => ({ timeMs: row.received_at, id: String(row.id) }),
        toStoredEvent,
      );
    },

    async countDeviceEvents(filter) {
      const row = await db
        .selectFrom('device_events')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where(matches(filter))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
  };
}
