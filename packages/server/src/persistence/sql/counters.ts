import type { Kysely } from 'kysely';
import type { CounterName } from '../../domain/event-effects.ts';
import type { CounterAddition, CounterReader } from '../../ports/device-events.ts';
import type { CountersTable, Schema, SqlDatabase } from './schema.ts';

const columns = {
  get: 'gets',
  install: 'installs',
  uninstall: 'uninstalls',
  fail: 'fails',
} as const satisfies Record<CounterName, keyof CountersTable>;

/** Adds to the counters, each row written once however many additions it gets. */
export async function addToCounters(
  database: SqlDatabase,
  transaction: Kysely<Schema>,
  additions: readonly CounterAddition[],
): Promise<void> {
  const rows = new Map<string, CountersTable>();
  for (const { appId, increment, times } of additions) {
    const { date, bundle, channel, platform, counter } = increment;
    const key = JSON.stringify([appId, date, bundle, channel, platform]);
    let row = rows.get(key);
    if (!row) {
      const zero = { gets: 0, installs: 0, uninstalls: 0, fails: 0 };
      row = { app_id: appId, date, bundle, channel, platform, ...zero };
      rows.set(key, row);
    }
    row[columns[counter]] += times;
  }
  await database.upsertMany(transaction, 'counters', [...rows.values()], (conflict) =>
    conflict.columns(['app_id', 'date', 'bundle', 'channel', 'platform']).doUpdateSet(({ eb, ref }) => ({
      gets: eb('counters.gets', '+', ref('excluded.gets')),
      installs: eb('counters.installs', '+', ref('excluded.installs')),
      uninstalls: eb('counters.uninstalls', '+', ref('excluded.uninstalls')),
      fails: eb('counters.fails', '+', ref('excluded.fails')),
    })),
  );
}

export function createSqlCounters({ db }: SqlDatabase): CounterReader {
  return {
    async listCounters({ appId, fromDate, toDate }) {
      const rows = await db
        .selectFrom('counters')
        .selectAll()
        .where('app_id', '=', appId)
        .where('date', '>=', fromDate)
        .where('date', '<=', toDate)
        .orderBy('date')
        .orderBy('bundle')
        .orderBy('channel')
        .orderBy('platform')
        .execute();
      return rows.map((row) => ({
        date: row.date,
        bundle: row.bundle,
        channel: row.channel,
        platform: row.platform,
        get: row.gets,
        install: row.installs,
        uninstall: row.uninstalls,
        fail: row.fails,
      }));
    },
  };
}
