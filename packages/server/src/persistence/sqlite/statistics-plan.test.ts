import BetterSqlite3 from 'better-sqlite3';
import { Kysely, SqliteDialect, sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { statisticMetrics } from '../../domain/statistics.ts';
import type { StatisticsStore } from '../../ports/statistics.ts';
import { migrateToLatest } from '../sql/migrate.ts';
import type { Schema, SqlDatabase } from '../sql/schema.ts';
import { createSqlStatistics } from '../sql/statistics.ts';

/** How SQLite goes about each query that was asked since the last call. */
let plansOf: (ask: (store: StatisticsStore) => Promise<unknown>) => Promise<readonly string[]>;
const file = new BetterSqlite3(':memory:');
const asked: { readonly text: string; readonly parameters: readonly unknown[] }[] = [];
const db = new Kysely<Schema>({
  dialect: new SqliteDialect({ database: file }),
  log: ({ query }) => void asked.push({ text: query.sql, parameters: query.parameters }),
});
beforeAll(async () => {
  await migrateToLatest(db as unknown as Kysely<never>);
  const listed = (texts: readonly string[]) =>
    sql<string>`(select value from json_each(${JSON.stringify(texts)}))`;
  const store = createSqlStatistics({ db, listed } as unknown as SqlDatabase);
  plansOf = async (ask) => {
    asked.length = 0;
    await ask(store);
    expect(asked).not.toEqual([]);
    return asked.flatMap(({ text, parameters }) =>
      file
        .prepare<unknown[], { readonly detail: string }>(`explain query plan ${text}`)
        .all(...parameters)
        .map(({ detail }) => detail),
    );
  };
});
afterAll(() => db.destroy());

const days = { appIds: ['com.example.app'], fromDate: '2026-01-01', toDate: '2026-03-31' };

it('the devices that are there are counted over one index that holds all of it, once', async () => {
  const plans = await plansOf((store) => store.countActiveDevices('com.example.app', '2026-01-01'));
  expect(plans.filter((plan) => plan.includes('device'))).toEqual([
    'SEARCH device_activity USING COVERING INDEX device_activity_since (app_id=? AND active_on>?)',
  ]);
});

it.each<[string, (store: StatisticsStore) => Promise<unknown>]>([
  ['of a range of days', (store) => store.readStatistics({ ...days, metrics: statisticMetrics })],
  ['of counters', (store) => store.sumCounters(days)],
  ['of minutes', (store) => store.readCheckMinutes('com.example.app', 0, 1)],
  ['of storage', (store) => store.readStorageChanges(days.appIds)],
])('statistics %s are read by app, without a row of a device or of another app', async (_what, ask) => {
  for (const plan of await plansOf(ask)) {
    expect(plan).not.toMatch(/device/);
    // Of what is named in the query itself all is read.
    if (!plan.includes('json_each')) expect(plan).not.toMatch(/^SCAN/);
  }
});
