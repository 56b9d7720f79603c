import type { ChangedBy } from '../../domain/actor.ts';
import { webhookChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import type { DeliveryVersion, Webhook } from '../../domain/webhook.ts';
import type { WebhookStore } from '../../ports/webhooks.ts';
import { draftAudit } from './audit.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { newestFirst } from './newest-first.ts';
import { notGone, type WebhookDocument } from './schema.ts';

export function toWebhook(document: WebhookDocument): Webhook {
  return {
    ...{ id: document._id, organizationId: document.org_id, name: document.name, url: document.url },
    ...{ secret: document.secret, isEnabled: document.is_enabled, events: document.events },
    deliveryVersion: document.delivery_version as DeliveryVersion,
    ...{ createdBy: document.created_by, createdAtMs: document.created_at, updatedAtMs: document.updated_at },
  };
}

function toFields(webhook: Webhook): Omit<WebhookDocument, '_id'> {
  return {
    ...{ org_id: webhook.organizationId, name: webhook.name, url: webhook.url, secret: webhook.secret },
    ...{ is_enabled: webhook.isEnabled, events: webhook.events, delivery_version: webhook.deliveryVersion },
    ...{ created_by: webhook.createdBy, created_at: webhook.createdAtMs, updated_at: webhook.updatedAtMs },
  };
}

async function requireWebhook(database: MongoDatabase, id: string): Promise<Webhook> {
  const found = await database.collection('webhooks').findOne({ _id: id, ...notGone });
  if (!found) throw new AppError('webhook_not_found', `There is no webhook ${id}`);
  return toWebhook(found);
}

/** Changes a webhook as part of a commit. Rejects with `webhook_not_found`. */
export async function draftWebhookChange(
  database: MongoDatabase,
  draft: Draft,
  id: string,
  change: Partial<Webhook>,
  by: ChangedBy,
): Promise<Webhook> {
  const before = await requireWebhook(database, id);
  const after: Webhook = { ...before, ...change, updatedAtMs: by.atMs };
  draft.set('webhooks', [id], toFields(after));
  await draftAudit(database, draft, by, webhookChange({ before, after }));
  return after;
}

export function createMongoWebhooks(database: MongoDatabase): WebhookStore {
  const { log } = database;
  const webhooks = database.collection('webhooks');
  return {
    async listWebhooks(organizationId, { limit, skip }) {
      await log.settle();
      const found = await webhooks
        .find({ org_id: organizationId, ...notGone })
        .sort(newestFirst)
        .skip(skip)
        .limit(limit)
        .toArray();
      return found.map(toWebhook);
    },

    async listEnabledWebhooks() {
      await log.settle();
      const found = await webhooks
        .find({ is_enabled: true, ...notGone })
        .sort({ _id: 1 })
        .toArray();
      return found.map(toWebhook);
    },

    async findWebhook(id) {
      await log.settle();
      const found = await webhooks.findOne({ _id: id, ...notGone });
      return found ? toWebhook(found) : undefined;
    },

    insertWebhook: (webhook, by) =>
      log.commit(async (draft) => {
        const { organizationId } = webhook;
        if (!(await database.collection('organizations').findOne({ _id: organizationId, ...notGone }))) {
          throw new AppError('organization_not_found', `There is no organization ${organizationId}`);
        }
        draft.insert('webhooks', [{ _id: webhook.id, ...toFields(webhook) }]);
        await draftAudit(database, draft, by, webhookChange({ before: null, after: webhook }));
      }),

    updateWebhook: (id, change, by) =>
      log.commit((draft) => draftWebhookChange(database, draft, id, change, by)),

    deleteWebhook: (id, by) =>
      log.commit(async (draft) => {
        const before = await requireWebhook(database, id);
        draft.set('webhooks', [id], { gone: true });
        draft.setWhere('webhook_deliveries', { webhook_id: id }, { gone: true });
        await draftAudit(database, draft, by, webhookChange({ before, after: null }));
        return before;
      }),
  };
}
