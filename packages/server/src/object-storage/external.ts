import { AppError } from '../domain/errors.ts';
import type { ExternalObjects } from '../ports/external-objects.ts';

/** Enough for the largest bundle over a slow line. */
const defaultTimeoutMs = 10 * 60 * 1000;

function refused(reason: string, cause?: unknown): AppError {
  return new AppError('unavailable', `The bundle cannot be read from its URL: ${reason}`, { cause });
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw refused('it is not an http or https URL');
  return url;
}

/**
 * Objects over HTTP. Whoever writes the URLs decides whom we call: it is for URLs from a database that an operator gave
 * us, whose storage may well be in the network that only we can reach. Those of a request go through `outbound/`. A
 * redirect is not followed, because its target is in nobody's database.
 */
export function createExternalObjects({ timeoutMs = defaultTimeoutMs } = {}): ExternalObjects {
  return {
    async *read(text, stop) {
      const url = parse(text);
      const done = new AbortController();
      const signal = AbortSignal.any([done.signal, AbortSignal.timeout(timeoutMs), ...(stop ? [stop] : [])]);
      try {
        const response = await fetch(url, { redirect: 'error', signal });
        if (response.status !== 200 || !response.body) throw refused(`its server answers ${response.status}`);
        yield* response.body;
      } catch (error) {
        throw error instanceof AppError ? error : refused('its server does not deliver', error);
      } finally {
        // Whoever stops reading early wants no more of it.
        done.abort();
      }
    },
  };
}
