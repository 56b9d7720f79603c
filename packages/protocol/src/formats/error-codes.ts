/**
 * Every code an error of ours can carry, on either API. The list is closed: each API renders it through a
 * `Record<ErrorCode, …>`, so a new code does not compile until both have decided what it looks like.
 *
 * Business answers to a device ("no update", "blocked by policy") are not errors and have their own codes.
 */
export const errorCodes = [
  // the request itself
  'invalid_request',
  'invalid_json_parse_body',
  'invalid_json_body',
  'invalid_query_parameters',
  'missing_device_id',
  'missing_app_id',
  'invalid_app_id',
  'semver_error',
  'invalid_file_path_encoding',
  'payload_too_large',
  'unsupported_media_type',
  'request_timeout',
  // who asks, how often
  'unauthorized',
  'forbidden',
  'too_many_requests',
  // what is asked for
  'not_found',
  'app_not_found',
  'bundle_not_found',
  'release_not_found',
  'channel_not_found',
  'device_not_found',
  'api_key_not_found',
  'organization_not_found',
  'member_not_found',
  'webhook_not_found',
  'delivery_not_found',
  'rollout_not_found',
  // what the request would break
  'invalid_bundle',
  'version_already_exists',
  'release_already_exists',
  'channel_already_exists',
  'app_already_exists',
  'stable_bundle_missing',
  'bundle_in_use',
  'organization_in_use',
  'last_super_admin',
  'encryption_required',
  'encryption_key_required',
  'encryption_key_mismatch',
  // what we were told to ask of others
  'url_not_allowed',
  'url_unreachable',
  'manifest_not_ready',
  'manifest_exists',
  // our own state
  'insufficient_storage',
  'unavailable',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];
