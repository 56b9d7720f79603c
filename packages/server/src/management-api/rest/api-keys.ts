import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  HostedApiKeyList,
  HostedShownApiKey,
  RestApiKey,
  RestApiKeyCreateBody,
  RestApiKeyList,
  RestApiKeyParams,
  RestApiKeyUpdateBody,
  RestChangedApiKey,
  RestRevokedApiKey,
  RestShownApiKey,
} from '@capgo-server/protocol/management/rest-api-keys';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../domain/access.ts';
import { type ApiKey, apiKeyMaxId } from '../../domain/api-key.ts';
import { AppError } from '../../domain/errors.ts';
import type { ApiKeys } from '../../services/api-keys.ts';
import type { ManagementRoute } from '../route.ts';
import { apiKeyInput, modeOf } from './api-key-input.ts';
import { audienceOf, RestError } from './rest-error.ts';
import { bodyInput, type RestInput } from './rest-input.ts';
import { inWords, type RestWords } from './restated.ts';

export interface RestApiKeyRoutesDeps {
  readonly apiKeys: ApiKeys;
}

const timeOrNull = (timeMs: number | null) => (timeMs === null ? null : formatTimestamp(timeMs));

/** A key as both audiences know it: `mode` and `limited_to_apps` are the documentation's words for its rights. */
function toRow(key: ApiKey): RestApiKey {
  const apps = key.apps && [...key.apps];
  return {
    id: key.id,
    created_at: formatTimestamp(key.createdAtMs),
    updated_at: formatTimestamp(key.updatedAtMs),
    ...{ name: key.name, user_id: key.createdBy, rbac_id: key.rbacId },
    expires_at: timeOrNull(key.expiresAtMs),
    last_used_at: timeOrNull(key.lastUsedAtMs),
    ...{ is_hashed_key: true, global_permissions: [] },
    ...{ role: key.role, apps, mode: modeOf[key.role], limited_to_apps: apps ?? [] },
  };
}

const isHosted = ({ headers }: FastifyRequest) => audienceOf(headers) === 'hosted';

/** The key with its text; the documentation has it below `apikey`. */
function shown(request: FastifyRequest, key: ApiKey, text: string) {
  const row = { ...toRow(key), key: text };
  return isHosted(request) ? row : { ...row, apikey: row };
}

interface KeyWords {
  readonly missing: readonly [code: string, status: number];
  readonly refused: readonly [code: string, status: number];
}

/** What an organization can demand of when a key ends. */
const expirationReasons = ['expiration_required', 'expiration_exceeds_max'] as const;

/** Our own refusals in the codes that an endpoint has for them. */
function inWordsOf<Result>({ missing, refused }: KeyWords, run: () => Promise<Result>): Promise<Result> {
  const words = ([code, status]: readonly [string, number], documentedText: string): RestWords => ({
    ...{ code, status, documentedText },
  });
  const all = {
    api_key_not_found: words(missing, 'API key not found'),
    forbidden: words(refused, 'Insufficient permissions to manage API keys'),
  };
  return inWords(all, async () => {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const reason = error.details?.['reason'];
      if (expirationReasons.some((each) => each === reason)) {
        throw new RestError(String(reason), error.message, { cause: error });
      }
      if (error.details?.['field'] !== 'expires_at') throw error;
      throw new RestError('invalid_expiration_date', error.message, { cause: error });
    }
  });
}

const created: KeyWords = {
  ...{ missing: ['failed_to_get_apikey', 404], refused: ['cannot_create_apikey', 400] },
};
const read: KeyWords = { missing: ['failed_to_get_apikey', 404], refused: ['cannot_get_apikey', 401] };
const updated: KeyWords = {
  ...{ missing: ['api_key_not_found_or_access_denied', 404], refused: ['cannot_update_apikey', 401] },
};
const deleted: KeyWords = { missing: ['api_key_not_found', 404], refused: ['cannot_delete_apikey', 401] };

/** The text of a key, ours or of an older form. */
const keyText = /^[A-Za-z0-9._:-]{8,256}$/;

