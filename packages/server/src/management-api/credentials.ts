import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../domain/errors.ts';

/** What proves who calls, as it came. */
export interface Credential {
  readonly text: string;
  /** A header of its own holds keys only; `Authorization` also the tokens of people. */
  readonly header: 'key' | 'authorization';
}

/**
 * The credential of a request: `capgkey`, else `x-api-key`, else `Authorization`, with or without `Bearer`. An explicit
 * key wins, because clients behind a gateway, and the official CLI, send an Authorization of something else beside it.
 */
export function givenCredential(headers: IncomingHttpHeaders): Credential | undefined {
  for (const name of ['capgkey', 'x-api-key']) {
    const value = headers[name];
    if (typeof value === 'string' && value.trim() !== '') return { text: value.trim(), header: 'key' };
  }
  const [, , text] = /^(bearer +)?(\S+)$/i.exec(headers.authorization?.trim() ?? '') ?? [];
  return text === undefined || /^bearer$/i.test(text) ? undefined : { text, header: 'authorization' };
}

export type CredentialFault =
  | 'missing'
  | 'invalid_key'
  | 'invalid_token'
  | 'expired_token'
  | 'invalid_subkey';

const sentences: Readonly<Record<CredentialFault, string>> = {
  missing: 'Send a management token or an API key as x-api-key or as Authorization: Bearer',
  invalid_key: 'This management token or API key is not valid, or no longer',
  invalid_token: 'This token is not one that the identity provider gave for this server',
  expired_token: 'This sign-in has expired; sign in again',
  invalid_subkey: 'This server has no keys below keys; make a key for the apps it is for',
};

/** A request without a credential that holds; each API says it in its own words. */
export class CredentialError extends AppError {
  readonly fault: CredentialFault;

  constructor(fault: CredentialFault) {
    super('unauthorized', sentences[fault]);
    this.name = 'CredentialError';
    this.fault = fault;
  }
}
