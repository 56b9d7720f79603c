import { randomBytes, randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import type { Actor } from '../domain/actor.ts';
import { AppError } from '../domain/errors.ts';
import {
  type Delivery,
  type DeliveryStatus,
  type DeliveryVersion,
  type Webhook,
  webhookEvents,
} from '../domain/webhook.ts';
import { payloadOf } from '../domain/webhook-event.ts';
import { webhookSecret } from '../domain/webhook-signature.ts';
import type { Clock } from '../ports/clock.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import type { DeliveryStore, WebhookStore } from '../ports/webhooks.ts';
import { attemptDelivery } from './webhook-attempt.ts';

/** What is said of a webhook; texts as they came. */
export interface WebhookFacts {
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly isEnabled: boolean;
  readonly deliveryVersion: DeliveryVersion;
}

export interface WebhookStatistics {
  readonly success: number;
  readonly failed: number;
  readonly pending: number;
}

export interface Webhooks {
  /** A page of those of an organization, newest first; pages are counted from 0. */
  list(organizationId: string, pageNumber: number): Promise<readonly Webhook[]>;
  /** One of the organization, with what became of its deliveries of the last 24 hours. */
  get(organizationId: string, id: string): Promise<{ webhook: Webhook; last24Hours: WebhookStatistics }>;
  /** Rejects with `invalid_request` (details `invalid`, `allowed` of events), `url_not_allowed`, `organization_not_found`. */
  create(organizationId: string, facts: WebhookFacts, actor: Actor): Promise<Webhook>;
  /** Rejects as `create`, and with `webhook_not_found`. */
  change(organizationId: string, id: string, change: Partial<WebhookFacts>, actor: Actor): Promise<Webhook>;
  delete(organizationId: string, id: string, actor: Actor): Promise<void>;
  /** Sends a `test.ping` at once, and only once; answers what became of it. */
  test(organizationId: string, id: string): Promise<Delivery>;
  /** A page of deliveries, newest first, and how many there are. */
  listDeliveries(
    organizationId: string,
    id: string,
    filter: { readonly status?: DeliveryStatus | undefined },
    pageNumber: number,
  ): Promise<{ readonly deliveries: readonly Delivery[]; readonly total: number }>;
  /**
   * Sends what failed again, from the first attempt on. Rejects with `delivery_not_found`, and with `invalid_request`
   * (detail `reason`) when it has not failed (`delivery_not_failed`) or its webhook is disabled (`webhook_disabled`).
   */
  retry(organizationId: string, deliveryId: string): Promise<void>;
}

export const webhooksPerPage = 50;
const dayMs = 24 * 60 * 60 * 1000;
const limits = { name: 255, url: 2_048 } as const;

function invalid(message: string, details?: Readonly<Record<string, unknown>>): AppError {
  return new AppError('invalid_request', message, details ? { details } : {});
}

export function createWebhooks(deps: {
  readonly store: WebhookStore & DeliveryStore;
  readonly outbound: OutboundHttp;
  /** Whether addresses, and not names only, may be called. */
  readonly allowAddresses: boolean;
  readonly clock: Clock;
}): Webhooks {
  const { store, outbound, allowAddresses, clock } = deps;

  async function checkUrl(text: string): Promise<void> {
    if (text.length > limits.url) throw invalid(`url must be at most ${limits.url} characters`);
    const host = URL.canParse(text) ? new URL(text).hostname.replace(/^\[|\]$/g, '') : '';
    if (isIP(host) !== 0 && !allowAddresses) {
      throw new AppError(
        'url_not_allowed',
        'This URL may not be asked: it has an address in place of a name',
      );
    }
    await outbound.check(text);
  }

  async function check({ name, url, events }: Partial<WebhookFacts>): Promise<void> {
    if (name !== undefined && (name.trim() === '' || name.length > limits.name || /\p{Cc}/u.test(name))) {
      throw invalid(`name must be a text of 1 to ${limits.name} characters`);
    }
    if (events !== undefined) {
      const unknown = events.filter((event) => !webhookEvents.includes(event));
      if (unknown.length > 0 || events.length === 0) {
        throw invalid('events must be a list of events, at least one', {
          ...{ reason: 'invalid_events', invalid: unknown, allowed: webhookEvents },
        });
      }
    }
    if (url !== undefined) await checkUrl(url);
  }

  async function find(organizationId: string, id: string): Promise<Webhook> {
    const webhook = await store.findWebhook(id);
    if (webhook?.organizationId === organizationId) return webhook;
    throw new AppError('webhook_not_found', 'There is no such webhook');
  }

  return {
    list: (organizationId, pageNumber) =>
      store.listWebhooks(organizationId, { limit: webhooksPerPage, skip: pageNumber * webhooksPerPage }),

    async get(organizationId, id) {
      const webhook = await find(organizationId, id);
      const sinceMs = clock.now() - dayMs;
      const count = (status: DeliveryStatus) => store.countDeliveries(id, { status, sinceMs });
      const [success, failed, pending] = await Promise.all([
        count('success'),
        count('failed'),
        count('pending'),
      ]);
      return { webhook, last24Hours: { success, failed, pending } };
    },

    async create(organizationId, facts, actor) {
      await check(facts);
      const nowMs = clock.now();
      const webhook: Webhook = {
        ...{ id: randomUUID(), organizationId, secret: webhookSecret(randomBytes) },
        ...{ name: facts.name, url: facts.url, isEnabled: facts.isEnabled },
        ...{ events: [...new Set(facts.events)], deliveryVersion: facts.deliveryVersion },
        ...{ createdBy: actor.id, createdAtMs: nowMs, updatedAtMs: nowMs },
      };
      await store.insertWebhook(webhook, { actor, atMs: nowMs });
      return webhook;
    },

    async change(organizationId, id, change, actor) {
      await find(organizationId, id);
      await check(change);
      const { events } = change;
      const cleaned = { ...change, ...(events ? { events: [...new Set(events)] } : {}) };
      return store.updateWebhook(id, cleaned, { actor, atMs: clock.now() });
    },

    async delete(organizationId, id, actor) {
      await find(organizationId, id);
      await store.deleteWebhook(id, { actor, atMs: clock.now() });
    },

    async test(organizationId, id) {
      const webhook = await find(organizationId, id);
      const nowMs = clock.now();
      const eventId = randomUUID();
      const event = {
        ...{ type: 'test.ping', organizationId, atMs: nowMs, auditId: null },
        data: { message: 'This is a test of the webhook', webhook_id: id },
      };
      const { deliveryVersion } = webhook;
      const delivery: Delivery = {
        ...{ id: randomUUID(), webhookId: id, auditId: null, eventId, eventType: event.type },
        ...{ payload: payloadOf(event, eventId, deliveryVersion), deliveryVersion, status: 'pending' },
        ...{ attemptCount: 0, maxAttempts: 1, nextAttemptAtMs: null, createdAtMs: nowMs },
        ...{ completedAtMs: null, durationMs: null },
        ...{ responseStatus: null, responseBody: null, responseHeaders: null },
      };
      const { result } = await attemptDelivery(delivery, webhook, { outbound, clock, random: () => 0 });
      const done = { ...delivery, ...result };
      await store.insertDelivery(done);
      return done;
    },

    async listDeliveries(organizationId, id, filter, pageNumber) {
      await find(organizationId, id);
      const page = { limit: webhooksPerPage, skip: pageNumber * webhooksPerPage };
      const [deliveries, total] = await Promise.all([
        store.listDeliveries(id, filter, page),
        store.countDeliveries(id, filter),
      ]);
      return { deliveries, total };
    },

    async retry(organizationId, deliveryId) {
      const delivery = await store.findDelivery(deliveryId);
      const webhook = delivery && (await store.findWebhook(delivery.webhookId));
      if (webhook?.organizationId !== organizationId) {
        throw new AppError('delivery_not_found', 'There is no such delivery');
      }
      if (!webhook.isEnabled) {
        throw invalid('The webhook is disabled; enable it first', { reason: 'webhook_disabled' });
      }
      if (!(await store.resetDelivery(deliveryId, clock.now()))) {
        throw invalid('Only deliveries that failed can be sent again', { reason: 'delivery_not_failed' });
      }
    },
  };
}
