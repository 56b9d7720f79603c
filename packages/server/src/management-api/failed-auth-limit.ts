import { AppError } from '../domain/errors.ts';
import { clientKey } from '../http/rate-limit.ts';
import type { Clock } from '../ports/clock.ts';
import type { RequestLimits } from '../ports/request-limits.ts';

/** A client that fails so often is a program that guesses, or one whose key was revoked. */
const maxFailures = 20;
const windowMs = 15 * 60_000;

export interface FailedAuthLimit {
  /** Rejects with `too_many_requests` when the client failed too often, whatever it sends now. */
  check(ip: string): Promise<void>;
  /**
   * To be called with what came of each attempt, once that is known and before it is told. Rejects as `check` does, also
   * a right credential: one of many that are sent at once would else be found out.
   */
  conclude(ip: string, hasFailed: boolean): Promise<void>;
}

/** @param onClosed told of each client whose failures became too many, once */
export function createFailedAuthLimit(
  limits: RequestLimits,
  clock: Clock,
  onClosed: (ip: string) => void,
): FailedAuthLimit {
  const failures = limits.windowed({ name: 'failed-auth', max: maxFailures, windowMs });

  function refuseFor(waitMs: number): void {
    if (waitMs <= 0) return;
    throw new AppError('too_many_requests', 'Too many requests', {
      details: {
        reason: 'too_many_failed_auth_attempts',
        rateLimitResetAt: Math.ceil(clock.now() + waitMs),
        retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
      },
    });
  }

  return {
    check: async (ip) => refuseFor(await failures.waitMs(clientKey(ip))),
    async conclude(ip, hasFailed) {
      const client = clientKey(ip);
      const waiting = failures.waitMs(client);
      if (hasFailed) await failures.record(client);
      const waitMs = await waiting;
      refuseFor(waitMs);
      if (hasFailed && (await failures.waitMs(client)) > 0) onClosed(ip);
    },
  };
}
