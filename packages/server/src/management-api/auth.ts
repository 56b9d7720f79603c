import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function givenToken(headers: IncomingHttpHeaders): string | undefined {
  const apiKey = headers['x-api-key'];
  // An explicit key header wins: clients behind a gateway send an Authorization of the gateway's beside it.
  if (typeof apiKey === 'string' && apiKey.trim() !== '') return apiKey.trim();
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

export interface ManagementAuth {
  /** Who sends a request. Rejects with `unauthorized` one without a credential or with a wrong one. */
  authenticate(request: Pick<FastifyRequest, 'headers' | 'ip'>): Promise<Caller>;
}

/** Tokens of the environment are numbered for people: they have no names, and the log must not hold them. */
function tokenCaller(index: number): Caller {
  const id = `management-token-${index + 1}`;
  return { kind: 'management_token', id, name: id, role: 'admin', apps: null };
}

export function createManagementAuth(tokens: readonly string[]): ManagementAuth {
  const digests = tokens.map(digest);
  return {
    async authenticate({ headers }) {
      const given = givenToken(headers);
      if (given === undefined) {
        throw new AppError(
          'unauthorized',
          'Send a management token as x-api-key or as Authorization: Bearer',
        );
      }
      const wanted = digest(given);
      // Every token is compared, in constant time, so that the answer's time says nothing about any of them.
      const matches = digests.map((known) => timingSafeEqual(known, wanted));
      if (!matches.includes(true)) throw new AppError('unauthorized', 'This management token is not valid');
      return tokenCaller(matches.indexOf(true));
    },
  };
}
