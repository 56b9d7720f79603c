import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import type { AppError } from '../domain/errors.ts';
import type { RenderedError } from '../http/server.ts';

/** Status of each error on the device API; the plugins retry 408, 429 and 5xx, and drop the rest (protocol §5.5). */
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
  unsupported_media_type: 415,
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
  rollout_not_found: 404,
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
  insufficient_storage: 503,
  unavailable: 503,
  internal: 500,
};

const retryAfterUnavailableSeconds = 10;

function retryAfter(error: AppError, status: number): number | undefined {
  const given = error.details?.['retryAfterSeconds'];
  if (typeof given === 'number') return Math.ceil(given);
  // Without a hint the plugins ask again every second (protocol §7).
  return status === 503 ? retryAfterUnavailableSeconds : undefined;
}

/**
 * The nested shape of protocol §1.3: `{error, message, moreInfo}`, never with `kind`. An unknown route has no
 * `moreInfo`, as the plugins' own backend answers it.
 */
export function renderDeviceError(
  error: AppError,
  request: { readonly id: string; readonly url: string },
): RenderedError {
  const badFilePath = error.code === 'invalid_request' && request.url.startsWith('/files/');
  const code: ErrorCode = badFilePath ? 'invalid_file_path_encoding' : error.code;
  const status = statuses[code];
  if (code === 'not_found') return { status, headers: {}, body: { error: code, message: 'Not found' } };
  if (code === 'internal') {
    const body = { error: 'unknown_error', message: 'Unknown error', moreInfo: { requestId: request.id } };
    return { status, headers: {}, body };
  }
  const headers: Record<string, string> = {};
  const seconds = retryAfter(error, status);
  if (seconds !== undefined) headers['retry-after'] = String(seconds);
  const resetAt = error.details?.['rateLimitResetAt'];
  if (typeof resetAt === 'number') headers['x-ratelimit-reset'] = String(Math.ceil(resetAt / 1000));
  return { status, headers, body: { error: code, message: error.message, moreInfo: error.details ?? {} } };
}
