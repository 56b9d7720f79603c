import { queryOptions } from '@tanstack/react-query';
import { apiUrl } from './location.ts';

/** The issuer and our name there; '' where there is no single sign-on. */
interface SignOnConfig {
  readonly issuer: string;
  readonly client_id: string;
}

export async function fetchSignOnConfig(signal?: AbortSignal): Promise<SignOnConfig> {
  const response = await fetch(apiUrl('/apipublic/v1/oauth2.config'), signal ? { signal } : {});
  if (!response.ok) throw new Error(`The sign-in settings cannot be read (status ${response.status})`);
  return (await response.json()) as SignOnConfig;
}

export const signOnConfigQuery = queryOptions({
  queryKey: ['sign-on'],
  queryFn: ({ signal }) => fetchSignOnConfig(signal),
  staleTime: Number.POSITIVE_INFINITY,
});
