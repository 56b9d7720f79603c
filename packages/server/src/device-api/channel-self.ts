import type { ChannelListQuery, ChannelSelfBody } from '@capgo-server/protocol/device/channel-self';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Channel } from '../domain/channel.ts';
import { createChannelSelfLimits, type LimitedRequest } from '../http/window-limit.ts';
import type { Clock } from '../ports/clock.ts';
import type { RequestLimits } from '../ports/request-limits.ts';
import type { ChannelAsker, ChannelRefusal, ChannelSelf } from '../services/channel-self.ts';
import {
  bodyOfQuery,
  type ParsedBody,
  parseChannelListQuery,
  parseChannelSelf,
  parseChannelSelfQuery,
  textOf,
} from './parse-body.ts';

type ChannelSelfRequest = ParsedBody<typeof ChannelSelfBody>;

/**
 * Told of what a device did, for the event of that name and the inventory (protocol §5.4). Fields of the request beyond
 * the type may still be in the body, unchecked. The answer does not wait for it, and it must not throw.
 */
export type OnChannelSelfSuccess = (action: 'setChannel' | 'getChannel', parsed: ChannelSelfRequest) => void;

const messages: Readonly<Record<ChannelRefusal | 'missing_channel', string>> = {
  missing_channel: 'Cannot find channel in body',
  app_not_found: 'App not found',
  channel_not_found: 'Cannot find channel',
  cannot_override: "Cannot change device override current channel don't allow it",
  channel_self_set_not_allowed: 'This channel does not allow devices to self associate',
  public_channel_self_set_not_allowed:
    'This channel is public and does not allow devices to choose it. Unset the channel: the device then gets the public one',
  override_not_allowed: 'Cannot change the channel of the device right now',
};

/** Codes whose answer names what was asked for. */
const namesChannel: readonly string[] = [
  'channel_not_found',
  'channel_self_set_not_allowed',
  'public_channel_self_set_not_allowed',
];

/** A business answer: HTTP 200; `status` keeps Electron from taking it for a success (protocol §6.9). */
function refusal(code: keyof typeof messages, facts: Readonly<Record<string, string>> = {}) {
  return { error: code, message: messages[code], status: 'error', ...facts };
}

/** What Electron wants of a verb that does several things for it (protocol §6.9). */
function actionOf(given: unknown): string {
  return textOf(given as object, 'action');
}

function toAsker({ body, rawVersionBuild, rawVersionCode }: ChannelSelfRequest): ChannelAsker {
  return {
    appId: body.app_id,
    deviceId: body.device_id,
    platform: body.platform,
    pluginVersion: body.plugin_version,
    defaultChannel: body.defaultChannel || undefined,
    rawNativeVersion: rawVersionBuild,
    nativeBuild: rawVersionCode,
  };
}

function toListed(channel: Channel) {
  return {
    id: channel.id,
    name: channel.name,
    public: channel.isPublic,
    allow_self_set: channel.allowDeviceSelfSet,
  };
}

