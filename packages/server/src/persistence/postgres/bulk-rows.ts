import type { Insertable } from 'kysely';
import type { BulkTable, Schema } from '../sql/schema.ts';

type Row<Table extends BulkTable> = Insertable<Schema[Table]>;

/** What several may write at once must be written in the same order by all, else they wait for each other. */
const sortColumns: Readonly<Record<BulkTable, readonly string[]>> = {
  device_events: ['device_time', 'device_id', 'app_id', 'action', 'version_name'],
  counters: ['app_id', 'date', 'bundle', 'channel', 'platform'],
  devices: ['app_id', 'device_id'],
  device_activity: ['app_id', 'device_id'],
  statistics: ['app_id', 'metric', 'date', 'name', 'detail'],
  check_minutes: ['app_id', 'minute'],
  device_failures: ['app_id', 'device_id', 'version_name'],
  changes: [],
  files: ['app_id', 'name'],
  planned_deletions: ['object_key'],
};

function compare(one: unknown, other: unknown): number {
  if (one === other) return 0;
  if (one === null || one === undefined) return -1;
  if (other === null || other === undefined) return 1;
  return (one as string | number) < (other as string | number) ? -1 : 1;
}

/** Rows of the same key keep their order. */
export function inWritingOrder<Table extends BulkTable>(
  table: Table,
  rows: readonly Row<Table>[],
): readonly Row<Table>[] {
  const columns = sortColumns[table];
  if (columns.length === 0) return rows;
  return rows.toSorted((one, other) => {
    for (const column of columns) {
      const order = compare(one[column as keyof Row<Table>], other[column as keyof Row<Table>]);
      if (order !== 0) return order;
    }
    return 0;
  });
}

/** Half a character: PostgreSQL does not take it in JSON. As a plain parameter it would become U+FFFD on its way. */
const halfCharacter = /\\ud[89a-f]/i;

/** The rows as one parameter. */
export function toJson(rows: readonly unknown[]): string {
  const json = JSON.stringify(rows);
  if (!halfCharacter.test(json)) return json;
  return JSON.stringify(rows, (_key, value) => (typeof value === 'string' ? value.toWellFormed() : value));
}
