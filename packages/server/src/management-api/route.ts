import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { type Caller, isPermitted, type Permission } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import type { RouteDocs } from '../http/route-docs.ts';
import type { ManagementAuth } from './auth.ts';

interface RouteFacts {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly docs: RouteDocs;
  /** Checks that come before the body is read, after the caller is known. */
  readonly beforeBody?: onRequestHookHandler;
}

/** A URL of the management API. One that does not say who may call it does not compile. */
export type ManagementRoute = RouteFacts &
  (
    | {
        /** Everybody, also without a key. */
        readonly permission: 'public';
        readonly handler: (request: FastifyRequest, reply: FastifyReply) => unknown;
      }
    | {
        /** `any caller` is for what is about the caller itself. */
        readonly permission: Permission | 'any caller';
        /** Sees to it that the caller learns of no app it may not see. */
        readonly handler: (request: FastifyRequest, reply: FastifyReply, caller: Caller) => unknown;
      }
  );

/** The sentence for people that a caller's role is too small; the same whatever the request is about. */
function refusal(permission: Permission): string {
  const [noun] = permission.split('.');
  return `Insufficient permissions to manage ${noun === 'keys' ? 'API keys' : noun}`;
}

/**
 * Adds routes whose callers are proven and permitted before their body is read. A caller without the permission is
 * refused before anything is looked up, so the refusal says nothing about what there is.
 */
export function addRoutes(
  server: FastifyInstance,
  auth: ManagementAuth,
  routes: readonly ManagementRoute[],
): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  for (const route of routes) {
    const { method, url, beforeBody } = route;
    const further = beforeBody ? [beforeBody] : [];
    if (route.permission === 'public') {
      server.route({ method, url, handler: route.handler, onRequest: further });
      continue;
    }
    const { permission, handler } = route;
    const admit = async (request: FastifyRequest) => {
      const caller = await auth.authenticate(request);
      if (permission !== 'any caller' && !isPermitted(caller, permission)) {
        throw new AppError('forbidden', refusal(permission));
      }
      callers.set(request, caller);
    };
    server.route({
      ...{ method, url, onRequest: [admit, ...further] },
      handler: (request, reply) => {
        const caller = callers.get(request);
        if (!caller) throw new Error(`${method} ${url} was reached by nobody`);
        return handler(request, reply, caller);
      },
    });
  }
}
