import type { Document, Filter } from 'mongodb';
import type { ChangedBy } from '../../domain/actor.ts';
import { type AuditChange, auditOutcome } from '../../domain/audit.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import type { AuditFilter, AuditLog } from '../../ports/audit.ts';
import { toAuditEntry, toJson } from '../audit-fields.ts';
import { cutSortedPage, decodeSortKey } from '../cursor.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import type { AuditDocument } from './schema.ts';

const toEntry = (document: AuditDocument) => toAuditEntry(document._id, document);

/** Logs what a commit makes of records; those it leaves as they were are not logged. */
export async function draftAudit(
  database: MongoDatabase,
  draft: Draft,
  { actor, atMs }: ChangedBy,
  ...changes: readonly AuditChange[]
): Promise<void> {
  const organizationOf = new Map<string, string>();
  async function findOrganization(appId: string): Promise<string> {
    const known = organizationOf.get(appId);
    if (known !== undefined) return known;
    const app = await database.collection('apps').findOne({ _id: appId });
    const found = app?.owner_org ?? defaultOrganizationId;
    organizationOf.set(appId, found);
    return found;
  }

  const documents: AuditDocument[] = [];
  for (const change of changes) {
    const outcome = auditOutcome(change);
    if (!outcome) continue;
    const { appId, organizationId } = change;
    documents.push({
      _id: draft.nextNumber(),
      created_at: atMs,
      ...{ table_name: change.table, record_id: change.recordId, operation: outcome.operation },
      app_id: appId,
      org_id: organizationId ?? (appId === null ? null : await findOrganization(appId)),
      ...{ old_record: toJson(change.before), new_record: toJson(change.after) },
      changed_fields: toJson(outcome.changedFields),
      ...{ actor_kind: actor.kind, actor_id: actor.id, actor_name: actor.name, actor_email: actor.email },
    });
  }
  draft.insert('audit_log', documents);
}

function conditionOf(filter: AuditFilter): Filter<AuditDocument & Document> {
  const { organizationId, appId, actorId, table, operation, fromMs, toMs } = filter;
  return {
    ...(organizationId === undefined ? {} : { org_id: organizationId }),
    ...(appId === undefined ? {} : { app_id: appId }),
    ...(actorId === undefined ? {} : { actor_id: actorId }),
    ...(table === undefined ? {} : { table_name: table }),
    ...(operation === undefined ? {} : { operation }),
    ...(fromMs === undefined && toMs === undefined
      ? {}
      : {
          created_at: {
            ...(fromMs === undefined ? {} : { $gte: fromMs }),
            ...(toMs === undefined ? {} : { $lt: toMs }),
          },
        }),
  } as Filter<AuditDocument & Document>;
}

export function createMongoAudit(database: MongoDatabase): AuditLog {
  const { log } = database;
  const entries = database.collection('audit_log');
  return {
    async listAudit(filter, { limit, cursor, skip = 0 }) {
      const [id] = cursor === undefined ? [] : decodeSortKey(cursor, [/^[1-9]\d{0,15}$/]);
      await log.settle();
      const found = await entries
        .find({ ...conditionOf(filter), ...(id === undefined ? {} : { _id: { $lt: Number(id) } }) })
        .sort({ _id: -1 })
        .skip(skip)
        .limit(limit + 1)
        .toArray();
      return cutSortedPage(found, limit, ({ _id }) => [String(_id)], toEntry);
    },

    async countAudit(filter) {
      await log.settle();
      return entries.countDocuments(conditionOf(filter));
    },

    async readAuditAfter(id, limit) {
      await log.settle();
      const found = await entries
        .find({ _id: { $gt: id ?? 0 } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(toEntry);
    },

    async lastAuditId() {
      await log.settle();
      const [last] = await entries.find().sort({ _id: -1 }).limit(1).toArray();
      return last?._id ?? 0;
    },

    async deleteAuditBefore(timeMs, limit) {
      await log.settle();
      const oldest = await entries
        .find({ created_at: { $lt: timeMs } }, { projection: { _id: 1 } })
        .sort({ created_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      if (oldest.length === 0) return 0;
      const { deletedCount } = await entries.deleteMany({ _id: { $in: oldest.map(({ _id }) => _id) } });
      return deletedCount;
    },
  };
}
