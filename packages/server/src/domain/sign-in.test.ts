import { describe, expect, it } from 'vitest';
import { admit, type Claims, claimsNeeded, findClaim, type SignInRules, verifiedEmail } from './sign-in.ts';

const open: SignInRules = { emails: [], domains: [], roleClaim: null, roleValues: [] };
const ada: Claims = { sub: 'u-1', email: 'Ada@Example.com', email_verified: true, groups: ['ota', 'staff'] };

function outcome(claims: Claims, rules: Partial<SignInRules>): string {
  const entry = admit(claims, { ...open, ...rules });
  return 'refusal' in entry ? entry.refusal : entry.caller.role;
}

describe('a person of the identity provider', () => {
  it('is an admin of all apps when nothing restricts entry, named by its address', () => {
    expect(admit(ada, open)).toEqual({
      caller: {
        ...{ kind: 'user', id: 'u-1', name: 'Ada@Example.com', email: 'ada@example.com' },
        ...{ role: 'admin', apps: null },
      },
    });
  });

  it.each([
    ['a verified one, in any letter case', {}, 'ada@example.com'],
    ['one that a text calls verified', { email_verified: 'true' }, 'ada@example.com'],
    ['an unverified one', { email_verified: false }, undefined],
    ['one of which nothing is said', { email_verified: undefined }, undefined],
    ['one that is called verified in another way', { email_verified: 1 }, undefined],
    ['none', { email: undefined }, undefined],
    ['one that is no text', { email: ['ada@example.com'] }, undefined],
  ])('is known by its address only when that is verified: %s', (_which, claims, email) => {
    expect(verifiedEmail({ ...ada, ...claims })).toBe(email);
    const entry = admit({ ...ada, ...claims }, open);
    expect('caller' in entry && entry.caller.email).toBe(email);
  });

  it.each<[string, Partial<SignInRules>, Record<string, unknown>, string | RegExp]>([
    ['a listed address, in any letter case', { emails: ['ada@example.com'] }, {}, 'admin'],
    ['another address', { emails: ['eve@example.com'] }, {}, /not one of those/],
    ['an address of a listed domain', { domains: ['example.com'] }, {}, 'admin'],
    [
      'an address below a listed domain',
      { domains: ['example.com'] },
      { email: 'a@x.example.com' },
      /not one/,
    ],
    [
      'an address that only ends like it',
      { domains: ['example.com'] },
      { email: 'a@notexample.com' },
      /not one/,
    ],
    ['an address with two @', { domains: ['example.com'] }, { email: 'a@example.com@evil.org' }, /not one/],
    ['a domain as address', { domains: ['example.com'] }, { email: 'example.com' }, /not one/],
    ['either a listed address or domain', { emails: ['x@y.z'], domains: ['example.com'] }, {}, 'admin'],
    ['no address', { domains: ['example.com'] }, { email: undefined }, /tells no email/],
    [
      'an address that is no text',
      { emails: ['ada@example.com'] },
      { email: ['ada@example.com'] },
      /tells no/,
    ],
    ['an unverified address', { domains: ['example.com'] }, { email_verified: false }, /not verified/],
    [
      'one that a text calls unverified',
      { domains: ['example.com'] },
      { email_verified: 'false' },
      /not verified/,
    ],
    [
      'an address of which nothing is said',
      { domains: ['example.com'] },
      { email_verified: undefined },
      'admin',
    ],
    ['a verified one where no address counts', {}, { email_verified: false }, 'admin'],
  ])('with %s', (_which, rules, claims, expected) => {
    expect(outcome({ ...ada, ...claims }, rules)).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    );
  });

  const values = [
    { value: 'ota', role: 'upload' },
    { value: 'ota-admins', role: 'admin' },
    { value: 'staff', role: 'read' },
  ] as const;
  it.each<[string, Partial<SignInRules>, Record<string, unknown>, string | RegExp]>([
    ['the greatest of its values', { roleClaim: 'groups', roleValues: values }, {}, 'upload'],
    [
      'a value that stands for no role',
      { roleClaim: 'groups', roleValues: values },
      { groups: ['x'] },
      /no role/,
    ],
    [
      'the name of a role, when values stand for roles',
      { roleClaim: 'groups', roleValues: values },
      { groups: ['admin'] },
      /no role/,
    ],
    ['the name of a role', { roleClaim: 'groups' }, { groups: ['other', 'write'] }, 'write'],
    ['no such claim', { roleClaim: 'roles' }, {}, /no role/],
    [
      'a claim that is neither text nor list',
      { roleClaim: 'groups' },
      { groups: { admin: true } },
      /no role/,
    ],
    ['a text of one value', { roleClaim: 'role' }, { role: 'upload' }, 'upload'],
    ['a text of several values', { roleClaim: 'scope' }, { scope: 'openid upload read' }, 'upload'],
    [
      'a text that is one value with a blank',
      { roleClaim: 'role', roleValues: [{ value: 'OTA Admin', role: 'admin' }] },
      { role: 'OTA Admin' },
      'admin',
    ],
    [
      'a claim at a path',
      { roleClaim: 'realm_access.roles' },
      { realm_access: { roles: ['write'] } },
      'write',
    ],
    [
      'a claim whose name is a URL',
      { roleClaim: 'https://example.com/roles' },
      { 'https://example.com/roles': ['read'] },
      'read',
    ],
    ['a path into what every object has', { roleClaim: 'constructor.name' }, {}, /no role/],
    [
      'a role and a wrong address',
      { roleClaim: 'groups', domains: ['evil.org'] },
      { groups: ['admin'] },
      /not one/,
    ],
    [
      'a right address and no role',
      { roleClaim: 'groups', domains: ['example.com'] },
      { groups: [] },
      /no role/,
    ],
  ])('may do what its claim says: %s', (_which, rules, claims, expected) => {
    expect(outcome({ ...ada, ...claims }, rules)).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    );
  });

  it.each([
    [{ sub: 's', preferred_username: 'ada' }, 'ada'],
    [{ sub: 's', name: 'Ada L.' }, 'Ada L.'],
    [{ sub: 's' }, 's'],
    [{ sub: 's', email: 'a\nb@example.com' }, 'a b@example.com'],
    [{ sub: 's', name: 'x'.repeat(500) }, 'x'.repeat(200)],
  ])('is named for people by what there is: %j', (claims, name) => {
    expect(admit(claims, open)).toMatchObject({ caller: { id: 's', name } });
  });
});

it('the claims that entry needs are those that the rules look at', () => {
  expect(claimsNeeded(open)).toEqual([]);
  expect(claimsNeeded({ ...open, domains: ['example.com'], roleClaim: 'groups' })).toEqual([
    'email',
    'groups',
  ]);
  expect(findClaim({ a: { b: 1 }, 'a.b': 2 }, 'a.b')).toBe(2);
});
