import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';

/** The next number of a sequence, as part of a commit; none is given out twice. */
export async function nextNumber(
  database: MongoDatabase,
  draft: Draft,
  name: 'api_keys' | 'bundles' | 'channels',
): Promise<number> {
  const found = await database.collection('sequences').findOne({ _id: name });
  const last = (found?.last ?? 0) + 1;
  if (found) draft.set('sequences', [name], { last });
  else draft.insert('sequences', [{ _id: name, last }]);
  return last;
}
