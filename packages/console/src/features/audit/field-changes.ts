import type { AuditView } from '@capgo-server/protocol/management/audit';
import { percentOfBps } from '../../components/amounts.ts';

/** A field with its values; undefined for none. */
export interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

const isNothing = (value: unknown) => value === null || value === undefined || value === '';

/** What an entry tells: of a change the fields that are others, else all that the record has. */
export function fieldChanges({
  old_record,
  new_record,
  changed_fields,
}: Pick<AuditView, 'old_record' | 'new_record' | 'changed_fields'>): readonly FieldChange[] {
  const names = changed_fields ?? Object.keys(new_record ?? old_record ?? {});
  return names
    .map((field) => ({ field, before: old_record?.[field], after: new_record?.[field] }))
    .filter(({ before, after }) => !isNothing(before) || !isNothing(after));
}

export const isTime = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/.test(value);

/** A value as people read it; undefined for none. */
export function shownValue(field: string, value: unknown): string | undefined {
  if (isNothing(value)) return undefined;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return field.endsWith('_bps') ? percentOfBps(value) : String(value);
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) {
    return value.length === 0 ? 'none' : value.join(', ');
  }
  return JSON.stringify(value);
}
