import { describe, expect, it } from 'vitest';
import { hostedRoleName, memberRoles, outranks, parseMemberRole, roleOfMember } from './member.ts';
import { organizationRuleDefaults, requireEncryption, requireKeyExpiration } from './organization.ts';

const codeOf = (run: () => void) => {
  try {
    run();
  } catch (error) {
    return (
      (error as { code: string; details?: { reason?: string } }).details?.reason ??
      (error as { code: string }).code
    );
  }
  return 'fine';
};

describe('an organization that demands encryption', () => {
  const key = 'ABCDEFGHIJKLMNOPQRST';
  const any = { ...organizationRuleDefaults, enforceEncryptedBundles: true };
  const one = { ...any, requiredEncryptionKey: `${key}U` };
  it.each([
    [organizationRuleDefaults, '', null, 'fine'],
    [any, '', null, 'encryption_required'],
    [any, 'iv:key', null, 'fine'],
    [one, '', key, 'encryption_required'],
    [one, 'iv:key', null, 'encryption_key_required'],
    [one, 'iv:key', '', 'encryption_key_required'],
    [one, 'iv:key', 'x'.repeat(20), 'encryption_key_mismatch'],
    [one, 'iv:key', key, 'fine'],
    [{ ...one, enforceEncryptedBundles: false }, '', null, 'fine'],
  ])('%j takes a bundle of session key %j and key %j: %s', (rules, sessionKey, keyId, outcome) => {
    expect(codeOf(() => requireEncryption(rules, { sessionKey, keyId }))).toBe(outcome);
  });
});

describe('an organization that demands that keys end', () => {
  const dayMs = 86_400_000;
  const rules = { ...organizationRuleDefaults, requireKeyExpiration: true, maxKeyExpirationDays: 30 };
  it.each([
    [organizationRuleDefaults, null, 'fine'],
    [rules, null, 'expiration_required'],
    [rules, 30 * dayMs, 'fine'],
    [rules, 30 * dayMs + 1, 'expiration_exceeds_max'],
    [{ ...rules, requireKeyExpiration: false }, null, 'fine'],
    [{ ...rules, maxKeyExpirationDays: null }, 9_000 * dayMs, 'fine'],
  ])('%j, of a key that ends after %s ms: %s', (given, expiresAtMs, outcome) => {
    expect(codeOf(() => requireKeyExpiration(given, expiresAtMs, 0))).toBe(outcome);
  });
});

describe('the roles of members', () => {
  it.each([
    ...memberRoles.flatMap((role) => [
      [role, role],
      [`invite_${role}`, role],
    ]),
    ...[
      ['org_member', 'read'],
      ['org_billing_admin', 'read'],
      ['org_admin', 'admin'],
      ['org_super_admin', 'super_admin'],
    ],
    ...[
      ['', undefined],
      ['owner', undefined],
      ['toString', undefined],
      ['__proto__', undefined],
    ],
  ])('%j is %s', (name, role) => {
    expect(parseMemberRole(String(name))).toBe(role);
  });

  it('rise one after the other, and give what they say', () => {
    for (const [index, role] of memberRoles.entries()) {
      expect(memberRoles.map((other) => outranks(role, other))).toStrictEqual(
        memberRoles.map((_other, place) => index > place),
      );
    }
    expect(memberRoles.map(roleOfMember)).toStrictEqual(['read', 'upload', 'write', 'admin', 'admin']);
    expect(memberRoles.map(hostedRoleName)).toStrictEqual([
      ...['org_member', 'org_member', 'org_member', 'org_admin', 'org_super_admin'],
    ]);
  });
});
