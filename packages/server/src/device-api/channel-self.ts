import type { Platform } from '@capgo-server/protocol/formats/identifiers';
import { parseSemver } from '@capgo-server/protocol/formats/semver';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pluginFeatures } from '../domain/plugin-features.ts';
import type { DeviceEvents } from '../services/device-events.ts';
import { bodyOfQuery, parseChannelListQuery, parseChannelSelf, parseChannelSelfQuery } from './parse-body.ts';

/** A business answer to a channel request: HTTP 200; `status` keeps Electron from taking it for a success (protocol §6.9). */
function refusal(error: string, message: string, facts: Record<string, string> = {}) {
  return { error, message, status: 'error', ...facts };
}

const appNotFound = refusal('app_not_found', 'App not found');
const noChannel = refusal('channel_not_found', 'No channel serves this device');

/** Whether the server keeps this device's channel: a version that says nothing counts as old, none at all as new (protocol §6.1). */
function usesServerStorage(platform: Platform, pluginVersion: string | undefined): boolean {
  if (!pluginVersion) return false;
  return (
    parseSemver(pluginVersion) === undefined || pluginFeatures(platform, pluginVersion).serverChannelStorage
  );
}

/** The four verbs of `/channel_self` (protocol §6, §0.3 D4, D8, D9) for apps that have no channels. */
export function createChannelSelfHandlers({ deviceEvents }: { readonly deviceEvents: DeviceEvents }) {
  function isUnknown(appId: string): boolean {
    return !deviceEvents.isAppRegistered(appId);
  }

  return {
    set(request: FastifyRequest, reply: FastifyReply): void {
      const { body } = parseChannelSelf(request.body);
      const isElectronUnset =
        body.platform === 'electron' && (request.body as { action?: unknown }).action === 'unset';
      if (!body.channel && !isElectronUnset) {
        reply.send(refusal('missing_channel', 'Cannot find channel in body'));
      } else if (isUnknown(body.app_id)) {
        reply.send(appNotFound);
      } else if (isElectronUnset) {
        reply.send({ status: 'ok' });
      } else {
        const facts = { channel: body.channel ?? '', app_id: body.app_id };
        reply.send(refusal('channel_not_found', 'Cannot find channel', facts));
      }
    },

    get(request: FastifyRequest, reply: FastifyReply): void {
      const { body } = parseChannelSelf(request.body);
      reply.send(isUnknown(body.app_id) ? appNotFound : noChannel);
    },

    unset(request: FastifyRequest, reply: FastifyReply): void {
      const { body } = parseChannelSelfQuery(bodyOfQuery(request.query));
      if (isUnknown(body.app_id)) {
        reply.send(appNotFound);
      } else if (usesServerStorage(body.platform, body.plugin_version)) {
        reply.send(refusal('cannot_override', 'This device has no channel of its own'));
      } else {
        reply.send({ status: 'ok' });
      }
    },

    list(request: FastifyRequest, reply: FastifyReply): void {
      const { body } = parseChannelListQuery(bodyOfQuery(request.query));
      const isElectron = body.platform === 'electron';
      const isElectronList = isElectron && (request.query as { action?: unknown }).action === 'list';
      if (isUnknown(body.app_id)) reply.send(appNotFound);
      else if (isElectronList) reply.send({ channels: [] });
      else if (isElectron) reply.send(noChannel);
      else reply.send([]);
    },
  };
}
