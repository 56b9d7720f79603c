import { bundleUploadFields } from '@capgo-server/protocol/management/bundles';
import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { addConsole, type ConsoleFiles } from '../http/console-files.ts';
import { addHealthRoutes, type Dependency } from '../http/health.ts';
import { acceptJsonBodies } from '../http/json-body.ts';
import type { CounterReader } from '../ports/device-events.ts';
import type { Bundles } from '../services/bundles.ts';
import type { DeviceEvents } from '../services/device-events.ts';
import type { Devices } from '../services/devices.ts';
import type { Releases } from '../services/releases.ts';
import type { UpdateChecks } from '../services/update-check.ts';
import type { ManagementAuth } from './auth.ts';
import { type BundleUrls, createBundleHandlers } from './bundles.ts';
import { createDeviceHandlers } from './devices.ts';
import { createEventHandlers } from './events.ts';
import { createExplainHandler, type UpdateCheckWire } from './explain.ts';
import { createReleaseHandlers } from './releases.ts';
import { addRoutes } from './route.ts';
import { type ServerFacts, serverRoutes } from './server.ts';
import { sessionRoutes } from './session.ts';

export interface ManagementApi {
  readonly auth: ManagementAuth;
  readonly bundles: Bundles;
  readonly releases: Releases;
  readonly deviceEvents: DeviceEvents;
  readonly updateChecks: UpdateChecks;
  readonly updateCheckWire: UpdateCheckWire;
  readonly devices: Devices;
  readonly counters: CounterReader;
  readonly bundleUrls: BundleUrls;
  readonly dependencies: readonly Dependency[];
  readonly server: ServerFacts;
  readonly console: ConsoleFiles;
  /** Published to the console so that it can sign in; '' when there is none. */
  readonly oauth: { readonly issuer: string; readonly clientId: string };
}

/** Largest JSON body. */
export const maxManagementBodyBytes = 1024 * 1024;
const maxFieldBytes = 64 * 1024;

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
  addConsole(server, api.console);

  const bundles = createBundleHandlers(api);
  const releases = createReleaseHandlers(api);
  const events = createEventHandlers(api);
  const devices = createDeviceHandlers(api);
  const explain = createExplainHandler({
    updateChecks: api.updateChecks,
    devices: api.devices,
    wire: api.updateCheckWire,
  });
  addRoutes(server, api.auth, [
    ...sessionRoutes(),
    ...serverRoutes(api),
    {
      ...{ method: 'GET', url: '/api/v1/bundles.list', permission: 'bundles.read', handler: bundles.list },
      docs: { operationId: 'bundlesList', tag: 'bundles', summary: 'Bundles, newest first' },
    },
    {
      ...{ method: 'POST', url: '/api/v1/bundles.upload', permission: 'bundles.upload' },
      ...{ handler: bundles.upload, beforeBody: bundles.requireForm },
      docs: { operationId: 'bundlesUpload', tag: 'bundles', summary: 'Upload a bundle as a zip' },
    },
    {
      ...{ method: 'POST', url: '/api/v1/bundles.delete', permission: 'bundles.delete' },
      handler: bundles.delete,
      docs: { operationId: 'bundlesDelete', tag: 'bundles', summary: 'Delete a bundle that nothing serves' },
    },
    {
      ...{ method: 'GET', url: '/api/v1/releases.list', permission: 'releases.read' },
      handler: releases.list,
      docs: { operationId: 'releasesList', tag: 'releases', summary: 'Releases, newest first' },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.create', permission: 'releases.change' },
      handler: releases.create,
      docs: { operationId: 'releasesCreate', tag: 'releases', summary: 'Register a native build' },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.update', permission: 'releases.change' },
      handler: releases.update,
      docs: { operationId: 'releasesUpdate', tag: 'releases', summary: 'Set the release date' },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.set-active', permission: 'releases.change' },
      handler: releases.setActive,
      docs: {
        operationId: 'releasesSetActive',
        tag: 'releases',
        summary: 'Choose the bundle that the devices of a release run',
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.delete', permission: 'releases.change' },
      handler: releases.delete,
      docs: { operationId: 'releasesDelete', tag: 'releases', summary: 'Forget a native build' },
    },
    {
      ...{ method: 'GET', url: '/api/v1/events.list', permission: 'devices.read', handler: events.list },
      docs: { operationId: 'eventsList', tag: 'devices', summary: 'What devices reported, newest first' },
    },
    {
      ...{ method: 'GET', url: '/api/v1/events.count', permission: 'devices.read', handler: events.count },
      docs: { operationId: 'eventsCount', tag: 'devices', summary: 'How many reports there are' },
    },
    {
      ...{ method: 'GET', url: '/api/v1/counters.list', permission: 'statistics.read' },
      handler: devices.listCounters,
      docs: { operationId: 'countersList', tag: 'statistics', summary: 'Daily counters of an app' },
    },
    {
      ...{ method: 'GET', url: '/api/v1/devices.list', permission: 'devices.read', handler: devices.list },
      docs: { operationId: 'devicesList', tag: 'devices', summary: 'Devices of an app' },
    },
    {
      ...{ method: 'GET', url: '/api/v1/devices.get', permission: 'devices.read', handler: devices.get },
      docs: { operationId: 'devicesGet', tag: 'devices', summary: 'One device' },
    },
    {
      ...{ method: 'POST', url: '/api/v1/updates.explain', permission: 'devices.read', handler: explain },
      docs: {
        operationId: 'updatesExplain',
        tag: 'devices',
        summary: 'What a device would be answered now, and why',
      },
    },
    {
      ...{ method: 'GET', url: '/apipublic/v1/oauth2.config', permission: 'public' },
      handler: async () => ({ issuer: api.oauth.issuer, client_id: api.oauth.clientId }),
      docs: { operationId: 'oauth2Config', tag: 'sign-in', summary: 'How to sign in' },
    },
  ]);
}
