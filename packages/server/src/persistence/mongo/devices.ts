import { platforms } from '@capgo-server/protocol/formats/identifiers';
import type { Document, Filter } from 'mongodb';
import type { DeviceRecord } from '../../domain/device.ts';
import { foldRecords, replacesRecord, withUntold } from '../../domain/device-record.ts';
import type { CountedDevice } from '../../domain/statistics.ts';
import type {
  DeviceFilter,
  DeviceInventory,
  InventoryDevice,
  RecordedEvent,
} from '../../ports/device-events.ts';
import type { StatisticAddition } from '../../ports/statistics.ts';
import { type CountingReads, countDevices } from '../counted-devices.ts';
import { cutPage, decodeCursor } from '../cursor.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { keyOf } from './keys.ts';
import { behind } from './newest-first.ts';
import { requireTexts } from './require-texts.ts';
import { type DeviceDocument, notGone } from './schema.ts';

function toFields(device: DeviceRecord): Omit<DeviceDocument, '_id' | 'first_seen'> {
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
    is_emulator: device.isEmulator,
    is_prod: device.isProd,
    default_channel: device.defaultChannel,
    key_id: device.keyId,
    install_source: device.installSource,
    seen_at: device.seenAtMs,
  };
}

function toDevice(document: DeviceDocument): InventoryDevice {
  return {
    appId: document.app_id,
    deviceId: document.device_id,
    platform: document.platform,
    pluginVersion: document.plugin_version,
    osVersion: document.version_os,
    nativeVersion: document.version_build,
    nativeBuild: document.version_code,
    versionName: document.version_name,
    customId: document.custom_id,
    isEmulator: document.is_emulator,
    isProd: document.is_prod,
    defaultChannel: document.default_channel,
    keyId: document.key_id,
    installSource: document.install_source,
    seenAtMs: document.seen_at,
    firstSeenAtMs: document.first_seen,
  };
}

type CountedFields = Pick<
  DeviceDocument,
  | 'active_on'
  | 'counted_at'
  | 'active_platform'
  | 'active_bundle'
  | 'active_native'
  | 'active_plugin'
  | 'active_channel'
  | 'offered'
>;

function toCountedFields(counted: CountedDevice): CountedFields {
  return {
    active_on: counted.date,
    counted_at: counted.atMs,
    active_platform: counted.platform,
    active_bundle: counted.bundle,
    active_native: counted.nativeVersion,
    active_plugin: counted.pluginVersion,
    active_channel: counted.channel,
    offered: counted.offered,
  };
}

function toCounted(document: DeviceDocument): CountedDevice | undefined {
  if (!document.active_on) return undefined;
  return {
    date: document.active_on,
    atMs: Number(document.counted_at ?? 0),
    platform: document.active_platform ?? '',
    bundle: document.active_bundle ?? '',
    nativeVersion: document.active_native ?? '',
    pluginVersion: document.active_plugin ?? '',
    channel: document.active_channel ?? '',
    offered: document.offered ?? null,
  };
}

/** What stands in a document again that was deleted. */
const neverCounted = {
  active_on: '',
  counted_at: 0,
  active_platform: '',
  active_bundle: '',
  active_native: '',
  active_plugin: '',
  active_channel: '',
  offered: null,
} satisfies CountedFields;

/** A device that is in the inventory, or comes into it with the commit. */
interface KnownDevice {
  readonly kept: InventoryDevice | undefined;
  readonly counted?: CountedDevice | undefined;
}

function readsOf(database: MongoDatabase, known: ReadonlyMap<string, KnownDevice>): CountingReads {
  return {
    async readCounted(appId, deviceIds) {
      const devices = deviceIds.map((deviceId) => [deviceId, known.get(keyOf(appId, deviceId))] as const);
      return new Map(
        devices.flatMap(([deviceId, device]) => (device ? [[deviceId, device.counted] as const] : [])),
      );
    },
    readNames: (appId, metric, date) =>
      database
        .collection('statistics')
        .find({ app_id: appId, metric, date, ...notGone }, { projection: { name: 1, amount: 1 } })
        .map(({ name, amount }) => ({ name, amount: Number(amount) }))
        .toArray(),
  };
}

/**
 * Writes what was seen of devices, in that order, as part of a commit; a record that is older than the one kept changes
 * nothing. The first sight stays, so a device keeps its place in the list. Counts them, and answers what that adds to
 * statistics.
 */
