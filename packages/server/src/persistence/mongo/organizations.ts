import { memberChange, organizationChange, webhookChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import { type Member, type MemberRole, requireOtherSuperAdmin } from '../../domain/member.ts';
import { defaultOrganizationId, type Organization, requireUnused } from '../../domain/organization.ts';
import type { MemberStore, OrganizationStore } from '../../ports/organizations.ts';
import { draftAudit } from './audit.ts';
import type { MongoDatabase } from './database.ts';
import { type MemberDocument, notGone, type OrganizationDocument } from './schema.ts';
import { toWebhook } from './webhooks.ts';

function toOrganization(document: OrganizationDocument): Organization {
  return {
    ...{ id: document._id, name: document.name, isDefault: document._id === defaultOrganizationId },
    ...{ logo: document.logo, website: document.website, managementEmail: document.management_email },
    createdBy: document.created_by,
    requireKeyExpiration: document.require_key_expiration,
    maxKeyExpirationDays: document.max_key_expiration_days,
    enforceEncryptedBundles: document.enforce_encrypted_bundles,
    requiredEncryptionKey: document.required_encryption_key,
    ...{ createdAtMs: document.created_at, updatedAtMs: document.updated_at },
  };
}

function toFields(organization: Organization): Omit<OrganizationDocument, '_id'> {
  return {
    name: organization.name,
    ...{ logo: organization.logo, website: organization.website },
    ...{ management_email: organization.managementEmail, created_by: organization.createdBy },
    require_key_expiration: organization.requireKeyExpiration,
    max_key_expiration_days: organization.maxKeyExpirationDays,
    enforce_encrypted_bundles: organization.enforceEncryptedBundles,
    required_encryption_key: organization.requiredEncryptionKey,
    ...{ created_at: organization.createdAtMs, updated_at: organization.updatedAtMs },
  };
}

function toMember(document: MemberDocument): Member {
  return {
    ...{ id: document._id, organizationId: document.org_id, email: document.email },
    ...{ role: document.role as MemberRole, acceptedAtMs: document.accepted_at },
    ...{ createdAtMs: document.created_at, updatedAtMs: document.updated_at },
  };
}

function toMemberDocument(member: Member): MemberDocument {
  return {
    ...{ _id: member.id, org_id: member.organizationId, email: member.email, role: member.role },
    ...{ accepted_at: member.acceptedAtMs, created_at: member.createdAtMs, updated_at: member.updatedAtMs },
  };
}

/** Rejects with `organization_not_found`. */
export async function requireOrganization(database: MongoDatabase, id: string): Promise<Organization> {
  const found = await database.collection('organizations').findOne({ _id: id, ...notGone });
  if (!found) throw new AppError('organization_not_found', `There is no organization ${id}`);
  return toOrganization(found);
}

export function createMongoOrganizations(database: MongoDatabase): OrganizationStore {
  const { log } = database;
  const organizations = database.collection('organizations');

  return {
    async listOrganizations() {
      await log.settle();
      const found = await organizations.find(notGone).sort({ created_at: 1, _id: 1 }).toArray();
      return found.map(toOrganization);
    },

    async findOrganization(id) {
      await log.settle();
      const found = await organizations.findOne({ _id: id, ...notGone });
      return found ? toOrganization(found) : undefined;
    },

    async findOrganizationOfApp(appId) {
      await log.settle();
      const app = await database.collection('apps').findOne({ _id: appId, ...notGone });
      return requireOrganization(database, app?.owner_org ?? defaultOrganizationId);
    },

    async listAppIdsOf(organizationIds) {
      await log.settle();
      // Apps that are older than organizations are in the default one, without a word about it.
      const isDefaultAsked = organizationIds.includes(defaultOrganizationId);
      const owners = [...organizationIds, ...(isDefaultAsked ? [null] : [])] as string[];
      const found = await database
        .collection('apps')
        .find({ owner_org: { $in: owners }, ...notGone }, { projection: { _id: 1 } })
        .sort({ _id: 1 })
        .toArray();
      return found.map(({ _id }) => _id);
    },

    insertOrganization: (organization, founder, by) =>
      log.commit(async (draft) => {
        draft.insert('organizations', [{ _id: organization.id, ...toFields(organization) }]);
        const changes = [organizationChange({ before: null, after: organization })];
        if (founder) {
          draft.insert('members', [toMemberDocument(founder)]);
          changes.push(memberChange({ before: null, after: founder }));
        }
        await draftAudit(database, draft, by, ...changes);
      }),

    updateOrganization: (id, change, by) =>
      log.commit(async (draft) => {
        const before = await requireOrganization(database, id);
        const after: Organization = { ...before, ...change, updatedAtMs: by.atMs };
        draft.set('organizations', [id], toFields(after));
        await draftAudit(database, draft, by, organizationChange({ before, after }));
        return after;
      }),

    deleteOrganization: (id, by) =>
      log.commit(async (draft) => {
        const before = await requireOrganization(database, id);
        requireUnused(
          before,
          (await database.collection('apps').findOne({ owner_org: id, ...notGone })) !== null,
        );
        const ofIt = { org_id: id, ...notGone };
        const members = await database.collection('members').find(ofIt).sort({ email: 1 }).toArray();
        const webhooks = await database.collection('webhooks').find(ofIt).sort({ _id: 1 }).toArray();
        draft.set('organizations', [id], { gone: true });
        draft.setWhere('members', { org_id: id }, { gone: true });
        draft.setWhere('webhooks', { org_id: id }, { gone: true });
        for (const { _id } of webhooks) {
          draft.setWhere('webhook_deliveries', { webhook_id: _id }, { gone: true });
        }
        await draftAudit(
          database,
          draft,
          by,
          ...webhooks.map((each) => webhookChange({ before: toWebhook(each), after: null })),
          ...members.map((each) => memberChange({ before: toMember(each), after: null })),
          organizationChange({ before, after: null }),
        );
      }),
  };
}

export function createMongoMembers(database: MongoDatabase): MemberStore {
  const { log } = database;
  const members = database.collection('members');

  const findMember = (organizationId: string, email: string) =>
    members.findOne({ org_id: organizationId, email, ...notGone });

  async function keepSuperAdmin({ organizationId, id }: Member): Promise<void> {
    const admins = await members.find({ org_id: organizationId, role: 'super_admin', ...notGone }).toArray();
    requireOtherSuperAdmin(admins.filter(({ _id }) => _id !== id).length);
  }

  return {
    async listMembers(organizationId) {
      await log.settle();
      const found = await members
        .find({ org_id: organizationId, ...notGone })
        .sort({ email: 1 })
        .toArray();
      return found.map(toMember);
    },

    async findMemberships(email) {
      await log.settle();
      const found = await members
        .find({ email, ...notGone })
        .sort({ created_at: 1, _id: 1 })
        .toArray();
      return found.map(toMember);
    },

    putMember: (given, by) =>
      log.commit(async (draft) => {
        await requireOrganization(database, given.organizationId);
        const found = await findMember(given.organizationId, given.email);
        if (!found) {
          draft.insert('members', [toMemberDocument(given)]);
          await draftAudit(database, draft, by, memberChange({ before: null, after: given }));
          return given;
        }
        const before = toMember(found);
        const after: Member = { ...before, role: given.role, updatedAtMs: by.atMs };
        if (before.role === 'super_admin' && after.role !== 'super_admin') await keepSuperAdmin(before);
        draft.set('members', [found._id], { role: after.role, updated_at: after.updatedAtMs });
        await draftAudit(database, draft, by, memberChange({ before, after }));
        return after;
      }),

    deleteMember: (organizationId, email, by) =>
      log.commit(async (draft) => {
        const found = await findMember(organizationId, email);
        if (!found) throw new AppError('member_not_found', `${email} is no member of the organization`);
        const before = toMember(found);
        if (before.role === 'super_admin') await keepSuperAdmin(before);
        draft.set('members', [found._id], { gone: true });
        await draftAudit(database, draft, by, memberChange({ before, after: null }));
        return before;
      }),

    acceptMemberships: (email, nowMs) =>
      log.commit(async (draft) => {
        const found = await members.find({ email, accepted_at: null, ...notGone }).toArray();
        draft.set(
          'members',
          found.map(({ _id }) => _id),
          { accepted_at: nowMs },
        );
      }),
  };
}
