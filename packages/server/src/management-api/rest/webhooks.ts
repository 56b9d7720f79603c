import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  type RestDelivery,
  RestDeliveryList,
  RestDeliveryQuery,
  RestDeliveryRetried,
  RestDeliveryRetryBody,
  type RestWebhook,
  RestWebhookAnswer,
  RestWebhookBody,
  RestWebhookChangeBody,
  RestWebhookChanged,
  RestWebhookCreateBody,
  RestWebhookCreated,
  RestWebhookDeleted,
  RestWebhookQuery,
  RestWebhookTested,
} from '@capgo-server/protocol/management/rest-webhooks';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/access.ts';
import { actorOf } from '../../domain/actor.ts';
import { AppError } from '../../domain/errors.ts';
import {
  type Delivery,
  type DeliveryVersion,
  deliveryStatuses,
  deliveryVersions,
  type Webhook,
} from '../../domain/webhook.ts';
import type { Organizations } from '../../services/organizations.ts';
import { type WebhookFacts, type Webhooks, webhooksPerPage } from '../../services/webhooks.ts';
import type { ManagementRoute } from '../route.ts';
import { badOrganization, keyMustEnd, requiredOrganizationId, requireOrganization } from './organizations.ts';
import { RestError } from './rest-error.ts';
import { flagField, givenValue, textField } from './rest-fields.ts';
import { bodyOrQueryInput, queryInput, type RestInput } from './rest-input.ts';

export interface RestWebhookRoutesDeps {
  readonly organizations: Organizations;
  readonly webhooks: Webhooks;
}

function toRow(webhook: Webhook): RestWebhook {
  return {
    id: webhook.id,
    org_id: webhook.organizationId,
    name: webhook.name,
    url: webhook.url,
    enabled: webhook.isEnabled,
    events: [...webhook.events],
    delivery_version: webhook.deliveryVersion,
    created_at: formatTimestamp(webhook.createdAtMs),
    updated_at: formatTimestamp(webhook.updatedAtMs),
    created_by: webhook.createdBy,
  };
}

const timeOf = (timeMs: number | null) => (timeMs === null ? null : formatTimestamp(timeMs));

function toDeliveryRow(delivery: Delivery, organizationId: string): RestDelivery {
  return {
    id: delivery.id,
    webhook_id: delivery.webhookId,
    org_id: organizationId,
    audit_log_id: delivery.auditId,
    event_type: delivery.eventType,
    status: delivery.status,
    request_payload: JSON.parse(delivery.payload) as Record<string, unknown>,
    response_status: delivery.responseStatus,
    response_body: delivery.responseBody,
    response_headers: delivery.responseHeaders,
    attempt_count: delivery.attemptCount,
    max_attempts: delivery.maxAttempts,
    next_retry_at: timeOf(delivery.nextAttemptAtMs),
    created_at: formatTimestamp(delivery.createdAtMs),
    completed_at: timeOf(delivery.completedAtMs),
    duration_ms: delivery.durationMs,
    delivery_version: delivery.deliveryVersion,
  };
}

/** A list of texts; also one text, and texts separated by commas, as a query string has them. */
function eventsField(input: RestInput): readonly string[] | undefined {
  const value = givenValue(input, 'events');
  if (value === undefined) return undefined;
  if (typeof value === 'string') return value.split(',').map((event) => event.trim());
  if (Array.isArray(value) && value.every((event) => typeof event === 'string')) return value;
  throw new RestError('invalid_body', 'events must be a list of texts', { details: { field: 'events' } });
}

function versionField(input: RestInput): DeliveryVersion | undefined {
  const text = textField(input, 'deliveryVersion', 'delivery_version');
  if (text === undefined) return undefined;
  const version = deliveryVersions.find((each) => each === text);
  if (version) return version;
  throw new RestError(
    'invalid_delivery_version',
    `deliveryVersion must be one of ${deliveryVersions.join(', ')}`,
  );
}

