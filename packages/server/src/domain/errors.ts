import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';

export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * An outcome the caller did not want, with a code a program can act on and a sentence a person can.
 * Adapters translate driver errors to it at their edge; the message never holds a secret or a driver's text.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Facts for the caller (the entry of a zip, a limit in bytes); rendered by the API that wants them. */
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.details = options.details;
  }
}
