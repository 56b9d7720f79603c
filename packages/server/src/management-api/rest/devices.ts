import { isDeviceId } from '@capgo-server/protocol/formats/identifiers';
import { formatTimestamp, parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { RestStatus } from '@capgo-server/protocol/management/rest-answers';
import {
  type RestDevice,
  RestDeviceList,
  RestDeviceListQuery,
  RestDevicePinBody,
  RestDeviceUnpinBody,
} from '@capgo-server/protocol/management/rest-devices';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/access.ts';
import { actorOf } from '../../domain/actor.ts';
import type { DeviceListing, DevicePosition, InventoryDevice } from '../../ports/device-events.ts';
import type { Apps } from '../../services/apps.ts';
import type { Bundles } from '../../services/bundles.ts';
import type { Channels } from '../../services/channels.ts';
import type { Devices } from '../../services/devices.ts';
import type { ManagementRoute } from '../route.ts';
import { RestError } from './rest-error.ts';
import {
  appIdField,
  cannotAccessApp,
  givenValue,
  requireApp,
  restPageRows,
  textField,
} from './rest-fields.ts';
import { bodyInput, bodyOrQueryInput, queryInput, type RestInput } from './rest-input.ts';
import { channelNotFound, inWords, refusals } from './restated.ts';

export interface RestDeviceRoutesDeps {
  readonly apps: Apps;
  readonly bundles: Bundles;
  readonly channels: Channels;
  readonly devices: Devices;
}

const maxRows = 1_000;

/** A time as that API writes it: ISO 8601 in UTC, or without zone as its database has it. */
function timeOf(text: string): number | undefined {
  const isTime = /^\d{4}-\d{2}-\d{2}([T ])\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z?)$/.exec(text);
  if (!isTime || (isTime[1] === 'T') !== (isTime[3] === 'Z')) return undefined;
  return parseTimestamp(isTime[3] === 'Z' ? text : `${text}Z`);
}

function limitOf(input: RestInput): number {
  const text = textField(input, 'limit') ?? '';
  if (text === '') return restPageRows;
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    throw new RestError('invalid_limit', 'limit must be a whole number, 1 or more');
  }
  return Math.min(Number(text), maxRows);
}

function orderOf(input: RestInput): DeviceListing['order'] {
  const text = textField(input, 'order') ?? '';
  if (text === '') return 'id';
  if (text !== 'asc' && text !== 'desc') throw new RestError('invalid_order', 'order must be asc or desc');
  return text === 'asc' ? 'seen_first' : 'seen_last';
}

function seenAfterOf(input: RestInput): number | undefined {
  const text = textField(input, 'updated_at') ?? '';
  if (text === '') return undefined;
  const timeMs = timeOf(text);
  if (timeMs !== undefined) return timeMs;
  throw new RestError('invalid_updated_at', 'updated_at must be a date-time such as 2026-01-31T12:00:00Z');
}

const cursorOf = ({ seenAtMs, deviceId }: DevicePosition) => `${formatTimestamp(seenAtMs)}|${deviceId}`;

function afterOf(input: RestInput): DevicePosition | undefined {
  const text = textField(input, 'cursor') ?? '';
  if (text === '') return undefined;
  const [time = '', deviceId = '', ...rest] = text.split('|');
  const seenAtMs = timeOf(time);
  if (seenAtMs === undefined || deviceId === '' || deviceId.length > 64 || rest.length > 0) {
    throw new RestError('invalid_cursor', 'cursor must be the nextCursor of the page before');
  }
  return { seenAtMs, deviceId: deviceId.toLowerCase() };
}

