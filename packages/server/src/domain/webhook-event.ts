import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { type AuditEntry, type AuditRecord, auditActorFields } from './audit.ts';
import type { DeliveryVersion } from './webhook.ts';

/** Something that webhooks are told of. */
export interface WebhookEvent {
  /** What it is called on the wire. */
  readonly type: string;
  readonly organizationId: string;
  readonly atMs: number;
  readonly auditId: number | null;
  readonly data: AuditRecord;
}

function entryData(entry: AuditEntry): AuditRecord {
  return {
    table: entry.table,
    operation: entry.operation,
    record_id: entry.recordId,
    old_record: entry.before,
    new_record: entry.after,
    changed_fields: entry.changedFields,
    ...auditActorFields(entry.actor),
  };
}

/** Whether a change of a channel stops its rollout, or tells that it fails too often. */
function isPause({ table, changedFields, after }: AuditEntry): boolean {
  if (table !== 'channels' || after === null || changedFields === null) return false;
  const isNewlyPaused =
    changedFields.includes('rollout_paused_at') && typeof after['rollout_paused_at'] === 'string';
  const isTriggered =
    changedFields.includes('auto_pause_last_triggered_at') &&
    typeof after['auto_pause_last_triggered_at'] === 'string';
  return isNewlyPaused || isTriggered;
}

/** What webhooks are told of an entry of the audit log: the change itself, and what it means beyond that. */
export function eventsOfEntry(entry: AuditEntry): readonly WebhookEvent[] {
  const { organizationId, table, operation, createdAtMs, id, before, after } = entry;
  if (organizationId === null) return [];
  const data = entryData(entry);
  const common = { organizationId, atMs: createdAtMs, auditId: id };
  const change: WebhookEvent = { ...common, type: `${table}.${operation}`, data };
  if (!isPause(entry)) return [change];
  const isAutomatic = entry.changedFields?.includes('auto_pause_last_triggered_at') ?? false;
  const pause: WebhookEvent = {
    ...common,
    type: 'rollout.paused',
    data: {
      ...data,
      app_id: entry.appId,
      channel: after?.['name'] ?? null,
      rollout_version: before?.['rollout_version'] ?? null,
      is_automatic: isAutomatic,
      action: isAutomatic ? (after?.['auto_pause_action'] ?? null) : 'pause',
      reason: after?.['rollout_pause_reason'] ?? null,
    },
  };
  return [change, pause];
}

/** The body of a delivery. */
export function payloadOf(event: WebhookEvent, eventId: string, version: DeliveryVersion): string {
  return JSON.stringify({
    ...(version === 'standard' ? { type: event.type } : {}),
    event: event.type,
    event_id: eventId,
    timestamp: formatTimestamp(event.atMs),
    org_id: event.organizationId,
    data: event.data,
  });
}
