import type { Collection, IndexDescription } from 'mongodb';
import { isIndexConflict } from './errors.ts';

/**
 * Makes the indexes that a collection lacks. One of the same fields that an operator made under another name, or with
 * other options, serves as well and stays: the server must not stay away because of it.
 */
export async function createMissingIndexes(
  collection: Pick<Collection, 'createIndexes'>,
  indexes: readonly IndexDescription[],
): Promise<void> {
  const leaveConflict = (error: unknown) => {
    if (!isIndexConflict(error)) throw error;
  };
  try {
    await collection.createIndexes([...indexes]);
  } catch (error) {
    leaveConflict(error);
    // Of several none is made when one is there already.
    for (const index of indexes) await collection.createIndexes([index]).catch(leaveConflict);
  }
}
