import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';

/** How an app is doing, with its history of the last days, today included. */
export const overviewQuery = (appId: string, days: number) =>
  queryOptions({
    queryKey: ['overview', appId, days],
    queryFn: async ({ signal }) => {
      const from = new Date(Date.now() - (days - 1) * 86_400_000).toISOString().slice(0, 10);
      return (await api.get<{ data: OverviewView }>('overview.get', { app_id: appId, from }, signal)).data;
    },
    staleTime: 10_000,
    // Another range of the same app: what was shown stays until the new numbers are there.
    placeholderData: (previous, query) => (query?.queryKey[1] === appId ? previous : undefined),
  });
