import type { Role } from './access.ts';
import { AppError } from './errors.ts';

/** What a person may do in an organization; each holds everything of the one before it. */
export const memberRoles = ['read', 'upload', 'write', 'admin', 'super_admin'] as const;
export type MemberRole = (typeof memberRoles)[number];

/** A person who may sign in, by address. */
export interface Member {
  /** A UUID. */
  readonly id: string;
  readonly organizationId: string;
  /** In lower case. */
  readonly email: string;
  readonly role: MemberRole;
  /** When the person signed in first; null while that has not happened. */
  readonly acceptedAtMs: number | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** What a member may do on the server: over an admin a super admin is only safe from being removed by one. */
export function roleOfMember(role: MemberRole): Role {
  return role === 'super_admin' ? 'admin' : role;
}

export function outranks(one: MemberRole, other: MemberRole): boolean {
  return memberRoles.indexOf(one) > memberRoles.indexOf(other);
}

/** The names that the hosted service gives to roles, and others that clients of it know. */
const namesOfRoles: Readonly<Record<string, MemberRole>> = {
  ...{ org_member: 'read', org_billing_admin: 'read', org_admin: 'admin', org_super_admin: 'super_admin' },
  ...Object.fromEntries(
    memberRoles.flatMap((role) => [
      [role, role],
      [`invite_${role}`, role],
    ]),
  ),
};

/** Undefined for a name that nobody knows. */
export function parseMemberRole(name: string): MemberRole | undefined {
  return Object.hasOwn(namesOfRoles, name) ? namesOfRoles[name] : undefined;
}

/** The role as the hosted service calls it, which knows no difference between the lower ones. */
export function hostedRoleName(role: MemberRole): string {
  if (role === 'super_admin') return 'org_super_admin';
  return role === 'admin' ? 'org_admin' : 'org_member';
}

/**
 * Throws `last_super_admin` when a super admin is removed or degraded and nobody is left who could undo it.
 *
 * @param others super admins of the organization beside that one
 */
export function requireOtherSuperAdmin(others: number): void {
  if (others > 0) return;
  throw new AppError(
    'last_super_admin',
    'The last super admin of an organization cannot be removed or degraded',
  );
}
