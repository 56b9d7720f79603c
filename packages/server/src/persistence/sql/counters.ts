import type { Kysely, Selectable } from 'kysely';
import type { CounterName } from '../../domain/event-effects.ts';
import type { CounterAddition, CounterReader, CounterRow } from '../../ports/device-events.ts';
import { cutSortedPage, decodeSortKey } from '../cursor.ts';
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

function toCounterRow(row: Selectable<CountersTable>): CounterRow {
  return {
    date: row.date,
    bundle: row.bundle,
    channel: row.channel,
    platform: row.platform,
    get: row.gets,
    install: row.installs,
    uninstall: row.uninstalls,
    fail: row.fails,
  };
}

/** What a cursor may ask the database for: no text that is stored holds NUL. */
const anyText = /^[^\0]*$/;
const sortKeyForms = [/^\d{4}-\d{2}-\d{2}$/, anyText, anyText, anyText] as const;

export function createSqlCounters({ db }: SqlDatabase): CounterReader {
  return {
    async listCounters({ appId, fromDate, toDate }, page) {
      let query = db
        .selectFrom('counters')
        .selectAll()
        .where('app_id', '=', appId)
        .where('date', '>=', fromDate)
        .where('date', '<=', toDate);
      if (page.cursor !== undefined) {
        const after = decodeSortKey(page.cursor, sortKeyForms);
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('date', 'bundle', 'channel', 'platform'), '>', tuple(...after)),
        );
      }
      const rows = await query
        .orderBy('date')
        .orderBy('bundle')
        .orderBy('channel')
        .orderBy('platform')
        .limit(page.limit + 1)
        .execute();
      const sortKeyOf = (row: CounterRow) => [row.date, row.bundle, row.channel, row.platform];
      return cutSortedPage(rows.map(toCounterRow), page.limit, sortKeyOf, (row) => row);
    },
  };
}
