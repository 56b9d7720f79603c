import type { Kysely, Selectable } from 'kysely';
import type { ChangedBy } from '../../domain/actor.ts';
import { memberChange, organizationChange, webhookChange } from '../../domain/audit-records.ts';
import { AppError } from '../../domain/errors.ts';
import { type Member, type MemberRole, requireOtherSuperAdmin } from '../../domain/member.ts';
import { defaultOrganizationId, type Organization, requireUnused } from '../../domain/organization.ts';
import type { MemberStore, OrganizationStore } from '../../ports/organizations.ts';
import { noteAudit } from './audit.ts';
import type { MembersTable, OrganizationsTable, Schema, SqlDatabase } from './schema.ts';
import { toWebhook } from './webhooks.ts';

function toOrganization(row: Selectable<OrganizationsTable>): Organization {
  return {
    ...{ id: row.id, name: row.name, isDefault: row.id === defaultOrganizationId },
    ...{ logo: row.logo, website: row.website, managementEmail: row.management_email },
    createdBy: row.created_by,
    requireKeyExpiration: row.require_key_expiration === 1,
    maxKeyExpirationDays: row.max_key_expiration_days,
    enforceEncryptedBundles: row.enforce_encrypted_bundles === 1,
    requiredEncryptionKey: row.required_encryption_key,
    ...{ createdAtMs: row.created_at, updatedAtMs: row.updated_at },
  };
}

function toRow(organization: Organization): OrganizationsTable {
  return {
    ...{ id: organization.id, name: organization.name },
    ...{ logo: organization.logo, website: organization.website },
    ...{ management_email: organization.managementEmail, created_by: organization.createdBy },
    require_key_expiration: Number(organization.requireKeyExpiration),
    max_key_expiration_days: organization.maxKeyExpirationDays,
    enforce_encrypted_bundles: Number(organization.enforceEncryptedBundles),
    required_encryption_key: organization.requiredEncryptionKey,
    ...{ created_at: organization.createdAtMs, updated_at: organization.updatedAtMs },
  };
}

function toMember(row: Selectable<MembersTable>): Member {
  return {
    ...{ id: row.id, organizationId: row.org_id, email: row.email, role: row.role as MemberRole },
    ...{ acceptedAtMs: row.accepted_at, createdAtMs: row.created_at, updatedAtMs: row.updated_at },
  };
}

function toMemberRow(member: Member): MembersTable {
  return {
    ...{ id: member.id, org_id: member.organizationId, email: member.email, role: member.role },
    ...{ accepted_at: member.acceptedAtMs, created_at: member.createdAtMs, updated_at: member.updatedAtMs },
  };
}

/** Rejects with `organization_not_found`. */
export async function requireOrganization(db: Kysely<Schema>, id: string): Promise<Organization> {
  const row = await db.selectFrom('organizations').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new AppError('organization_not_found', `There is no organization ${id}`);
  return toOrganization(row);
}

async function addMember(db: Kysely<Schema>, member: Member, by: ChangedBy): Promise<void> {
  await db.insertInto('members').values(toMemberRow(member)).execute();
  await noteAudit(db, by, memberChange({ before: null, after: member }));
}

