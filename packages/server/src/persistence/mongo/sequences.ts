import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';

/** The next number of what has such numbers, which is given out with the commit. */
export async function nextNumber(database: MongoDatabase, draft: Draft, sequence: string): Promise<number> {
  const found = await database.collection('sequences').findOne({ _id: sequence });
  const last = (found?.last ?? 0) + 1;
  if (found) draft.set('sequences', [sequence], { last });
  else draft.insert('sequences', [{ _id: sequence, last }]);
  return last;
}
