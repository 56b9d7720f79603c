import type { FastifyRequest } from 'fastify';
import { AppError } from '../domain/errors.ts';

const hostRule = /^[a-z0-9._-]+(:\d{1,5})?$|^\[[0-9a-f:.]+\](:\d{1,5})?$/i;

/** Hosts that were found good: a server is asked under few names, and every update check asks. */
const knownHosts = new Set<string>();
const maxKnownHosts = 1_000;

function isHost(host: string): boolean {
  if (knownHosts.has(host)) return true;
  if (!hostRule.test(host) || !URL.canParse(`http://${host}`)) return false;
  if (knownHosts.size >= maxKnownHosts) knownHosts.clear();
  knownHosts.add(host);
  return true;
}

/**
 * The origin under which the caller reached us, as `https://host:port`. Forwarded headers count only from trusted
 * proxies (Fastify has seen to that). Rejects with `invalid_request` a Host header that is not one, because it would
 * end up in download URLs.
 */
export function requestOrigin(request: Pick<FastifyRequest, 'protocol' | 'host'>): string {
  if (!isHost(request.host)) {
    throw new AppError(
      'invalid_request',
      'The Host header is not a host name; set PUBLIC_URL to do without it',
    );
  }
  return `${request.protocol === 'https' ? 'https' : 'http'}://${request.host}`;
}

/** The same host with another port: where the other API of this server listens. */
export function siblingOrigin(request: Pick<FastifyRequest, 'protocol' | 'host'>, port: number): string {
  const url = new URL(requestOrigin(request));
  url.port = String(port);
  return url.origin;
}
