import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
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
  /** Rejects with `unauthorized` a request without a management token or with a wrong one. */
  requireToken(headers: IncomingHttpHeaders): void;
}

export function createManagementAuth(tokens: readonly string[]): ManagementAuth {
  const digests = tokens.map(digest);
  return {
    requireToken(headers) {
      const given = givenToken(headers);
      if (given === undefined) {
        throw new AppError(
          'unauthorized',
          'Send a management token as x-api-key or as Authorization: Bearer',
        );
      }
      const wanted = digest(given);
      // Every token is compared, in constant time, so that the answer's time says nothing about any of them.
      const matches = digests.filter((known) => timingSafeEqual(known, wanted));
      if (matches.length === 0) throw new AppError('unauthorized', 'This management token is not valid');
    },
  };
}
