import type { Document, Filter } from 'mongodb';
import type { Delivery, DeliveryStatus, DeliveryVersion } from '../../domain/webhook.ts';
import type { DeliveryStore } from '../../ports/webhooks.ts';
import { resultFields } from '../delivery-fields.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import { newestFirst } from './newest-first.ts';
import { notGone, type WebhookDeliveryDocument } from './schema.ts';
import { draftWebhookChange } from './webhooks.ts';

const positionName = 'audit_log';

function toDelivery(document: WebhookDeliveryDocument): Delivery {
  return {
    ...{ id: document._id, webhookId: document.webhook_id, auditId: document.audit_id },
    ...{ eventId: document.event_id, eventType: document.event_type, payload: document.payload },
    ...{ status: document.status as DeliveryStatus, maxAttempts: document.max_attempts },
    deliveryVersion: document.delivery_version as DeliveryVersion,
    ...{ attemptCount: document.attempt_count, nextAttemptAtMs: document.next_attempt_at },
    ...{ createdAtMs: document.created_at, completedAtMs: document.completed_at },
    ...{ durationMs: document.duration_ms, responseStatus: document.response_status },
    responseBody: document.response_body,
    responseHeaders: document.response_headers === null ? null : JSON.parse(document.response_headers),
  };
}

function toDocument(delivery: Delivery): WebhookDeliveryDocument {
  return {
    ...{ _id: delivery.id, webhook_id: delivery.webhookId, audit_id: delivery.auditId },
    ...{ event_id: delivery.eventId, event_type: delivery.eventType, payload: delivery.payload },
    ...{ delivery_version: delivery.deliveryVersion, max_attempts: delivery.maxAttempts },
    ...{ created_at: delivery.createdAtMs, ...resultFields(delivery) },
  };
}

export function createMongoDeliveries(database: MongoDatabase): DeliveryStore {
  const { log } = database;
  const deliveries = database.collection('webhook_deliveries');

  const conditionOf = (condition: Filter<WebhookDeliveryDocument>) =>
    ({ ...condition, ...notGone }) as Filter<WebhookDeliveryDocument & Document>;

  async function readProgress(name: string): Promise<number | undefined> {
    return (await database.collection('webhook_progress').findOne({ _id: name }))?.position;
  }

  function draftProgress(draft: Draft, name: string, last: number | undefined, position: number): void {
    if (last === undefined) draft.insert('webhook_progress', [{ _id: name, position }]);
    else draft.set('webhook_progress', [name], { position });
  }

  async function draftAll(draft: Draft, given: readonly Delivery[]): Promise<void> {
    const ids = [...new Set(given.map(({ webhookId }) => webhookId))];
    if (ids.length === 0) return;
    const known = await database
      .collection('webhooks')
      .find({ _id: { $in: ids }, ...notGone }, { projection: { _id: 1 } })
      .toArray();
    const alive = new Set(known.map(({ _id }) => _id));
    const documents = given.filter(({ webhookId }) => alive.has(webhookId)).map(toDocument);
    draft.insert('webhook_deliveries', documents);
  }

  return {
    async readWebhookPosition() {
      await log.settle();
      return (await readProgress(positionName)) ?? 0;
    },

    queueDeliveries: ({ from, to }, given) =>
      log.commit(async (draft) => {
        const last = await readProgress(positionName);
        if ((last ?? 0) !== from) return false;
        draftProgress(draft, positionName, last, to);
        await draftAll(draft, given);
        return true;
      }),

    queueNotice: ({ name, nowMs, againAfterMs }, given) =>
      log.commit(async (draft) => {
        const lastMs = await readProgress(name);
        if (lastMs !== undefined && nowMs < lastMs + againAfterMs) return false;
        draftProgress(draft, name, lastMs, nowMs);
        await draftAll(draft, given);
        return true;
      }),

    insertDelivery: (delivery) => log.commit((draft) => draftAll(draft, [delivery])),

    async findDelivery(id) {
      await log.settle();
      const found = await deliveries.findOne(conditionOf({ _id: id }));
      return found ? toDelivery(found) : undefined;
    },

    async listDeliveries(webhookId, { status }, { limit, skip }) {
      await log.settle();
      const found = await deliveries
        .find(conditionOf({ webhook_id: webhookId, ...(status === undefined ? {} : { status }) }))
        .sort(newestFirst)
        .skip(skip)
        .limit(limit)
        .toArray();
      return found.map(toDelivery);
    },

    async countDeliveries(webhookId, { status, sinceMs }) {
      await log.settle();
      return deliveries.countDocuments(
        conditionOf({
          webhook_id: webhookId,
          ...(status === undefined ? {} : { status }),
          ...(sinceMs === undefined ? {} : { created_at: { $gte: sinceMs } }),
        }),
      );
    },

    async listDueDeliveries(webhookId, nowMs, limit) {
      await log.settle();
      const found = await deliveries
        .find(conditionOf({ webhook_id: webhookId, status: 'pending', next_attempt_at: { $lte: nowMs } }))
        .sort({ created_at: 1, audit_id: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(toDelivery);
    },

    claimDelivery: ({ id, nextAttemptAtMs }, untilMs) =>
      log.commit(async (draft) => {
        const found = await deliveries.findOne(
          conditionOf({ _id: id, status: 'pending', next_attempt_at: nextAttemptAtMs }),
        );
        if (!found) return false;
        draft.set('webhook_deliveries', [id], { next_attempt_at: untilMs });
        return true;
      }),

    finishAttempt: (id, claimedUntilMs, result, disables) =>
      log.commit(async (draft) => {
        const found = await deliveries.findOne(
          conditionOf({ _id: id, status: 'pending', next_attempt_at: claimedUntilMs }),
        );
        if (!found) return false;
        draft.set('webhook_deliveries', [id], resultFields(result));
        if (disables) {
          await draftWebhookChange(database, draft, found.webhook_id, { isEnabled: false }, disables);
        }
        return true;
      }),

    resetDelivery: (id, nowMs) =>
      log.commit(async (draft) => {
        const found = await deliveries.findOne(conditionOf({ _id: id, status: 'failed' }));
        if (!found) return undefined;
        const fields = { status: 'pending', attempt_count: 0, next_attempt_at: nowMs, completed_at: null };
        draft.set('webhook_deliveries', [id], fields);
        return toDelivery({ ...found, ...fields });
      }),

    async deleteDeliveriesBefore(timeMs, limit) {
      await log.settle();
      const oldest = await deliveries
        .find({ created_at: { $lt: timeMs }, status: { $ne: 'pending' } }, { projection: { _id: 1 } })
        .sort({ created_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      if (oldest.length === 0) return 0;
      const { deletedCount } = await deliveries.deleteMany({ _id: { $in: oldest.map(({ _id }) => _id) } });
      return deletedCount;
    },
  };
}
