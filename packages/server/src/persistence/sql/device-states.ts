import type { Kysely } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import { type AuditedOverride, overrideChange } from '../../domain/audit-records.ts';
import type { DeviceKey } from '../../domain/device.ts';
import type { DeviceFact, DeviceStateStore } from '../../ports/store.ts';
import { noteAudit } from './audit.ts';
import { noteChange } from './changes.ts';
import { requireChannelOfApp } from './channels.ts';
import { toOverride } from './override-row.ts';
import type { DeviceFailuresTable, Schema, SqlDatabase } from './schema.ts';

/** Rows read at once: a large answer of another thread would hold up the event loop while it is unpacked. */
const rowsPerRead = 2_000;
/** Devices asked for at once: engines limit the values of one statement. */
const devicesPerRead = 500;

const channelTables = { override: 'device_overrides', self_set: 'device_self_channels' } as const;
type ChannelTable = (typeof channelTables)[keyof typeof channelTables];

/** Keeps, replaces or (null) forgets a device's row in one of the tables of channels. */
async function writeDeviceChannel(
  db: Kysely<Schema>,
  table: ChannelTable,
  { appId, deviceId }: DeviceKey,
  channelId: number | null,
  expiresAtMs: number | null,
): Promise<void> {
  if (channelId === null) {
    await db.deleteFrom(table).where('app_id', '=', appId).where('device_id', '=', deviceId).execute();
    return;
  }
  await requireChannelOfApp(db, channelId, appId);
  const kept = {
    channel_id: channelId,
    ...(table === 'device_overrides' ? { expires_at: expiresAtMs } : {}),
  };
  await db
    .insertInto(table)
    .values({ app_id: appId, device_id: deviceId, ...kept })
    .onConflict((conflict) => conflict.columns(['app_id', 'device_id']).doUpdateSet(kept))
    .execute();
}

/** Logs what becomes of an operator's pin, before it does. */
async function auditOverride(
  db: Kysely<Schema>,
  { appId, deviceId }: DeviceKey,
  after: Pick<AuditedOverride, 'channelId' | 'expiresAtMs'> | null,
  by: ChangedBy,
): Promise<void> {
  const row = await db
    .selectFrom('device_overrides')
    .selectAll()
    .where('app_id', '=', appId)
    .where('device_id', '=', deviceId)
    .executeTakeFirst();
  if (!row && !after) return;
  const change = overrideChange({
    before: row ? toOverride(row) : null,
    after: after && { appId, deviceId, ...after },
  });
  await noteAudit(db, by, change);
}

interface DeviceRow {
  readonly app_id: string;
  readonly device_id: string;
}

const deviceOf = (row: DeviceRow): DeviceKey => ({ appId: row.app_id, deviceId: row.device_id });

interface ChannelRow extends DeviceRow {
  readonly channel_id: number;
  /** Of a pin only. */
  readonly expires_at?: number | null;
}

function toChannelFact(kind: 'override' | 'self_set') {
  return (row: ChannelRow): DeviceFact => {
    const fact = { ...deviceOf(row), channelId: row.channel_id };
    return kind === 'override' ? { ...fact, kind, expiresAtMs: row.expires_at ?? null } : { ...fact, kind };
  };
}

function toFailureFact(row: DeviceFailuresTable): DeviceFact {
  return { ...deviceOf(row), kind: 'failed_install', versionName: row.version_name, failures: row.failures };
}

/** What is remembered of some devices of one app. */
async function readFactsOf(
  db: Kysely<Schema>,
  appId: string,
  deviceIds: readonly string[],
  minFailures: number | null,
): Promise<DeviceFact[]> {
  const facts: DeviceFact[] = [];
  for (const kind of ['override', 'self_set'] as const) {
    const rows = await db
      .selectFrom(channelTables[kind])
      .selectAll()
      .where('app_id', '=', appId)
      .where('device_id', 'in', deviceIds)
      .execute();
    facts.push(...rows.map(toChannelFact(kind)));
  }
  if (minFailures === null) return facts;
  const failures = await db
    .selectFrom('device_failures')
    .selectAll()
    .where('app_id', '=', appId)
    .where('device_id', 'in', deviceIds)
    .where('failures', '>=', minFailures)
    .execute();
  return [...facts, ...failures.map(toFailureFact)];
}

/** Every row of a table in the order of its key; the last row of a read is where the next one starts. */
async function* readInParts<Row>(
  readAfter: (last: Row | undefined) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  let last: Row | undefined;
  for (;;) {
    const rows = await readAfter(last);
    if (rows.length > 0) yield rows;
    if (rows.length < rowsPerRead) return;
    last = rows.at(-1);
  }
}

function readDeviceChannels(db: Kysely<Schema>, table: ChannelTable) {
  return readInParts<ChannelRow>((last) => {
    let query = db.selectFrom(table).selectAll();
    if (last) {
      query = query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('app_id', 'device_id'), '>', tuple(last.app_id, last.device_id)),
      );
    }
    return query.orderBy('app_id').orderBy('device_id').limit(rowsPerRead).execute();
  });
}

