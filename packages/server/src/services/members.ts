import { randomUUID } from 'node:crypto';
import type { Caller, Role } from '../domain/access.ts';
import { actorOf } from '../domain/actor.ts';
import { AppError } from '../domain/errors.ts';
import { type Member, type MemberRole, memberRoles, outranks, roleOfMember } from '../domain/member.ts';
import type { Clock } from '../ports/clock.ts';
import type { MemberStore, OrganizationStore } from '../ports/organizations.ts';
import { cleanEmail } from './organizations.ts';

/** What a person who signs in may do. */
export interface MemberAccess {
  readonly role: Role;
  /** null for all, also those to come. */
  readonly apps: ReadonlySet<string> | null;
}

export interface Members {
  /** By address. Rejects with `organization_not_found`. */
  list(organizationId: string): Promise<readonly Member[]>;
  /**
   * Makes who has that address a member, or gives a member the role; no mail is sent. Rejects with `invalid_request`,
   * with `forbidden` for a role above the caller's own, with `organization_not_found` and with `last_super_admin`.
   */
  invite(organizationId: string, email: string, role: MemberRole, caller: Caller): Promise<Member>;
  /**
   * Rejects with `member_not_found`, with `forbidden` when the member is above the caller, and with `last_super_admin`.
   */
  remove(organizationId: string, email: string, caller: Caller): Promise<void>;
  /**
   * What a person of that address may do when they sign in, and notes that they did; undefined for nobody's member. Of
   * several memberships the highest role counts, for the apps of the organizations in which the person has it; on a
   * server with one organization that is every app.
   */
  findRole(email: string): Promise<MemberAccess | undefined>;
}

export function createMembers(deps: {
  readonly store: MemberStore & OrganizationStore;
  readonly clock: Clock;
}): Members {
  const { store, clock } = deps;

  /** Keys and tokens that get this far may do everything; a person may do what their membership says. */
  async function rankOf(caller: Caller, organizationId: string): Promise<MemberRole> {
    if (caller.kind !== 'user') return 'super_admin';
    // Whose address nobody vouches for is no member, and no more than who is none with one that is vouched for.
    if (caller.email === undefined) return caller.role;
    const memberships = await store.findMemberships(caller.email.toLowerCase());
    return memberships.find((member) => member.organizationId === organizationId)?.role ?? caller.role;
  }

  async function requireOrganization(id: string): Promise<void> {
    if (await store.findOrganization(id)) return;
    throw new AppError('organization_not_found', `There is no organization ${id}`);
  }

  async function findMember(organizationId: string, email: string): Promise<Member | undefined> {
    const memberships = await store.findMemberships(email);
    return memberships.find((member) => member.organizationId === organizationId);
  }

  return {
    async list(organizationId) {
      await requireOrganization(organizationId);
      return store.listMembers(organizationId);
    },

    async invite(organizationId, given, role, caller) {
      const email = cleanEmail(given, 'email');
      await requireOrganization(organizationId);
      const rank = await rankOf(caller, organizationId);
      const current = await findMember(organizationId, email);
      if (outranks(role, rank) || (current && outranks(current.role, rank))) {
        throw new AppError('forbidden', 'Nobody can give or take a role above their own');
      }
      const nowMs = clock.now();
      const member: Member = {
        ...{ id: randomUUID(), organizationId, email, role, acceptedAtMs: null },
        ...{ createdAtMs: nowMs, updatedAtMs: nowMs },
      };
      return store.putMember(member, { actor: actorOf(caller), atMs: nowMs });
    },

    async remove(organizationId, given, caller) {
      const email = cleanEmail(given, 'email');
      await requireOrganization(organizationId);
      const member = await findMember(organizationId, email);
      if (member && outranks(member.role, await rankOf(caller, organizationId))) {
        throw new AppError('forbidden', 'Nobody can remove a member above themselves');
      }
      await store.deleteMember(organizationId, email, { actor: actorOf(caller), atMs: clock.now() });
    },

    async findRole(given) {
      const email = given.trim().toLowerCase();
      const memberships = await store.findMemberships(email);
      const highest = memberRoles.findLast((role) => memberships.some((member) => member.role === role));
      if (highest === undefined) return undefined;
      if (memberships.some(({ acceptedAtMs }) => acceptedAtMs === null)) {
        await store.acceptMemberships(email, clock.now());
      }
      const role = roleOfMember(highest);
      if ((await store.listOrganizations()).length === 1) return { role, apps: null };
      const held = memberships.filter((member) => roleOfMember(member.role) === role);
      const ids = held.map(({ organizationId }) => organizationId);
      return { role, apps: new Set(await store.listAppIdsOf(ids)) };
    },
  };
}
