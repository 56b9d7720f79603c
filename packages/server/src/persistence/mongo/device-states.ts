import type { Collection, Document, Filter, Sort, WithId } from 'mongodb';
import type { ChangedBy } from '../../domain/actor.ts';
import { overrideChange } from '../../domain/audit-records.ts';
import type { DeviceKey } from '../../domain/device.ts';
import type { RecordedEvent } from '../../ports/device-events.ts';
import type { DeviceFact, DeviceStateStore } from '../../ports/store.ts';
import { draftAudit } from './audit.ts';
import { requireChannelOfApp } from './channels.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { keyOf } from './keys.ts';
import { toOverride } from './override-document.ts';
import { type DeviceFailuresDocument, type DeviceOverrideDocument, notGone } from './schema.ts';

/** Documents read at once, so that neither we nor the database hold too much. */
const documentsPerRead = 2_000;

const channelCollections = { override: 'device_overrides', self_set: 'device_self_channels' } as const;
type ChannelCollection = (typeof channelCollections)[keyof typeof channelCollections];

/**
 * Keeps, replaces or (null) forgets a device's document in one of the collections of channels.
 *
 * @param by who does it, where that is audited
 */
async function draftDeviceChannel(
  database: MongoDatabase,
  draft: Draft,
  name: ChannelCollection,
  device: DeviceKey,
  channelId: number | null,
  expiresAtMs: number | null,
  by?: ChangedBy,
): Promise<void> {
  const { appId, deviceId } = device;
  if (channelId !== null) await requireChannelOfApp(database, channelId, appId);
  draft.noteChange(appId, deviceId);
  const _id = keyOf(appId, deviceId);
  const found = await database.collection(name).findOne({ _id });
  const before = found && !found.gone ? toOverride(found) : null;
  if (by && (before || channelId !== null)) {
    const after = channelId === null ? null : { appId, deviceId, channelId, expiresAtMs };
    await draftAudit(database, draft, by, overrideChange({ before, after }));
  }
  if (channelId === null) {
    if (found) draft.set(name, [_id], { gone: true });
    return;
  }
  const kept = {
    channel_id: channelId,
    ...(name === 'device_overrides' ? { expires_at: expiresAtMs } : {}),
  };
  if (found) draft.set(name, [_id], { ...kept, gone: false });
  else draft.insert(name, [{ _id, app_id: appId, device_id: deviceId, ...kept }]);
}

/** Counts the failures of devices to install a bundle, as part of a commit; 0 or more of each event. */
export async function draftFailures(
  database: MongoDatabase,
  draft: Draft,
  events: readonly RecordedEvent[],
): Promise<void> {
  const sums = new Map<string, DeviceFailuresDocument>();
  for (const { event, effects } of events) {
    const versionName = effects.failedInstall;
    if (versionName === null) continue;
    const { appId, deviceId, receivedAtMs } = event;
    const _id = keyOf(appId, deviceId, versionName);
    const failures = (sums.get(_id)?.failures ?? 0) + 1;
    const what = { app_id: appId, device_id: deviceId, version_name: versionName };
    sums.set(_id, { _id, ...what, failures, last_failed_at: receivedAtMs });
  }
  if (sums.size === 0) return;
  const found = await database
    .collection('device_failures')
    .find({ _id: { $in: [...sums.keys()] } })
    .toArray();
  const known = new Map(found.map((each) => [each._id, each]));
  const added: DeviceFailuresDocument[] = [];
  for (const [_id, sum] of sums) {
    draft.noteChange(sum.app_id, sum.device_id);
    const kept = known.get(_id);
    if (!kept) {
      added.push(sum);
      continue;
    }
    draft.set('device_failures', [_id], {
      failures: (kept.gone ? 0 : kept.failures) + sum.failures,
      last_failed_at: sum.last_failed_at,
      gone: false,
    });
  }
  draft.insert('device_failures', added);
}

function toChannelFact(kind: 'override' | 'self_set') {
  return (document: DeviceOverrideDocument): DeviceFact => {
    const { app_id: appId, device_id: deviceId, channel_id: channelId, expires_at } = document;
    const fact = { appId, deviceId, channelId };
    return kind === 'override' ? { ...fact, kind, expiresAtMs: expires_at ?? null } : { ...fact, kind };
  };
}

function toFailureFact(document: DeviceFailuresDocument): DeviceFact {
  return {
    appId: document.app_id,
    deviceId: document.device_id,
    kind: 'failed_install',
    versionName: document.version_name,
    failures: document.failures,
  };
}

