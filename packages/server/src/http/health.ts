import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { DocumentedRoute } from './route-docs.ts';

/** Something the server cannot do its work without, by the name an operator knows it by. */
export interface Dependency {
  readonly name: string;
  /** Rejects when it is out of reach. */
  ping(): Promise<void>;
}

const pingTimeoutMs = 2_000;
const retryAfterSeconds = 5;

/** Whether it answers within two seconds. */
export async function isReachable(dependency: Dependency): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), pingTimeoutMs);
  });
  const ping = dependency.ping().then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([ping, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** `GET /_healthz`: the process is up. `GET /_readyz`: so is all it needs, else 503 with the names of what is not. */
export function addHealthRoutes(server: FastifyInstance, dependencies: readonly Dependency[]): void {
  server.get('/_healthz', () => ({ status: 'ok' }));
  server.get('/_readyz', async (_request, reply) => {
    const reachable = await Promise.all(dependencies.map(isReachable));
    const failing = dependencies.filter((_dependency, index) => !reachable[index]).map(({ name }) => name);
    if (failing.length === 0) return { status: 'ok' };
    reply.code(503).header('retry-after', String(retryAfterSeconds));
    return { status: 'unavailable', error: `Not reachable: ${failing.join(', ')}`, failing };
  });
}

const Alive = Type.Object(
  { status: Type.Literal('ok', { description: 'All is well' }) },
  { title: 'Alive', description: 'It works' },
);

/** For the documentation of the APIs that have these routes. */
export const healthRouteDocs: readonly DocumentedRoute[] = [
  {
    ...{ method: 'GET', url: '/_healthz' },
    docs: {
      ...{ operationId: 'isAlive', tag: 'health', summary: 'Whether the process is up' },
      answer: Alive,
    },
  },
  {
    ...{ method: 'GET', url: '/_readyz' },
    docs: {
      ...{ operationId: 'isReady', tag: 'health', summary: 'Whether all it needs is within reach' },
      ...{ answer: Alive, otherAnswers: { 503: 'Something is not; its name is in the answer' } },
    },
  },
];
