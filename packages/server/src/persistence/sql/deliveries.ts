import type { Kysely, Selectable } from 'kysely';
import type { Delivery, DeliveryStatus, DeliveryVersion } from '../../domain/webhook.ts';
import type { DeliveryStore } from '../../ports/webhooks.ts';
import { resultFields } from '../delivery-fields.ts';
import type { Schema, SqlDatabase, WebhookDeliveriesTable } from './schema.ts';
import { changeWebhook } from './webhooks.ts';

const positionName = 'audit_log';
/** Rows of one statement: engines limit its values. */
const rowsPerInsert = 200;

function toDelivery(row: Selectable<WebhookDeliveriesTable>): Delivery {
  return {
    ...{ id: row.id, webhookId: row.webhook_id, auditId: row.audit_id, eventId: row.event_id },
    ...{ eventType: row.event_type, status: row.status as DeliveryStatus, payload: row.payload },
    deliveryVersion: row.delivery_version as DeliveryVersion,
    ...{ attemptCount: row.attempt_count, maxAttempts: row.max_attempts },
    ...{ nextAttemptAtMs: row.next_attempt_at, createdAtMs: row.created_at },
    ...{ completedAtMs: row.completed_at, durationMs: row.duration_ms },
    ...{ responseStatus: row.response_status, responseBody: row.response_body },
    responseHeaders: row.response_headers === null ? null : JSON.parse(row.response_headers),
  };
}

function toRow(delivery: Delivery): WebhookDeliveriesTable {
  return {
    ...{ id: delivery.id, webhook_id: delivery.webhookId, audit_id: delivery.auditId },
    ...{ event_id: delivery.eventId, event_type: delivery.eventType, payload: delivery.payload },
    ...{ delivery_version: delivery.deliveryVersion, max_attempts: delivery.maxAttempts },
    ...{ created_at: delivery.createdAtMs, ...resultFields(delivery) },
  };
}

async function insertAll(db: Kysely<Schema>, deliveries: readonly Delivery[]): Promise<void> {
  const ids = [...new Set(deliveries.map(({ webhookId }) => webhookId))];
  if (ids.length === 0) return;
  const known = await db.selectFrom('webhooks').select('id').where('id', 'in', ids).execute();
  const alive = new Set(known.map(({ id }) => id));
  const rows = deliveries.filter(({ webhookId }) => alive.has(webhookId)).map(toRow);
  for (let start = 0; start < rows.length; start += rowsPerInsert) {
    await db
      .insertInto('webhook_deliveries')
      .values(rows.slice(start, start + rowsPerInsert))
      .execute();
  }
}

async function readProgress(db: Kysely<Schema>, name: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('webhook_progress')
    .select('position')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.position;
}

async function writeProgress(db: Kysely<Schema>, name: string, position: number): Promise<void> {
  await db
    .insertInto('webhook_progress')
    .values({ name, position })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ position }))
    .execute();
}

export function createSqlDeliveries(database: SqlDatabase): DeliveryStore {
  const { db } = database;
  return {
    readWebhookPosition: async () => (await readProgress(db, positionName)) ?? 0,

    queueDeliveries: ({ from, to }, deliveries) =>
      database.change(async (transaction) => {
        if (((await readProgress(transaction, positionName)) ?? 0) !== from) return false;
        await writeProgress(transaction, positionName, to);
        await insertAll(transaction, deliveries);
        return true;
      }),

    queueNotice: ({ name, nowMs, againAfterMs }, deliveries) =>
      database.change(async (transaction) => {
        const lastMs = await readProgress(transaction, name);
        if (lastMs !== undefined && nowMs < lastMs + againAfterMs) return false;
        await writeProgress(transaction, name, nowMs);
        await insertAll(transaction, deliveries);
        return true;
      }),

    insertDelivery: (delivery) => database.change((transaction) => insertAll(transaction, [delivery])),

    async findDelivery(id) {
      const row = await db
        .selectFrom('webhook_deliveries')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst();
      return row && toDelivery(row);
    },

    async listDeliveries(webhookId, { status }, { limit, skip }) {
      let query = db.selectFrom('webhook_deliveries').selectAll().where('webhook_id', '=', webhookId);
      if (status !== undefined) query = query.where('status', '=', status);
      const rows = await query
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .offset(skip)
        .execute();
      return rows.map(toDelivery);
    },

    async countDeliveries(webhookId, { status, sinceMs }) {
      let query = db
        .selectFrom('webhook_deliveries')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('webhook_id', '=', webhookId);
      if (status !== undefined) query = query.where('status', '=', status);
      if (sinceMs !== undefined) query = query.where('created_at', '>=', sinceMs);
      const { count } = await query.executeTakeFirstOrThrow();
      return Number(count);
    },

    async listDueDeliveries(webhookId, nowMs, limit) {
      const rows = await db
        .selectFrom('webhook_deliveries')
        .selectAll()
        .where('webhook_id', '=', webhookId)
        .where('status', '=', 'pending')
        .where('next_attempt_at', '<=', nowMs)
        .orderBy('created_at')
        .orderBy('audit_id')
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(toDelivery);
    },

    claimDelivery: ({ id, nextAttemptAtMs }, untilMs) =>
      database.change(async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable('webhook_deliveries')
          .set({ next_attempt_at: untilMs })
          .where('id', '=', id)
          .where('status', '=', 'pending')
          .where('next_attempt_at', '=', nextAttemptAtMs)
          .executeTakeFirst();
        return numUpdatedRows === 1n;
      }),

    finishAttempt: (id, claimedUntilMs, result, disables) =>
      database.change(async (transaction) => {
        const updated = await transaction
          .updateTable('webhook_deliveries')
          .set(resultFields(result))
          .where('id', '=', id)
          .where('status', '=', 'pending')
          .where('next_attempt_at', '=', claimedUntilMs)
          .returning('webhook_id')
          .executeTakeFirst();
        if (!updated) return false;
        if (disables) await changeWebhook(transaction, updated.webhook_id, { isEnabled: false }, disables);
        return true;
      }),

    resetDelivery: (id, nowMs) =>
      database.change(async (transaction) => {
        const row = await transaction
          .updateTable('webhook_deliveries')
          .set({ status: 'pending', attempt_count: 0, next_attempt_at: nowMs, completed_at: null })
          .where('id', '=', id)
          .where('status', '=', 'failed')
          .returningAll()
          .executeTakeFirst();
        return row && toDelivery(row);
      }),

    async deleteDeliveriesBefore(timeMs, limit) {
      const { numDeletedRows } = await db
        .deleteFrom('webhook_deliveries')
        .where('id', 'in', (query) =>
          query
            .selectFrom('webhook_deliveries')
            .select('id')
            .where('created_at', '<', timeMs)
            .where('status', '!=', 'pending')
            .orderBy('created_at')
            .orderBy('id')
            .limit(limit),
        )
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
