import { bundleUploadFields } from '@capgo-server/protocol/management/bundles';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest, onRequestHookHandler, RouteHandlerMethod } from 'fastify';
import { addConsolePage } from '../http/console-files.ts';
import { addHealthRoutes, type Dependency } from '../http/health.ts';
import { acceptJsonBodies } from '../http/json-body.ts';
import type { CounterReader } from '../ports/device-events.ts';
import type { Bundles } from '../services/bundles.ts';
import type { DeviceEvents } from '../services/device-events.ts';
import type { Devices } from '../services/devices.ts';
import type { Manifests } from '../services/manifests.ts';
import type { Releases } from '../services/releases.ts';
import type { UpdateChecks } from '../services/update-check.ts';
import type { ManagementAuth } from './auth.ts';
import { type BundleUrls, createBundleHandlers } from './bundles.ts';
import { createDeviceHandlers } from './devices.ts';
import { createEventHandlers } from './events.ts';
import { createExplainHandler, type UpdateCheckWire } from './explain.ts';
import { createManifestHandlers, type ObjectUrls } from './manifests.ts';
import { createReleaseHandlers } from './releases.ts';

export interface ManagementApi {
  readonly auth: ManagementAuth;
  readonly bundles: Bundles;
  readonly manifests: Manifests;
  readonly releases: Releases;
  readonly deviceEvents: DeviceEvents;
  readonly updateChecks: UpdateChecks;
  readonly updateCheckWire: UpdateCheckWire;
  readonly devices: Devices;
  readonly counters: CounterReader;
  readonly bundleUrls: BundleUrls;
  readonly objectUrls: ObjectUrls;
  readonly dependencies: readonly Dependency[];
  /** Published to the console so that it can sign in; '' when there is none. */
  readonly oauth: { readonly issuer: string; readonly clientId: string };
}

/** Largest JSON body. */
export const maxManagementBodyBytes = 1024 * 1024;
const maxFieldBytes = 64 * 1024;

/** Who may call a route: everybody, or holders of a management token. */
type Permission = 'public' | 'token';

/** Every URL an operator can ask, with who may. */
export async function addManagementRoutes(server: FastifyInstance, api: ManagementApi): Promise<void> {
  // Older clients send JSON without saying so, or under another name; the token guards against foreign pages.
  acceptJsonBodies(server, 'anything');
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
  addConsolePage(server);

  const requireToken = (request: FastifyRequest, _reply: unknown, done: (error?: Error) => void) => {
    api.auth.requireToken(request.headers);
    done();
  };
  const route = (
    method: 'GET' | 'POST',
    url: string,
    permission: Permission,
    handler: RouteHandlerMethod,
    ...further: onRequestHookHandler[]
  ) => {
    const guards = permission === 'public' ? further : [requireToken, ...further];
    server.route({ method, url, handler, onRequest: guards });
  };

  const bundles = createBundleHandlers(api);
  const manifests = createManifestHandlers(api);
  const releases = createReleaseHandlers(api);
  const events = createEventHandlers(api);
  const devices = createDeviceHandlers(api);
  const explain = createExplainHandler({
    updateChecks: api.updateChecks,
    devices: api.devices,
    wire: api.updateCheckWire,
  });
  route('GET', '/api/v1/bundles.list', 'token', bundles.list);
  route('POST', '/api/v1/bundles.upload', 'token', bundles.upload, bundles.requireForm);
  route('POST', '/api/v1/bundles.delete', 'token', bundles.delete);
  route('GET', '/api/v1/bundles.manifest', 'token', manifests.manifest);
  route('GET', '/api/v1/bundles.diff', 'token', manifests.diff);
  route('GET', '/api/v1/releases.list', 'token', releases.list);
  route('POST', '/api/v1/releases.create', 'token', releases.create);
  route('POST', '/api/v1/releases.update', 'token', releases.update);
  route('POST', '/api/v1/releases.set-active', 'token', releases.setActive);
  route('POST', '/api/v1/releases.delete', 'token', releases.delete);
  route('GET', '/api/v1/events.list', 'token', events.list);
  route('GET', '/api/v1/events.count', 'token', events.count);
  route('GET', '/api/v1/counters.list', 'token', devices.listCounters);
  route('GET', '/api/v1/devices.list', 'token', devices.list);
  route('GET', '/api/v1/devices.get', 'token', devices.get);
  route('POST', '/api/v1/updates.explain', 'token', explain);
  route('GET', '/apipublic/v1/oauth2.config', 'public', async () => ({
    issuer: api.oauth.issuer,
    client_id: api.oauth.clientId,
  }));
}