function factsOf(input: RestInput): Partial<WebhookFacts> {
  const [name, url] = [textField(input, 'name'), textField(input, 'url')];
  const [events, isEnabled] = [eventsField(input), flagField(input, 'enabled')];
  const deliveryVersion = versionField(input);
  return {
    ...(name === undefined ? {} : { name }),
    ...(url === undefined ? {} : { url }),
    ...(events === undefined ? {} : { events }),
    ...(isEnabled === undefined ? {} : { isEnabled }),
    ...(deliveryVersion === undefined ? {} : { deliveryVersion }),
  };
}

function requiredText(input: RestInput, name: string): string {
  const text = textField(input, name) ?? '';
  if (text === '') throw new RestError('invalid_body', `Missing ${name}`, { details: { field: name } });
  return text;
}

function pageNumber(input: RestInput): number {
  const page = textField(input, 'page') ?? '';
  if (/^\d{0,6}$/.test(page)) return Number(page);
  throw new RestError('invalid_body', 'page must be a whole number, 0 or more', {
    details: { field: 'page' },
  });
}

/** A reason that our refusal gives is that API's own code. */
async function inItsWords<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_request' && !(error instanceof RestError)) {
      const { reason, ...details } = error.details ?? {};
      throw new RestError(typeof reason === 'string' ? reason : 'invalid_body', error.message, {
        details,
        cause: error,
      });
    }
    throw error;
  }
}

