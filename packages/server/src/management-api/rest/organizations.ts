import { RestAuditList, RestAuditQuery } from '@capgo-server/protocol/management/audit';
import { RestStatus } from '@capgo-server/protocol/management/rest-answers';
import {
  HostedOrganizationAnswer,
  RestOrganizationAnswer,
  RestOrganizationChangeBody,
  RestOrganizationChanged,
  RestOrganizationCreateBody,
  RestOrganizationCreated,
  RestOrganizationDeleteBody,
  RestOrganizationQuery,
} from '@capgo-server/protocol/management/rest-organizations';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/access.ts';
import { actorOf } from '../../domain/actor.ts';
import { type AuditOperation, type AuditTable, auditOperations, auditTables } from '../../domain/audit.ts';
import type { Organization } from '../../domain/organization.ts';
import type { OrganizationChange } from '../../ports/organizations.ts';
import type { Audit } from '../../services/audit.ts';
import type { Organizations } from '../../services/organizations.ts';
import { toAuditView } from '../audit-view.ts';
import { rulesOf, toRestOrganization } from '../organization-view.ts';
import type { ManagementRoute } from '../route.ts';
import { isHosted, RestError } from './rest-error.ts';
import { flagField, givenValue, numberField, textField } from './rest-fields.ts';
import { bodyOrQueryInput, queryInput, type RestInput } from './rest-input.ts';
import { inWords } from './restated.ts';

export interface RestOrganizationRoutesDeps {
  readonly organizations: Organizations;
  readonly audit: Audit;
}

/** The organization that a request must name. */
export function requiredOrganizationId(input: RestInput): string {
  const id = textField(input, 'orgId') ?? '';
  if (id === '') throw new RestError('invalid_body', 'Missing orgId', { details: { field: 'orgId' } });
  return id;
}

export const badOrganization = { code: 'invalid_org_id', status: 400 } as const;
export const keyMustEnd = { code: 'org_requires_expiring_key', status: 401 } as const;

/** The organization that a request is about, unless it is none of the caller's, or demands keys that end. */
export async function requireOrganization(
  organizations: Pick<Organizations, 'find'>,
  caller: Caller,
  id: string,
): Promise<Organization> {
  const organization = await organizations.find(caller, id);
  if (!organization) throw new RestError(badOrganization.code, "You can't access this organization");
  // A key of before the rule goes on with what it does for apps.
  if (organization.requireKeyExpiration && caller.isEndless) {
    throw new RestError(keyMustEnd.code, 'This organization demands API keys that expire', keyMustEnd);
  }
  return organization;
}

function cannotHonour(field: string, why: string, code = 'cannot_update_org'): RestError {
  return new RestError(code, `${field} cannot be set so: ${why}`, { details: { field } });
}

/** What nobody could rely on is refused, and not kept as if it did something. */
function refuseWhatIsNotKept(input: RestInput): void {
  if (flagField(input, 'enforcing_2fa') === true) {
    throw cannotHonour(
      'enforcing_2fa',
      'a second factor is for the identity provider to ask for',
      'requires_2fa_to_enforce_2fa',
    );
  }
  if (flagField(input, 'enforce_hashed_api_keys') === false) {
    throw cannotHonour('enforce_hashed_api_keys', 'API keys are always kept as hashes');
  }
  const passwords = givenValue(input, 'password_policy_config');
  const isEnabled = typeof passwords === 'object' && (passwords as RestInput | null)?.['enabled'] !== false;
  if (passwords !== undefined && isEnabled) {
    throw cannotHonour('password_policy_config', 'nobody has a password here; people sign in elsewhere');
  }
}

/** A field that '' and null take away. */
function clearable<Field extends string>(input: RestInput, name: string, field: Field) {
  if (input[name] === null) return { [field]: null } as Record<Field, null>;
  const text = textField(input, name);
  return (text === undefined ? {} : { [field]: text }) as Partial<Record<Field, string>>;
}

function changeOf(input: RestInput): OrganizationChange {
  const name = textField(input, 'name');
  const requireKeyExpiration = flagField(input, 'require_apikey_expiration');
  const enforceEncryptedBundles = flagField(input, 'enforce_encrypted_bundles');
  const days =
    input['max_apikey_expiration_days'] === null ? null : numberField(input, 'max_apikey_expiration_days');
  if (typeof days === 'number' && !(Number.isInteger(days) && days >= 1 && days <= 365)) {
    throw new RestError('invalid_max_expiration_days', 'max_apikey_expiration_days must be 1 to 365');
  }
  const key = clearable(input, 'required_encryption_key', 'requiredEncryptionKey');
  if (key.requiredEncryptionKey && !/^\S{20,21}$/.test(key.requiredEncryptionKey)) {
    throw new RestError(
      'invalid_required_encryption_key',
      'required_encryption_key must be 20 or 21 characters, or empty for none',
    );
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...clearable(input, 'logo', 'logo'),
    ...clearable(input, 'website', 'website'),
    ...clearable(input, 'management_email', 'managementEmail'),
    ...key,
    ...(requireKeyExpiration === undefined ? {} : { requireKeyExpiration }),
    ...(enforceEncryptedBundles === undefined ? {} : { enforceEncryptedBundles }),
    ...(days === undefined ? {} : { maxKeyExpirationDays: days }),
  };
}

