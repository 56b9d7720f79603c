import { platforms } from '@capgo-server/protocol/formats/identifiers';
import { type ExpressionBuilder, type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
import type { DeviceRecord } from '../../domain/device.ts';
import { clockSetBackMs, foldRecords } from '../../domain/device-record.ts';
import type { DeviceFilter, DeviceInventory, InventoryDevice } from '../../ports/device-events.ts';
import type { PageRequest } from '../../ports/page.ts';
import { cutPage, decodeCursor } from '../cursor.ts';
import type { DevicesTable, Schema, SqlDatabase } from './schema.ts';

function toRow(device: DeviceRecord, firstSeenAtMs: number): DevicesTable {
  return {
    app_id: device.appId,
    device_id: device.deviceId,
    platform: device.platform,
    plugin_version: device.pluginVersion,
    version_os: device.osVersion,
    version_build: device.nativeVersion,
    version_code: device.nativeBuild,
    version_name: device.versionName,
    custom_id: device.customId,
    is_emulator: device.isEmulator ? 1 : 0,
    is_prod: device.isProd ? 1 : 0,
    default_channel: device.defaultChannel,
    key_id: device.keyId,
    install_source: device.installSource,
    first_seen: firstSeenAtMs,
    seen_at: device.seenAtMs,
  };
}

function toDevice(row: Selectable<DevicesTable>): InventoryDevice {
  return {
    appId: row.app_id,
    deviceId: row.device_id,
    platform: row.platform,
    pluginVersion: row.plugin_version,
    osVersion: row.version_os,
    nativeVersion: row.version_build,
    nativeBuild: row.version_code,
    versionName: row.version_name,
    customId: row.custom_id,
    isEmulator: row.is_emulator === 1,
    isProd: row.is_prod === 1,
    defaultChannel: row.default_channel,
    keyId: row.key_id,
    installSource: row.install_source,
    seenAtMs: row.seen_at,
    firstSeenAtMs: row.first_seen,
  };
}

/** What a newer record replaces; the first sight stays, so a device keeps its place in the list. */
const replaced = [
  ...([
    'platform',
    'custom_id',
    'is_emulator',
    'is_prod',
    'default_channel',
    'key_id',
    'install_source',
  ] as const),
  'seen_at',
] as const;
/** What a newer record replaces when it tells it. */
const keptUntold = ['plugin_version', 'version_os', 'version_build', 'version_code', 'version_name'] as const;

/** Writes what was seen of devices, in that order; a record that is older than the one kept changes nothing. */
export async function recordDevices(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  records: readonly DeviceRecord[],
): Promise<void> {
  const rows = foldRecords(records).map(({ record, firstSeenAtMs }) => toRow(record, firstSeenAtMs));
  await database.upsertMany(transaction, 'devices', rows, (conflict) =>
    conflict
      .columns(['app_id', 'device_id'])
      .doUpdateSet(({ ref, fn }) =>
        Object.fromEntries([
          ...replaced.map((column) => [column, ref(`excluded.${column}`)]),
          ...keptUntold.map((column) => [column, fn.coalesce(`excluded.${column}`, `devices.${column}`)]),
        ]),
      )
      .where(({ eb, or, ref }) =>
        or([
          eb('excluded.seen_at', '>=', ref('devices.seen_at')),
          eb('devices.seen_at', '>', eb('excluded.seen_at', '+', sql.lit(clockSetBackMs))),
        ]),
      ),
  );
}

/** A text as the pattern of what holds it, `\\` being the escape. */
function holding(text: string): string {
  return `%${text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()).replaceAll(/[\\%_]/g, '\\$&')}%`;
}

/** What the inventory and the failure memory tell. */
function matchesDevice(filter: DeviceFilter) {
  return ({ eb, and, or, exists, selectFrom, fn }: ExpressionBuilder<Schema, 'devices'>) => {
    const { text, versionName, platform, failedBundle } = filter;
    const conditions = [eb('devices.app_id', '=', filter.appId)];
    if (versionName !== undefined) conditions.push(eb('devices.version_name', '=', versionName));
    if (platform === 'unknown') conditions.push(eb('devices.platform', 'not in', [...platforms]));
    else if (platform !== undefined) conditions.push(eb('devices.platform', '=', platform));
    if (text !== undefined) {
      const isHeld = (column: 'devices.device_id' | 'devices.custom_id') =>
        sql<SqlBool>`${fn('lower', [column])} like ${holding(text)} escape '\\'`;
      conditions.push(or([isHeld('devices.device_id'), isHeld('devices.custom_id')]));
    }
    if (failedBundle !== undefined) {
      conditions.push(
        exists(
          selectFrom('device_failures')
            .select('device_failures.device_id')
            .whereRef('device_failures.app_id', '=', 'devices.app_id')
            .whereRef('device_failures.device_id', '=', 'devices.device_id')
            .where('device_failures.version_name', '=', failedBundle),
        ),
      );
    }
    return and(conditions);
  };
}

/** What a device is counted under; undefined when the filter says nothing of that. */
function countedConditions({ bundle, nativeVersion, pluginVersion, channel, activeSince }: DeviceFilter) {
  const given = [
    ...(bundle === undefined ? [] : [['device_activity.bundle', '=', bundle] as const]),
    ...(nativeVersion === undefined ? [] : [['device_activity.native_version', '=', nativeVersion] as const]),
    ...(pluginVersion === undefined ? [] : [['device_activity.plugin_version', '=', pluginVersion] as const]),
    ...(channel === undefined ? [] : [['device_activity.channel', '=', channel] as const]),
    ...(activeSince === undefined ? [] : [['device_activity.active_on', '>=', activeSince] as const]),
  ];
  return given.length === 0 ? undefined : given;
}

/** The rows of a page and one more. By what devices are counted under, where indexes are in the order of the list. */
function selectDevices(db: Kysely<Schema>, filter: DeviceFilter, page: PageRequest) {
  const after = page.cursor === undefined ? undefined : decodeCursor(page.cursor, /^[0-9a-f-]{36}$/);
  const counted = countedConditions(filter);
  if (!counted) {
    let query = db.selectFrom('devices').selectAll('devices').where(matchesDevice(filter));
    if (after) {
      query = query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('devices.first_seen', 'devices.device_id'), '<', tuple(after.timeMs, after.id)),
      );
    }
    return query
      .orderBy('devices.first_seen', 'desc')
      .orderBy('devices.device_id', 'desc')
      .limit(page.limit + 1)
      .execute();
  }
  let query = db
    .selectFrom('device_activity')
    .innerJoin('devices', (join) =>
      join
        .onRef('devices.app_id', '=', 'device_activity.app_id')
        .onRef('devices.device_id', '=', 'device_activity.device_id'),
    )
    .selectAll('devices')
    .where('device_activity.app_id', '=', filter.appId)
    .where((builder) => matchesDevice(filter)(builder as never));
  for (const [column, operator, value] of counted) query = query.where(column, operator, value);
  if (after) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple('device_activity.first_seen', 'device_activity.device_id'),
        '<',
        tuple(after.timeMs, after.id),
      ),
    );
  }
  return query
    .orderBy('device_activity.first_seen', 'desc')
    .orderBy('device_activity.device_id', 'desc')
    .limit(page.limit + 1)
    .execute();
}

