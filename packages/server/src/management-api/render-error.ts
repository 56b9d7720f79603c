import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import type { AppError } from '../domain/errors.ts';
import type { RenderedError } from '../http/server.ts';

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
  too_many_requests: 429,
  not_found: 404,
  app_not_found: 404,
  bundle_not_found: 404,
  release_not_found: 404,
  channel_not_found: 404,
  device_not_found: 404,
  invalid_bundle: 400,
  version_already_exists: 409,
  release_already_exists: 409,
  channel_already_exists: 409,
  bundle_in_use: 409,
  manifest_not_ready: 409,
  manifest_exists: 409,
  insufficient_storage: 507,
  unavailable: 503,
  internal: 500,
};

const retryAfterUnavailableSeconds = 10;

/** `{error: text, code, details?}`: the text is for people, the code for programs. */
export function renderManagementError(error: AppError, request: { readonly id: string }): RenderedError {
  const { code } = error;
  const status = statuses[code];
  if (code === 'internal') {
    return { status, headers: {}, body: { error: 'Internal error', code, request_id: request.id } };
  }
  const headers: Record<string, string> = {};
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  if (status === 503) headers['retry-after'] = String(retryAfterUnavailableSeconds);
  return {
    status,
    headers,
    body: { error: error.message, code, ...(error.details ? { details: error.details } : {}) },
  };
}
