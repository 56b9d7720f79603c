import { type AuditFilter, auditFilterNames } from '../../api/filters.ts';
import { picked } from '../devices/picked.ts';

/** The filter in an address; what is not of it is dropped. */
export function auditFilterOf(search: Readonly<Record<string, unknown>>): AuditFilter {
  return picked(auditFilterNames, search);
}

/** When a day of the reader's calendar begins, or the day after it; what is no day stays as it is. */
function beginOf(day: string | undefined, daysLater: number): string | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? '');
  if (!parts) return day;
  const [year = 0, month = 1, date = 1] = parts.slice(1).map(Number);
  return new Date(year, month - 1, date + daysLater).toISOString();
}

/** As the API is asked: the days from the first to the last one, both whole. */
export function asked(filter: AuditFilter): AuditFilter {
  return auditFilterOf({ ...filter, from: beginOf(filter.from, 0), to: beginOf(filter.to, 1) });
}
