import { bundleUploadFields } from '@capgo-server/protocol/management/bundles';
import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { addConsole, type ConsoleFiles } from '../http/console-files.ts';
import { addHealthRoutes, type Dependency } from '../http/health.ts';
import { acceptJsonBodies } from '../http/json-body.ts';
import { type ApiKeyRoutesDeps, apiKeyRoutes } from './api-keys.ts';
import { type AuditRoutesDeps, auditRoutes } from './audit.ts';
import type { ManagementAuth } from './auth.ts';
import { type BundleRoutesDeps, bundleRoutes } from './bundles.ts';
import { type ChannelRoutesDeps, channelRoutes } from './channels.ts';
import { type DeviceRoutesDeps, deviceRoutes } from './devices.ts';
import { addDocsPage, type ServedDocument } from './docs-page.ts';
import { type EventRoutesDeps, eventRoutes } from './events.ts';
import { type ExplainRoutesDeps, explainRoutes } from './explain.ts';
import { type ManifestRoutesDeps, manifestRoutes } from './manifests.ts';
import { describeManagementRoutes } from './openapi.ts';
import { type OrganizationRoutesDeps, organizationRoutes } from './organizations.ts';
import { type OverviewRoutesDeps, overviewRoutes } from './overview.ts';
import { type ReleaseRoutesDeps, releaseRoutes } from './releases.ts';
import { type RestApiKeyRoutesDeps, restApiKeyRoutes } from './rest/api-keys.ts';
import { type RestAppRoutesDeps, restAppRoutes } from './rest/apps.ts';
import { type RestBundleRoutesDeps, restBundleRoutes } from './rest/bundles.ts';
import { type RestChannelRoutesDeps, restChannelRoutes } from './rest/channels.ts';
import { type RestDeviceRoutesDeps, restDeviceRoutes } from './rest/devices.ts';
import { type RestMemberRoutesDeps, restMemberRoutes } from './rest/members.ts';
import { checkApiVersion, okRoutes } from './rest/ok.ts';
import { type RestOrganizationRoutesDeps, restOrganizationRoutes } from './rest/organizations.ts';
import { type RestStatisticsRoutesDeps, restStatisticsRoutes } from './rest/statistics.ts';
import { type RestWebhookRoutesDeps, restWebhookRoutes } from './rest/webhooks.ts';
import { addRoutes, type ManagementRoute } from './route.ts';
import { type ServerRoutesDeps, serverRoutes } from './server.ts';
import { sessionRoutes } from './session.ts';
import { type SignInRoutesDeps, signInRoutes } from './sign-in.ts';

/** What the routes of all nouns need. */
export type ManagementApi = BundleRoutesDeps &
  ManifestRoutesDeps &
  ReleaseRoutesDeps &
  EventRoutesDeps &
  DeviceRoutesDeps &
  ChannelRoutesDeps &
  ExplainRoutesDeps &
  RestBundleRoutesDeps &
  RestChannelRoutesDeps &
  RestDeviceRoutesDeps &
  RestAppRoutesDeps &
  RestStatisticsRoutesDeps &
  OverviewRoutesDeps &
  ApiKeyRoutesDeps &
  RestApiKeyRoutesDeps &
  OrganizationRoutesDeps &
  RestOrganizationRoutesDeps &
  RestMemberRoutesDeps &
  RestWebhookRoutesDeps &
  AuditRoutesDeps &
  SignInRoutesDeps &
  ServerRoutesDeps & {
    readonly console: ConsoleFiles;
    readonly auth: ManagementAuth;
    readonly dependencies: readonly Dependency[];
    /** Documents of other APIs of this server, to be shown beside ours. */
    readonly otherDocuments: readonly ServedDocument[];
  };

/** Largest JSON body. */
export const maxManagementBodyBytes = 1024 * 1024;
const maxFieldBytes = 64 * 1024;

/** Every URL an operator can ask, with who may. */
function managementRoutes(api: ManagementApi): readonly ManagementRoute[] {
  return [
    ...bundleRoutes(api),
    ...manifestRoutes(api),
    ...releaseRoutes(api),
    ...eventRoutes(api),
    ...deviceRoutes(api),
    ...channelRoutes(api),
    ...explainRoutes(api),
    ...overviewRoutes(api),
    ...apiKeyRoutes(api),
    ...restApiKeyRoutes(api),
    ...okRoutes(),
    ...restBundleRoutes(api),
    ...restChannelRoutes(api),
    ...restDeviceRoutes(api),
    ...restAppRoutes(api),
    ...restOrganizationRoutes(api),
    ...restMemberRoutes(api),
    ...restWebhookRoutes(api),
    ...organizationRoutes(api),
    ...auditRoutes(api),
    ...restStatisticsRoutes(api),
    ...signInRoutes(api),
    ...sessionRoutes(),
    ...serverRoutes(api),
  ];
}

export interface AddedRoutes {
  readonly routes: readonly ManagementRoute[];
  readonly documents: readonly ServedDocument[];
}

/** Adds them all; answers them, and the documents that say so. */
export async function addManagementRoutes(server: FastifyInstance, api: ManagementApi): Promise<AddedRoutes> {
  // Older clients send JSON without saying so, or under another name; the token guards against foreign pages.
  acceptJsonBodies(server, 'anything');
  server.addHook('onRequest', checkApiVersion);
  await server.register(multipart, {
    // The file's size is watched by the bundle service, which knows the limit and says so.
    limits: {
      fileSize: Number.POSITIVE_INFINITY,
      files: 1,
      fields: 2 * bundleUploadFields.length,
      fieldSize: maxFieldBytes,
    },
  });
  addHealthRoutes(server, api.dependencies);
  addConsole(server, api.console);

  const routes = managementRoutes(api);
  addRoutes(server, api.auth, routes);
  const documents = [
    { name: 'Management API', file: 'openapi.json', read: () => describeManagementRoutes(routes).management },
    { name: 'REST API', file: 'openapi-rest.json', read: () => describeManagementRoutes(routes).rest },
    ...api.otherDocuments,
  ];
  await addDocsPage(server, documents);
  return { routes, documents };
}
