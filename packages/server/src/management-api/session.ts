import { SessionView } from '@capgo-server/protocol/management/session';
import { type Caller, isPermitted, permissions } from '../domain/access.ts';
import type { ManagementRoute } from './route.ts';

function toView(caller: Caller): SessionView {
  return {
    kind: caller.kind,
    id: caller.id,
    name: caller.name,
    role: caller.role,
    apps: caller.apps && [...caller.apps].sort(),
    permissions: permissions.filter((permission) => isPermitted(caller, permission)),
  };
}

/** What a client asks first, so that it offers nothing the caller may not do. */
export function sessionRoutes(): readonly ManagementRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/api/v1/session.get', permission: 'any caller' },
      handler: async (_request, _reply, caller) => toView(caller),
      docs: {
        operationId: 'sessionGet',
        tag: 'sign-in',
        summary: 'Who the caller is, and what it may do',
        answer: SessionView,
      },
    },
  ];
}
