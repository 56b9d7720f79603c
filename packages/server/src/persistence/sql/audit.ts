import type { ExpressionBuilder, Kysely, Selectable } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import { type AuditChange, auditOutcome } from '../../domain/audit.ts';
import type { AuditFilter, AuditLog } from '../../ports/audit.ts';
import { toAuditEntry, toJson } from '../audit-fields.ts';
import { cutSortedPage, decodeSortKey } from '../cursor.ts';
import type { AuditLogTable, Schema, SqlDatabase } from './schema.ts';

/** Rows of one statement: engines limit its values. */
const rowsPerInsert = 200;

const toEntry = (row: Selectable<AuditLogTable>) => toAuditEntry(row.id, row);

/** Logs what a transaction of `change` makes of records; those it leaves as they were are not logged. */
export async function noteAudit(
  transaction: Kysely<Schema>,
  { actor, atMs }: ChangedBy,
  ...changes: readonly AuditChange[]
): Promise<void> {
  const organizationOf = new Map<string, string | null>();
  async function findOrganization(appId: string): Promise<string | null> {
    const known = organizationOf.get(appId);
    if (known !== undefined) return known;
    const app = await transaction
      .selectFrom('apps')
      .select('owner_org')
      .where('app_id', '=', appId)
      .executeTakeFirst();
    const found = app?.owner_org ?? null;
    organizationOf.set(appId, found);
    return found;
  }

  const rows = [];
  for (const change of changes) {
    const outcome = auditOutcome(change);
    if (!outcome) continue;
    const { appId, organizationId } = change;
    rows.push({
      created_at: atMs,
      ...{ table_name: change.table, record_id: change.recordId, operation: outcome.operation },
      app_id: appId,
      org_id: organizationId ?? (appId === null ? null : await findOrganization(appId)),
      ...{ old_record: toJson(change.before), new_record: toJson(change.after) },
      changed_fields: toJson(outcome.changedFields),
      ...{ actor_kind: actor.kind, actor_id: actor.id, actor_name: actor.name, actor_email: actor.email },
    });
  }
  for (let start = 0; start < rows.length; start += rowsPerInsert) {
    await transaction
      .insertInto('audit_log')
      .values(rows.slice(start, start + rowsPerInsert))
      .execute();
  }
}

function matches(filter: AuditFilter) {
  return ({ eb, and }: ExpressionBuilder<Schema, 'audit_log'>) => {
    const conditions = [eb('id', '>', 0)];
    if (filter.organizationId !== undefined) conditions.push(eb('org_id', '=', filter.organizationId));
    if (filter.appId !== undefined) conditions.push(eb('app_id', '=', filter.appId));
    if (filter.actorId !== undefined) conditions.push(eb('actor_id', '=', filter.actorId));
    if (filter.table !== undefined) conditions.push(eb('table_name', '=', filter.table));
    if (filter.operation !== undefined) conditions.push(eb('operation', '=', filter.operation));
    if (filter.fromMs !== undefined) conditions.push(eb('created_at', '>=', filter.fromMs));
    if (filter.toMs !== undefined) conditions.push(eb('created_at', '<', filter.toMs));
    return and(conditions);
  };
}

export function createSqlAudit({ db }: SqlDatabase): AuditLog {
  return {
    async listAudit(filter, { limit, cursor, skip = 0 }) {
      let query = db.selectFrom('audit_log').selectAll().where(matches(filter));
      if (cursor !== undefined) {
        const [id] = decodeSortKey(cursor, [/^[1-9]\d{0,15}$/]);
        query = query.where('id', '<', Number(id));
      }
      const rows = await query
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .offset(skip)
        .execute();
      return cutSortedPage(rows, limit, (row) => [String(row.id)], toEntry);
    },

    async countAudit(filter) {
      const row = await db
        .selectFrom('audit_log')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where(matches(filter))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },

    async readAuditAfter(id, limit) {
      const rows = await db
        .selectFrom('audit_log')
        .selectAll()
        .where('id', '>', id ?? 0)
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(toEntry);
    },

    async lastAuditId() {
      const row = await db
        .selectFrom('audit_log')
        .select(({ fn }) => fn.max('id').as('id'))
        .executeTakeFirst();
      return Number(row?.id ?? 0);
    },

    async deleteAuditBefore(timeMs, limit) {
      const { numDeletedRows } = await db
        .deleteFrom('audit_log')
        .where('id', 'in', (query) =>
          query
            .selectFrom('audit_log')
            .select('id')
            .where('created_at', '<', timeMs)
            .orderBy('created_at')
            .orderBy('id')
            .limit(limit),
        )
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