export function restWebhookRoutes(deps: RestWebhookRoutesDeps): readonly ManagementRoute[] {
  const { organizations, webhooks } = deps;

  async function organizationOf(input: RestInput, caller: Caller): Promise<string> {
    const id = requiredOrganizationId(input);
    await requireOrganization(organizations, caller, id);
    return id;
  }

  async function list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const organizationId = await organizationOf(input, caller);
    const id = textField(input, 'webhookId') ?? '';
    if (id === '') return (await webhooks.list(organizationId, pageNumber(input))).map(toRow);
    const { webhook, last24Hours } = await webhooks.get(organizationId, id);
    return { ...toRow(webhook), stats_24h: last24Hours };
  }

  async function create(request: FastifyRequest, reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const organizationId = await organizationOf(input, caller);
    const { name = '', url = '', events = [], isEnabled = true, deliveryVersion = 'legacy' } = factsOf(input);
    const facts = { name, url, events, isEnabled, deliveryVersion };
    const webhook = await inItsWords(() => webhooks.create(organizationId, facts, actorOf(caller)));
    reply.status(201);
    return { status: 'Webhook created', webhook: { ...toRow(webhook), secret: webhook.secret } };
  }

  async function change(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const organizationId = await organizationOf(input, caller);
    const id = requiredText(input, 'webhookId');
    const facts = factsOf(input);
    if (Object.keys(facts).length === 0) throw new RestError('no_updates', 'No updates provided');
    const webhook = await inItsWords(() => webhooks.change(organizationId, id, facts, actorOf(caller)));
    return { status: 'Webhook updated', webhook: toRow(webhook) };
  }

  async function remove(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const organizationId = await organizationOf(input, caller);
    const webhookId = requiredText(input, 'webhookId');
    await webhooks.delete(organizationId, webhookId, actorOf(caller));
    return { status: 'Webhook deleted', webhookId };
  }

  async function test(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const organizationId = await organizationOf(input, caller);
    const delivery = await webhooks.test(organizationId, requiredText(input, 'webhookId'));
    const success = delivery.status === 'success';
    const { responseStatus } = delivery;
    const failure = responseStatus === null ? 'It cannot be reached' : `It answers ${responseStatus}`;
    return {
      success,
      status: responseStatus,
      duration_ms: delivery.durationMs,
      response_preview: (delivery.responseBody ?? '').slice(0, 500),
      delivery_id: delivery.id,
      message: success ? 'The receiver took the event' : `The receiver did not take the event. ${failure}`,
    };
  }

  async function listDeliveries(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const organizationId = await organizationOf(input, caller);
    const id = requiredText(input, 'webhookId');
    const page = pageNumber(input);
    const text = textField(input, 'status') ?? '';
    const status = deliveryStatuses.find((each) => each === text);
    if (text !== '' && !status) {
      throw new RestError('invalid_body', `status must be one of ${deliveryStatuses.join(', ')}`);
    }
    const { deliveries, total } = await webhooks.listDeliveries(organizationId, id, { status }, page);
    return {
      deliveries: deliveries.map((delivery) => toDeliveryRow(delivery, organizationId)),
      pagination: {
        ...{ page, per_page: webhooksPerPage, total },
        has_more: (page + 1) * webhooksPerPage < total,
      },
    };
  }

  async function retry(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const organizationId = await organizationOf(input, caller);
    const deliveryId = requiredText(input, 'deliveryId');
    await inItsWords(() => webhooks.retry(organizationId, deliveryId));
    return { status: 'Delivery queued for retry', deliveryId };
  }

  const tag = 'webhooks';
  const permission = 'webhooks.manage';
  const organizationErrors = [badOrganization, keyMustEnd] as const;
  const badFacts = [
    { code: 'invalid_events', status: 400 },
    { code: 'invalid_delivery_version', status: 400 },
    'url_not_allowed',
  ] as const;
  return [
    {
      ...{ method: 'GET', url: '/webhooks', permission, handler: list },
      docs: {
        ...{ operationId: 'listWebhooks', tag, summary: 'Webhooks of an organization, or one of them' },
        ...{ query: RestWebhookQuery, answer: RestWebhookAnswer },
        errors: [...organizationErrors, 'webhook_not_found'],
      },
    },
    {
      ...{ method: 'POST', url: '/webhooks', permission, handler: create },
      docs: {
        ...{ operationId: 'createWebhook', tag, summary: 'Tell somebody of changes' },
        ...{ body: RestWebhookCreateBody, answer: RestWebhookCreated, answerStatus: 201 },
        errors: [...organizationErrors, ...badFacts],
      },
    },
    {
      ...{ method: 'PUT', url: '/webhooks', permission, handler: change },
      docs: {
        ...{ operationId: 'changeWebhook', tag, summary: 'Change a webhook' },
        ...{ body: RestWebhookChangeBody, answer: RestWebhookChanged },
        errors: [
          ...organizationErrors,
          'webhook_not_found',
          { code: 'no_updates', status: 400 },
          ...badFacts,
        ],
      },
    },
    {
      ...{ method: 'DELETE', url: '/webhooks', permission, handler: remove },
      docs: {
        ...{ operationId: 'deleteWebhook', tag, summary: 'Delete a webhook with its deliveries' },
        ...{ body: RestWebhookBody, isBodyOptional: true, answer: RestWebhookDeleted },
        errors: [...organizationErrors, 'webhook_not_found'],
      },
    },
    {
      ...{ method: 'POST', url: '/webhooks/test', permission, handler: test },
      docs: {
        ...{ operationId: 'testWebhook', tag, summary: 'Send a test event, once and at once' },
        ...{ body: RestWebhookBody, answer: RestWebhookTested },
        errors: [...organizationErrors, 'webhook_not_found'],
      },
    },
    {
      ...{ method: 'GET', url: '/webhooks/deliveries', permission, handler: listDeliveries },
      docs: {
        ...{ operationId: 'listDeliveries', tag, summary: 'What became of the events of a webhook' },
        ...{ query: RestDeliveryQuery, answer: RestDeliveryList },
        errors: [...organizationErrors, 'webhook_not_found'],
      },
    },
    {
      ...{ method: 'POST', url: '/webhooks/deliveries/retry', permission, handler: retry },
      docs: {
        ...{ operationId: 'retryDelivery', tag, summary: 'Send again what was given up' },
        ...{ body: RestDeliveryRetryBody, answer: RestDeliveryRetried },
        errors: [
          ...organizationErrors,
          'delivery_not_found' as const,
          ...[
            { code: 'delivery_not_failed', status: 400 },
            { code: 'webhook_disabled', status: 400 },
          ],
        ],
      },
    },
  ];
}
