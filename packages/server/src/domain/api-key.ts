import type { Caller, Role } from './access.ts';

/** A stored credential of a program, without what proves it. */
export interface ApiKey {
  /** Never given out twice. */
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  /** The apps it may see and change, each once and sorted; null for all, also those to come. */
  readonly apps: readonly string[] | null;
  /** A UUID that names the key for other systems, for ever. */
  readonly rbacId: string;
  /** The id of the caller who made it. */
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** It is good until then; null for ever. */
  readonly expiresAtMs: number | null;
  /** About when it was used last; null when it never was. */
  readonly lastUsedAtMs: number | null;
}

/** Numbers of keys stay below: not every engine compares greater ones. */
export const apiKeyMaxId = 2_147_483_647;
/** Longest name of a key, in characters. */
export const apiKeyNameMaxLength = 200;
/** Most apps that a key can be limited to. */
export const apiKeyMaxApps = 1_000;

export function isExpired({ expiresAtMs }: Pick<ApiKey, 'expiresAtMs'>, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

/** Who a request with the key is from. */
export function callerOf({ id, name, role, apps, expiresAtMs }: ApiKey): Caller {
  const caller = { kind: 'api_key', id: String(id), name, role, apps: apps && new Set(apps) } as const;
  return expiresAtMs === null ? { ...caller, isEndless: true } : caller;
}

/** What a caller wants of a key. */
export type ApiKeyAction =
  | { readonly kind: 'create' | 'regenerate' | 'revoke' }
  | { readonly kind: 'change'; readonly isOfRights: boolean };

/**
 * Whether a caller who may manage keys may do that with the key, or with a new one for null. A key brings forth no other
 * key, or who got hold of it could outlive its revocation; and it neither changes itself nor what keys may do.
 */
export function mayDoWithKey(
  caller: Pick<Caller, 'kind' | 'id'>,
  keyId: number | null,
  action: ApiKeyAction,
): boolean {
  if (caller.kind !== 'api_key') return true;
  if (action.kind === 'create' || action.kind === 'regenerate') return false;
  if (caller.id === String(keyId)) return false;
  return action.kind !== 'change' || !action.isOfRights;
}
