import type { Actor } from '../domain/actor.ts';
import type { AuditEntry, AuditOperation, AuditTable } from '../domain/audit.ts';

/** An entry of the audit log as both engines keep it, beside its id. */
export interface AuditFields {
  readonly created_at: number;
  readonly table_name: string;
  readonly record_id: string;
  readonly operation: string;
  readonly app_id: string | null;
  readonly org_id: string | null;
  /** JSON, as the next two: not every key of a record could be a field's name. */
  readonly old_record: string | null;
  readonly new_record: string | null;
  readonly changed_fields: string | null;
  readonly actor_kind: string;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly actor_email: string | null;
}

export function toJson(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

function fromJson<T>(text: string | null): T | null {
  return text === null ? null : JSON.parse(text);
}

export function toAuditEntry(id: number, fields: AuditFields): AuditEntry {
  return {
    id,
    createdAtMs: fields.created_at,
    table: fields.table_name as AuditTable,
    recordId: fields.record_id,
    operation: fields.operation as AuditOperation,
    appId: fields.app_id,
    organizationId: fields.org_id,
    before: fromJson(fields.old_record),
    after: fromJson(fields.new_record),
    changedFields: fromJson(fields.changed_fields),
    actor: {
      ...{ kind: fields.actor_kind as Actor['kind'], id: fields.actor_id },
      ...{ name: fields.actor_name, email: fields.actor_email },
    },
  };
}