export async function draftDevices(
  database: MongoDatabase,
  draft: Draft,
  events: readonly RecordedEvent[],
): Promise<readonly StatisticAddition[]> {
  const records = events.flatMap(({ device }) => (device ? [device] : []));
  for (const { appId, deviceId, platform } of records) requireTexts({ appId, deviceId, platform });
  const newest = new Map(
    foldRecords(records).map((folded) => [keyOf(folded.record.appId, folded.record.deviceId), folded]),
  );
  const active = events.flatMap(({ event, activity }) =>
    activity ? [keyOf(event.appId, event.deviceId)] : [],
  );
  const ids = [...new Set([...newest.keys(), ...active])];
  if (ids.length === 0) return [];
  const found = await database
    .collection('devices')
    .find({ _id: { $in: ids } })
    .toArray();
  const known = new Map<string, KnownDevice>([...newest.keys()].map((_id) => [_id, { kept: undefined }]));
  for (const each of found) {
    // One that was deleted begins anew when it is heard of again.
    if (!each.gone) known.set(each._id, { kept: toDevice(each), counted: toCounted(each) });
  }
  const goneIds = new Set(found.flatMap(({ _id, gone }) => (gone ? [_id] : [])));
  const { additions, changed } = await countDevices(events, readsOf(database, known));
  const countedNow = new Map(
    changed.map(({ appId, deviceId, counted }) => [keyOf(appId, deviceId), toCountedFields(counted)]),
  );
  const added: DeviceDocument[] = [];
  for (const _id of ids) {
    const kept = known.get(_id)?.kept;
    const folded = newest.get(_id);
    const counted = countedNow.get(_id);
    if (kept) {
      // In one write: a commit writes each document once.
      const isNewer = folded && replacesRecord(kept, folded.record);
      const fields = isNewer ? toFields(withUntold(folded.record, kept)) : {};
      if (isNewer || counted) draft.set('devices', [_id], { ...fields, ...counted });
    } else if (folded) {
      const seen = { ...toFields(folded.record), first_seen: folded.firstSeenAtMs };
      if (goneIds.has(_id))
        draft.set('devices', [_id], { ...seen, ...neverCounted, ...counted, gone: false });
      else added.push({ _id, ...seen, ...counted });
    }
  }
  draft.insert('devices', added);
  return additions;
}

/** A pattern of what holds a text, letters of the Latin alphabet in any case. */
function holding(text: string): RegExp {
  const pattern = text
    .replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
    .replaceAll(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
  return new RegExp(pattern);
}

function matches(filter: DeviceFilter): Filter<DeviceDocument & Document> {
  const { text, platform } = filter;
  const pattern = text === undefined ? undefined : holding(text);
  const equal = {
    app_id: filter.appId,
    version_name: filter.versionName,
    active_bundle: filter.bundle,
    active_native: filter.nativeVersion,
    active_plugin: filter.pluginVersion,
    active_channel: filter.channel,
  };
  return {
    ...Object.fromEntries(Object.entries(equal).filter(([, value]) => value !== undefined)),
    ...(platform === undefined
      ? {}
      : { platform: platform === 'unknown' ? { $nin: [...platforms] } : platform }),
    ...(filter.activeSince === undefined ? {} : { active_on: { $gte: filter.activeSince } }),
    ...(pattern === undefined ? {} : { $or: [{ device_id: pattern }, { custom_id: pattern }] }),
  };
}

export function createMongoDevices(database: MongoDatabase): DeviceInventory {
  const devices = database.collection('devices');

  async function failedOn(appId: string, versionName: string): Promise<Filter<DeviceDocument & Document>> {
    const found = await database
      .collection('device_failures')
      .find({ app_id: appId, version_name: versionName, ...notGone }, { projection: { device_id: 1 } })
      .toArray();
    return { device_id: { $in: found.map(({ device_id }) => device_id) } };
  }

  return {
    async findDevice(appId, deviceId) {
      await database.log.settle();
      const found = await devices.findOne({ _id: keyOf(appId, deviceId) });
      return found && !found.gone ? toDevice(found) : undefined;
    },

    async listDevicesInOrder({ appId, order, after, seenAfterMs, hasCustomId, limit }) {
      const conditions: Document[] = [{ app_id: appId, ...notGone }];
      if (seenAfterMs !== undefined) conditions.push({ seen_at: { $gt: seenAfterMs } });
      if (hasCustomId) conditions.push({ custom_id: { $nin: [null, ''] } });
      if (after) {
        const { seenAtMs, deviceId } = after;
        const further = { device_id: { $gt: deviceId } };
        const beyond = order === 'seen_first' ? { $gt: seenAtMs } : { $lt: seenAtMs };
        conditions.push(
          order === 'id' ? further : { $or: [{ seen_at: beyond }, { seen_at: seenAtMs, ...further }] },
        );
      }
      await database.log.settle();
      const found = await devices
        .find({ $and: conditions } as Filter<DeviceDocument & Document>)
        .sort(order === 'id' ? { device_id: 1 } : { seen_at: order === 'seen_first' ? 1 : -1, device_id: 1 })
        .limit(limit)
        .toArray();
      return found.map(toDevice);
    },

    async listDevices(filter, page) {
      let after: Filter<DeviceDocument & Document> = {};
      if (page.cursor !== undefined) {
        const { timeMs, id } = decodeCursor(page.cursor, /^[0-9a-f-]{36}$/);
        after = behind({ time: 'first_seen', id: 'device_id' }, timeMs, id);
      }
      await database.log.settle();
      const failing =
        filter.failedBundle === undefined ? [] : [await failedOn(filter.appId, filter.failedBundle)];
      const found = await devices
        .find({ $and: [{ ...matches(filter), ...notGone }, after, ...failing] })
        .sort({ first_seen: -1, device_id: -1 })
        .limit(page.limit + 1)
        .toArray();
      return cutPage(
        found,
        page.limit,
        (each) => ({ timeMs: each.first_seen, id: each.device_id }),
        toDevice,
      );
    },
  };
}
