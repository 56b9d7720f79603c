import type { ChangedBy } from '../domain/actor.ts';
import type { Delivery, DeliveryStatus, Webhook } from '../domain/webhook.ts';

/** Part of a list of counted pages. */
export interface CountedPage {
  readonly limit: number;
  /** What stands before the page. */
  readonly skip: number;
}

export interface WebhookStore {
  /** Of an organization, newest first. */
  listWebhooks(organizationId: string, page: CountedPage): Promise<readonly Webhook[]>;
  /** Of all organizations: those that are to be told of events. */
  listEnabledWebhooks(): Promise<readonly Webhook[]>;
  findWebhook(id: string): Promise<Webhook | undefined>;
  /** Rejects with `organization_not_found`. */
  insertWebhook(webhook: Webhook, by: ChangedBy): Promise<void>;
  /** Sets what is given and leaves the rest as it is at that moment. Rejects with `webhook_not_found`. */
  updateWebhook(
    id: string,
    change: Partial<Pick<Webhook, 'name' | 'url' | 'isEnabled' | 'events' | 'deliveryVersion'>>,
    by: ChangedBy,
  ): Promise<Webhook>;
  /** Deletes it with its deliveries. Rejects with `webhook_not_found`. */
  deleteWebhook(id: string, by: ChangedBy): Promise<Webhook>;
}

/** What became of an attempt. */
export type AttemptResult = Pick<
  Delivery,
  | 'status'
  | 'attemptCount'
  | 'nextAttemptAtMs'
  | 'completedAtMs'
  | 'responseStatus'
  | 'responseBody'
  | 'responseHeaders'
  | 'durationMs'
>;

/** Deliveries to a webhook that was deleted meanwhile are left out by every method that adds some. */
export interface DeliveryStore {
  /** The last entry of the audit log that webhooks were told of; 0 for none. */
  readWebhookPosition(): Promise<number>;
  /**
   * Adds deliveries and moves the position from where it was read to the entry they lead to, in one step: of several
   * who do the same at once one does it, and the others add nothing. Answers whether it did.
   */
  queueDeliveries(
    position: { readonly from: number; readonly to: number },
    deliveries: readonly Delivery[],
  ): Promise<boolean>;
  /**
   * Adds deliveries of something that is in no log, unless that was told of within a time; answers whether it did. Of
   * several who do the same at once one does it.
   */
  queueNotice(
    notice: { readonly name: string; readonly nowMs: number; readonly againAfterMs: number },
    deliveries: readonly Delivery[],
  ): Promise<boolean>;
  /** Adds a delivery that is no part of a queue. */
  insertDelivery(delivery: Delivery): Promise<void>;
  findDelivery(id: string): Promise<Delivery | undefined>;
  /** Of a webhook, newest first. */
  listDeliveries(
    webhookId: string,
    filter: { readonly status?: DeliveryStatus | undefined },
    page: CountedPage,
  ): Promise<readonly Delivery[]>;
  countDeliveries(
    webhookId: string,
    filter: { readonly status?: DeliveryStatus | undefined; readonly sinceMs?: number },
  ): Promise<number>;
  /** Pending ones of a webhook whose time has come, in the order of their events. */
  listDueDeliveries(webhookId: string, nowMs: number, limit: number): Promise<readonly Delivery[]>;
  /**
   * Takes a delivery for an attempt: until that time nobody else gets it, and after that it is due again. Of several who
   * ask at once for what they read one gets it.
   */
  claimDelivery(delivery: Delivery, untilMs: number): Promise<boolean>;
  /**
   * Keeps the result of an attempt that was claimed until that time, and when `disables` is given, disables the webhook
   * in the same step. What was reset, deleted or claimed by somebody else meanwhile stays as it is.
   */
  finishAttempt(
    id: string,
    claimedUntilMs: number,
    result: AttemptResult,
    disables: ChangedBy | undefined,
  ): Promise<boolean>;
  /** Makes a delivery that failed due at that time, with all its attempts; undefined when it has not failed. */
  resetDelivery(id: string, nowMs: number): Promise<Delivery | undefined>;
  /** Deletes at most `limit` deliveries older than that which are not pending, the oldest first; answers how many. */
  deleteDeliveriesBefore(timeMs: number, limit: number): Promise<number>;
}
