import { formatTimestamp, parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  type ApiKeyAnswer,
  ApiKeyAnswer as ApiKeyAnswerSchema,
  ApiKeyCreateBody,
  ApiKeyIdBody,
  ApiKeyList,
  ApiKeyUpdateBody,
  type ApiKeyView,
  ShownApiKeyAnswer,
} from '@capgo-server/protocol/management/api-keys';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import type { ApiKey } from '../domain/api-key.ts';
import { AppError } from '../domain/errors.ts';
import type { ApiKeys } from '../services/api-keys.ts';
import { parseBody } from './parse-body.ts';
import type { ManagementRoute } from './route.ts';

export interface ApiKeyRoutesDeps {
  readonly apiKeys: ApiKeys;
}

const timeOrNull = (timeMs: number | null) => (timeMs === null ? null : formatTimestamp(timeMs));

function toView(key: ApiKey): ApiKeyView {
  return {
    ...{ id: key.id, name: key.name, role: key.role, apps: key.apps && [...key.apps] },
    created_by: key.createdBy,
    created_at: formatTimestamp(key.createdAtMs),
    updated_at: formatTimestamp(key.updatedAtMs),
    expires_at: timeOrNull(key.expiresAtMs),
    last_used_at: timeOrNull(key.lastUsedAtMs),
  };
}

/** Null for "never"; undefined for what was left out. */
function expiry(text: string | null | undefined): number | null | undefined {
  if (text === null || text === undefined) return text;
  const time = parseTimestamp(text);
  if (time === undefined) {
    throw new AppError(
      'invalid_request',
      'expires_at must be a date, or a date-time with zone, such as 2027-01-31T12:00:00Z, or null',
    );
  }
  return time;
}

function createHandlers({ apiKeys }: ApiKeyRoutesDeps) {
  return {
    list: async () => ({ data: (await apiKeys.list()).map(toView) }),

    async create({ body }: FastifyRequest, _reply: FastifyReply, caller: Caller): Promise<ShownApiKeyAnswer> {
      const { name, role, apps = null, expires_at } = parseBody(ApiKeyCreateBody, body);
      const facts = { name, role, apps, expiresAtMs: expiry(expires_at) ?? null };
      const { key, text } = await apiKeys.create(facts, caller);
      return { message: 'API key created', api_key: toView(key), key: text };
    },

    async update({ body }: FastifyRequest, _reply: FastifyReply, caller: Caller): Promise<ApiKeyAnswer> {
      const { key_id, name, role, apps, expires_at } = parseBody(ApiKeyUpdateBody, body);
      const changes = { name, role, apps, expiresAtMs: expiry(expires_at) };
      if (Object.values(changes).every((change) => change === undefined)) {
        throw new AppError(
          'invalid_request',
          'Nothing is to be changed: send name, role, apps or expires_at',
        );
      }
      return { message: 'API key updated', api_key: toView(await apiKeys.update(key_id, changes, caller)) };
    },

    async regenerate(
      { body }: FastifyRequest,
      _reply: FastifyReply,
      caller: Caller,
    ): Promise<ShownApiKeyAnswer> {
      const { key, text } = await apiKeys.regenerate(parseBody(ApiKeyIdBody, body).key_id, {}, caller);
      return { message: 'API key regenerated', api_key: toView(key), key: text };
    },

    async revoke({ body }: FastifyRequest, _reply: FastifyReply, caller: Caller): Promise<ApiKeyAnswer> {
      const key = await apiKeys.revoke(parseBody(ApiKeyIdBody, body).key_id, caller);
      return { message: 'API key revoked', api_key: toView(key) };
    },
  };
}

export function apiKeyRoutes(deps: ApiKeyRoutesDeps): readonly ManagementRoute[] {
  const keys = createHandlers(deps);
  const tag = 'keys';
  return [
    {
      ...{ method: 'GET', url: '/api/v1/keys.list', permission: 'keys.manage', handler: keys.list },
      docs: { operationId: 'keysList', tag, summary: 'API keys, newest first', answer: ApiKeyList },
    },
    {
      ...{ method: 'POST', url: '/api/v1/keys.create', permission: 'keys.manage', handler: keys.create },
      docs: {
        ...{ operationId: 'keysCreate', tag, summary: 'Make an API key, which is shown this once' },
        ...{ body: ApiKeyCreateBody, answer: ShownApiKeyAnswer },
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/keys.update', permission: 'keys.manage', handler: keys.update },
      docs: {
        ...{ operationId: 'keysUpdate', tag, summary: 'Change the name, rights or end of an API key' },
        ...{ body: ApiKeyUpdateBody, answer: ApiKeyAnswerSchema },
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/keys.regenerate', permission: 'keys.manage' },
      handler: keys.regenerate,
      docs: {
        ...{ operationId: 'keysRegenerate', tag, summary: 'Prove an API key by another text from now on' },
        ...{ body: ApiKeyIdBody, answer: ShownApiKeyAnswer },
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/keys.revoke', permission: 'keys.manage', handler: keys.revoke },
      docs: {
        ...{ operationId: 'keysRevoke', tag, summary: 'Delete an API key; it is refused from then on' },
        ...{ body: ApiKeyIdBody, answer: ApiKeyAnswerSchema },
      },
    },
  ];
}
