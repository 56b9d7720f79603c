import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  DeviceEventCount,
  DeviceEventCountQuery,
  DeviceEventList,
  DeviceEventListQuery,
  type DeviceEventView,
} from '@capgo-server/protocol/management/events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import type { DeviceEvent } from '../domain/device.ts';
import type { DeviceEventFilter } from '../ports/device-events.ts';
import type { DeviceEvents } from '../services/device-events.ts';
import {
  listAnswer,
  pageParameters,
  type Query,
  requiredAppId,
  textParameter,
  timeParameter,
} from './page-query.ts';
import type { ManagementRoute } from './route.ts';
import { appAsSeen } from './scope.ts';

const defaultRows = 100;

function toView(event: DeviceEvent): DeviceEventView {
  return {
    id: event.id,
    app_id: event.appId,
    device_id: event.deviceId,
    action: event.action,
    version_name: event.versionName,
    old_version_name: event.oldVersionName,
    platform: event.platform,
    plugin_version: event.pluginVersion,
    version_build: event.nativeVersion,
    version_code: event.nativeBuild,
    version_os: event.osVersion,
    is_emulator: event.isEmulator,
    is_prod: event.isProd,
    custom_id: event.customId,
    default_channel: event.defaultChannel,
    key_id: event.keyId,
    install_source: event.installSource,
    metadata: event.metadata,
    channel: event.channelName,
    device_time: event.deviceTimeMs === null ? null : formatTimestamp(event.deviceTimeMs),
    received_at: formatTimestamp(event.receivedAtMs),
  };
}

function filterOf(query: Query, caller: Caller): DeviceEventFilter {
  return {
    appId: appAsSeen(caller, requiredAppId(query)),
    deviceId: textParameter(query, 'device_id')?.toLowerCase(),
    action: textParameter(query, 'action'),
    fromMs: timeParameter(query, 'from'),
    toMs: timeParameter(query, 'to'),
  };
}

export interface EventRoutesDeps {
  readonly deviceEvents: DeviceEvents;
}

function createHandlers({ deviceEvents }: EventRoutesDeps) {
  return {
    async list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const query = request.query as Query;
      const page = await deviceEvents.list(filterOf(query, caller), pageParameters(query, defaultRows));
      return listAnswer(page, toView);
    },

    async count(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      return { count: await deviceEvents.count(filterOf(request.query as Query, caller)) };
    },
  };
}

export function eventRoutes(deps: EventRoutesDeps): readonly ManagementRoute[] {
  const events = createHandlers(deps);
  return [
    {
      ...{ method: 'GET', url: '/api/v1/events.list', permission: 'devices.read', handler: events.list },
      docs: {
        ...{ operationId: 'eventsList', tag: 'devices', summary: 'What devices reported, newest first' },
        ...{ query: DeviceEventListQuery, answer: DeviceEventList },
      },
    },
    {
      ...{ method: 'GET', url: '/api/v1/events.count', permission: 'devices.read', handler: events.count },
      docs: {
        ...{ operationId: 'eventsCount', tag: 'devices', summary: 'How many reports there are' },
        ...{ query: DeviceEventCountQuery, answer: DeviceEventCount },
      },
    },
  ];
}
