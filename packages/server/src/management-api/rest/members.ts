import { RestStatus } from '@capgo-server/protocol/management/rest-answers';
import {
  HostedMemberList,
  type RestMember,
  RestMemberDeleteBody,
  RestMemberInviteBody,
  RestMemberList,
  RestMemberQuery,
} from '@capgo-server/protocol/management/rest-organizations';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, isPermitted } from '../../domain/access.ts';
import { AppError } from '../../domain/errors.ts';
import { hostedRoleName, type Member, parseMemberRole } from '../../domain/member.ts';
import type { Members } from '../../services/members.ts';
import type { ManagementRoute } from '../route.ts';
import { requiredOrganizationId } from './organizations.ts';
import { isHosted, RestError } from './rest-error.ts';
import { textField } from './rest-fields.ts';
import { bodyOrQueryInput, queryInput } from './rest-input.ts';
import { inWords } from './restated.ts';

export interface RestMemberRoutesDeps {
  readonly members: Members;
}

const noAccess = { code: 'cannot_access_organization', message: "You can't access this organization" };

export function restMemberRoutes({ members }: RestMemberRoutesDeps): readonly ManagementRoute[] {
  function toRow(member: Member, request: FastifyRequest): RestMember {
    return {
      uid: member.id,
      email: member.email,
      image_url: '',
      role: isHosted(request) ? hostedRoleName(member.role) : member.role,
      is_tmp: member.acceptedAtMs === null,
    };
  }

  async function list(request: FastifyRequest) {
    const id = requiredOrganizationId(queryInput(request));
    const found = await inWords({ organization_not_found: noAccess }, () => members.list(id));
    const rows = found.map((member) => toRow(member, request));
    return isHosted(request) ? rows : { data: rows };
  }

  async function invite(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const id = requiredOrganizationId(input);
    const email = textField(input, 'email') ?? '';
    const roleName = textField(input, 'invite_type', 'role') ?? '';
    const role = parseMemberRole(roleName);
    if (!role) {
      throw new RestError(
        'invalid_body',
        'invite_type must be the name of a role, such as org_member or write',
        {
          details: { field: 'invite_type' },
        },
      );
    }
    await inWords(
      {
        organization_not_found: noAccess,
        invalid_request: { code: 'invalid_body' },
        forbidden: { code: 'error_inviting_user_to_organization' },
      },
      () => members.invite(id, email, role, caller),
    );
    return { status: 'ok' };
  }

  async function remove(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const id = requiredOrganizationId(input);
    const email = textField(input, 'email') ?? '';
    const isSelf = caller.kind === 'user' && caller.email?.toLowerCase() === email.trim().toLowerCase();
    if (!isSelf && !isPermitted(caller, 'members.change')) {
      throw new AppError('forbidden', 'Insufficient permissions to manage members');
    }
    await inWords(
      {
        organization_not_found: noAccess,
        invalid_request: { code: 'invalid_body' },
        forbidden: { code: 'cannot_delete_higher_priority_role', status: 403 },
      },
      () => members.remove(id, email, caller),
    );
    return { status: 'ok' };
  }

  const tag = 'members';
  const url = '/organization/members';
  const cannotAccess = { code: noAccess.code, status: 400 };
  return [
    {
      ...{ method: 'GET', url, permission: 'members.read', handler: list },
      docs: {
        ...{ operationId: 'listMembers', tag, summary: 'Who may sign in, and as what' },
        ...{
          query: RestMemberQuery,
          answer: RestMemberList,
          hostedAnswer: HostedMemberList,
          errors: [cannotAccess],
        },
      },
    },
    {
      ...{ method: 'POST', url, permission: 'members.change', handler: invite },
      docs: {
        ...{ operationId: 'inviteMember', tag, summary: 'Make somebody a member, or change a role' },
        ...{ body: RestMemberInviteBody, answer: RestStatus },
        errors: [
          cannotAccess,
          { code: 'error_inviting_user_to_organization', status: 400 },
          'last_super_admin',
        ],
      },
    },
    {
      // Whoever is a member may leave.
      ...{ method: 'DELETE', url, permission: 'any caller', handler: remove },
      docs: {
        ...{ operationId: 'removeMember', tag, summary: 'Remove a member, or oneself' },
        description: 'Others than oneself need the permission `members.change`: role `admin`.',
        ...{ body: RestMemberDeleteBody, isBodyOptional: true, answer: RestStatus },
        errors: [
          cannotAccess,
          'forbidden',
          'member_not_found',
          'last_super_admin',
          { code: 'cannot_delete_higher_priority_role', status: 403 },
        ],
      },
    },
  ];
}