/** The four verbs of `/channel_self` (protocol §6, §0.3 D4, D8, D9); what happens in which order can be seen from outside. */
export function createChannelSelfHandlers(deps: {
  readonly channelSelf: ChannelSelf;
  readonly limits: RequestLimits;
  readonly clock: Clock;
  readonly onSuccess: OnChannelSelfSuccess;
}) {
  const { channelSelf, onSuccess } = deps;
  const limits = createChannelSelfLimits(deps.limits, deps.clock);

  /** Runs an operation the device may do now, and counts it however it ends. */
  async function withinLimits(
    limited: LimitedRequest,
    request: FastifyRequest,
    run: () => Promise<object> | object,
  ): Promise<object> {
    await limits.checkDevice(limited);
    try {
      return await run();
    } finally {
      limits.record(limited, request.ip);
    }
  }

  async function answerSet(parsed: ChannelSelfRequest, channel: string): Promise<object> {
    const { code } = await channelSelf.set(toAsker(parsed), channel);
    switch (code) {
      case 'allowed':
        onSuccess('setChannel', parsed);
        return { status: 'ok', allowSet: true };
      case 'stored':
      case 'override_removed':
        onSuccess('setChannel', parsed);
        return { status: 'ok' };
      case 'already_set':
        return { status: 'ok' };
      default:
        return refusal(code, namesChannel.includes(code) ? { channel, app_id: parsed.body.app_id } : {});
    }
  }

  async function answerUnset(parsed: ChannelSelfRequest): Promise<object> {
    const { code } = await channelSelf.unset(toAsker(parsed));
    if (code !== 'unset') return refusal(code);
    onSuccess('setChannel', parsed);
    return { status: 'ok' };
  }

  function answerGet(
    parsed: ChannelSelfRequest,
    toAnswer: (channel: Channel, status: 'override' | 'default') => object,
  ): object {
    const result = channelSelf.get(toAsker(parsed), parsed.body.channel);
    if (result.code !== 'override' && result.code !== 'default') return refusal(result.code);
    onSuccess('getChannel', parsed);
    return toAnswer(result.channel, result.code);
  }

  function answerList(query: ChannelListQuery, isElectronList: boolean): object {
    const { app_id: appId, platform, is_emulator: isEmulator, is_prod: isProd } = query;
    const result = channelSelf.list({ appId, platform, isEmulator, isProd });
    if (result.code !== 'listed') return refusal(result.code);
    const channels = result.channels.map(toListed);
    return isElectronList ? { channels } : channels;
  }

  /** Electron reads its channel with GET and wants all of it in one object (protocol §6.9). */
  function answerElectronGet(request: FastifyRequest): Promise<object> {
    // Of a list no more is asked than what it needs; a device's own channel wants the same fields, empty or not.
    const raw = { version_name: '', version_build: '', ...bodyOfQuery(request) };
    const parsed = parseChannelSelfQuery(raw);
    const { app_id: appId, device_id: deviceId } = parsed.body;
    return withinLimits({ appId, deviceId, operation: 'get' }, request, () =>
      answerGet(parsed, ({ name, allowDeviceSelfSet }, status) => {
        return { channel: name, allow_set: allowDeviceSelfSet, status };
      }),
    );
  }

  return {
    async set(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const parsed = parseChannelSelf(request.body);
      const { app_id: appId, device_id: deviceId, platform, channel } = parsed.body;
      await limits.checkAddress(appId, request.ip);
      if (platform === 'electron' && actionOf(request.body) === 'unset') {
        const limited: LimitedRequest = { appId, deviceId, operation: 'delete' };
        return reply.send(await withinLimits(limited, request, () => answerUnset(parsed)));
      }
      if (!channel) return reply.send(refusal('missing_channel'));
      const limited: LimitedRequest = { appId, deviceId, operation: 'set', channel };
      return reply.send(await withinLimits(limited, request, () => answerSet(parsed, channel)));
    },

    async get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const parsed = parseChannelSelf(request.body);
      const { app_id: appId, device_id: deviceId } = parsed.body;
      await limits.checkAddress(appId, request.ip);
      const answer = await withinLimits({ appId, deviceId, operation: 'get' }, request, () =>
        answerGet(parsed, ({ name, allowDeviceSelfSet }, status) =>
          status === 'override'
            ? { channel: name, status, allowSet: allowDeviceSelfSet }
            : { channel: name, status },
        ),
      );
      return reply.send(answer);
    },

    async unset(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const parsed = parseChannelSelfQuery(bodyOfQuery(request));
      const { app_id: appId, device_id: deviceId } = parsed.body;
      await limits.checkAddress(appId, request.ip);
      const limited: LimitedRequest = { appId, deviceId, operation: 'delete' };
      return reply.send(await withinLimits(limited, request, () => answerUnset(parsed)));
    },

    async list(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const raw = bodyOfQuery(request);
      const { body } = parseChannelListQuery(raw);
      const appId = body.app_id;
      await limits.checkAddress(appId, request.ip);
      // Not validated here, and the answer to one who asks too fast names it.
      const deviceId = textOf(raw, 'device_id', 36) || undefined;
      const isElectron = body.platform === 'electron';
      const isElectronList = isElectron && actionOf(request.query) === 'list';
      // Without a device there is no channel to read: then it is the list that is asked for.
      if (isElectron && !isElectronList && deviceId !== undefined) {
        return reply.send(await answerElectronGet(request));
      }
      const limited: LimitedRequest = { appId, deviceId, operation: 'list' };
      return reply.send(await withinLimits(limited, request, () => answerList(body, isElectronList)));
    },
  };
}
