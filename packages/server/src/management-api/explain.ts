import { UpdateCheckBody } from '@capgo-server/protocol/device/update-check';
import { ExplainView, KnownDeviceBody } from '@capgo-server/protocol/management/devices';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Caller, seesApp } from '../domain/access.ts';
import { type DeviceCheck, reportedPlatform } from '../domain/device.ts';
import { AppError } from '../domain/errors.ts';
import type { UpdateDecision } from '../domain/update-decision.ts';
import type { InventoryDevice } from '../ports/device-events.ts';
import type { Devices } from '../services/devices.ts';
import type { UpdateChecks } from '../services/update-check.ts';
import { checkedAppId, checkedDeviceId } from './page-query.ts';
import { parseBody } from './parse-body.ts';
import type { ManagementRoute } from './route.ts';
import { appAsSeen } from './scope.ts';

/** The device API's own reading and writing of an update check, so that an explanation cannot differ from the answer. */
export interface UpdateCheckWire {
  /** Rejects as `POST /updates` does. */
  parse(body: unknown): DeviceCheck;
  answer(decision: UpdateDecision, request: FastifyRequest): object;
  /** The body that a device of the inventory would send. */
  bodyOf(device: InventoryDevice): object;
}

function viewOf(decision: UpdateDecision): Pick<ExplainView, 'source' | 'channel' | 'release' | 'bundle'> {
  const { considered } = decision;
  if (!considered) return { source: null, channel: null, release: null, bundle: null };
  const { resolution } = considered;
  const channel = resolution.kind === 'channel' ? resolution.served.channel : undefined;
  const release = resolution.kind === 'release' ? resolution.served.release : undefined;
  return {
    source: resolution.source,
    channel: channel ? { id: channel.id, name: channel.name } : null,
    release: release
      ? { id: release.id, version_name: release.versionName, version_code: release.versionCode }
      : null,
    bundle: considered.bundle?.versionName ?? 'builtin',
  };
}

/** Whether the body names a device instead of being a device's request. */
function isKnownDevice(body: unknown): boolean {
  return typeof body === 'object' && body !== null && !('version_build' in body) && !('version_name' in body);
}

export interface ExplainRoutesDeps {
  readonly updateChecks: UpdateChecks;
  readonly devices: Pick<Devices, 'find'>;
  readonly updateCheckWire: UpdateCheckWire;
}

function createHandler({ updateChecks, devices, updateCheckWire: wire }: ExplainRoutesDeps) {
  async function requestOf(body: unknown, caller: Caller): Promise<unknown> {
    if (!isKnownDevice(body)) return body;
    const { app_id, device_id } = parseBody(KnownDeviceBody, body);
    const appId = appAsSeen(caller, checkedAppId(app_id));
    const device = await devices.find({ appId, deviceId: checkedDeviceId(device_id) });
    if (!device) {
      throw new AppError(
        'device_not_found',
        'This device was never heard of; send the request it would send instead',
      );
    }
    if (
      device.pluginVersion === null ||
      device.nativeVersion === null ||
      reportedPlatform(device) === 'unknown'
    ) {
      throw new AppError(
        'invalid_request',
        'Too little is known of this device: it never told its plugin version, native version or platform; send the request it would send instead',
      );
    }
    return wire.bodyOf(device);
  }

  return async (request: FastifyRequest, _reply: FastifyReply, caller: Caller): Promise<ExplainView> => {
    const device = wire.parse(await requestOf(request.body, caller));
    const { decision, steps } = updateChecks.explain(device, seesApp(caller, device.appId));
    const answer = wire.answer(decision, request);
    return { answer, outcome: decision.outcome, ...viewOf(decision), steps: [...steps] };
  };
}

/** For the documentation: a device's own request is read as `POST /updates` reads it. */
const ExplainBody = Type.Union([KnownDeviceBody, UpdateCheckBody], {
  description: 'A device that was heard of, or the request that a device would send',
});

/** `POST /api/v1/updates.explain`: what a device would be answered now, and each reason on the way there. */
export function explainRoutes(deps: ExplainRoutesDeps): readonly ManagementRoute[] {
  return [
    {
      ...{ method: 'POST', url: '/api/v1/updates.explain', permission: 'devices.read' },
      handler: createHandler(deps),
      docs: {
        operationId: 'updatesExplain',
        tag: 'devices',
        summary: 'What a device would be answered now, and why',
        ...{ body: ExplainBody, answer: ExplainView, errors: ['device_not_found', 'invalid_json_body'] },
      },
    },
  ];
}
