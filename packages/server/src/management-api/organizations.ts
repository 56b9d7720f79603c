import { OrganizationList } from '@capgo-server/protocol/management/organizations';
import type { Organizations } from '../services/organizations.ts';
import { toOrganizationView } from './organization-view.ts';
import type { ManagementRoute } from './route.ts';

export interface OrganizationRoutesDeps {
  readonly organizations: Pick<Organizations, 'list'>;
}

export function organizationRoutes({ organizations }: OrganizationRoutesDeps): readonly ManagementRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/api/v1/organizations.list', permission: 'organization.read' },
      handler: async (_request, _reply, caller) => ({
        data: (await organizations.list(caller)).map(toOrganizationView),
      }),
      docs: {
        operationId: 'organizationsList',
        tag: 'organization',
        summary: 'The organizations that concern the caller, with their rules',
        answer: OrganizationList,
      },
    },
  ];
}
