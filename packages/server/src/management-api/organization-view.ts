import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { OrganizationView } from '@capgo-server/protocol/management/organizations';
import type { RestOrganization } from '@capgo-server/protocol/management/rest-organizations';
import type { Organization } from '../domain/organization.ts';

export function toRestOrganization(organization: Organization): RestOrganization {
  return {
    id: organization.id,
    created_by: organization.createdBy,
    created_at: formatTimestamp(organization.createdAtMs),
    updated_at: formatTimestamp(organization.updatedAtMs),
    logo: organization.logo,
    name: organization.name,
    management_email: organization.managementEmail,
    customer_id: null,
    website: organization.website,
  };
}

/** What an organization demands, as both management APIs show it. */
export function rulesOf(organization: Organization) {
  return {
    require_apikey_expiration: organization.requireKeyExpiration,
    max_apikey_expiration_days: organization.maxKeyExpirationDays,
    enforce_hashed_api_keys: true,
    enforce_encrypted_bundles: organization.enforceEncryptedBundles,
    required_encryption_key: organization.requiredEncryptionKey,
    enforcing_2fa: false,
  };
}

export function toOrganizationView(organization: Organization): OrganizationView {
  const { customer_id: _, ...facts } = toRestOrganization(organization);
  return { ...facts, is_default: organization.isDefault, ...rulesOf(organization) };
}
