import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import type { Caller, Role } from '../domain/access.ts';
import { acceptJsonBodies } from '../http/json-body.ts';
import { createMetrics } from '../http/metrics.ts';
import { createHttpServer } from '../http/server.ts';
import { renderManagementError } from '../management-api/render-error.ts';
import { toRoutePath } from '../management-api/rest/rest-path.ts';
import { addRoutes, type ManagementRoute } from '../management-api/route.ts';
import { testToken } from './test-server.ts';

export type Audience = 'documented' | 'hosted';

export interface RestAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails when that is not there.
  readonly body: any;
}

export interface RestRequest {
  readonly method?: string;
  /** With the query string. */
  readonly path: string;
  readonly body?: unknown;
  /** What is sent as it is, in place of a body. */
  readonly raw?: string;
  readonly as?: Audience;
}

/** Asks the REST API as one of its audiences; the documented one unless it says otherwise. */
export async function askRest(baseUrl: string, request: RestRequest): Promise<RestAnswer> {
  const { method = 'GET', path, body, raw, as = 'documented' } = request;
  const text = raw ?? (body === undefined || body instanceof FormData ? undefined : JSON.stringify(body));
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      'x-api-key': testToken,
      ...(as === 'hosted' ? { capgo_api: '2025-10-01' } : {}),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(text === undefined ? (body instanceof FormData ? { body } : {}) : { body: text }),
  });
  return { status: response.status, body: await response.json() };
}

export function callerOf(role: Role, apps: readonly string[] | null = null): Caller {
  return { kind: 'api_key', id: 'a-key', name: 'a key', role, apps: apps && new Set(apps) };
}

/** Routes as a caller finds them who is somebody else than the holder of a management token. */
export async function serveRoutesTo(
  caller: Caller,
  routes: readonly ManagementRoute[],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server: FastifyInstance = createHttpServer({
    ...{ name: 'management', logger: pino({ level: 'silent' }), metrics: createMetrics() },
    ...{ trustedProxies: [], maxBodyBytes: 1_000_000, renderError: renderManagementError, toRoutePath },
  });
  acceptJsonBodies(server, 'anything');
  await server.register(multipart);
  addRoutes(server, { authenticate: async () => caller }, routes);
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  return { url, close: () => server.close() };
}