export function createSqlOrganizations(database: SqlDatabase): OrganizationStore {
  const { db } = database;
  return {
    async listOrganizations() {
      const rows = await db
        .selectFrom('organizations')
        .selectAll()
        .orderBy('created_at')
        .orderBy('id')
        .execute();
      return rows.map(toOrganization);
    },

    async findOrganization(id) {
      const row = await db.selectFrom('organizations').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toOrganization(row);
    },

    async findOrganizationOfApp(appId) {
      const row = await db
        .selectFrom('organizations')
        .selectAll()
        .where(({ eb, fn, selectFrom, val }) =>
          eb(
            'id',
            '=',
            fn.coalesce(
              selectFrom('apps').select('owner_org').where('app_id', '=', appId),
              val(defaultOrganizationId),
            ),
          ),
        )
        .executeTakeFirstOrThrow();
      return toOrganization(row);
    },

    async listAppIdsOf(organizationIds) {
      if (organizationIds.length === 0) return [];
      const rows = await db
        .selectFrom('apps')
        .select('app_id')
        .where('owner_org', 'in', [...organizationIds])
        .orderBy('app_id')
        .execute();
      return rows.map(({ app_id }) => app_id);
    },

    insertOrganization: (organization, founder, by) =>
      database.change(async (transaction) => {
        await transaction.insertInto('organizations').values(toRow(organization)).execute();
        await noteAudit(transaction, by, organizationChange({ before: null, after: organization }));
        if (founder) await addMember(transaction, founder, by);
      }),

    updateOrganization: (id, change, by) =>
      database.change(async (transaction) => {
        const before = await requireOrganization(transaction, id);
        const after: Organization = { ...before, ...change, updatedAtMs: by.atMs };
        await transaction.updateTable('organizations').set(toRow(after)).where('id', '=', id).execute();
        await noteAudit(transaction, by, organizationChange({ before, after }));
        return after;
      }),

    deleteOrganization: (id, by) =>
      database.change(async (transaction) => {
        const before = await requireOrganization(transaction, id);
        const app = await transaction
          .selectFrom('apps')
          .select('app_id')
          .where('owner_org', '=', id)
          .limit(1)
          .executeTakeFirst();
        requireUnused(before, app !== undefined);
        const members = await transaction
          .selectFrom('members')
          .selectAll()
          .where('org_id', '=', id)
          .orderBy('email')
          .execute();
        const webhooks = await transaction
          .selectFrom('webhooks')
          .selectAll()
          .where('org_id', '=', id)
          .orderBy('id')
          .execute();
        // Members, and webhooks with their deliveries, go with it: their rows refer to it with "on delete cascade".
        await transaction.deleteFrom('organizations').where('id', '=', id).execute();
        await noteAudit(
          transaction,
          by,
          ...webhooks.map((row) => webhookChange({ before: toWebhook(row), after: null })),
          ...members.map((row) => memberChange({ before: toMember(row), after: null })),
          organizationChange({ before, after: null }),
        );
      }),
  };
}

export function createSqlMembers(database: SqlDatabase): MemberStore {
  const { db } = database;

  const selectMember = (from: Kysely<Schema>, organizationId: string, email: string) =>
    from
      .selectFrom('members')
      .selectAll()
      .where('org_id', '=', organizationId)
      .where('email', '=', email)
      .executeTakeFirst();

  async function keepSuperAdmin(from: Kysely<Schema>, { organizationId, id }: Member): Promise<void> {
    const { count } = await from
      .selectFrom('members')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('org_id', '=', organizationId)
      .where('role', '=', 'super_admin')
      .where('id', '!=', id)
      .executeTakeFirstOrThrow();
    requireOtherSuperAdmin(Number(count));
  }

  return {
    async listMembers(organizationId) {
      const rows = await db
        .selectFrom('members')
        .selectAll()
        .where('org_id', '=', organizationId)
        .orderBy('email')
        .execute();
      return rows.map(toMember);
    },

    async findMemberships(email) {
      const rows = await db
        .selectFrom('members')
        .selectAll()
        .where('email', '=', email)
        .orderBy('created_at')
        .orderBy('id')
        .execute();
      return rows.map(toMember);
    },

    putMember: (given, by) =>
      database.change(async (transaction) => {
        await requireOrganization(transaction, given.organizationId);
        const row = await selectMember(transaction, given.organizationId, given.email);
        if (!row) {
          await addMember(transaction, given, by);
          return given;
        }
        const before = toMember(row);
        const after: Member = { ...before, role: given.role, updatedAtMs: by.atMs };
        if (before.role === 'super_admin' && after.role !== 'super_admin') {
          await keepSuperAdmin(transaction, before);
        }
        await transaction.updateTable('members').set(toMemberRow(after)).where('id', '=', row.id).execute();
        await noteAudit(transaction, by, memberChange({ before, after }));
        return after;
      }),

    deleteMember: (organizationId, email, by) =>
      database.change(async (transaction) => {
        const row = await selectMember(transaction, organizationId, email);
        if (!row) throw new AppError('member_not_found', `${email} is no member of the organization`);
        const before = toMember(row);
        if (before.role === 'super_admin') await keepSuperAdmin(transaction, before);
        await transaction.deleteFrom('members').where('id', '=', row.id).execute();
        await noteAudit(transaction, by, memberChange({ before, after: null }));
        return before;
      }),

    async acceptMemberships(email, nowMs) {
      await db
        .updateTable('members')
        .set({ accepted_at: nowMs })
        .where('email', '=', email)
        .where('accepted_at', 'is', null)
        .execute();
    },
  };
}
