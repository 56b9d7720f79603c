import { recordNouns } from '../../components/record-words.ts';

export const operations = ['INSERT', 'UPDATE', 'DELETE'] as const;
export type Operation = (typeof operations)[number];
export const tables = Object.keys(recordNouns);

/** Events that are no change of a record. */
export const specialEvents: Readonly<Record<string, string>> = {
  'bundle.failing': 'A bundle fails too often',
  'rollout.paused': 'A rollout is paused',
};

const operationsOf = (table: string) => operations.map((operation) => `${table}.${operation}`);

/** Single events, for those that a webhook names: a table's name stands for all of its operations. */
export function singleEvents(events: readonly string[]): Set<string> {
  return new Set(events.flatMap((event) => (event.includes('.') ? [event] : operationsOf(event))));
}

/** As a webhook names them: a table of which it wants everything by its name, which also holds for what is to come. */
export function namedEvents(single: ReadonlySet<string>): string[] {
  const left = new Set(single);
  const named: string[] = [];
  for (const table of tables) {
    const all = operationsOf(table);
    if (!all.every((event) => left.has(event))) continue;
    named.push(table);
    for (const event of all) left.delete(event);
  }
  return [...named, ...left];
}

const verbs: Readonly<Record<Operation, string>> = { INSERT: 'made', UPDATE: 'changed', DELETE: 'deleted' };

/** `Channel: made, deleted`. */
export function eventsInWords(events: readonly string[]): string[] {
  const single = singleEvents(events);
  const ofTables = tables.flatMap((table) => {
    const wanted = operations.filter((operation) => single.delete(`${table}.${operation}`));
    if (wanted.length === 0) return [];
    const which =
      wanted.length === operations.length ? 'everything' : wanted.map((each) => verbs[each]).join(', ');
    return [`${recordNouns[table]}: ${which}`];
  });
  return [...ofTables, ...[...single].map((event) => specialEvents[event] ?? event)];
}
