import type { CounterView } from '@capgo-server/protocol/management/devices';
import { queryOptions } from '@tanstack/react-query';
import { listAll } from './client.ts';

const maxRows = 100_000;

/** The counters of the days from and to, both included. */
export const countersQuery = (appId: string, from: string, to: string) =>
  queryOptions({
    queryKey: ['counters', appId, from, to],
    queryFn: ({ signal }) =>
      listAll<CounterView>('counters.list', { app_id: appId, from, to }, signal, maxRows),
    staleTime: 30_000,
  });
