import type {
  ApiKeyAnswer,
  ApiKeyCreateBody,
  ApiKeyView,
  ShownApiKeyAnswer,
} from '@capgo-server/protocol/management/api-keys';
import { queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';

export const apiKeysQuery = queryOptions({
  queryKey: ['api-keys'],
  queryFn: async ({ signal }) =>
    (await api.get<{ data: readonly ApiKeyView[] }>('keys.list', undefined, signal)).data,
});

/** The answer has what proves the key, this once. */
export const createApiKey = (body: ApiKeyCreateBody) => api.post<ShownApiKeyAnswer>('keys.create', body);
export const revokeApiKey = (id: number) => api.post<ApiKeyAnswer>('keys.revoke', { key_id: id });
