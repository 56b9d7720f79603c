import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { AuditView } from '@capgo-server/protocol/management/audit';
import { type AuditEntry, auditActorFields } from '../domain/audit.ts';

/** An entry as both management APIs show it. */
export function toAuditView(entry: AuditEntry): AuditView {
  const actor = auditActorFields(entry.actor);
  return {
    id: entry.id,
    created_at: formatTimestamp(entry.createdAtMs),
    table_name: entry.table,
    record_id: entry.recordId,
    operation: entry.operation,
    app_id: entry.appId,
    org_id: entry.organizationId,
    user_id: actor.actor_user_id,
    old_record: entry.before,
    new_record: entry.after,
    changed_fields: entry.changedFields === null ? null : [...entry.changedFields],
    ...actor,
  };
}
