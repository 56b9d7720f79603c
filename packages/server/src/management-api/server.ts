import { PublicUrlCheckView, ServerView, StorageCheckView } from '@capgo-server/protocol/management/server';
import type { FastifyRequest } from 'fastify';
import { type Dependency, isReachable } from '../http/health.ts';
import { checkPublicUrl } from '../http/public-url-check.ts';
import type { StorageCheck } from '../ports/storage-check.ts';
import type { ManagementRoute } from './route.ts';

/** What there is to tell of the server as it was configured and started. */
interface ServerFacts
  extends Omit<
    ServerView,
    'device_url' | 'dependencies' | 'public_url' | 'device_port' | 'management_port' | 'metrics_port'
  > {
  readonly publicUrl: string | undefined;
  /** The real ones, known once it listens. */
  readonly ports: () => { readonly device: number; readonly management: number; readonly metrics: number };
  readonly storageCheck: StorageCheck;
  /** Where devices reach it, or, without a public URL, where the caller would. */
  readonly deviceUrl: (request: FastifyRequest) => string;
}

async function checkStorage(check: StorageCheck): Promise<StorageCheckView> {
  const findings: StorageCheckView['findings'] = [];
  for await (const finding of check()) findings.push(finding);
  return { fit: findings.every(({ kind }) => kind !== 'problem'), findings };
}

export interface ServerRoutesDeps {
  readonly server: ServerFacts;
  readonly dependencies: readonly Dependency[];
}

export function serverRoutes(deps: ServerRoutesDeps): readonly ManagementRoute[] {
  const { publicUrl, ports, storageCheck, deviceUrl, ...facts } = deps.server;

  async function toView(request: FastifyRequest): Promise<ServerView> {
    const reachable = await Promise.all(deps.dependencies.map(isReachable));
    const { device, management, metrics } = ports();
    return {
      ...facts,
      device_url: deviceUrl(request),
      public_url: publicUrl ?? null,
      ...{ device_port: device, management_port: management, metrics_port: metrics },
      dependencies: deps.dependencies.map(({ name }, index) => ({
        name,
        reachable: reachable[index] === true,
      })),
    };
  }

  return [
    {
      ...{ method: 'GET', url: '/api/v1/server.get', permission: 'any caller' },
      handler: toView,
      docs: {
        operationId: 'serverGet',
        tag: 'server',
        summary: 'What this server is, and how it fares',
        answer: ServerView,
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/server.check-public-url', permission: 'any caller' },
      handler: () => checkPublicUrl(publicUrl),
      docs: {
        operationId: 'serverCheckPublicUrl',
        tag: 'server',
        summary: 'Whether phones reach this server, and what keeps them from it',
        answer: PublicUrlCheckView,
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/server.check-storage', permission: 'organization.change' },
      handler: () => checkStorage(storageCheck),
      docs: {
        operationId: 'serverCheckStorage',
        tag: 'server',
        summary: 'Try out where bundles are kept',
        answer: StorageCheckView,
      },
    },
  ];
}
