import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import type { ApiKeyCallers } from '../services/api-key-callers.ts';
import type { SignIn } from '../services/sign-in.ts';
import { type Credential, CredentialError, givenCredential } from './credentials.ts';
import type { FailedAuthLimit } from './failed-auth-limit.ts';

export interface ManagementAuth {
  /**
   * Who sends a request. Rejects with `unauthorized` one without a credential or with a wrong one, with
   * `too_many_requests` any of a client that failed too often, with `forbidden` a person who may not sign in, and with
   * `unavailable` what cannot be told now; that is never so for a management token.
   */
  authenticate(request: Pick<FastifyRequest, 'headers' | 'ip'>): Promise<Caller>;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Tokens of the environment are numbered for people: they have no names, and the log must not hold them. */
function tokenCaller(index: number): Caller {
  const id = `management-token-${index + 1}`;
  return { kind: 'management_token', id, name: id, role: 'admin', apps: null };
}

/** What our keys look like. It is never shown to the identity provider, which is none of its business. */
const keyForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const jwtForm = /^[\w-]+\.[\w-]+\.[\w-]*$/;

export function createManagementAuth(deps: {
  /** Good for everything. */
  readonly tokens: readonly string[];
  readonly apiKeys: ApiKeyCallers;
  /** Undefined when nobody can sign in. */
  readonly signIn: SignIn | undefined;
  readonly failures: FailedAuthLimit;
}): ManagementAuth {
  const { apiKeys, signIn, failures } = deps;
  const digests = deps.tokens.map(digest);

  function findToken(text: string): Caller | undefined {
    const wanted = digest(text);
    // Every token is compared, in constant time, so that the answer's time says nothing about any of them.
    const matches = digests.map((known) => timingSafeEqual(known, wanted));
    return matches.includes(true) ? tokenCaller(matches.indexOf(true)) : undefined;
  }

  async function find({ text, header }: Credential, ip: string): Promise<Caller | undefined> {
    const caller = findToken(text);
    if (caller) return caller;
    if (keyForm.test(text)) return apiKeys.find(text);
    if (header === 'key' || !signIn) return undefined;
    // Somebody who guesses must not make us ask the identity provider for each guess.
    await failures.check(ip);
    try {
      return await signIn.find(text);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'unauthorized')) throw error;
      // Nobody guesses such a token: pages that go on asking with it must not lock out who sits behind the same address.
      throw new CredentialError('expired_token');
    }
  }

  return {
    async authenticate({ headers, ip }) {
      const given = givenCredential(headers);
      if (!given) throw new CredentialError('missing');
      // A client that asks to be limited must not get all that its key may do.
      if (headers['x-limited-key-id'] !== undefined) throw new CredentialError('invalid_subkey');
      const caller = await find(given, ip);
      await failures.conclude(ip, caller === undefined);
      if (caller) return caller;
      const isToken = given.header === 'authorization' && jwtForm.test(given.text);
      throw new CredentialError(isToken ? 'invalid_token' : 'invalid_key');
    },
  };
}
