import { expect, it } from 'vitest';
import { actorOf, deviceActor, systemActor } from './actor.ts';
import { auditActorFields, auditOutcome } from './audit.ts';

it.each([
  [null, { a: 1 }, { operation: 'INSERT', changedFields: null }],
  [{ a: 1 }, null, { operation: 'DELETE', changedFields: null }],
  [
    { a: 1, b: 2 },
    { a: 1, b: 3 },
    { operation: 'UPDATE', changedFields: ['b'] },
  ],
  [{ a: ['x'] }, { a: ['x', 'y'], c: null }, { operation: 'UPDATE', changedFields: ['a', 'c'] }],
  [
    { a: 1, updated_at: 1 },
    { a: 2, updated_at: 2 },
    { operation: 'UPDATE', changedFields: ['a'] },
  ],
  [{ a: { b: 1 }, updated_at: 1 }, { a: { b: 1 }, updated_at: 2 }, undefined],
  [null, null, undefined],
])('a change from %j to %j is %j', (before, after, outcome) => {
  expect(auditOutcome({ before, after })).toStrictEqual(outcome);
});

it('actors are told by key or by person, and the server itself by neither', () => {
  const none = {
    ...{ actor_user_id: null, actor_user_email: null, actor_apikey_id: null, actor_apikey_name: null },
  };
  const key = { kind: 'api_key', id: 'k1', name: 'CI', role: 'write', apps: null } as const;
  const asKey = { ...none, actor_type: 'apikey', actor_apikey_id: 'k1', actor_apikey_name: 'CI' };
  expect(auditActorFields(actorOf(key))).toStrictEqual(asKey);
  expect(auditActorFields(actorOf({ ...key, kind: 'management_token' }))).toStrictEqual(asKey);
  expect(auditActorFields(actorOf({ ...key, kind: 'user', email: 'o@example.com' }))).toStrictEqual({
    ...none,
    ...{ actor_type: 'user', actor_user_id: 'k1', actor_user_email: 'o@example.com' },
  });
  expect(auditActorFields(systemActor('auto-pause'))).toStrictEqual({ ...none, actor_type: 'system' });
  expect(auditActorFields(deviceActor('d'))).toStrictEqual({ ...none, actor_type: 'unknown' });
});
