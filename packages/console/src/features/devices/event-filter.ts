import { type EventFilter, eventFilterNames } from '../../api/filters.ts';
import { picked } from './picked.ts';

/** The filter in an address; what is not of it is dropped. */
export function eventFilterOf(search: Readonly<Record<string, unknown>>): EventFilter {
  return picked(eventFilterNames, search);
}
