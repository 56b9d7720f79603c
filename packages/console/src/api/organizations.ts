import type { OrganizationView } from '@capgo-server/protocol/management/organizations';
import type { RestMember } from '@capgo-server/protocol/management/rest-organizations';
import { queryOptions } from '@tanstack/react-query';
import { api, rest } from './client.ts';

export const organizationsQuery = queryOptions({
  queryKey: ['organizations'],
  queryFn: async ({ signal }) =>
    (await api.get<{ data: readonly OrganizationView[] }>('organizations.list', undefined, signal)).data,
});

/** What is left out stays as it is; null takes away. */
export type OrganizationChange = Partial<
  Pick<OrganizationView, 'name' | 'website' | 'management_email'> &
    Pick<OrganizationView, 'require_apikey_expiration' | 'max_apikey_expiration_days'> &
    Pick<OrganizationView, 'enforce_encrypted_bundles' | 'required_encryption_key'>
>;
export const changeOrganization = (orgId: string, change: OrganizationChange) =>
  rest.send('PUT', '/organization', { orgId, ...change });

export const membersQuery = (orgId: string) =>
  queryOptions({
    queryKey: ['members', orgId],
    queryFn: async ({ signal }) =>
      (await rest.getDocumented<{ data: readonly RestMember[] }>('/organization/members', { orgId }, signal))
        .data,
  });

/** Makes somebody a member, or gives a member another role. */
export const putMember = (orgId: string, email: string, role: string) =>
  rest.send('POST', '/organization/members', { orgId, email, invite_type: role });
export const removeMember = (orgId: string, email: string) =>
  rest.send('DELETE', '/organization/members', { orgId, email });
