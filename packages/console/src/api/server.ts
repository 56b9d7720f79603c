import type {
  PublicUrlCheckView,
  ServerView,
  StorageCheckView,
} from '@capgo-server/protocol/management/server';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';

export const serverQuery = queryOptions({
  queryKey: ['server'],
  queryFn: ({ signal }) => api.get<ServerView>('server.get', undefined, signal),
});

export const publicUrlQuery = queryOptions({
  queryKey: ['server', 'public-url'],
  queryFn: ({ signal }) => api.post<PublicUrlCheckView>('server.check-public-url', {}, signal),
  staleTime: 30_000,
});

export function checkStorage(): Promise<StorageCheckView> {
  return api.post('server.check-storage');
}
