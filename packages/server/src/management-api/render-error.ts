import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import type { AppError } from '../domain/errors.ts';
import type { RenderedError, RequestFacts } from '../http/server.ts';
import { CredentialError } from './credentials.ts';
import { restCredentialError } from './rest/rest-credentials.ts';
import { audienceOf, RestError, renderRestError } from './rest/rest-error.ts';
import { isRestPath } from './rest/rest-path.ts';

const statuses: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  invalid_json_parse_body: 400,
  invalid_json_body: 400,
  invalid_query_parameters: 400,
  missing_device_id: 400,
  missing_app_id: 400,
  invalid_app_id: 400,
  semver_error: 400,
  invalid_file_path_encoding: 400,
  payload_too_large: 413,
  unsupported_media_type: 400,
  request_timeout: 408,
  unauthorized: 401,
  forbidden: 403,
  too_many_requests: 429,
  not_found: 404,
  app_not_found: 404,
  bundle_not_found: 404,
  release_not_found: 404,
  channel_not_found: 404,
  device_not_found: 404,
  api_key_not_found: 404,
  organization_not_found: 404,
  member_not_found: 404,
  webhook_not_found: 404,
  delivery_not_found: 404,
  rollout_not_found: 409,
  invalid_bundle: 400,
  version_already_exists: 409,
  release_already_exists: 409,
  channel_already_exists: 409,
  app_already_exists: 409,
  stable_bundle_missing: 409,
  bundle_in_use: 409,
  organization_in_use: 409,
  last_super_admin: 409,
  encryption_required: 400,
  encryption_key_required: 400,
  encryption_key_mismatch: 400,
  url_not_allowed: 400,
  url_unreachable: 400,
  manifest_not_ready: 409,
  manifest_exists: 409,
  insufficient_storage: 507,
  unavailable: 503,
  internal: 500,
};

const retryAfterUnavailableSeconds = 10;

/** On our own API `{error: text, code, details?}`: the text is for people, the code for programs. */
function renderOwnError(error: AppError, requestId: string): RenderedError {
  const { code } = error;
  if (code === 'internal') {
    return { status: 500, headers: {}, body: { error: 'Internal error', code, request_id: requestId } };
  }
  const details = error.details ? { details: error.details } : {};
  return { status: statuses[code], headers: {}, body: { error: error.message, code, ...details } };
}

function retryAfter(error: AppError, status: number): number | undefined {
  const given = error.details?.['retryAfterSeconds'];
  if (typeof given === 'number') return Math.ceil(given);
  return status === 503 ? retryAfterUnavailableSeconds : undefined;
}

/** The REST API has words of its own for who does not prove to be somebody. */
function restated(error: AppError, { url, method = '' }: RequestFacts): AppError {
  return error instanceof CredentialError ? restCredentialError(error, method, url) : error;
}

/** A route of the hosted service that is not here: who sends `capgo_api` reads that in its words, too. */
function isUnknownToRest({ code }: AppError, { url, headers }: RequestFacts): boolean {
  return code === 'not_found' && audienceOf(headers ?? {}) === 'hosted' && !url.startsWith('/api');
}

/** An error in the words of the API, and of the audience, that a request is of. */
export function renderManagementError(error: AppError, request: RequestFacts): RenderedError {
  const isRest = error instanceof RestError || isRestPath(request.url) || isUnknownToRest(error, request);
  const rendered = isRest
    ? renderRestError(restated(error, request), audienceOf(request.headers ?? {}), request.id)
    : renderOwnError(error, request.id);
  const headers: Record<string, string> = {};
  if (rendered.status === 401) headers['www-authenticate'] = 'Bearer';
  const seconds = retryAfter(error, rendered.status);
  if (seconds !== undefined) headers['retry-after'] = String(seconds);
  const resetAt = error.details?.['rateLimitResetAt'];
  if (typeof resetAt === 'number') headers['x-ratelimit-reset'] = String(Math.ceil(resetAt / 1_000));
  return { ...rendered, headers };
}
