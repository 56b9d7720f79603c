import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import { AppError } from '../../domain/errors.ts';
import { RestError } from './rest-error.ts';

/** How an endpoint says one of our refusals. */
export interface RestWords {
  readonly code: string;
  readonly status?: number;
  /** In place of our own text. */
  readonly message?: string;
  /** The documentation's. */
  readonly documentedText?: string;
}

/** Runs something, and says what it is refused with in an endpoint's words. */
export async function inWords<Result>(
  words: Partial<Record<ErrorCode, RestWords>>,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof AppError) || error instanceof RestError) throw error;
    const restated = words[error.code];
    if (!restated) throw error;
    const { code, status, message, documentedText } = restated;
    throw new RestError(code, message ?? error.message, {
      ...(status === undefined ? {} : { status }),
      ...(documentedText === undefined ? {} : { documentedText }),
      ...(error.details ? { details: error.details } : {}),
      cause: error,
    });
  }
}

export const bundleNotFound = 'Bundle not found';
export const channelNotFound = 'Channel not found';

/** Codes of that API that a route can be refused with, as its documentation lists them. */
export function refusals(...codes: readonly string[]): { readonly code: string; readonly status: number }[] {
  return codes.map((code) => ({ code, status: 400 }));
}