export function createSqlDevices({ db }: SqlDatabase): DeviceInventory {
  return {
    async findDevice(appId, deviceId) {
      const row = await db
        .selectFrom('devices')
        .selectAll()
        .where('app_id', '=', appId)
        .where('device_id', '=', deviceId)
        .executeTakeFirst();
      return row && toDevice(row);
    },

    async listDevicesInOrder({ appId, order, after, seenAfterMs, hasCustomId, limit }) {
      let query = db.selectFrom('devices').selectAll().where('app_id', '=', appId);
      if (seenAfterMs !== undefined) query = query.where('seen_at', '>', seenAfterMs);
      if (hasCustomId) query = query.where('custom_id', '<>', '');
      if (order === 'id') {
        if (after) query = query.where('device_id', '>', after.deviceId);
        const rows = await query.orderBy('device_id').limit(limit).execute();
        return rows.map(toDevice);
      }
      const [direction, further] =
        order === 'seen_first' ? (['asc', '>'] as const) : (['desc', '<'] as const);
      if (after) {
        query = query.where(({ eb, or, and }) =>
          or([
            eb('seen_at', further, after.seenAtMs),
            and([eb('seen_at', '=', after.seenAtMs), eb('device_id', '>', after.deviceId)]),
          ]),
        );
      }
      const rows = await query.orderBy('seen_at', direction).orderBy('device_id').limit(limit).execute();
      return rows.map(toDevice);
    },

    async listDevices(filter, page) {
      const rows = await selectDevices(db, filter, page);
      return cutPage(rows, page.limit, (row) => ({ timeMs: row.first_seen, id: row.device_id }), toDevice);
    },
  };
}
