import type { ChangedBy } from '../domain/actor.ts';
import type { Member } from '../domain/member.ts';
import type { Organization } from '../domain/organization.ts';

/** What may be said of an organization later. */
export type OrganizationChange = Partial<
  Omit<Organization, 'id' | 'isDefault' | 'createdBy' | 'createdAtMs' | 'updatedAtMs'>
>;

export interface OrganizationStore {
  /** All, the oldest first. */
  listOrganizations(): Promise<readonly Organization[]>;
  findOrganization(id: string): Promise<Organization | undefined>;
  /** That of an app; the default one for an app that nobody has registered. */
  findOrganizationOfApp(appId: string): Promise<Organization>;
  /** The ids of the apps that belong to one of them. */
  listAppIdsOf(organizationIds: readonly string[]): Promise<readonly string[]>;
  /** Adds an organization that is not the default one, with its first member if there is one. */
  insertOrganization(organization: Organization, founder: Member | undefined, by: ChangedBy): Promise<void>;
  /**
   * Sets what is given and leaves the rest as it is at that moment: of changes made at once none is lost. Rejects with
   * `organization_not_found`.
   */
  updateOrganization(id: string, change: OrganizationChange, by: ChangedBy): Promise<Organization>;
  /**
   * Deletes it with its members and webhooks. Rejects with `organization_not_found`, and with `organization_in_use` for
   * the default one and for one that has apps.
   */
  deleteOrganization(id: string, by: ChangedBy): Promise<void>;
}

export interface MemberStore {
  /** By address. */
  listMembers(organizationId: string): Promise<readonly Member[]>;
  /** In all organizations. */
  findMemberships(email: string): Promise<readonly Member[]>;
  /**
   * Adds the member, or gives one of the same address the role. Rejects with `organization_not_found`, and with
   * `last_super_admin` when nobody would be left who is one.
   */
  putMember(member: Member, by: ChangedBy): Promise<Member>;
  /** Rejects with `member_not_found`, and with `last_super_admin` as `putMember`. */
  deleteMember(organizationId: string, email: string, by: ChangedBy): Promise<Member>;
  /** Notes that the person has signed in, once. */
  acceptMemberships(email: string, nowMs: number): Promise<void>;
}