/** Every document that matches in the order of a sort, so many at a time. */
async function* readInParts<T extends Document>(
  collection: Collection<T>,
  filter: Filter<T>,
  sort: Sort,
): AsyncGenerator<WithId<T>[]> {
  // One cursor, so that a database without the index reads and sorts them once.
  const cursor = collection.find(filter).sort(sort).batchSize(documentsPerRead);
  let part: WithId<T>[] = [];
  for await (const found of cursor) {
    part.push(found);
    if (part.length < documentsPerRead) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

export function createMongoDeviceStates(database: MongoDatabase): DeviceStateStore {
  const { log } = database;
  const failures = database.collection('device_failures');

  /** What is remembered of some devices of one app. */
  async function readFactsOf(
    appId: string,
    deviceIds: readonly string[],
    minFailures: number | null,
  ): Promise<DeviceFact[]> {
    const keys = deviceIds.map((deviceId) => keyOf(appId, deviceId));
    const [overrides, selfSet, failed] = await Promise.all([
      database
        .collection('device_overrides')
        .find({ _id: { $in: keys }, ...notGone })
        .toArray(),
      database
        .collection('device_self_channels')
        .find({ _id: { $in: keys }, ...notGone })
        .toArray(),
      minFailures === null
        ? []
        : failures
            .find({
              app_id: appId,
              device_id: { $in: [...deviceIds] },
              failures: { $gte: minFailures },
              ...notGone,
            })
            .toArray(),
    ]);
    return [
      ...overrides.map(toChannelFact('override')),
      ...selfSet.map(toChannelFact('self_set')),
      ...failed.map(toFailureFact),
    ];
  }

  return {
    setDeviceOverride: (device, channelId, expiresAtMs, by) =>
      log.commit((draft) =>
        draftDeviceChannel(database, draft, 'device_overrides', device, channelId, expiresAtMs, by),
      ),
    setSelfSetChannel: (device, channelId) =>
      log.commit((draft) =>
        draftDeviceChannel(database, draft, 'device_self_channels', device, channelId, null),
      ),

    deleteExpiredOverrides: (limit, by) =>
      log.commit(async (draft) => {
        const found = await database
          .collection('device_overrides')
          .find({ ...notGone, expires_at: { $lte: by.atMs } })
          .sort({ expires_at: 1, _id: 1 })
          .limit(limit)
          .toArray();
        draft.set(
          'device_overrides',
          found.map(({ _id }) => _id),
          { gone: true },
        );
        const changes = found.map((each) => overrideChange({ before: toOverride(each), after: null }));
        await draftAudit(database, draft, by, ...changes);
        return found.map(({ app_id, device_id }) => ({ appId: app_id, deviceId: device_id }));
      }),

    async countDeviceOverrides(appIds, nowMs) {
      await log.settle();
      const counts = new Map<string, number>();
      for (const appId of appIds) {
        const count = await database.collection('device_overrides').countDocuments({
          ...notGone,
          app_id: appId,
          $or: [{ expires_at: null }, { expires_at: { $gt: nowMs } }],
        });
        counts.set(appId, count);
      }
      return counts;
    },

    clearFailedInstalls: ({ appId, deviceId }, versionName) =>
      log.commit(async (draft) => {
        draft.noteChange(appId, deviceId);
        const version = versionName === undefined ? {} : { version_name: versionName };
        draft.setWhere('device_failures', { app_id: appId, device_id: deviceId, ...version }, { gone: true });
      }),

    deleteFailedInstallsBefore: (timeMs, limit) =>
      log.commit(async (draft) => {
        const oldest = await failures
          .find({ last_failed_at: { $lt: timeMs }, ...notGone }, { projection: { _id: 1 } })
          .sort({ last_failed_at: 1, _id: 1 })
          .limit(limit)
          .toArray();
        const ids = oldest.map(({ _id }) => _id);
        draft.set('device_failures', ids, { gone: true });
        return ids.length;
      }),

    async listFailingBundles(sinceMs, minDevices) {
      await log.settle();
      const found = await failures
        .aggregate<{
          readonly _id: { readonly app: string; readonly name: string };
          readonly devices: number;
        }>([
          { $match: { last_failed_at: { $gte: sinceMs }, ...notGone } },
          { $group: { _id: { app: '$app_id', name: '$version_name' }, devices: { $sum: 1 } } },
          { $match: { devices: { $gte: minDevices } } },
          { $sort: { '_id.app': 1, '_id.name': 1 } },
        ])
        .toArray();
      return found.map(({ _id, devices }) => ({ appId: _id.app, versionName: _id.name, devices }));
    },

    async readDeviceFacts(devices, minFailures) {
      const byApp = Map.groupBy(devices, ({ appId }) => appId);
      const wanted = new Map(
        [...byApp].map(([appId, ofApp]) => [appId, new Set(ofApp.map(({ deviceId }) => deviceId))]),
      );
      return log.readAsOfOneMoment(
        async () => {
          const facts: DeviceFact[] = [];
          for (const [appId, deviceIds] of wanted) {
            facts.push(...(await readFactsOf(appId, [...deviceIds], minFailures)));
          }
          return facts;
        },
        // A channel that is deleted takes what devices chose with it, without telling of each.
        ({ appId, deviceId }) => {
          const devicesOfApp = appId === null ? undefined : wanted.get(appId);
          return devicesOfApp !== undefined && (deviceId === null || devicesOfApp.has(deviceId));
        },
      );
    },

    async *readAllDeviceFacts(minFailures) {
      await log.settle();
      for (const kind of ['override', 'self_set'] as const) {
        const collection = database.collection(channelCollections[kind]);
        const parts = readInParts(collection, notGone, { _id: 1 });
        for await (const found of parts) yield found.map(toChannelFact(kind));
      }
      if (minFailures === null) return;
      const parts = readInParts(
        failures,
        { failures: { $gte: minFailures }, ...notGone },
        { last_failed_at: 1, _id: 1 },
      );
      for await (const found of parts) yield found.map(toFailureFact);
    },
  };
}
