import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  CounterList,
  CounterListQuery,
  type CounterView,
  DeviceAnswer,
  DeviceGetQuery,
  DeviceList,
  type DeviceView,
} from '@capgo-server/protocol/management/devices';
import { AppListQuery } from '@capgo-server/protocol/management/pages';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../domain/errors.ts';
import type { CounterReader, CounterRow, InventoryDevice } from '../ports/device-events.ts';
import type { Devices } from '../services/devices.ts';
import {
  dateParameter,
  defaultRecordRows,
  listAnswer,
  pageParameters,
  type Query,
  requiredAppId,
  requiredDeviceId,
} from './page-query.ts';
import type { ManagementRoute } from './route.ts';

const defaultRows = 100;

function toDeviceView(device: InventoryDevice): DeviceView {
  return {
    app_id: device.appId,
    device_id: device.deviceId,
    platform: device.platform,
    plugin_version: device.pluginVersion,
    version_os: device.osVersion,
    version_build: device.nativeVersion,
    version_code: device.nativeBuild,
    version_name: device.versionName,
    custom_id: device.customId,
    is_emulator: device.isEmulator,
    is_prod: device.isProd,
    default_channel: device.defaultChannel,
    key_id: device.keyId,
    install_source: device.installSource,
    first_seen: formatTimestamp(device.firstSeenAtMs),
    last_seen: formatTimestamp(device.seenAtMs),
  };
}

function toCounterView({ channel, ...row }: CounterRow): CounterView {
  return { ...row, channel: channel === '' ? null : channel };
}

export interface DeviceRoutesDeps {
  readonly devices: Devices;
  readonly counters: CounterReader;
}

function createHandlers(deps: DeviceRoutesDeps) {
  const { devices, counters } = deps;
  return {
    async list(request: FastifyRequest) {
      const query = request.query as Query;
      const page = await devices.list(requiredAppId(query), pageParameters(query, defaultRows));
      return listAnswer(page, toDeviceView);
    },

    async get(request: FastifyRequest) {
      const query = request.query as Query;
      const device = await devices.find({ appId: requiredAppId(query), deviceId: requiredDeviceId(query) });
      if (!device) throw new AppError('device_not_found', 'This device was never heard of');
      return { data: toDeviceView(device) };
    },

    async listCounters(request: FastifyRequest) {
      const query = request.query as Query;
      const filter = {
        appId: requiredAppId(query),
        fromDate: dateParameter(query, 'from') ?? '0000-01-01',
        toDate: dateParameter(query, 'to') ?? '9999-12-31',
      };
      if (filter.fromDate > filter.toDate) {
        throw new AppError('invalid_request', 'from must not be a day after to');
      }
      const page = await counters.listCounters(filter, pageParameters(query, defaultRecordRows));
      return listAnswer(page, toCounterView);
    },
  };
}

/** What is known of devices: the inventory and the daily counters. */
export function deviceRoutes(deps: DeviceRoutesDeps): readonly ManagementRoute[] {
  const devices = createHandlers(deps);
  return [
    {
      ...{ method: 'GET', url: '/api/v1/counters.list', permission: 'statistics.read' },
      handler: devices.listCounters,
      docs: {
        ...{ operationId: 'countersList', tag: 'statistics', summary: 'Daily counters of an app' },
        ...{ query: CounterListQuery, answer: CounterList },
      },
    },
    {
      ...{ method: 'GET', url: '/api/v1/devices.list', permission: 'devices.read', handler: devices.list },
      docs: {
        ...{ operationId: 'devicesList', tag: 'devices', summary: 'Devices of an app' },
        ...{ query: AppListQuery, answer: DeviceList },
      },
    },
    {
      ...{ method: 'GET', url: '/api/v1/devices.get', permission: 'devices.read', handler: devices.get },
      docs: {
        ...{ operationId: 'devicesGet', tag: 'devices', summary: 'One device' },
        ...{ query: DeviceGetQuery, answer: DeviceAnswer, errors: ['device_not_found'] },
      },
    },
  ];
}
