import type { CounterName } from '../../domain/event-effects.ts';
import type { CounterAddition, CounterReader, CounterRow } from '../../ports/device-events.ts';
import { cutSortedPage, decodeSortKey } from '../cursor.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { keyOf } from './keys.ts';
import { requireTexts } from './require-texts.ts';
import { type CounterDocument, notGone } from './schema.ts';

const fields = {
  get: 'gets',
  install: 'installs',
  uninstall: 'uninstalls',
  fail: 'fails',
} as const satisfies Record<CounterName, keyof CounterDocument>;

type Totals = { -readonly [Name in keyof CounterDocument]: CounterDocument[Name] };

const zero = { gets: 0, installs: 0, uninstalls: 0, fails: 0 };

/** What is to be added, once for each document. */
function addUp(additions: readonly CounterAddition[]): ReadonlyMap<string, Totals> {
  const sums = new Map<string, Totals>();
  for (const { appId, increment, times } of additions) {
    const { date, bundle, channel, platform, counter } = increment;
    const _id = keyOf(appId, date, bundle, channel, platform);
    let sum = sums.get(_id);
    if (!sum) {
      requireTexts({ appId, date, bundle, channel, platform });
      sum = { _id, app_id: appId, date, bundle, channel, platform, ...zero };
      sums.set(_id, sum);
    }
    sum[fields[counter]] += times;
  }
  return sums;
}

/** Adds to the counters as part of a commit. */
export async function draftCounters(
  database: MongoDatabase,
  draft: Draft,
  additions: readonly CounterAddition[],
): Promise<void> {
  const sums = addUp(additions);
  if (sums.size === 0) return;
  const found = await database
    .collection('counters')
    .find({ _id: { $in: [...sums.keys()] } })
    .toArray();
  const known = new Map(found.map((each) => [each._id, each]));
  draft.insert(
    'counters',
    [...sums.values()].filter(({ _id }) => !known.has(_id)),
  );
  for (const [_id, sum] of sums) {
    const found = known.get(_id);
    if (!found) continue;
    // One of an app that was deleted and is there again starts anew.
    const total = found.gone ? zero : found;
    draft.set('counters', [_id], {
      gets: total.gets + sum.gets,
      installs: total.installs + sum.installs,
      uninstalls: total.uninstalls + sum.uninstalls,
      fails: total.fails + sum.fails,
      gone: false,
    });
  }
}

function toCounterRow(document: CounterDocument): CounterRow {
  return {
    date: document.date,
    bundle: document.bundle,
    channel: document.channel,
    platform: document.platform,
    get: document.gets,
    install: document.installs,
    uninstall: document.uninstalls,
    fail: document.fails,
  };
}

const sortedBy = ['date', 'bundle', 'channel', 'platform'] as const;
/** What a cursor may ask the database for: no text that is stored holds NUL. */
const anyText = /^[^\0]*$/;
const sortKeyForms = [/^\d{4}-\d{2}-\d{2}$/, anyText, anyText, anyText] as const;

/** The condition of what comes after a sort key: the first field that differs is greater. */
function after(sortKey: readonly string[]): object {
  return {
    $or: sortedBy.map((name, index) => ({
      ...Object.fromEntries(sortedBy.slice(0, index).map((equal, part) => [equal, sortKey[part]])),
      [name]: { $gt: sortKey[index] },
    })),
  };
}

export function createMongoCounters(database: MongoDatabase): CounterReader {
  return {
    async listCounters({ appId, fromDate, toDate }, page) {
      const afterCursor = page.cursor === undefined ? [] : [after(decodeSortKey(page.cursor, sortKeyForms))];
      await database.log.settle();
      const found = await database
        .collection('counters')
        .find({
          $and: [{ app_id: appId, ...notGone }, { date: { $gte: fromDate, $lte: toDate } }, ...afterCursor],
        })
        .sort({ date: 1, bundle: 1, channel: 1, platform: 1 })
        .limit(page.limit + 1)
        .toArray();
      const sortKeyOf = (row: CounterRow) => sortedBy.map((name) => row[name]);
      return cutSortedPage(found.map(toCounterRow), page.limit, sortKeyOf, (row) => row);
    },
  };
}
