import type { Bundle } from './bundle.ts';
import { AppError } from './errors.ts';

/**
 * The one that is there from the beginning, and to which apps belong when nobody says another: the same on every server,
 * so that every node knows it without asking.
 */
export const defaultOrganizationId = '046a36ac-e03c-4590-9257-bd6c9dba9ee8';

/** What an organization demands of its bundles and keys. */
export interface OrganizationRules {
  /** API keys must end one day. */
  readonly requireKeyExpiration: boolean;
  /** In how many days at the latest; null for any time. */
  readonly maxKeyExpirationDays: number | null;
  /** Bundles must be encrypted. */
  readonly enforceEncryptedBundles: boolean;
  /** With which key: the first characters of the public one; null for any. */
  readonly requiredEncryptionKey: string | null;
}

/** Whoever runs apps on this server: its own people, rules and webhooks. */
export interface Organization extends OrganizationRules {
  /** A UUID. */
  readonly id: string;
  readonly name: string;
  /** Apps belong to it when nobody says another; there is always exactly one. */
  readonly isDefault: boolean;
  /** A URL. */
  readonly logo: string | null;
  readonly website: string | null;
  readonly managementEmail: string | null;
  /** The id of who founded it; null for the one that came with the server. */
  readonly createdBy: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export const organizationRuleDefaults: OrganizationRules = {
  requireKeyExpiration: false,
  maxKeyExpirationDays: null,
  enforceEncryptedBundles: false,
  requiredEncryptionKey: null,
};

/** So much of a public key a bundle tells: what the official CLI sends as key id. */
const keyIdLength = 20;

/** Throws `encryption_required`, `encryption_key_required` or `encryption_key_mismatch`. */
export function requireEncryption(
  { enforceEncryptedBundles, requiredEncryptionKey }: OrganizationRules,
  { sessionKey, keyId }: Pick<Bundle, 'sessionKey' | 'keyId'>,
): void {
  if (!enforceEncryptedBundles) return;
  if (sessionKey === '') {
    throw new AppError(
      'encryption_required',
      'The organization takes encrypted bundles only: encrypt it and send its session_key',
    );
  }
  if (requiredEncryptionKey === null) return;
  if (keyId === null || keyId === '') {
    throw new AppError(
      'encryption_key_required',
      'The organization takes bundles of one key only: send the key_id that the bundle was encrypted with',
    );
  }
  if (keyId.slice(0, keyIdLength) !== requiredEncryptionKey.slice(0, keyIdLength)) {
    throw new AppError(
      'encryption_key_mismatch',
      'The bundle was encrypted with another key than the organization demands',
    );
  }
}

/**
 * Throws `organization_in_use` for an organization that cannot be deleted: apps without one must have where to be, and none
 * may lose its own.
 */
export function requireUnused({ name, isDefault }: Organization, hasApps: boolean): void {
  if (!isDefault && !hasApps) return;
  const reason = isDefault
    ? 'is the one that apps belong to when nobody says another'
    : 'has apps; delete them first';
  throw new AppError('organization_in_use', `Organization ${name} ${reason}`);
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Throws `invalid_request`, with the reason as detail, for a key that ends later than its organization allows.
 *
 * @param expiresAtMs null for never
 */
export function requireKeyExpiration(
  { requireKeyExpiration: isRequired, maxKeyExpirationDays }: OrganizationRules,
  expiresAtMs: number | null,
  nowMs: number,
): void {
  if (expiresAtMs === null) {
    if (!isRequired) return;
    throw new AppError('invalid_request', 'The organization demands that API keys end: give expires_at', {
      details: { reason: 'expiration_required' },
    });
  }
  if (maxKeyExpirationDays !== null && expiresAtMs > nowMs + maxKeyExpirationDays * dayMs) {
    throw new AppError(
      'invalid_request',
      `The organization demands that API keys end within ${maxKeyExpirationDays} days`,
      { details: { reason: 'expiration_exceeds_max' } },
    );
  }
}