function createHandlers({ apiKeys }: RestApiKeyRoutesDeps) {
  /** The key that a request names, by its number or by what proves it. Rejects with `api_key_not_found`. */
  async function requireKey(given: unknown): Promise<ApiKey> {
    const text = typeof given === 'number' ? String(given) : given;
    const isNumber = typeof text === 'string' && /^[1-9]\d{0,9}$/.test(text) && Number(text) <= apiKeyMaxId;
    if (typeof text !== 'string' || !(isNumber || keyText.test(text))) {
      throw new RestError('invalid_id_format', 'Invalid ID format');
    }
    const key = isNumber ? await apiKeys.find(Number(text)) : await apiKeys.findByText(text);
    // Without the text: it may be a secret.
    if (!key) throw new AppError('api_key_not_found', 'There is no such API key');
    return key;
  }

  const idOf = ({ params }: FastifyRequest) => (params as { readonly id: string }).id;

  async function update(request: FastifyRequest, caller: Caller, input: RestInput, id: unknown) {
    return inWordsOf(updated, async () => {
      const { regenerate } = input;
      if (regenerate !== undefined && typeof regenerate !== 'boolean') {
        throw new RestError('regenerate_must_be_boolean', 'Regenerate must be a boolean');
      }
      const changes = apiKeyInput(input);
      if (regenerate !== true && Object.values(changes).every((change) => change === undefined)) {
        throw new RestError('no_valid_fields_provided_for_update', 'No valid fields provided for update');
      }
      const { id: keyId } = await requireKey(id);
      if (regenerate !== true) return toRow(await apiKeys.update(keyId, changes, caller));
      const { key, text } = await apiKeys.regenerate(keyId, changes, caller);
      return shown(request, key, text);
    });
  }

  return {
    async list(request: FastifyRequest) {
      const rows = (await apiKeys.list()).map(toRow);
      return isHosted(request) ? rows : { data: rows };
    },

    get: (request: FastifyRequest) => inWordsOf(read, async () => toRow(await requireKey(idOf(request)))),

    create: (request: FastifyRequest, _reply: unknown, caller: Caller) =>
      inWordsOf(created, async () => {
        // Whatever it says, a key is told first that it makes none.
        if (caller.kind === 'api_key') throw new AppError('forbidden', 'An API key makes no other keys');
        const input = bodyInput(request);
        const { name } = input;
        if (name === undefined || name === null || name === '') {
          throw new RestError('name_is_required', 'Name is required');
        }
        const { role, apps = null, expiresAtMs = null, ...facts } = apiKeyInput(input);
        if (role === undefined) {
          throw new RestError(
            'bindings_required',
            'role is required: read, upload, write or admin; or bindings',
          );
        }
        const { key, text } = await apiKeys.create(
          { name: facts.name ?? '', role, apps, expiresAtMs },
          caller,
        );
        return shown(request, key, text);
      }),

    async updateNamedInBody(request: FastifyRequest, _reply: unknown, caller: Caller) {
      const input = bodyInput(request);
      if (input['id'] === undefined || input['id'] === '') {
        throw new RestError('api_key_id_required', 'API key ID is required');
      }
      return update(request, caller, input, input['id']);
    },

    update: (request: FastifyRequest, _reply: unknown, caller: Caller) =>
      update(request, caller, bodyInput(request), idOf(request)),

    delete: (request: FastifyRequest, _reply: unknown, caller: Caller) =>
      inWordsOf(deleted, async () => {
        const { id } = await requireKey(idOf(request));
        await apiKeys.revoke(id, caller);
        return isHosted(request) ? { status: 'ok' } : { status: 'ok', success: true };
      }),
  };
}

const errorsOf = ({ missing, refused }: KeyWords, ...more: readonly string[]) => [
  ...[missing, refused].map(([code, status]) => ({ code, status })),
  ...more.map((code) => ({ code, status: 400 })),
];
const wrongFacts = [
  ...['name_must_be_a_string', 'invalid_bindings', 'invalid_expiration_date'],
  'invalid_global_permissions',
  ...expirationReasons,
];
const duplicateBinding = { code: 'duplicate_binding', status: 409 };

export function restApiKeyRoutes(deps: RestApiKeyRoutesDeps): readonly ManagementRoute[] {
  const keys = createHandlers(deps);
  const tag = 'keys';
  const permission = 'keys.manage';
  const changing = {
    ...{ body: RestApiKeyUpdateBody, answer: RestChangedApiKey },
    errors: [
      ...errorsOf(updated, ...wrongFacts, 'invalid_id_format', 'regenerate_must_be_boolean'),
      ...[{ code: 'no_valid_fields_provided_for_update', status: 400 }, duplicateBinding],
    ],
  };
  return [
    {
      ...{ method: 'GET', url: '/apikey', permission, handler: keys.list },
      docs: {
        ...{ operationId: 'listApiKeys', tag, summary: 'API keys, newest first' },
        ...{ answer: RestApiKeyList, hostedAnswer: HostedApiKeyList },
      },
    },
    {
      ...{ method: 'GET', url: '/apikey/:id', permission, handler: keys.get },
      docs: {
        ...{ operationId: 'getApiKey', tag, summary: 'One API key, by its number or by its text' },
        ...{ params: RestApiKeyParams, answer: RestApiKey, errors: errorsOf(read, 'invalid_id_format') },
      },
    },
    {
      ...{ method: 'POST', url: '/apikey', permission, handler: keys.create },
      docs: {
        ...{ operationId: 'createApiKey', tag, summary: 'Make an API key, which is shown this once' },
        description: 'For management tokens and people: a key makes no other keys.',
        ...{ body: RestApiKeyCreateBody, answer: RestShownApiKey, hostedAnswer: HostedShownApiKey },
        errors: [
          { code: 'cannot_create_apikey', status: 400 },
          ...['name_is_required', 'bindings_required', ...wrongFacts].map((code) => ({ code, status: 400 })),
          duplicateBinding,
        ],
      },
    },
    {
      ...{ method: 'PUT', url: '/apikey', permission, handler: keys.updateNamedInBody },
      docs: {
        ...{ operationId: 'updateApiKeyInBody', tag, summary: 'Change the API key that the body names' },
        ...{ ...changing, errors: [...changing.errors, { code: 'api_key_id_required', status: 400 }] },
      },
    },
    {
      ...{ method: 'PUT', url: '/apikey/:id', permission, handler: keys.update },
      docs: {
        ...{ operationId: 'updateApiKey', tag, summary: 'Change an API key, or give it another text' },
        ...{ params: RestApiKeyParams, ...changing },
      },
    },
    {
      ...{ method: 'DELETE', url: '/apikey/:id', permission, handler: keys.delete },
      docs: {
        ...{ operationId: 'deleteApiKey', tag, summary: 'Revoke an API key' },
        ...{ params: RestApiKeyParams, answer: RestRevokedApiKey },
        errors: errorsOf(deleted, 'invalid_id_format'),
      },
    },
  ];
}
