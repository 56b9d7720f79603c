import { randomUUID } from 'node:crypto';
import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import type { Caller, Role } from '../domain/access.ts';
import { actorOf } from '../domain/actor.ts';
import {
  type ApiKey,
  type ApiKeyAction,
  apiKeyMaxApps,
  apiKeyNameMaxLength,
  mayDoWithKey,
} from '../domain/api-key.ts';
import { AppError } from '../domain/errors.ts';
import type { ApiKeyIndex, ApiKeyStore } from '../ports/api-keys.ts';
import type { Clock } from '../ports/clock.ts';
import { hashOfKey } from './api-key-callers.ts';
import type { Organizations } from './organizations.ts';

/** What an operator says of a key. */
export interface ApiKeyFacts {
  readonly name: string;
  readonly role: Role;
  /** null for all apps. They need not exist yet. */
  readonly apps: readonly string[] | null;
  /** Epoch milliseconds; null for a key without end. */
  readonly expiresAtMs: number | null;
}

/** What is left out stays as it is. */
export type ApiKeyChanges = { readonly [Fact in keyof ApiKeyFacts]?: ApiKeyFacts[Fact] | undefined };

/** A key, and the text that proves it: this is the only time that it is told. */
export interface ShownApiKey {
  readonly key: ApiKey;
  readonly text: string;
}

/**
 * API keys. Changes are seen by the next request to this node, and by those to others within a second. Each method rejects
 * with `forbidden` when the caller may not do that with the key, and with `invalid_request` (details `field`) for facts
 * that are none, or (details `reason`) for an end that an organization of the key's apps does not allow. Each change is in
 * the audit log.
 */
export interface ApiKeys {
  create(facts: ApiKeyFacts, caller: Caller): Promise<ShownApiKey>;
  /** The newest first. */
  list(): Promise<readonly ApiKey[]>;
  find(id: number): Promise<ApiKey | undefined>;
  /** The key that the text proves, also when it has expired. */
  findByText(text: string): Promise<ApiKey | undefined>;
  /** Rejects with `api_key_not_found`. */
  update(id: number, changes: ApiKeyChanges, caller: Caller): Promise<ApiKey>;
  /** Another text proves the key from then on, and the one before no more. Rejects with `api_key_not_found`. */
  regenerate(id: number, changes: ApiKeyChanges, caller: Caller): Promise<ShownApiKey>;
  /** Rejects with `api_key_not_found`. */
  revoke(id: number, caller: Caller): Promise<ApiKey>;
}

function invalid(field: string, message: string): AppError {
  return new AppError('invalid_request', message, { details: { field } });
}

function checkedName(text: string): string {
  const name = text.trim();
  if (name === '' || name.length > apiKeyNameMaxLength || /\p{Cc}/u.test(name)) {
    throw invalid(
      'name',
      `name must be a text of 1 to ${apiKeyNameMaxLength} characters, without control characters`,
    );
  }
  return name;
}

function checkedApps(given: readonly string[] | null): readonly string[] | null {
  if (given === null) return null;
  const apps = [...new Set(given)].toSorted();
  if (apps.length === 0 || apps.length > apiKeyMaxApps) {
    throw invalid('apps', `apps must name 1 to ${apiKeyMaxApps} apps, or be null for all`);
  }
  for (const appId of apps) {
    if (!isAppId(appId)) {
      throw invalid('apps', 'apps must be reverse-domain ids such as com.example.app');
    }
  }
  return apps;
}

function checkedExpiry(expiresAtMs: number | null, nowMs: number): number | null {
  if (expiresAtMs !== null && expiresAtMs <= nowMs)
    throw invalid('expires_at', 'expires_at must be later than now');
  return expiresAtMs;
}

export function createApiKeys(deps: {
  readonly store: ApiKeyStore;
  readonly index: Pick<ApiKeyIndex, 'refresh'>;
  readonly organizations: Pick<Organizations, 'requireKeyExpiration'>;
  readonly clock: Clock;
}): ApiKeys {
  const { store, index, organizations, clock } = deps;

  /** What is committed holds whatever happens here: this node, too, follows the log of changes. */
  async function published<Result>(result: Result): Promise<Result> {
    await index.refresh().catch(() => undefined);
    return result;
  }

  function requireAllowed(caller: Caller, keyId: number | null, action: ApiKeyAction): void {
    if (mayDoWithKey(caller, keyId, action)) return;
    throw new AppError(
      'forbidden',
      'An API key may not do that with API keys; use a management token or sign in',
    );
  }

  function applied(current: ApiKey, changes: ApiKeyChanges): ApiKey {
    const { name, role, apps, expiresAtMs } = changes;
    return {
      ...current,
      ...(name === undefined ? {} : { name: checkedName(name) }),
      ...(role === undefined ? {} : { role }),
      ...(apps === undefined ? {} : { apps: checkedApps(apps) }),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs: checkedExpiry(expiresAtMs, clock.now()) }),
      updatedAtMs: clock.now(),
    };
  }

  const byCaller = (caller: Caller) => ({ actor: actorOf(caller), atMs: clock.now() });

  function requireEndAllowed({ apps, expiresAtMs }: Pick<ApiKey, 'apps' | 'expiresAtMs'>): Promise<void> {
    return organizations.requireKeyExpiration(apps && new Set(apps), expiresAtMs);
  }

  /** A key that is only renamed stays good although a rule came after it; one that begins anew must keep it. */
  async function requireEndAllowedAfter(id: number, changes: ApiKeyChanges): Promise<void> {
    const current = await store.findApiKey(id);
    if (current) await requireEndAllowed(applied(current, changes));
  }

  function requireChangeAllowed(caller: Caller, id: number, { role, apps }: ApiKeyChanges): void {
    requireAllowed(caller, id, { kind: 'change', isOfRights: role !== undefined || apps !== undefined });
  }

  return {
    async create(facts, caller) {
      requireAllowed(caller, null, { kind: 'create' });
      const now = clock.now();
      const text = randomUUID();
      const given = {
        name: checkedName(facts.name),
        role: facts.role,
        apps: checkedApps(facts.apps),
        rbacId: randomUUID(),
        createdBy: caller.id,
        createdAtMs: now,
        updatedAtMs: now,
        expiresAtMs: checkedExpiry(facts.expiresAtMs, now),
      };
      await requireEndAllowed(given);
      const key = await store.insertApiKey(given, hashOfKey(text), byCaller(caller));
      return published({ key, text });
    },

    list: () => store.listApiKeys(),
    find: (id) => store.findApiKey(id),
    async findByText(text) {
      return (await store.readApiKeyHashes()).get(hashOfKey(text));
    },

    async update(id, changes, caller) {
      requireChangeAllowed(caller, id, changes);
      if (changes.apps !== undefined || changes.expiresAtMs !== undefined) {
        await requireEndAllowedAfter(id, changes);
      }
      const change = (current: ApiKey) => ({ key: applied(current, changes) });
      return published(await store.updateApiKey(id, change, byCaller(caller)));
    },

    async regenerate(id, changes, caller) {
      requireAllowed(caller, id, { kind: 'regenerate' });
      requireChangeAllowed(caller, id, changes);
      const text = randomUUID();
      const hash = hashOfKey(text);
      await requireEndAllowedAfter(id, changes);
      const change = (current: ApiKey) => ({ key: applied(current, changes), hash });
      const key = await store.updateApiKey(id, change, byCaller(caller));
      return published({ key, text });
    },

    async revoke(id, caller) {
      requireAllowed(caller, id, { kind: 'revoke' });
      return published(await store.deleteApiKey(id, byCaller(caller)));
    },
  };
}
