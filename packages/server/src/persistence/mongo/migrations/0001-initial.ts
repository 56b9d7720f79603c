import type { Db, IndexDescription } from 'mongodb';
import { createFirstCommit } from '../commit-log.ts';
import { createMissingIndexes } from '../create-indexes.ts';
import { isDuplicateKey } from '../errors.ts';
import type { AppDocument, BundleDocument, ReleaseDocument } from '../schema.ts';

/** What a release is known by; an older server had that index already, under whatever name. */
const releaseKey = { version_name: 1, platform: 1, app_id: 1, version_code: 1 } as const;

const indexes: Readonly<Record<string, readonly IndexDescription[]>> = {
  bundles: [
    { key: { app_id: 1, version_name: 1 } },
    { key: { app_id: 1, created_at: -1, _id: -1 } },
    { key: { created_at: -1, _id: -1 } },
  ],
  releases: [
    { key: { app_id: 1, created_at: -1, _id: -1 } },
    { key: { created_at: -1, _id: -1 } },
    { key: { builtin_bundle_id: 1 } },
    { key: { active_bundle_id: 1 } },
  ],
  channels: [{ key: { app_id: 1, name: 1 } }],
  deployments: [
    { key: { channel_id: 1, created_at: -1, _id: -1 } },
    { key: { release_id: 1, created_at: -1, _id: -1 } },
  ],
  device_overrides: [{ key: { channel_id: 1 } }],
  device_self_channels: [{ key: { channel_id: 1 } }],
  device_failures: [
    { key: { app_id: 1, device_id: 1 } },
    { key: { app_id: 1, version_name: 1 } },
    { key: { last_failed_at: 1, _id: 1 } },
  ],
  // They end with what every query asks for, so that counting reads an index only.
  device_events: [
    { key: { app_id: 1, received_at: -1, id: -1, commit: 1 } },
    { key: { app_id: 1, device_id: 1, received_at: -1, id: -1, commit: 1 } },
    {
      key: { app_id: 1, channel_name: 1, outcome_bundle: 1, outcome: 1, received_at: 1, commit: 1 },
      name: 'rollout_outcomes',
    },
    { key: { received_at: 1, id: 1 } },
  ],
  // Not by bundle and channel as well: MongoDB before 4.2 refuses documents with long values in an index.
  counters: [{ key: { app_id: 1, date: 1 } }],
  devices: [{ key: { app_id: 1, first_seen: -1, device_id: -1 } }],
  planned_deletions: [{ key: { due_at: 1 } }],
  commits: [{ key: { revision: 1 } }],
  commit_parts: [{ key: { nonce: 1 } }],
};

/**
 * Bundles of an older server need not say which app they are of; they are of the app whose release uses them, the
 * first one if there are several. And who says no time was made when its id was.
 */
async function completeBundles(db: Db): Promise<void> {
  const bundles = db.collection<BundleDocument>('bundles');
  const withoutApp = await bundles
    .find({ app_id: { $in: [null, ''] } }, { projection: { _id: 1 } })
    .toArray();
  for (const { _id } of withoutApp) {
    const [release] = await db
      .collection<ReleaseDocument>('releases')
      .find({ $or: [{ builtin_bundle_id: _id }, { active_bundle_id: _id }], app_id: { $nin: [null, ''] } })
      .sort({ _id: 1 })
      .limit(1)
      .toArray();
    if (release?.app_id) await bundles.updateOne({ _id }, { $set: { app_id: release.app_id } });
  }
}

async function completeTimes(db: Db): Promise<void> {
  for (const name of ['bundles', 'releases']) {
    const collection = db.collection(name);
    const withoutTime = await collection.find({ created_at: null }, { projection: { _id: 1 } }).toArray();
    for (const { _id } of withoutTime) {
      await collection.updateOne({ _id }, { $set: { created_at: _id.getTimestamp() } });
    }
  }
}

async function registerApps(db: Db): Promise<void> {
  const appIds = new Set<unknown>();
  for (const name of ['bundles', 'releases']) {
    for (const appId of await db.collection(name).distinct('app_id')) appIds.add(appId);
  }
  const apps = db.collection<AppDocument>('apps');
  for (const appId of appIds) {
    if (typeof appId !== 'string' || appId === '') continue;
    await apps.updateOne({ _id: appId }, { $setOnInsert: { created_at: 0 } }, { upsert: true });
  }
}

/** Makes the collections' indexes, and takes over what an older server wrote, in place. */
export async function up(db: Db): Promise<void> {
  // Without it in an older server's database there can be releases that are there twice; they stay.
  await createMissingIndexes(db.collection('releases'), [{ key: releaseKey, unique: true }]).catch(
    (error: unknown) => {
      if (!isDuplicateKey(error)) throw error;
    },
  );
  for (const [name, descriptions] of Object.entries(indexes)) {
    await createMissingIndexes(db.collection(name), descriptions);
  }
  await completeBundles(db);
  await completeTimes(db);
  await registerApps(db);
  await createFirstCommit(db);
}
