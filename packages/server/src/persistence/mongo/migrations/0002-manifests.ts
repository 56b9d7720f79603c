import type { Db } from 'mongodb';
import { createMissingIndexes } from '../create-indexes.ts';
import type { BundleDocument } from '../schema.ts';

/** Bundles that are there already get a manifest as new ones do; those of an older server lie elsewhere. */
async function completeBundles(db: Db): Promise<void> {
  const bundles = db.collection<BundleDocument>('bundles');
  const without = await bundles
    .find(
      { manifest_state: { $exists: false }, object_key: { $nin: [null, ''] } },
      { projection: { session_key: 1 } },
    )
    .toArray();
  for (const { _id, session_key } of without) {
    const isPlain = (session_key ?? '') === '';
    const status = isPlain
      ? { manifest_state: 'pending', manifest_reason: null }
      : { manifest_state: 'none', manifest_reason: 'encrypted' };
    await bundles.updateOne({ _id }, { $set: { ...status, manifest_attempts: 0 } });
  }
}

export async function up(db: Db): Promise<void> {
  await createMissingIndexes(db.collection('bundles'), [
    { key: { manifest_state: 1, created_at: 1, _id: 1 } },
  ]);
  await createMissingIndexes(db.collection('files'), [
    { key: { name_key: 1 } },
    { key: { released_at: 1, _id: 1 } },
  ]);
  await completeBundles(db);
}
