import { platforms } from '@capgo-server/protocol/formats/identifiers';
import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  CounterList,
  CounterListQuery,
  type CounterView,
  DeviceAnswer,
  type DeviceDetail,
  DeviceGetQuery,
  DeviceList,
  DeviceListQuery,
  type DeviceView,
} from '@capgo-server/protocol/management/devices';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import type { CounterReader, CounterRow, DeviceFilter, InventoryDevice } from '../ports/device-events.ts';
import type { DeviceOverride, Devices } from '../services/devices.ts';
import {
  dateParameter,
  defaultRecordRows,
  listAnswer,
  pageParameters,
  type Query,
  requiredAppId,
  requiredDeviceId,
  textParameter,
} from './page-query.ts';
import type { ManagementRoute } from './route.ts';
import { appAsSeen } from './scope.ts';

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

function toDeviceDetail(device: InventoryDevice, override: DeviceOverride | undefined): DeviceDetail {
  const { channelId, expiresAtMs = null } = override ?? {};
  const until = expiresAtMs === null ? null : formatTimestamp(expiresAtMs);
  return {
    ...toDeviceView(device),
    override: channelId === undefined ? null : { channel_id: channelId, expires_at: until },
  };
}

function toCounterView({ channel, ...row }: CounterRow): CounterView {
  return { ...row, channel: channel === '' ? null : channel };
}

const countedPlatforms = [...platforms, 'unknown'] as const;

function platformParameter(query: Query): DeviceFilter['platform'] {
  const text = textParameter(query, 'platform');
  const platform = countedPlatforms.find((known) => known === text?.toLowerCase());
  if (text !== undefined && !platform) {
    throw new AppError('invalid_request', `platform must be one of ${countedPlatforms.join(', ')}`);
  }
  return platform;
}

/** '' is the channel of devices that none serves. */
function channelParameter(query: Query): string | undefined {
  const hasChannel = textParameter(query, 'has_channel');
  if (hasChannel !== undefined && hasChannel !== 'false') {
    throw new AppError('invalid_request', 'has_channel can only be false');
  }
  const channel = textParameter(query, 'channel');
  if (hasChannel === undefined) return channel;
  if (channel !== undefined) throw new AppError('invalid_request', 'Give channel or has_channel, not both');
  return '';
}

const maxFilterLength = 2_048;

function filterOf(query: Query): Omit<DeviceFilter, 'appId'> {
  const text = (name: string): string | undefined => {
    const value = textParameter(query, name);
    if (value !== undefined && value.length > maxFilterLength) {
      throw new AppError('invalid_request', `${name} is too long`);
    }
    return value;
  };
  return {
    text: text('q'),
    versionName: text('version_name'),
    bundle: text('bundle'),
    nativeVersion: text('native_version'),
    pluginVersion: text('plugin_version'),
    channel: channelParameter(query),
    platform: platformParameter(query),
    activeSince: dateParameter(query, 'active_since'),
    failedBundle: text('failed_bundle'),
  };
}

export interface DeviceRoutesDeps {
  readonly devices: Devices;
  readonly counters: CounterReader;
}

function createHandlers(deps: DeviceRoutesDeps) {
  const { devices, counters } = deps;
  return {
    async list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const query = request.query as Query;
      const filter = { ...filterOf(query), appId: appAsSeen(caller, requiredAppId(query)) };
      const page = await devices.list(filter, pageParameters(query, defaultRows));
      return listAnswer(page, toDeviceView);
    },

    async get(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const query = request.query as Query;
      const appId = appAsSeen(caller, requiredAppId(query));
      const key = { appId, deviceId: requiredDeviceId(query) };
      const [device, override] = await Promise.all([devices.find(key), devices.findOverride(key)]);
      if (!device) throw new AppError('device_not_found', 'This device was never heard of');
      return { data: toDeviceDetail(device, override) };
    },

    async listCounters(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const query = request.query as Query;
      const filter = {
        appId: appAsSeen(caller, requiredAppId(query)),
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
        description:
          'Of filters all must hold. Those by bundle, native_version, plugin_version, channel and active_since go by what statistics count a device under.',
        ...{ query: DeviceListQuery, answer: DeviceList },
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
