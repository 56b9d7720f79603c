import { describe, expect, it } from 'vitest';
import { givableRoles, isSelf, memberRoles } from './member-roles.ts';

const members = [
  { email: 'olga@example.com', role: 'super_admin' },
  { email: 'ivan@example.com', role: 'admin' },
];
const person = (name: string) => ({ kind: 'user' as const, name, role: 'admin' });

describe('the roles that somebody may give', () => {
  it('are all for keys and tokens', () => {
    const token = { kind: 'management_token', name: 'ivan@example.com', role: 'admin' } as const;
    expect(givableRoles(token, members)).toEqual(memberRoles);
    expect(isSelf(token, { email: 'ivan@example.com' })).toBe(false);
  });

  it('are none above a person’s own', () => {
    expect(givableRoles(person('Olga@example.com'), members)).toEqual(memberRoles);
    expect(givableRoles(person('ivan@example.com'), members)).toEqual(['read', 'upload', 'write', 'admin']);
    // Let in by the rules of the sign-in, and nobody's member.
    expect(givableRoles(person('new@example.com'), members)).toEqual(['read', 'upload', 'write', 'admin']);
    expect(isSelf(person('Olga@example.com'), { email: 'olga@example.com' })).toBe(true);
  });
});
