import type { Document, Filter } from 'mongodb';
import type { DeviceEvent } from '../../domain/device.ts';
import type { DeviceEventFilter, DeviceEventLog, RecordedEvent } from '../../ports/device-events.ts';
import { statisticsOfEffects } from '../counted-devices.ts';
import { cutPage, decodeCursor } from '../cursor.ts';
import type { Draft, Head } from './commit-log.ts';
import { draftCounters } from './counters.ts';
import type { MongoDatabase } from './database.ts';
import { draftFailures } from './device-states.ts';
import { draftDevices } from './devices.ts';
import { keyOf } from './keys.ts';
import { behind } from './newest-first.ts';
import { requireTexts } from './require-texts.ts';
import type { DeviceEventDocument } from './schema.ts';
import { draftStatistics } from './statistics.ts';

function toDocument({ event, effects: { outcome } }: RecordedEvent): DeviceEventDocument {
  const { appId, deviceId, action, versionName, platform, deviceTimeMs } = event;
  requireTexts({ id: event.id, appId, deviceId, action, versionName, platform });
  return {
    _id: deviceTimeMs === null ? event.id : keyOf(appId, deviceId, action, versionName, deviceTimeMs),
    id: event.id,
    app_id: appId,
    device_id: deviceId,
    received_at: event.receivedAtMs,
    device_time: deviceTimeMs,
    action,
    version_name: versionName,
    old_version_name: event.oldVersionName,
    platform,
    plugin_version: event.pluginVersion,
    version_build: event.nativeVersion,
    version_code: event.nativeBuild,
    version_os: event.osVersion,
    is_emulator: event.isEmulator,
    is_prod: event.isProd,
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

function toEvent(document: DeviceEventDocument): DeviceEvent {
  return {
    id: document.id,
    appId: document.app_id,
    deviceId: document.device_id,
    receivedAtMs: document.received_at,
    deviceTimeMs: document.device_time,
    action: document.action,
    versionName: document.version_name,
    oldVersionName: document.old_version_name,
    platform: document.platform,
    pluginVersion: document.plugin_version,
    nativeVersion: document.version_build,
    nativeBuild: document.version_code,
    osVersion: document.version_os,
    isEmulator: document.is_emulator,
    isProd: document.is_prod,
    customId: document.custom_id,
    defaultChannel: document.default_channel,
    keyId: document.key_id,
    installSource: document.install_source,
    metadata: document.metadata === null ? null : JSON.parse(document.metadata),
    channelName: document.channel_name,
  };
}

/** Of the first ones of their keys. */
function firstOfEach(events: readonly RecordedEvent[]): Map<string, [RecordedEvent, DeviceEventDocument]> {
  const first = new Map<string, [RecordedEvent, DeviceEventDocument]>();
  for (const recorded of events) {
    const document = toDocument(recorded);
    if (!first.has(document._id)) first.set(document._id, [recorded, document]);
  }
  return first;
}

/** Of events that arrive while somebody reads, only those of whole commits are seen. */
function matches(filter: DeviceEventFilter, head: Head): Filter<DeviceEventDocument & Document> {
  const { appId, deviceId, action, fromMs, toMs } = filter;
  const received = {
    ...(fromMs === undefined ? {} : { $gte: fromMs }),
    ...(toMs === undefined ? {} : { $lt: toMs }),
  };
  return {
    app_id: appId,
    ...(deviceId === undefined ? {} : { device_id: deviceId }),
    ...(action === undefined ? {} : { action }),
    ...(fromMs === undefined && toMs === undefined ? {} : { received_at: received }),
    commit: { $lte: head.number },
  };
}

/** The devices of events, and all that the events add to statistics. */
async function draftCounted(
  database: MongoDatabase,
  draft: Draft,
  recorded: readonly RecordedEvent[],
): Promise<void> {
  const counted = await draftDevices(database, draft, recorded);
  await draftStatistics(database, draft, [...counted, ...statisticsOfEffects(recorded)]);
}

export function createMongoDeviceEvents(database: MongoDatabase): DeviceEventLog {
  const { log } = database;
  const deviceEvents = database.collection('device_events');

  async function draftEvents(
    draft: Draft,
    first: ReadonlyMap<string, [RecordedEvent, DeviceEventDocument]>,
  ): Promise<void> {
    // Nobody but this call has the ids of events without a device time.
    const keys = [...first].flatMap(([key, [, { device_time }]]) => (device_time === null ? [] : [key]));
    const found =
      keys.length === 0
        ? []
        : await deviceEvents.find({ _id: { $in: keys } }, { projection: { _id: 1 } }).toArray();
    const known = new Set(found.map(({ _id }) => _id));
    const told = [...first].flatMap(([key, each]) => (known.has(key) ? [] : [each]));
    draft.insert(
      'device_events',
      told.map(([, document]) => document),
    );
    const recorded = told.map(([each]) => each);
    const increments = recorded.flatMap(({ event, effects }) =>
      effects.counters.map((increment) => ({ appId: event.appId, increment, times: 1 })),
    );
    await Promise.all([
      draftCounters(database, draft, increments),
      draftCounted(database, draft, recorded),
      draftFailures(database, draft, recorded),
    ]);
  }

  return {
    async appendDeviceEvents(events) {
      if (events.length === 0) return;
      const first = firstOfEach(events);
      await log.commit((draft) => draftEvents(draft, first));
    },

    addToCounters: (additions) => log.commit((draft) => draftCounters(database, draft, additions)),

    async listDeviceEvents(filter, page) {
      let after: Filter<DeviceEventDocument & Document> = {};
      if (page.cursor !== undefined) {
        const { timeMs, id } = decodeCursor(page.cursor, /^[0-9a-f]{24}$/);
        after = behind({ time: 'received_at', id: 'id' }, timeMs, id);
      }
      const head = await log.settle();
      const found = await deviceEvents
        .find({ ...matches(filter, head), ...after })
        .sort({ received_at: -1, id: -1 })
        .limit(page.limit + 1)
        .toArray();
      return cutPage(found, page.limit, (each) => ({ timeMs: each.received_at, id: each.id }), toEvent);
    },

    async countDeviceEvents(filter) {
      return deviceEvents.countDocuments(matches(filter, await log.settle()));
    },

    async deleteDeviceEventsBefore(timeMs, limit) {
      await log.settle();
      const oldest = await deviceEvents
        .find({ received_at: { $lt: timeMs } }, { projection: { _id: 1 } })
        .sort({ received_at: 1, id: 1 })
        .limit(limit)
        .toArray();
      if (oldest.length === 0) return 0;
      const { deletedCount } = await deviceEvents.deleteMany({ _id: { $in: oldest.map(({ _id }) => _id) } });
      return deletedCount;
    },

    async countRolloutOutcomes({ appId, channelName, versionName, sinceMs }) {
      const head = await log.settle();
      const countOf = (outcome: 'install' | 'fail') =>
        deviceEvents.countDocuments({
          app_id: appId,
          ...(channelName === undefined ? {} : { channel_name: channelName }),
          outcome_bundle: versionName,
          received_at: { $gte: sinceMs },
          outcome,
          commit: { $lte: head.number },
        });
      const [installs, failures] = await Promise.all([countOf('install'), countOf('fail')]);
      return { installs, failures };
    },
  };
}
