import type { RestMember } from '@capgo-server/protocol/management/rest-organizations';
import type { SessionView } from '@capgo-server/protocol/management/session';

/** What members may do, from least to most. */
export const memberRoles = ['read', 'upload', 'write', 'admin', 'super_admin'] as const;
export type MemberRole = (typeof memberRoles)[number];

export const memberRoleWords: Readonly<Record<MemberRole, string>> = {
  read: 'Sees everything',
  upload: 'Uploads bundles, too',
  write: 'Changes channels, releases and devices, too',
  admin: 'Everything, also keys, members, webhooks and deleting apps',
  super_admin: 'The same, and admins cannot remove them',
};

/** `super admin`. */
export const roleName = (role: string) => role.replace('_', ' ');

type Member = Pick<RestMember, 'email' | 'role'>;

export function isSelf(
  session: Pick<SessionView, 'kind' | 'name'>,
  { email }: Pick<Member, 'email'>,
): boolean {
  return session.kind === 'user' && session.name.toLowerCase() === email;
}

const rank = (role: string) => (memberRoles as readonly string[]).indexOf(role);

/** The roles that the caller may give: none above their own. Keys and tokens that get this far may give all. */
export function givableRoles(
  session: Pick<SessionView, 'kind' | 'name' | 'role'>,
  members: readonly Member[],
): readonly MemberRole[] {
  if (session.kind !== 'user') return memberRoles;
  const own = members.find((member) => isSelf(session, member))?.role ?? session.role;
  return memberRoles.filter((role) => rank(role) <= rank(own));
}
