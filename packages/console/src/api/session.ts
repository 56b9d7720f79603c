import type { SessionView } from '@capgo-server/protocol/management/session';
import { queryOptions, useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { api } from './client.ts';
import { credentialState, onCredentialChange } from './credential.ts';

/** What a caller may be permitted; names as the server has them. */
export type Permission =
  | 'apps.read'
  | 'apps.create'
  | 'apps.change'
  | 'apps.delete'
  | 'bundles.read'
  | 'bundles.upload'
  | 'bundles.change'
  | 'bundles.delete'
  | 'releases.read'
  | 'releases.change'
  | 'channels.read'
  | 'channels.change'
  | 'channels.deploy'
  | 'channels.delete'
  | 'devices.read'
  | 'devices.change'
  | 'statistics.read'
  | 'organization.read'
  | 'organization.change'
  | 'members.read'
  | 'members.change'
  | 'audit.read'
  | 'webhooks.manage'
  | 'keys.manage';

/** Changes with every sign-in and sign-out. */
export function useCredential(): string | undefined {
  return useSyncExternalStore(onCredentialChange, credentialState);
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => api.get<SessionView>('session.get', undefined, signal),
  staleTime: 60_000,
});

export function useSession(): SessionView {
  return useSuspenseQuery(sessionQuery).data;
}

/** Whether the operator's role allows it; what it does not is not offered. */
export function useCan(): (permission: Permission) => boolean {
  const { data } = useQuery(sessionQuery);
  return (permission) => data?.permissions.includes(permission) ?? false;
}
