import { AppError } from '../domain/errors.ts';

const firstRetryMs = 500;
const maxRetryMs = 5_000;

export interface FailedAttempt {
  readonly error: AppError;
  /** From 1 on. */
  readonly attempt: number;
  readonly retryInMs: number;
}

/** Is over early when the signal is given. */
function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, durationMs);
    signal.addEventListener('abort', end);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
  });
}

/**
 * Tries until what is tried does not reject with `unavailable` any more, with growing pauses. Rejects with any other
 * error at once, and with the last one as soon as the signal is given.
 */
export async function untilAvailable<Result>(
  run: () => Promise<Result>,
  {
    signal,
    onFailure,
  }: { readonly signal: AbortSignal; readonly onFailure: (failed: FailedAttempt) => void },
): Promise<Result> {
  let retryInMs = firstRetryMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      const isWorthRetrying = error instanceof AppError && error.code === 'unavailable';
      if (!isWorthRetrying || signal.aborted) throw error;
      onFailure({ error, attempt, retryInMs });
      await pause(retryInMs, signal);
      if (signal.aborted) throw error;
    }
    retryInMs = Math.min(retryInMs * 2, maxRetryMs);
  }
}
