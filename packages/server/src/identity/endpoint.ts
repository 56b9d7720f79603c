import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';

const timeoutMs = 5_000;
/** So long an endpoint that failed is not asked again: it has enough to do. */
const coolDownMs = 5_000;
/** More at once would be a storm of somebody's making. */
const maxUnderWay = 20;

export interface Endpoint {
  /**
   * The answer, when its status is one of those that the caller understands. Rejects with `unavailable` when there is
   * none in time, or another one; then nothing is sent for a while, and each call rejects at once.
   */
  ask(url: string, options: { readonly headers?: Readonly<Record<string, string>> }): Promise<Response>;
}

function unreachable(cause?: unknown): AppError {
  const options = cause === undefined ? {} : { cause };
  return new AppError(
    'unavailable',
    'The identity provider cannot be asked now; try again in a moment',
    options,
  );
}

/** An endpoint of the identity provider, spared when it does not answer. */
export function createEndpoint(understood: readonly number[], clock: Clock): Endpoint {
  let coolUntilMs = Number.NEGATIVE_INFINITY;
  let underWay = 0;
  return {
    async ask(url, { headers = {} }) {
      if (underWay >= maxUnderWay || clock.now() < coolUntilMs) throw unreachable();
      underWay += 1;
      try {
        const response = await fetch(url, {
          headers: { accept: 'application/json', ...headers },
          // A token must not travel on to where the provider's answer points.
          redirect: 'manual',
          signal: AbortSignal.timeout(timeoutMs),
        });
        if (!understood.includes(response.status)) {
          await response.body?.cancel();
          throw new Error(`${new URL(url).pathname} answered ${response.status}`);
        }
        return response;
      } catch (error) {
        coolUntilMs = clock.now() + coolDownMs;
        throw unreachable(error);
      } finally {
        underWay -= 1;
      }
    },
  };
}
