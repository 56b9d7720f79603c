import type { Kysely, Transaction } from 'kysely';
import { type DeviceState, noDeviceState } from '../../domain/device-state.ts';
import type { DeviceStateStore, StoredDeviceState } from '../../ports/store.ts';
import { requireChannelOfApp } from './channels.ts';
import type { DeviceFailuresTable, Schema, SqlDatabase } from './schema.ts';

/** Rows read at once: a large answer of another thread would hold up the event loop while it is unpacked. */
const rowsPerRead = 2_000;

type DeviceKey = Pick<DeviceFailuresTable, 'app_id' | 'device_id'>;

/** Keeps, replaces or (null) forgets a device's row in one of the tables of channels. */
async function writeDeviceChannel(
  db: Kysely<Schema>,
  table: 'device_overrides' | 'device_self_channels',
  device: DeviceKey,
  channelId: number | null,
): Promise<void> {
  if (channelId === null) {
    await db
      .deleteFrom(table)
      .where('app_id', '=', device.app_id)
      .where('device_id', '=', device.device_id)
      .execute();
    return;
  }
  await requireChannelOfApp(db, channelId, device.app_id);
  await db
    .insertInto(table)
    .values({ ...device, channel_id: channelId })
    .onConflict((conflict) =>
      conflict.columns(['app_id', 'device_id']).doUpdateSet({ channel_id: channelId }),
    )
    .execute();
}

/** Every row of a table, in the order of its devices; the last row of a read is where the next one starts. */
async function* readByDevice<Row extends DeviceKey>(
  readAfter: (last: Row | undefined) => Promise<Row[]>,
): AsyncGenerator<Row> {
  let last: Row | undefined;
  for (;;) {
    const rows = await readAfter(last);
    yield* rows;
    if (rows.length < rowsPerRead) return;
    last = rows.at(-1);
  }
}

function readDeviceChannels(
  transaction: Transaction<Schema>,
  table: 'device_overrides' | 'device_self_channels',
) {
  return readByDevice<DeviceKey & { channel_id: number }>((last) => {
    let query = transaction.selectFrom(table).selectAll();
    if (last) {
      query = query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('app_id', 'device_id'), '>', tuple(last.app_id, last.device_id)),
      );
    }
    return query.orderBy('app_id').orderBy('device_id').limit(rowsPerRead).execute();
  });
}

function readFailures(transaction: Transaction<Schema>) {
  return readByDevice<DeviceFailuresTable>((last) => {
    let query = transaction.selectFrom('device_failures').selectAll();
    if (last) {
      query = query.where(({ eb, refTuple, tuple }) =>
        eb(
          refTuple('app_id', 'device_id', 'version_name'),
          '>',
          tuple(last.app_id, last.device_id, last.version_name),
        ),
      );
    }
    return query.orderBy('app_id').orderBy('device_id').orderBy('version_name').limit(rowsPerRead).execute();
  });
}

interface GrowingState {
  readonly appId: string;
  readonly deviceId: string;
  overrideChannelId: number | null;
  selfSetChannelId: number | null;
  /** Most devices share the empty map. */
  failedInstalls: Map<string, number> | typeof noDeviceState.failedInstalls;
}

async function readStates(transaction: Transaction<Schema>): Promise<StoredDeviceState[]> {
  const apps = new Map<string, Map<string, GrowingState>>();
  function stateOf({ app_id: appId, device_id: deviceId }: DeviceKey): GrowingState {
    let devices = apps.get(appId);
    if (!devices) {
      devices = new Map();
      apps.set(appId, devices);
    }
    let state = devices.get(deviceId);
    if (!state) {
      state = { appId, deviceId, ...noDeviceState };
      devices.set(deviceId, state);
    }
    return state;
  }
  for await (const row of readDeviceChannels(transaction, 'device_overrides')) {
    stateOf(row).overrideChannelId = row.channel_id;
  }
  for await (const row of readDeviceChannels(transaction, 'device_self_channels')) {
    stateOf(row).selfSetChannelId = row.channel_id;
  }
  for await (const row of readFailures(transaction)) {
    const state = stateOf(row);
    state.failedInstalls = new Map([...state.failedInstalls, [row.version_name, row.failures]]);
  }
  return [...apps.values()].flatMap((devices) => [...devices.values()]);
}

async function readState(db: Kysely<Schema>, appId: string, deviceId: string): Promise<DeviceState> {
  const channelIn = async (table: 'device_overrides' | 'device_self_channels') => {
    const row = await db
      .selectFrom(table)
      .select('channel_id')
      .where('app_id', '=', appId)
      .where('device_id', '=', deviceId)
      .executeTakeFirst();
    return row?.channel_id ?? null;
  };
  const failures = await db
    .selectFrom('device_failures')
    .select(['version_name', 'failures'])
    .where('app_id', '=', appId)
    .where('device_id', '=', deviceId)
    .execute();
  return {
    overrideChannelId: await channelIn('device_overrides'),
    selfSetChannelId: await channelIn('device_self_channels'),
    failedInstalls: new Map(failures.map((row) => [row.version_name, row.failures])),
  };
}

export function createSqlDeviceStates({ db }: SqlDatabase): DeviceStateStore {
  const write = (table: 'device_overrides' | 'device_self_channels') => {
    return (appId: string, deviceId: string, channelId: number | null) =>
      db
        .transaction()
        .execute((transaction) =>
          writeDeviceChannel(transaction, table, { app_id: appId, device_id: deviceId }, channelId),
        );
  };
  return {
    setDeviceOverride: write('device_overrides'),
    setSelfSetChannel: write('device_self_channels'),

    async clearFailedInstalls(appId, deviceId, versionName) {
      let query = db
        .deleteFrom('device_failures')
        .where('app_id', '=', appId)
        .where('device_id', '=', deviceId);
      if (versionName !== undefined) query = query.where('version_name', '=', versionName);
      await query.execute();
    },

    readDeviceState: (appId, deviceId) =>
      db.transaction().execute((transaction) => readState(transaction, appId, deviceId)),

    readAllDeviceStates: () => db.transaction().execute(readStates),
  };
}
