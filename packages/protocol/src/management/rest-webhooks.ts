import { type Static, Type } from 'typebox';
import { count, flag, nullable, oneOf, text, timestamp } from './fields.ts';
import { OrganizationId } from './rest-organizations.ts';

export const exampleWebhookId = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
const WebhookId = text('The webhook: a UUID', exampleWebhookId);
const name = text('A name for people', 'Chat');
const url = text(
  'Where events are sent to: https, a name and no address, and none that leads into a private network',
  'https://example.com/hooks/capgo',
);
const events = Type.Array(
  text(
    'A table (apps, app_versions, channels, releases, channel_devices, orgs, org_users, apikeys, webhooks), one of its operations such as channels.UPDATE, bundle.failing or rollout.paused',
    'channels',
  ),
  { description: 'What it is told of', examples: [['channels', 'bundle.failing']] },
);
const versions = ['legacy', 'standard'] as const;
const version = oneOf(versions, 'How deliveries are signed; standard adds the headers of Standard Webhooks');

const shown = {
  id: WebhookId,
  org_id: OrganizationId,
  name,
  url,
  enabled: flag('Whether it is told of events'),
  events,
  delivery_version: version,
  created_at: timestamp('When it was made'),
  updated_at: timestamp('When it was changed last'),
  created_by: nullable(text('Id of who made it', 'management-token-1')),
};

/** A webhook as the REST API shows it: never with its secret. */
export const RestWebhook = Type.Object(shown, { description: 'A webhook' });
export type RestWebhook = Static<typeof RestWebhook>;

const page = Type.Optional(text('Which page, counted from 0; 50 rows a page', '0'));

export const RestWebhookQuery = Type.Object(
  { orgId: OrganizationId, webhookId: Type.Optional(WebhookId), page },
  { description: 'Which organization; with webhookId only that one' },
);

const RestWebhookWithStatistics = Type.Object(
  {
    ...shown,
    stats_24h: Type.Object(
      {
        success: count('Delivered', 12),
        failed: count('Given up', 0),
        pending: count('Still to be delivered', 1),
      },
      { description: 'What became of the deliveries of the last 24 hours' },
    ),
  },
  { description: 'The webhook that was asked for' },
);
export type RestWebhookWithStatistics = Static<typeof RestWebhookWithStatistics>;

export const RestWebhookAnswer = Type.Union(
  [Type.Array(RestWebhook, { description: 'Newest first' }), RestWebhookWithStatistics],
  { description: 'The webhooks, or the one that was asked for' },
);

const facts = {
  name,
  url,
  events,
  enabled: Type.Optional(flag('Whether it is told of events')),
  deliveryVersion: Type.Optional(version),
};

export const RestWebhookCreateBody = Type.Object(
  { orgId: OrganizationId, ...facts },
  { description: 'A new webhook' },
);
export const RestWebhookCreated = Type.Object(
  {
    status: text('That it was done', 'Webhook created'),
    webhook: Type.Object(
      {
        ...shown,
        secret: text(
          'What deliveries are signed with; shown this once',
          'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD8zAyP3VdR5E=',
        ),
      },
      { description: 'The webhook' },
    ),
  },
  { description: 'It is there' },
);
export type RestWebhookCreated = Static<typeof RestWebhookCreated>;

export const RestWebhookChangeBody = Type.Object(
  {
    orgId: OrganizationId,
    webhookId: WebhookId,
    name: Type.Optional(name),
    url: Type.Optional(url),
    events: Type.Optional(events),
    enabled: facts.enabled,
    deliveryVersion: facts.deliveryVersion,
  },
  { description: 'What is left out stays as it is' },
);
export const RestWebhookChanged = Type.Object(
  { status: text('That it was done', 'Webhook updated'), webhook: RestWebhook },
  { description: 'The webhook as it is now' },
);

