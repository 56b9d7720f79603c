import { randomUUID } from 'node:crypto';
import type { Caller } from '../domain/access.ts';
import { type Actor, actorOf } from '../domain/actor.ts';
import { AppError } from '../domain/errors.ts';
import {
  type Organization,
  type OrganizationRules,
  organizationRuleDefaults,
  requireKeyExpiration,
} from '../domain/organization.ts';
import type { Clock } from '../ports/clock.ts';
import type { OrganizationChange, OrganizationStore } from '../ports/organizations.ts';

/** What is said of a new organization; texts as they came. */
export interface OrganizationFacts {
  readonly name: string;
  readonly managementEmail?: string | undefined;
  readonly website?: string | undefined;
}

export interface Organizations {
  /** Those that concern the caller: all, or, for who may see some apps only, theirs and the default one. */
  list(caller: Pick<Caller, 'apps'>): Promise<readonly Organization[]>;
  /** One of those; undefined for any other. */
  find(caller: Pick<Caller, 'apps'>, id: string): Promise<Organization | undefined>;
  /** The ids of its apps. */
  listAppIds(id: string): Promise<readonly string[]>;
  /** Founds one. Who is a person becomes its first super admin. Rejects with `invalid_request`. */
  create(facts: OrganizationFacts, caller: Caller): Promise<Organization>;
  /** Rejects with `invalid_request` and `organization_not_found`. */
  change(id: string, change: OrganizationChange, actor: Actor): Promise<Organization>;
  /** Rejects with `organization_not_found` and `organization_in_use`. */
  delete(id: string, actor: Actor): Promise<void>;
  /** The rules that hold for bundles of an app. */
  rulesOfApp(appId: string): Promise<OrganizationRules>;
  /**
   * Rejects with `invalid_request` when a rule of any organization whose apps a key may see does not let the key end
   * then.
   *
   * @param apps null for all
   * @param expiresAtMs null for never
   */
  requireKeyExpiration(apps: ReadonlySet<string> | null, expiresAtMs: number | null): Promise<void>;
}

const minNameLength = 3;
const maxTextLength = 2_048;
const maxNameLength = 255;

function invalid(message: string): AppError {
  return new AppError('invalid_request', message);
}

/** A name without markup, which consoles would show. */
function cleanName(text: string): string {
  const name = text
    .replace(/<[^>]*>/g, '')
    .replace(/\p{Cc}/gu, ' ')
    .trim();
  if (name.length < minNameLength || name.length > maxNameLength) {
    throw invalid(`name must have ${minNameLength} to ${maxNameLength} characters`);
  }
  return name;
}

/** An http or https URL; one without a scheme is taken for https. */
function cleanUrl(text: string, field: string): string | null {
  if (text.trim() === '') return null;
  const full = /^[a-z][a-z0-9+.-]*:/i.test(text.trim()) ? text.trim() : `https://${text.trim()}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw invalid(`${field} must be an http or https URL`);
  }
  if (url.username !== '' || url.password !== '')
    throw invalid(`${field} must not hold a user or a password`);
  if (url.href.length > maxTextLength) throw invalid(`${field} must be at most ${maxTextLength} characters`);
  return url.href;
}

/** An e-mail address in the letter case it is compared in. Rejects with `invalid_request`. */
export function cleanEmail(text: string, field: string): string {
  const email = text.trim().toLowerCase();
  if (email.length > 254 || !/^[^\s@\p{Cc}]{1,64}@[^\s@\p{Cc}]+$/u.test(email)) {
    throw invalid(`${field} must be an e-mail address`);
  }
  return email;
}

/** What the official CLI prints of a public key, which is what its bundles are marked with. */
function checkEncryptionKey(key: string): void {
  if (!/^\S{20,21}$/.test(key)) throw invalid('required_encryption_key must be 20 or 21 characters');
}

function checkMaxKeyDays(days: number): void {
  if (!Number.isInteger(days) || days < 1 || days > 365) {
    throw invalid('max_apikey_expiration_days must be 1 to 365');
  }
}

function cleanChange(change: OrganizationChange): OrganizationChange {
  const { name, logo, website, managementEmail, maxKeyExpirationDays, requiredEncryptionKey } = change;
  if (typeof maxKeyExpirationDays === 'number') checkMaxKeyDays(maxKeyExpirationDays);
  if (requiredEncryptionKey) checkEncryptionKey(requiredEncryptionKey);
  return {
    ...change,
    ...(name === undefined ? {} : { name: cleanName(name) }),
    ...(logo === undefined ? {} : { logo: cleanUrl(logo ?? '', 'logo') }),
    ...(website === undefined ? {} : { website: cleanUrl(website ?? '', 'website') }),
    ...(managementEmail === undefined
      ? {}
      : { managementEmail: managementEmail ? cleanEmail(managementEmail, 'management_email') : null }),
    ...(requiredEncryptionKey === undefined ? {} : { requiredEncryptionKey: requiredEncryptionKey || null }),
  };
}

export function createOrganizations(deps: {
  readonly store: OrganizationStore;
  readonly clock: Clock;
}): Organizations {
  const { store, clock } = deps;

  async function ofApps(apps: ReadonlySet<string>): Promise<readonly Organization[]> {
    const found = new Map<string, Organization>();
    for (const appId of apps) {
      const organization = await store.findOrganizationOfApp(appId);
      found.set(organization.id, organization);
    }
    return [...found.values()];
  }

  async function concerning(apps: ReadonlySet<string>): Promise<readonly Organization[]> {
    const ids = new Set((await ofApps(apps)).map(({ id }) => id));
    return (await store.listOrganizations()).filter(({ id, isDefault }) => isDefault || ids.has(id));
  }

  const list: Organizations['list'] = ({ apps }) =>
    apps === null ? store.listOrganizations() : concerning(apps);

  return {
    list,
    find: async (caller, id) => (await list(caller)).find((organization) => organization.id === id),

    listAppIds: (id) => store.listAppIdsOf([id]),

    async create(facts, caller) {
      const nowMs = clock.now();
      const { managementEmail, website } = facts;
      const organization: Organization = {
        ...{ id: randomUUID(), name: cleanName(facts.name), isDefault: false, logo: null },
        website: cleanUrl(website ?? '', 'website'),
        managementEmail: managementEmail ? cleanEmail(managementEmail, 'email') : null,
        ...{ createdBy: caller.id, ...organizationRuleDefaults, createdAtMs: nowMs, updatedAtMs: nowMs },
      };
      const founder =
        caller.kind === 'user' && caller.email !== undefined
          ? {
              ...{ id: randomUUID(), organizationId: organization.id, email: caller.email.toLowerCase() },
              ...{
                role: 'super_admin' as const,
                acceptedAtMs: nowMs,
                createdAtMs: nowMs,
                updatedAtMs: nowMs,
              },
            }
          : undefined;
      await store.insertOrganization(organization, founder, { actor: actorOf(caller), atMs: nowMs });
      return organization;
    },

    async change(id, change, actor) {
      return store.updateOrganization(id, cleanChange(change), { actor, atMs: clock.now() });
    },

    delete: (id, actor) => store.deleteOrganization(id, { actor, atMs: clock.now() }),

    rulesOfApp: (appId) => store.findOrganizationOfApp(appId),

    async requireKeyExpiration(apps, expiresAtMs) {
      const nowMs = clock.now();
      const concerned = apps === null ? await store.listOrganizations() : await ofApps(apps);
      for (const organization of concerned) requireKeyExpiration(organization, expiresAtMs, nowMs);
    },
  };
}
