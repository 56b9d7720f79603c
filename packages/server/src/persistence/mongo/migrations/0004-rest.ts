import type { Db, Filter, IndexDescription } from 'mongodb';
import { createCommitLog } from '../commit-log.ts';
import { createMissingIndexes } from '../create-indexes.ts';
import type { BundleDocument, SequenceDocument } from '../schema.ts';

const indexes: Readonly<Record<string, readonly IndexDescription[]>> = {
  // Not unique: that no number is given out twice, the log of commits sees to.
  bundles: [{ key: { number: 1 } }],
  device_overrides: [{ key: { expires_at: 1 } }, { key: { app_id: 1 } }],
  devices: [{ key: { app_id: 1, device_id: 1 } }, { key: { app_id: 1, seen_at: 1, device_id: 1 } }],
};

/** Numbers bundles that have no number yet, also those of an older server, in order of arrival. */
async function numberBundles(db: Db): Promise<void> {
  const bundles = db.collection<BundleDocument>('bundles');
  const [highest] = await bundles
    .find({ number: { $gt: 0 } }, { projection: { number: 1 } })
    .sort({ number: -1 })
    .limit(1)
    .toArray();
  let last = highest?.number ?? 0;
  const unnumbered = await bundles
    .find({ number: null } as unknown as Filter<BundleDocument>, { projection: { _id: 1 } })
    .sort({ created_at: 1, _id: 1 })
    .toArray();
  for (const { _id } of unnumbered) {
    last += 1;
    await bundles.updateOne({ _id }, { $set: { number: last } });
  }
  const sequences = db.collection<SequenceDocument>('sequences');
  await sequences.updateOne({ _id: 'bundles' }, { $max: { last } }, { upsert: true });
}

/** Makes what numbers of bundles, ends of pins and ordered lists of devices need. */
export async function up(db: Db): Promise<void> {
  // What somebody committed and did not live to apply would come without a number afterwards.
  await createCommitLog(db).settle();
  for (const [name, descriptions] of Object.entries(indexes)) {
    await createMissingIndexes(db.collection(name), descriptions);
  }
  await numberBundles(db);
}
