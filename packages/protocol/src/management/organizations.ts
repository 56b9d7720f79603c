import { type Static, Type } from 'typebox';
import { flag } from './fields.ts';
import { organizationRules, RestOrganization } from './rest-organizations.ts';

const { customer_id: _, ...facts } = RestOrganization.properties;

/** An organization with what it demands, which the REST API tells only of one that was just changed. */
export const OrganizationView = Type.Object(
  {
    ...facts,
    is_default: flag('Apps belong to it when nobody says another'),
    ...organizationRules,
  },
  { title: 'Organization', description: 'An organization and its rules' },
);
export type OrganizationView = Static<typeof OrganizationView>;

export const OrganizationList = Type.Object(
  { data: Type.Array(OrganizationView, { description: 'The default one first' }) },
  { description: 'Those that concern the caller' },
);
