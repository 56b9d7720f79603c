import type { Actor } from './actor.ts';

/** What is audited, by the names under which the REST API and webhooks know it. */
export const auditTables = [
  ...(['apps', 'app_versions', 'channels', 'org_users', 'orgs'] as const),
  ...(['releases', 'channel_devices', 'apikeys', 'webhooks'] as const),
] as const;
export type AuditTable = (typeof auditTables)[number];

export const auditOperations = ['INSERT', 'UPDATE', 'DELETE'] as const;
export type AuditOperation = (typeof auditOperations)[number];

/** A record as people and webhooks are shown it: plain JSON, times as ISO 8601, and never a secret. */
export type AuditRecord = Readonly<Record<string, unknown>>;

/** What becomes of one record. */
export interface AuditChange {
  readonly table: AuditTable;
  /** What the record is known by; of an app its app id. */
  readonly recordId: string;
  /** The app it belongs to; null when it belongs to an organization as a whole. */
  readonly appId: string | null;
  /** Undefined for that of the app. */
  readonly organizationId?: string;
  /** null for a record that is new. */
  readonly before: AuditRecord | null;
  /** null for a record that is gone. */
  readonly after: AuditRecord | null;
}

/** One change of one record, by whom and when: what the audit log is made of. */
export interface AuditEntry {
  /** Larger than that of every entry that was committed before. */
  readonly id: number;
  readonly createdAtMs: number;
  readonly table: AuditTable;
  readonly recordId: string;
  readonly operation: AuditOperation;
  readonly appId: string | null;
  /** null when its organization is not known any more. */
  readonly organizationId: string | null;
  readonly before: AuditRecord | null;
  readonly after: AuditRecord | null;
  /** The fields whose values are others afterwards; null unless the record was there before and is afterwards. */
  readonly changedFields: readonly string[] | null;
  readonly actor: Actor;
}

/** When a record was touched says nothing that the entry does not say itself. */
const untold: ReadonlySet<string> = new Set(['updated_at']);

function changedFieldsOf(before: AuditRecord, after: AuditRecord): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const differs = (name: string) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
  return [...names].filter((name) => !untold.has(name) && differs(name));
}

/** What a change is in the log; undefined for one that leaves the record as it was. */
export function auditOutcome({
  before,
  after,
}: Pick<AuditChange, 'before' | 'after'>): Pick<AuditEntry, 'operation' | 'changedFields'> | undefined {
  if (before === null) return after === null ? undefined : { operation: 'INSERT', changedFields: null };
  if (after === null) return { operation: 'DELETE', changedFields: null };
  const changedFields = changedFieldsOf(before, after);
  return changedFields.length === 0 ? undefined : { operation: 'UPDATE', changedFields };
}

/** Who made a change, as the REST API and webhooks say it: a key by its id and name, a person by theirs. */
export function auditActorFields({ kind, id, name, email }: Actor) {
  const isKey = kind === 'api_key' || kind === 'management_token';
  const isUser = kind === 'user';
  const type = isKey ? 'apikey' : isUser ? 'user' : kind === 'system' ? 'system' : 'unknown';
  return {
    actor_type: type,
    actor_user_id: isUser ? id : null,
    actor_user_email: isUser ? email : null,
    actor_apikey_id: isKey ? id : null,
    actor_apikey_name: isKey ? name : null,
  };
}
