import type { OrganizationView } from '@capgo-server/protocol/management/organizations';
import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { organizationsQuery } from '../api/organizations.ts';

interface OrganizationChoice {
  /** The one that the address names, else the default one; undefined while that is not known. */
  readonly organization: OrganizationView | undefined;
  readonly error: Error | null;
  readonly retry: () => void;
}

/** The organization that a page is about. */
export function useOrganization(): OrganizationChoice {
  const { org } = useSearch({ strict: false });
  const { data, error, refetch } = useQuery(organizationsQuery);
  const organization = org === undefined ? data?.[0] : data?.find(({ id }) => id === org);
  const isUnknown = data !== undefined && organization === undefined;
  return {
    organization,
    error: isUnknown ? new Error('You see no organization with the id of this address.') : error,
    retry: () => void refetch(),
  };
}

/** Offers the other organizations, where there are any. */
export function OrganizationPicker() {
  const { organization } = useOrganization();
  const { data = [] } = useQuery(organizationsQuery);
  const navigate = useNavigate();
  if (data.length < 2) return null;
  return (
    <Select
      aria-label="Organization"
      allowDeselect={false}
      value={organization?.id ?? null}
      data={data.map(({ id, name }) => ({ value: id, label: name }))}
      onChange={(org) => org && void navigate({ to: '.', search: { org }, replace: true })}
    />
  );
}
