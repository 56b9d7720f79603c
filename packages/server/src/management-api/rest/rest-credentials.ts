import type { CredentialError, CredentialFault } from '../credentials.ts';
import { RestError } from './rest-error.ts';

/** Endpoints of that API where people may call as well as keys; a missing credential is called otherwise there. */
const forPeopleToo =
  /^(\w+ \/(apikey|statistics|webhooks)|POST \/app|(POST|PUT) \/organization|DELETE \/organization\/members|GET \/organization\/audit)([/?]|$)/;

const codes: Readonly<Record<CredentialFault, readonly [code: string, message: string, documented: string]>> =
  {
    missing: ['no_key_provided', 'No key provided', 'No API key provided'],
    invalid_key: ['invalid_apikey', 'Invalid apikey', 'Invalid API key'],
    invalid_token: ['invalid_jwt', 'Invalid JWT', 'Invalid token'],
    expired_token: ['invalid_jwt', 'Invalid JWT', 'This sign-in has expired; sign in again'],
    invalid_subkey: ['invalid_subkey', 'Invalid subkey', 'Invalid subkey'],
  };

export function restCredentialError(error: CredentialError, method: string, url: string): RestError {
  const isForPeople =
    forPeopleToo.test(`${method} ${url}`) && !/^POST \/organization\/members/.test(`${method} ${url}`);
  const [code, message, documentedText] =
    error.fault === 'missing' && isForPeople
      ? ['no_jwt_apikey_or_subkey', 'No JWT, apikey or subkey provided', codes.missing[2]]
      : codes[error.fault];
  return new RestError(code, message, { status: 401, documentedText, cause: error });
}
