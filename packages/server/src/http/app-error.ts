import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import { AppError } from '../domain/errors.ts';

/** Fastify's and its plugins' own error codes in our words; what is not named falls back on the status. */
const codes: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The request body is too large'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_request', 'The body is not as long as Content-Length says'],
  FST_REQ_FILE_TOO_LARGE: ['payload_too_large', 'The uploaded file is too large'],
  FST_FILES_LIMIT: ['invalid_request', 'Send one file at a time'],
  FST_FIELDS_LIMIT: ['invalid_request', 'The form has too many fields'],
  FST_PARTS_LIMIT: ['invalid_request', 'The form has too many parts'],
  FST_INVALID_MULTIPART_CONTENT_TYPE: ['unsupported_media_type', 'Send the form as multipart/form-data'],
  FST_PROTO_VIOLATION: ['invalid_request', 'A form field has a name that is not allowed'],
  FST_ERR_BAD_URL: ['invalid_request', 'The path of the URL is not encoded correctly'],
};

/** Any error as one of ours; what we do not know becomes `internal` and keeps its cause for the log only. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error) {
    const known = 'code' in error ? codes[String(error.code)] : undefined;
    if (known) return new AppError(known[0], known[1], { cause: error });
    if ('statusCode' in error && typeof error.statusCode === 'number') {
      if (error.statusCode === 408)
        return new AppError('request_timeout', 'The request took too long', { cause: error });
      if (error.statusCode >= 400 && error.statusCode < 500) {
        return new AppError('invalid_request', 'The request cannot be read', { cause: error });
      }
    }
  }
  return new AppError('internal', 'Internal error', { cause: error });
}
