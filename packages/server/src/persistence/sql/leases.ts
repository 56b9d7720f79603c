import type { Leases } from '../../ports/changes.ts';
import type { SqlDatabase } from './schema.ts';

export function createSqlLeases({ db }: SqlDatabase): Leases {
  return {
    async takeLease({ name, holder, nowMs, untilMs }) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('leases')
        .values({ name, holder, expires_at: untilMs })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet({ holder, expires_at: untilMs })
            .where(({ eb, or }) =>
              or([eb('leases.holder', '=', holder), eb('leases.expires_at', '<=', nowMs)]),
            ),
        )
        .executeTakeFirstOrThrow();
      return numInsertedOrUpdatedRows === 1n;
    },

    async releaseLease(name, holder) {
      await db.deleteFrom('leases').where('name', '=', name).where('holder', '=', holder).execute();
    },
  };
}
