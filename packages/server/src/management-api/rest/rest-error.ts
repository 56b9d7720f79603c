import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import { AppError } from '../../domain/errors.ts';
import type { RenderedError } from '../../http/server.ts';

/**
 * A refusal in the words of the REST API that Capgo documents. Its codes are that API's, some of them for one endpoint
 * only, so they are no codes of ours.
 */
export class RestError extends AppError {
  /** What programs act on, such as `cannot_find_channel`. */
  readonly restCode: string;
  readonly status: number;
  /** The sentence of the documentation, where it has one of its own for this. */
  readonly documentedText: string | undefined;

  constructor(
    restCode: string,
    message: string,
    options: {
      /** HTTP status; that API answers nearly all refusals with 400. */
      readonly status?: number;
      readonly documentedText?: string;
      readonly details?: Readonly<Record<string, unknown>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super('invalid_request', message, options);
    this.name = 'RestError';
    this.restCode = restCode;
    this.status = options.status ?? 400;
    this.documentedText = options.documentedText;
  }
}

/** How our own codes are called there, and their status there. */
const statuses: Readonly<Record<ErrorCode, readonly [status: number, restCode?: string]>> = {
  invalid_request: [400, 'invalid_body'],
  invalid_json_parse_body: [400],
  invalid_json_body: [400],
  invalid_query_parameters: [400],
  missing_device_id: [400],
  missing_app_id: [400],
  invalid_app_id: [400],
  semver_error: [400, 'invalid_version_format'],
  invalid_file_path_encoding: [400],
  payload_too_large: [413],
  unsupported_media_type: [400],
  request_timeout: [408],
  unauthorized: [401, 'invalid_apikey'],
  forbidden: [403, 'insufficient_permissions'],
  too_many_requests: [429],
  not_found: [404],
  app_not_found: [404, 'cannot_find_app'],
  bundle_not_found: [400, 'cannot_find_version'],
  release_not_found: [404],
  channel_not_found: [400, 'cannot_find_channel'],
  device_not_found: [404],
  api_key_not_found: [404],
  organization_not_found: [403, 'invalid_org_id'],
  member_not_found: [404, 'organization_member_not_found'],
  webhook_not_found: [400],
  delivery_not_found: [400],
  rollout_not_found: [400, 'missing_rollout_version'],
  invalid_bundle: [400],
  version_already_exists: [400],
  release_already_exists: [409],
  channel_already_exists: [400],
  app_already_exists: [409, 'app_id_already_exists'],
  stable_bundle_missing: [400, 'missing_stable_version'],
  bundle_in_use: [400, 'cannot_delete_linked_version'],
  organization_in_use: [400, 'cannot_delete_organization'],
  last_super_admin: [400, 'CANNOT_REMOVE_LAST_SUPER_ADMIN'],
  encryption_required: [400],
  encryption_key_required: [400],
  encryption_key_mismatch: [400],
  manifest_not_ready: [409],
  manifest_exists: [409],
  url_not_allowed: [400, 'invalid_url'],
  url_unreachable: [400],
  insufficient_storage: [507],
  unavailable: [503],
  internal: [500, 'unknown_error'],
};

/**
 * The two audiences of that API. Who sends `capgo_api`, as the official CLI does, gets the shapes that the hosted service
 * really answers; everybody else what the documentation shows.
 */
export type Audience = 'documented' | 'hosted';

export function audienceOf(headers: IncomingHttpHeaders): Audience {
  return headers['capgo_api'] === undefined ? 'documented' : 'hosted';
}

export function isHosted({ headers }: { readonly headers: IncomingHttpHeaders }): boolean {
  return audienceOf(headers) === 'hosted';
}

/** An error as one of the audiences expects it; the status is the same for both. */
export function renderRestError(error: AppError, audience: Audience, requestId: string): RenderedError {
  const [status, restCode = error.code] =
    error instanceof RestError ? [error.status, error.restCode] : statuses[error.code];
  const isInternal = error.code === 'internal';
  const message = isInternal ? 'Unknown error' : error.message;
  if (audience === 'hosted') {
    const moreInfo = isInternal ? { requestId } : (error.details ?? {});
    return { status, headers: {}, body: { error: restCode, message, moreInfo } };
  }
  const text = (error instanceof RestError ? error.documentedText : undefined) ?? message;
  const details = error.details && !isInternal ? { details: error.details } : {};
  const body = { error: text, status: 'KO', code: restCode, ...details };
  return { status, headers: {}, body: isInternal ? { ...body, request_id: requestId } : body };
}