function readFailures(db: Kysely<Schema>, minFailures: number) {
  return readInParts<DeviceFailuresTable>((last) => {
    let query = db.selectFrom('device_failures').selectAll().where('failures', '>=', minFailures);
    if (last) {
      query = query.where(({ eb, refTuple, tuple }) =>
        eb(
          refTuple('last_failed_at', 'app_id', 'device_id', 'version_name'),
          '>',
          tuple(last.last_failed_at, last.app_id, last.device_id, last.version_name),
        ),
      );
    }
    return query
      .orderBy('last_failed_at')
      .orderBy('app_id')
      .orderBy('device_id')
      .orderBy('version_name')
      .limit(rowsPerRead)
      .execute();
  });
}

export function createSqlDeviceStates(database: SqlDatabase): DeviceStateStore {
  const { db } = database;

  return {
    setDeviceOverride: (device, channelId, expiresAtMs, by) =>
      database.change(async (transaction) => {
        await noteChange(transaction, device.appId, device.deviceId);
        await auditOverride(transaction, device, channelId === null ? null : { channelId, expiresAtMs }, by);
        await writeDeviceChannel(transaction, 'device_overrides', device, channelId, expiresAtMs);
      }),

    setSelfSetChannel: (device, channelId) =>
      database.change(async (transaction) => {
        await noteChange(transaction, device.appId, device.deviceId);
        await writeDeviceChannel(transaction, 'device_self_channels', device, channelId, null);
      }),

    deleteExpiredOverrides: (limit, by) =>
      database.change(async (transaction) => {
        const rows = await transaction
          .deleteFrom('device_overrides')
          .where(({ eb, refTuple, selectFrom }) =>
            eb(
              refTuple('app_id', 'device_id'),
              'in',
              selectFrom('device_overrides')
                .select(['app_id', 'device_id'])
                .where('expires_at', '<=', by.atMs)
                .orderBy('expires_at')
                .limit(limit)
                .$asTuple('app_id', 'device_id'),
            ),
          )
          .returningAll()
          .execute();
        const changes = rows.map((row) => overrideChange({ before: toOverride(row), after: null }));
        await noteAudit(transaction, by, ...changes);
        return rows.map(deviceOf);
      }),

    async countDeviceOverrides(appIds, nowMs) {
      if (appIds.length === 0) return new Map();
      const rows = await db
        .selectFrom('device_overrides')
        .select(({ fn }) => ['app_id', fn.countAll<number>().as('count')])
        .where('app_id', 'in', appIds)
        .where(({ eb, or }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', nowMs)]))
        .groupBy('app_id')
        .execute();
      return new Map(rows.map((row) => [row.app_id, Number(row.count)]));
    },

    async clearFailedInstalls({ appId, deviceId }, versionName) {
      await database.change(async (transaction) => {
        let query = transaction
          .deleteFrom('device_failures')
          .where('app_id', '=', appId)
          .where('device_id', '=', deviceId);
        if (versionName !== undefined) query = query.where('version_name', '=', versionName);
        await query.execute();
        await noteChange(transaction, appId, deviceId);
      });
    },

    async deleteFailedInstallsBefore(timeMs, limit) {
      const { numDeletedRows } = await db
        .deleteFrom('device_failures')
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple('app_id', 'device_id', 'version_name'),
            'in',
            selectFrom('device_failures')
              .select(['app_id', 'device_id', 'version_name'])
              .where('last_failed_at', '<', timeMs)
              .orderBy('last_failed_at')
              .limit(limit)
              .$asTuple('app_id', 'device_id', 'version_name'),
          ),
        )
        .executeTakeFirst();
      return Number(numDeletedRows);
    },

    async listFailingBundles(sinceMs, minDevices) {
      const rows = await db
        .selectFrom('device_failures')
        .select(({ fn }) => ['app_id', 'version_name', fn.countAll<number>().as('devices')])
        .where('last_failed_at', '>=', sinceMs)
        .groupBy(['app_id', 'version_name'])
        .having(({ fn }) => fn.countAll(), '>=', minDevices)
        .orderBy('app_id')
        .orderBy('version_name')
        .execute();
      return rows.map((row) => ({
        ...{ appId: row.app_id, versionName: row.version_name, devices: Number(row.devices) },
      }));
    },

    readDeviceFacts: (devices, minFailures) =>
      database.read(async (transaction) => {
        const facts: DeviceFact[] = [];
        for (const [appId, ofApp] of Map.groupBy(devices, (device) => device.appId)) {
          const deviceIds = ofApp.map(({ deviceId }) => deviceId);
          for (let start = 0; start < deviceIds.length; start += devicesPerRead) {
            const some = deviceIds.slice(start, start + devicesPerRead);
            facts.push(...(await readFactsOf(transaction, appId, some, minFailures)));
          }
        }
        return facts;
      }),

    async *readAllDeviceFacts(minFailures) {
      for (const kind of ['override', 'self_set'] as const) {
        for await (const rows of readDeviceChannels(db, channelTables[kind]))
          yield rows.map(toChannelFact(kind));
      }
      if (minFailures === null) return;
      for await (const rows of readFailures(db, minFailures)) yield rows.map(toFailureFact);
    },
  };
}
