import type { ChangedBy } from '../../domain/actor.ts';
import type { AppProfile, AppSettings } from '../../domain/app.ts';
import {
  appChange,
  bundleChange,
  channelChange,
  overrideChange,
  releaseChange,
} from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import { type AppRecords, lateEventsMs } from '../../ports/app-records.ts';
import { toAppRecord } from './app-document.ts';
import { draftAudit } from './audit.ts';
import { notDeleted, toBundle } from './bundles.ts';
import { toChannel } from './channels.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { appDefaults, toAppFields } from './ensure-app.ts';
import { requireOrganization } from './organizations.ts';
import { toOverride } from './override-document.ts';
import { planDeletions } from './planned-deletions.ts';
import { toRelease } from './releases.ts';
import { type AppDocument, notGone } from './schema.ts';

/** What is remembered of devices. */
const ofDevices = ['device_overrides', 'device_self_channels', 'device_failures'] as const;
/** What goes away with an app, beside its bundles and what is deleted in parts. */
const ofApp = [
  'deployments',
  'channels',
  'releases',
  'files',
  'counters',
  'statistics',
  'check_minutes',
  ...ofDevices,
] as const;

export function createMongoAppRecords(database: MongoDatabase): AppRecords {
  const { log } = database;
  const apps = database.collection('apps');

  async function requireApp(appId: string): Promise<AppDocument> {
    const found = await apps.findOne({ _id: appId, ...notGone });
    if (!found) throw new AppError('app_not_found', `There is no app ${appId}`);
    return found;
  }

  /** Logs that an app goes, and before it everything of it that somebody decided. */
  async function auditDeletion(draft: Draft, app: AppDocument, by: ChangedBy): Promise<void> {
    const ofIt = { app_id: app._id, ...notGone };
    const [pins, channels, releases, bundles] = await Promise.all([
      database.collection('device_overrides').find(ofIt).sort({ _id: 1 }).toArray(),
      database.collection('channels').find(ofIt).sort({ _id: 1 }).toArray(),
      database.collection('releases').find(ofIt).sort({ _id: 1 }).toArray(),
      database
        .collection('bundles')
        .find({ app_id: app._id, ...notDeleted })
        .sort({ _id: 1 })
        .toArray(),
    ]);
    await draftAudit(
      database,
      draft,
      by,
      ...pins.map((each) => overrideChange({ before: toOverride(each), after: null })),
      ...channels.map((each) => channelChange({ before: toChannel(each), after: null })),
      ...releases.map((each) => releaseChange({ before: toRelease(each), after: null })),
      ...bundles.map((each) => bundleChange({ before: toBundle(each), after: null })),
      appChange({ before: toAppRecord(app), after: null }),
    );
  }

  /** Deletes what is left of a deleted app, except what came once it was registered again; answers how many documents. */
  async function purge(appId: string, limit: number): Promise<number> {
    const again = await apps.findOne({ _id: appId, ...notGone });
    const since = again?.created_at;
    const old = await database
      .collection('device_events')
      .find(
        { app_id: appId, ...(since === undefined ? {} : { received_at: { $lt: since } }) },
        { projection: { _id: 1 } },
      )
      .limit(limit)
      .toArray();
    if (old.length > 0) {
      const { deletedCount } = await database
        .collection('device_events')
        .deleteMany({ _id: { $in: old.map(({ _id }) => _id) } });
      return deletedCount;
    }
    return log.commit(async (draft) => {
      const current = await apps.findOne({ _id: appId, ...notGone });
      const found = await database
        .collection('devices')
        .find(
          {
            ...notGone,
            app_id: appId,
            ...(current ? { seen_at: { $lt: current.created_at } } : {}),
          },
          { projection: { _id: 1 } },
        )
        .limit(limit)
        .toArray();
      draft.set(
        'devices',
        found.map(({ _id }) => _id),
        { gone: true },
      );
      return found.length;
    });
  }

  return {
    insertApp: (app, by) =>
      log.commit(async (draft) => {
        await requireOrganization(database, app.organizationId);
        const found = await apps.findOne({ _id: app.appId });
        if (found && !found.gone) {
          throw new AppError('app_already_exists', `There is an app ${app.appId} already`);
        }
        const fields = {
          ...appDefaults(app.createdAtMs),
          ...toAppFields(app),
          updated_at: app.updatedAtMs,
          owner_org: app.organizationId,
        };
        draft.noteChange(app.appId);
        if (found) draft.set('apps', [app.appId], { ...fields, gone: false });
        else draft.insert('apps', [{ _id: app.appId, ...fields }]);
        await draftAudit(database, draft, by, appChange({ before: null, after: app }));
      }),

    async findApp(appId) {
      await log.settle();
      const found = await apps.findOne({ _id: appId, ...notGone });
      return found ? toAppRecord(found) : undefined;
    },

    async listApps(appIds, { offset, limit }) {
      await log.settle();
      const found = await apps
        .find({ ...notGone, ...(appIds === null ? {} : { _id: { $in: [...appIds] } }) })
        .sort({ _id: 1 })
        .skip(offset)
        .limit(limit)
        .toArray();
      return found.map(toAppRecord);
    },

    updateApp: (appId, change: Partial<AppSettings & AppProfile>, by) =>
      log.commit(async (draft) => {
        const fields = { ...toAppFields(change), updated_at: by.atMs };
        const found = await requireApp(appId);
        draft.noteChange(appId);
        draft.set('apps', [appId], fields);
        const [before, after] = [toAppRecord(found), toAppRecord({ ...found, ...fields })];
        await draftAudit(database, draft, by, appChange({ before, after }));
        return after;
      }),

    deleteApp: (appId, by) =>
      log.commit(async (draft) => {
        const nowMs = by.atMs;
        await auditDeletion(draft, await requireApp(appId), by);
        const bundles = await database
          .collection('bundles')
          .find({ app_id: appId, deleted_at: null }, { projection: { object_key: 1 } })
          .sort({ _id: 1 })
          .toArray();
        const files = await database
          .collection('files')
          .find({ app_id: appId, ...notGone }, { projection: { object_key: 1 } })
          .sort({ _id: 1 })
          .toArray();
        const objectKeys = [...bundles, ...files].flatMap(({ object_key }) =>
          object_key ? [object_key] : [],
        );
        await planDeletions(database, draft, objectKeys, nowMs);
        const deviceIds = new Set<string>();
        for (const name of ofDevices) {
          // Not distinct(): its answer is one document, which 350,000 devices overflow.
          const rows = database
            .collection(name)
            .find({ app_id: appId, ...notGone }, { projection: { device_id: 1 } });
          for await (const { device_id } of rows) deviceIds.add(device_id);
        }
        for (const deviceId of deviceIds) draft.noteChange(appId, deviceId);
        draft.noteChange(appId);
        for (const name of ofApp) draft.setWhere(name, { app_id: appId }, { gone: true });
        draft.setWhere('bundles', { app_id: appId }, { gone: true });
        const bundleIds = bundles.map(({ _id }) => _id.toHexString());
        draft.set('manifests', bundleIds, { gone: true });
        draft.set('apps', [appId], { gone: true });
        const known = await database.collection('app_deletions').findOne({ _id: appId });
        if (known) draft.set('app_deletions', [appId], { deleted_at: nowMs, gone: false });
        else draft.insert('app_deletions', [{ _id: appId, deleted_at: nowMs }]);
        return objectKeys;
      }),

    async purgeDeletedApps(limit, nowMs) {
      await log.settle();
      const deletions = await database.collection('app_deletions').find(notGone).sort({ _id: 1 }).toArray();
      for (const { _id, deleted_at } of deletions) {
        const purged = await purge(_id, limit);
        if (purged > 0) return purged;
        if (deleted_at + lateEventsMs > nowMs) continue;
        await log.commit(async (draft) => {
          const found = await database.collection('app_deletions').findOne({ _id });
          if (found?.deleted_at === deleted_at) draft.set('app_deletions', [_id], { gone: true });
        });
      }
      return 0;
    },
  };
}
