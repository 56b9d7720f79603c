import type {
  RestDelivery,
  RestDeliveryList,
  RestWebhook,
  RestWebhookCreated,
  RestWebhookTested,
  RestWebhookWithStatistics,
} from '@capgo-server/protocol/management/rest-webhooks';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { rest } from './client.ts';

const rowsAPage = 50;

export const webhooksQuery = (orgId: string) =>
  queryOptions({
    queryKey: ['webhooks', orgId],
    queryFn: async ({ signal }) => {
      const webhooks: RestWebhook[] = [];
      for (let page = 0; ; page += 1) {
        const rows = await rest.get<readonly RestWebhook[]>('/webhooks', { orgId, page }, signal);
        webhooks.push(...rows);
        if (rows.length < rowsAPage) return webhooks;
      }
    },
  });

export const webhookQuery = (orgId: string, webhookId: string) =>
  queryOptions({
    queryKey: ['webhooks', orgId, webhookId],
    queryFn: ({ signal }) => rest.get<RestWebhookWithStatistics>('/webhooks', { orgId, webhookId }, signal),
  });

/** What an operator says of a webhook. */
export type WebhookFacts = Pick<RestWebhook, 'name' | 'url' | 'events'> & {
  readonly deliveryVersion: RestWebhook['delivery_version'];
};

/** The answer has the secret, this once. */
export const createWebhook = (orgId: string, facts: WebhookFacts) =>
  rest.send<RestWebhookCreated>('POST', '/webhooks', { orgId, ...facts });
export const changeWebhook = (
  { org_id, id }: Pick<RestWebhook, 'org_id' | 'id'>,
  change: Partial<WebhookFacts & { readonly enabled: boolean }>,
) => rest.send('PUT', '/webhooks', { orgId: org_id, webhookId: id, ...change });
export const deleteWebhook = ({ org_id, id }: Pick<RestWebhook, 'org_id' | 'id'>) =>
  rest.send('DELETE', '/webhooks', { orgId: org_id, webhookId: id });
export const testWebhook = ({ org_id, id }: Pick<RestWebhook, 'org_id' | 'id'>) =>
  rest.send<RestWebhookTested>('POST', '/webhooks/test', { orgId: org_id, webhookId: id });

export type DeliveryStatus = RestDelivery['status'];

/** @param status undefined for all */
export const deliveriesQuery = (orgId: string, webhookId: string, status: DeliveryStatus | undefined) =>
  infiniteQueryOptions({
    queryKey: ['webhooks', orgId, webhookId, 'deliveries', status],
    queryFn: ({ pageParam, signal }) =>
      rest.get<RestDeliveryList>(
        '/webhooks/deliveries',
        { orgId, webhookId, status, page: pageParam },
        signal,
      ),
    initialPageParam: 0,
    getNextPageParam: ({ pagination }) => (pagination.has_more ? pagination.page + 1 : undefined),
  });

export const retryDelivery = ({ org_id, id }: Pick<RestDelivery, 'org_id' | 'id'>) =>
  rest.send('POST', '/webhooks/deliveries/retry', { orgId: org_id, deliveryId: id });
