import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';

/** The next number of a sequence, in a transaction of those that run one after the other; none is given out twice. */
export async function nextNumber(transaction: Kysely<Schema>, name: 'bundles'): Promise<number> {
  const { last } = await transaction
    .updateTable('sequences')
    .set(({ eb }) => ({ last: eb('last', '+', 1) }))
    .where('name', '=', name)
    .returning('last')
    .executeTakeFirstOrThrow();
  return last;
}