function wordOf<Word extends string>(
  input: RestInput,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = textField(input, name) ?? '';
  if (text === '') return undefined;
  const word = words.find((each) => each === text);
  if (word !== undefined) return word;
  throw new RestError('invalid_body', `${name} must be one of ${words.join(', ')}`, {
    details: { field: name },
  });
}

/** A whole number that is not negative, or its default. */
function wholeField(input: RestInput, name: string, byDefault: number): number {
  const number = numberField(input, name) ?? byDefault;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new RestError('invalid_body', `${name} must be a whole number, 0 or more`, {
    details: { field: name },
  });
}

const maxAuditRows = 100;
const defaultAuditRows = 50;
/** Databases count the rows before a page: nobody looks so far back page by page. */
const maxAuditPage = 100_000;

export function restOrganizationRoutes(deps: RestOrganizationRoutesDeps): readonly ManagementRoute[] {
  const { organizations, audit } = deps;

  async function list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const id = textField(input, 'orgId') ?? '';
    const rows =
      id === ''
        ? (await organizations.list(caller)).map(toRestOrganization)
        : toRestOrganization(await requireOrganization(organizations, caller, id));
    return isHosted(request) ? rows : { data: rows };
  }

  async function create(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const estimated = numberField(input, 'estimatedMau') ?? 0;
    if (!(Number.isInteger(estimated) && estimated >= 0 && estimated <= 1_000_000)) {
      throw new RestError('invalid_body', 'estimatedMau must be a whole number, 0 to 1000000');
    }
    wordOf(input, 'intent', ['ota', 'builder', 'both', 'exploring', 'unknown']);
    const facts = {
      name: textField(input, 'name') ?? '',
      managementEmail: textField(input, 'email'),
      website: textField(input, 'website'),
    };
    const { id } = await organizations.create(facts, caller);
    return { id };
  }

  async function change(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const id = requiredOrganizationId(input);
    refuseWhatIsNotKept(input);
    const noAccess = { code: 'cannot_access_organization', message: "You can't access this organization" };
    const changed = await inWords({ organization_not_found: noAccess }, () =>
      organizations.change(id, changeOf(input), actorOf(caller)),
    );
    return {
      status: 'Organization updated',
      id,
      data: { ...toRestOrganization(changed), ...rulesOf(changed) },
    };
  }

  async function remove(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const id = textField(input, 'orgId') ?? '';
    if (id === '') throw new RestError('missing_org_id', 'Missing orgId');
    await organizations.delete(id, actorOf(caller));
    return { status: 'ok' };
  }

  async function listAudit(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const id = requiredOrganizationId(input);
    const filter = {
      organizationId: id,
      table: wordOf<AuditTable>(input, 'tableName', auditTables),
      operation: wordOf<AuditOperation>(input, 'operation', auditOperations),
    };
    const number = Math.min(wholeField(input, 'page', 0), maxAuditPage);
    const limit = Math.min(Math.max(wholeField(input, 'limit', defaultAuditRows), 1), maxAuditRows);
    await requireOrganization(organizations, caller, id);
    const { entries, total } = await audit.listPage(filter, { number, limit });
    return { data: entries.map(toAuditView), total, page: number, limit };
  }

  const tag = 'organization';
  const url = '/organization';
  return [
    {
      ...{ method: 'GET', url, permission: 'organization.read', handler: list },
      docs: {
        ...{ operationId: 'listOrganizations', tag, summary: 'The organizations that concern the caller' },
        ...{ query: RestOrganizationQuery, answer: RestOrganizationAnswer },
        hostedAnswer: HostedOrganizationAnswer,
        errors: [badOrganization, keyMustEnd],
      },
    },
    {
      ...{ method: 'POST', url, permission: 'organization.change', handler: create },
      docs: {
        ...{ operationId: 'createOrganization', tag, summary: 'Found another organization' },
        ...{ body: RestOrganizationCreateBody, answer: RestOrganizationCreated },
      },
    },
    {
      ...{ method: 'PUT', url, permission: 'organization.change', handler: change },
      docs: {
        ...{ operationId: 'changeOrganization', tag, summary: 'Change an organization and its rules' },
        ...{ body: RestOrganizationChangeBody, answer: RestOrganizationChanged },
        errors: [
          { code: 'cannot_access_organization', status: 400 },
          { code: 'cannot_update_org', status: 400 },
          { code: 'invalid_max_expiration_days', status: 400 },
          { code: 'invalid_required_encryption_key', status: 400 },
          { code: 'requires_2fa_to_enforce_2fa', status: 400 },
        ],
      },
    },
    {
      ...{ method: 'DELETE', url, permission: 'organization.change', handler: remove },
      docs: {
        ...{ operationId: 'deleteOrganization', tag, summary: 'Delete an organization without apps' },
        ...{ body: RestOrganizationDeleteBody, isBodyOptional: true, answer: RestStatus },
        errors: [{ code: 'missing_org_id', status: 400 }, 'organization_not_found', 'organization_in_use'],
      },
    },
    {
      ...{ method: 'GET', url: '/organization/audit', permission: 'audit.read', handler: listAudit },
      docs: {
        ...{
          operationId: 'listAudit',
          tag: 'audit',
          summary: 'Who changed what in an organization, newest first',
        },
        ...{ query: RestAuditQuery, answer: RestAuditList },
        errors: [badOrganization, keyMustEnd],
      },
    },
  ];
}