export function restDeviceRoutes(deps: RestDeviceRoutesDeps): readonly ManagementRoute[] {
  const { apps, bundles, channels, devices } = deps;

  async function toRows(appId: string, given: readonly InventoryDevice[]): Promise<readonly RestDevice[]> {
    const versionNames = new Set(given.map(({ versionName }) => versionName).filter((name) => name !== null));
    const records = await bundles.findRecords(appId, { versionNames: [...versionNames] });
    const numbers = new Map(records.map(({ versionName, number }) => [versionName, number]));
    const overrides = devices.findOverrides(given);
    const pinned = overrides.size === 0 ? [] : await channels.list(appId);
    const channelNames = new Map(pinned.map(({ id, name }) => [id, name]));
    return given.map((device): RestDevice => {
      const channel = channelNames.get(overrides.get(device.deviceId) ?? 0);
      return {
        ...{ device_id: device.deviceId, app_id: device.appId, platform: device.platform },
        updated_at: formatTimestamp(device.seenAtMs),
        custom_id: device.customId ?? '',
        ...{ is_prod: device.isProd, is_emulator: device.isEmulator },
        install_source: device.installSource,
        version_name: device.versionName,
        version: numbers.get(device.versionName ?? '') ?? null,
        plugin_version: device.pluginVersion,
        os_version: device.osVersion,
        version_build: device.nativeVersion,
        ...{ key_id: device.keyId, country_code: null, default_channel: device.defaultChannel },
        ...(channel === undefined ? {} : { channel }),
      };
    });
  }

  async function list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const appId = appIdField(input);
    await requireApp(apps, caller, appId, () => cannotAccessApp(appId));
    const deviceId = textField(input, 'device_id') ?? '';
    if (deviceId !== '') {
      const found = await devices.find({ appId, deviceId });
      const [row] = found ? await toRows(appId, [found]) : [];
      if (row) return row;
      throw new RestError('device_not_found', 'Device not found', { status: 404 });
    }
    const limit = limitOf(input);
    const hasCustomId = (textField(input, 'customIdMode') ?? '') !== '';
    const found = await devices.listInOrder({
      ...{ appId, hasCustomId, limit: limit + 1 },
      ...{ order: orderOf(input), after: afterOf(input), seenAfterMs: seenAfterOf(input) },
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const hasMore = found.length > limit;
    return {
      data: await toRows(appId, page),
      ...(hasMore && last ? { nextCursor: cursorOf(last) } : {}),
      hasMore,
    };
  }

  /** The device that a request names, heard of or not. */
  function deviceIdOf(input: RestInput): string {
    const deviceId = textField(input, 'device_id') ?? '';
    if (isDeviceId(deviceId)) return deviceId.toLowerCase();
    throw new RestError('invalid_device_id', 'device_id must be a UUID');
  }

  async function pin(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyInput(request);
    const [appId, deviceId] = [textField(input, 'app_id'), textField(input, 'device_id')];
    if (!appId || !deviceId) {
      throw new RestError('missing_device_id_or_app_id', 'Missing device_id or app_id');
    }
    appIdField(input);
    const device = { appId, deviceId: deviceIdOf(input) };
    if (givenValue(input, 'version_id') !== undefined) {
      throw new RestError(
        'invalid_version_id',
        'Devices are pinned to channels, not to versions: send channel',
      );
    }
    await requireApp(apps, caller, appId, () => cannotAccessApp(appId));
    const name = textField(input, 'channel') ?? '';
    if (name === '') return { status: 'ok' };
    const notFound = { code: 'channel_not_found', status: 404, message: channelNotFound };
    const channel = (await channels.list(appId)).find((each) => each.name === name);
    if (!channel) throw new RestError(notFound.code, notFound.message, { status: 404 });
    if (channel.isPublic) {
      throw new RestError(
        'public_channel_override',
        `Channel ${name} is public: devices get it by having no pin`,
      );
    }
    await inWords({ channel_not_found: notFound }, () =>
      devices.setOverride(device, channel.id, actorOf(caller)),
    );
    return { status: 'ok' };
  }

  async function unpin(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const appId = appIdField(input);
    if (!textField(input, 'device_id')) throw new RestError('missing_device_id', 'Missing device_id');
    const deviceId = deviceIdOf(input);
    await requireApp(apps, caller, appId, () => cannotAccessApp(appId));
    await devices.forgetChannels({ appId, deviceId }, actorOf(caller));
    return { status: 'ok' };
  }

  const tag = 'devices';
  return [
    {
      ...{ method: 'GET', url: '/device', permission: 'devices.read', handler: list },
      docs: {
        ...{ operationId: 'listDevices', tag, summary: 'Devices of an app, or one of them' },
        ...{ query: RestDeviceListQuery, answer: RestDeviceList },
        errors: [
          ...refusals(
            ...['missing_app_id', 'invalid_app_id', 'cannot_access_app', 'invalid_limit', 'invalid_order'],
            ...['invalid_updated_at', 'invalid_cursor'],
          ),
          { code: 'device_not_found', status: 404 },
        ],
      },
    },
    {
      ...{ method: 'POST', url: '/device', permission: 'devices.change', handler: pin },
      docs: {
        ...{ operationId: 'pinDevice', tag, summary: 'Pin a device to a channel' },
        description:
          'For 90 days, which the same call renews. The device need not have been heard of. Without a channel nothing happens.',
        ...{ body: RestDevicePinBody, answer: RestStatus },
        errors: [
          ...refusals(
            ...['missing_device_id_or_app_id', 'invalid_app_id', 'invalid_device_id', 'invalid_version_id'],
            ...['cannot_access_app', 'public_channel_override'],
          ),
          { code: 'channel_not_found', status: 404 },
        ],
      },
    },
    {
      ...{ method: 'DELETE', url: '/device', permission: 'devices.change', handler: unpin },
      docs: {
        ...{ operationId: 'unpinDevice', tag, summary: 'Give a device what others get' },
        description:
          'Takes back what it was pinned to, and what it chose itself where this server keeps that. What is known of it stays.',
        ...{ body: RestDeviceUnpinBody, isBodyOptional: true, query: RestDeviceUnpinBody },
        answer: RestStatus,
        errors: refusals(
          ...[
            'missing_app_id',
            'invalid_app_id',
            'missing_device_id',
            'invalid_device_id',
            'cannot_access_app',
          ],
        ),
      },
    },
  ];
}
