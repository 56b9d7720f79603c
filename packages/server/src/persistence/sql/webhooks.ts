import type { Kysely, Selectable } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import { webhookChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { DeliveryVersion, Webhook } from '../../domain/webhook.ts';
import type { WebhookStore } from '../../ports/webhooks.ts';
import { noteAudit } from './audit.ts';
import type { Schema, SqlDatabase, WebhooksTable } from './schema.ts';

export function toWebhook(row: Selectable<WebhooksTable>): Webhook {
  return {
    ...{ id: row.id, organizationId: row.org_id, name: row.name, url: row.url, secret: row.secret },
    ...{ isEnabled: row.is_enabled === 1, events: JSON.parse(row.events) },
    deliveryVersion: row.delivery_version as DeliveryVersion,
    ...{ createdBy: row.created_by, createdAtMs: row.created_at, updatedAtMs: row.updated_at },
  };
}

function toRow(webhook: Webhook): WebhooksTable {
  return {
    ...{ id: webhook.id, org_id: webhook.organizationId, name: webhook.name, url: webhook.url },
    ...{ secret: webhook.secret, is_enabled: Number(webhook.isEnabled) },
    ...{ events: JSON.stringify(webhook.events), delivery_version: webhook.deliveryVersion },
    ...{ created_by: webhook.createdBy, created_at: webhook.createdAtMs, updated_at: webhook.updatedAtMs },
  };
}

async function requireWebhook(db: Kysely<Schema>, id: string): Promise<Webhook> {
  const row = await db.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new AppError('webhook_not_found', `There is no webhook ${id}`);
  return toWebhook(row);
}

/** Changes a webhook as part of a transaction of `change`. Rejects with `webhook_not_found`. */
export async function changeWebhook(
  transaction: Kysely<Schema>,
  id: string,
  change: Partial<Webhook>,
  by: ChangedBy,
): Promise<Webhook> {
  const before = await requireWebhook(transaction, id);
  const after: Webhook = { ...before, ...change, updatedAtMs: by.atMs };
  await transaction.updateTable('webhooks').set(toRow(after)).where('id', '=', id).execute();
  await noteAudit(transaction, by, webhookChange({ before, after }));
  return after;
}

export function createSqlWebhooks(database: SqlDatabase): WebhookStore {
  const { db } = database;
  return {
    async listWebhooks(organizationId, { limit, skip }) {
      const rows = await db
        .selectFrom('webhooks')
        .selectAll()
        .where('org_id', '=', organizationId)
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .offset(skip)
        .execute();
      return rows.map(toWebhook);
    },

    async listEnabledWebhooks() {
      const rows = await db
        .selectFrom('webhooks')
        .selectAll()
        .where('is_enabled', '=', 1)
        .orderBy('id')
        .execute();
      return rows.map(toWebhook);
    },

    async findWebhook(id) {
      const row = await db.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toWebhook(row);
    },

    insertWebhook: (webhook, by) =>
      database.change(async (transaction) => {
        const organization = await transaction
          .selectFrom('organizations')
          .select('id')
          .where('id', '=', webhook.organizationId)
          .executeTakeFirst();
        if (!organization) {
          throw new AppError('organization_not_found', `There is no organization ${webhook.organizationId}`);
        }
        await transaction.insertInto('webhooks').values(toRow(webhook)).execute();
        await noteAudit(transaction, by, webhookChange({ before: null, after: webhook }));
      }),

    updateWebhook: (id, change, by) =>
      database.change((transaction) => changeWebhook(transaction, id, change, by)),

    deleteWebhook: (id, by) =>
      database.change(async (transaction) => {
        const before = await requireWebhook(transaction, id);
        // Its deliveries go with it: their rows refer to it with "on delete cascade".
        await transaction.deleteFrom('webhooks').where('id', '=', id).execute();
        await noteAudit(transaction, by, webhookChange({ before, after: null }));
        return before;
      }),
  };
}
