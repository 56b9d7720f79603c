import { expect, it } from 'vitest';
import { buildNewApiKey, someTimeMs } from '../testing/builders.ts';
import { type ApiKeyAction, callerOf, isExpired, mayDoWithKey } from './api-key.ts';

it('a key is good up to the millisecond before it expires, and for ever without an end', () => {
  expect(isExpired({ expiresAtMs: someTimeMs }, someTimeMs - 1)).toBe(false);
  expect(isExpired({ expiresAtMs: someTimeMs }, someTimeMs)).toBe(true);
  expect(isExpired({ expiresAtMs: null }, Number.MAX_SAFE_INTEGER)).toBe(false);
});

it('who calls with a key is known by its number, and may do what the key may', () => {
  const key = {
    ...buildNewApiKey({ name: 'CI', role: 'upload', apps: ['com.example.a'] }),
    id: 7,
    lastUsedAtMs: null,
  };
  const apps = new Set(['com.example.a']);
  const caller = { kind: 'api_key', id: '7', name: 'CI', role: 'upload', apps };
  expect(callerOf({ ...key, expiresAtMs: someTimeMs })).toEqual(caller);
  expect(callerOf({ ...key, expiresAtMs: null })).toEqual({ ...caller, isEndless: true });
  expect(callerOf({ ...key, apps: null }).apps).toBeNull();
});

const actions: readonly (readonly [ApiKeyAction, onItself: boolean, onAnother: boolean])[] = [
  [{ kind: 'create' }, false, false],
  [{ kind: 'regenerate' }, false, false],
  [{ kind: 'revoke' }, false, true],
  [{ kind: 'change', isOfRights: false }, false, true],
  [{ kind: 'change', isOfRights: true }, false, false],
];
it.each(actions)('a key may do %j with itself: %j, with another one: %j', (action, onItself, onAnother) => {
  const key = { kind: 'api_key', id: '7' } as const;
  expect(mayDoWithKey(key, action.kind === 'create' ? null : 7, action)).toBe(onItself);
  expect(mayDoWithKey(key, action.kind === 'create' ? null : 8, action)).toBe(onAnother);
  for (const kind of ['management_token', 'user'] as const) {
    expect(mayDoWithKey({ kind, id: '7' }, 7, action)).toBe(true);
  }
});
