import type { Document, Filter } from 'mongodb';
import type { DeviceRecord } from '../../domain/device.ts';
import { foldRecords, replacesRecord, withUntold } from '../../domain/device-record.ts';
import type { DeviceInventory, InventoryDevice } from '../../ports/device-events.ts';
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

/**
 * Writes what was seen of devices, in that order, as part of a commit; a record that is older than the one kept changes
 * nothing. The first sight stays, so a device keeps its place in the list.
 */
export async function draftDevices(
  database: MongoDatabase,
  draft: Draft,
  records: readonly DeviceRecord[],
): Promise<void> {
  if (records.length === 0) return;
  for (const { appId, deviceId, platform } of records) requireTexts({ appId, deviceId, platform });
  const newest = new Map(
    foldRecords(records).map((folded) => [keyOf(folded.record.appId, folded.record.deviceId), folded]),
  );
  const found = await database
    .collection('devices')
    .find({ _id: { $in: [...newest.keys()] } })
    .toArray();
  const known = new Map(found.map((each) => [each._id, each]));
  const added: DeviceDocument[] = [];
  for (const [_id, { record, firstSeenAtMs }] of newest) {
    const document = known.get(_id);
    const seen = { ...toFields(record), first_seen: firstSeenAtMs };
    if (!document) {
      added.push({ _id, ...seen });
    } else if (document.gone) {
      draft.set('devices', [_id], { ...seen, gone: false });
    } else {
      const kept = toDevice(document);
      if (replacesRecord(kept, record)) draft.set('devices', [_id], toFields(withUntold(record, kept)));
    }
  }
  draft.insert('devices', added);
}

export function createMongoDevices(database: MongoDatabase): DeviceInventory {
  const devices = database.collection('devices');
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
      const found = await devices
        .find({ app_id: filter.appId, ...notGone, ...after })
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