export const RestWebhookBody = Type.Object(
  { orgId: OrganizationId, webhookId: WebhookId },
  { description: 'Which webhook' },
);
export const RestWebhookDeleted = Type.Object(
  { status: text('That it was done', 'Webhook deleted'), webhookId: WebhookId },
  { description: 'It is gone with its deliveries' },
);

export const RestWebhookTested = Type.Object(
  {
    success: flag('Whether the receiver took the test event'),
    status: nullable(
      Type.Integer({
        description: 'The HTTP status of its answer; null when there was none',
        examples: [200],
      }),
    ),
    duration_ms: nullable(count('How long it took', 87)),
    response_preview: Type.String({
      description: 'The beginning of its answer, or why there was none',
      examples: ['ok'],
    }),
    delivery_id: text('The delivery: a UUID', exampleWebhookId),
    message: text('What came of it, for people', 'The receiver took the event'),
  },
  { description: 'What came of it' },
);
export type RestWebhookTested = Static<typeof RestWebhookTested>;

/** A delivery as the REST API shows it. */
export const RestDelivery = Type.Object(
  {
    id: text('The delivery: a UUID', exampleWebhookId),
    webhook_id: WebhookId,
    org_id: OrganizationId,
    audit_log_id: nullable(
      Type.Integer({ description: 'The entry of the audit log it tells of', examples: [12] }),
    ),
    event_type: text('The event', 'channels.UPDATE'),
    status: oneOf(['pending', 'success', 'failed'], 'What became of it'),
    request_payload: Type.Record(
      Type.String(),
      Type.Unknown({ description: 'A field', examples: ['channels.UPDATE'] }),
      { description: 'The body', examples: [{ event: 'channels.UPDATE' }] },
    ),
    response_status: nullable(
      Type.Integer({ description: 'The HTTP status of the last answer', examples: [200] }),
    ),
    response_body: nullable(text('The beginning of the last answer, or why there was none', 'ok')),
    response_headers: Type.Union(
      [
        Type.Record(Type.String(), Type.String({ description: 'A value', examples: ['text/plain'] }), {
          description: 'Headers',
          examples: [{ 'content-type': 'text/plain' }],
        }),
        Type.Null(),
      ],
      { description: 'Those of the last answer', examples: [{ 'content-type': 'text/plain' }] },
    ),
    attempt_count: count('Attempts so far', 1),
    max_attempts: count('Attempts after which it is given up', 10),
    next_retry_at: nullable(timestamp('When it is sent again; null when it is over')),
    created_at: timestamp('When the event came'),
    completed_at: nullable(timestamp('When it was delivered or given up')),
    duration_ms: nullable(count('How long the last attempt took', 87)),
    delivery_version: version,
  },
  { description: 'One event for one webhook' },
);
export type RestDelivery = Static<typeof RestDelivery>;

export const RestDeliveryQuery = Type.Object(
  {
    orgId: OrganizationId,
    webhookId: WebhookId,
    page,
    status: Type.Optional(oneOf(['pending', 'success', 'failed'], 'Only those of this status')),
  },
  { description: 'Of which webhook' },
);
export const RestDeliveryList = Type.Object(
  {
    deliveries: Type.Array(RestDelivery, { description: 'Newest first' }),
    pagination: Type.Object(
      {
        page: count('The page, counted from 0', 0),
        per_page: count('Most deliveries of a page', 50),
        total: count('How many there are', 1),
        has_more: flag('Whether there is a next page', false),
      },
      { description: 'Where in the list that is' },
    ),
  },
  { description: 'A page of deliveries' },
);
export type RestDeliveryList = Static<typeof RestDeliveryList>;

export const RestDeliveryRetryBody = Type.Object(
  { orgId: OrganizationId, deliveryId: text('The delivery: a UUID', exampleWebhookId) },
  { description: 'Which delivery' },
);
export const RestDeliveryRetried = Type.Object(
  {
    status: text('That it was done', 'Delivery queued for retry'),
    deliveryId: text('The delivery: a UUID', exampleWebhookId),
  },
  { description: 'It is sent again' },
);
