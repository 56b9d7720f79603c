import type { Logger } from 'pino';
import type { RequestLimits } from '../ports/request-limits.ts';

/**
 * No request is to be held up by more than a tenth of a second: an update check asks once, and what is limited by windows
 * asks twice, one after the other. Shorter would give up a Redis for one hiccup.
 */
const maxAnswerMs = { refilling: 80, windowed: 40 } as const;
const tryAgainEveryMs = 1_000;

/** Rejects when the answer takes too long, unless it was only we who were too busy to take it. */
function inTime<Value>(maxMs: number, answer: Value | Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // Sockets are read between timers and immediates: what had arrived by now still counts.
      setImmediate(() => reject(new Error(`no answer within ${maxMs} ms`)));
    }, maxMs);
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

/** Limits that always answer. */
export interface FallingBackLimits extends RequestLimits {
  close(): void;
}

/**
 * Shared limits, and those of this node from the moment the shared ones fail or are slow. Then no request waits for them
 * any more; they are tried every second until they answer. Never rejects. What is known on one side is not carried over
 * to the other: a client may get a limit's worth more at such a moment.
 */
export function fallingBack(deps: {
  readonly shared: RequestLimits;
  readonly ofThisNode: RequestLimits;
  readonly logger: Logger;
}): FallingBackLimits {
  const { shared, ofThisNode, logger } = deps;
  // A real one, because a Redis that is full or read-only still answers a ping.
  const probe = shared.refilling({ name: 'probe', perMinute: 60_000 });
  let isFallenBack = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  function tryAgainLater(): void {
    if (isClosed) return;
    timer = setTimeout(() => void tryAgain(), tryAgainEveryMs);
    timer.unref();
  }

  async function tryAgain(): Promise<void> {
    try {
      await inTime(maxAnswerMs.refilling, probe.take('probe'));
    } catch {
      tryAgainLater();
      return;
    }
    if (isClosed) return;
    isFallenBack = false;
    logger.info({ event: 'limits_shared' }, 'rate limits are counted in Redis again, for all nodes');
  }

  function fallBack(error: unknown): void {
    if (isFallenBack || isClosed) return;
    isFallenBack = true;
    // The message alone: what else the error of a driver holds is not known.
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn(
      { event: 'limits_per_node', reason },
      'Redis cannot be used; until it can, each node counts rate limits for itself',
    );
    tryAgainLater();
  }

  function ask<Value>(
    maxMs: number,
    askShared: () => Value | Promise<Value>,
    askThisNode: () => Value | Promise<Value>,
  ): Value | Promise<Value> {
    if (isFallenBack) return askThisNode();
    return inTime(maxMs, askShared()).catch((error: unknown) => {
      fallBack(error);
      return askThisNode();
    });
  }

  // So that who starts the server without it learns of it now, and not from the first request.
  inTime(maxAnswerMs.refilling, probe.take('probe')).catch(fallBack);
  return {
    refilling(rule) {
      const [all, here] = [shared.refilling(rule), ofThisNode.refilling(rule)];
      return {
        take: (key) =>
          ask(
            maxAnswerMs.refilling,
            () => all.take(key),
            () => here.take(key),
          ),
      };
    },
    windowed(rule) {
      const [all, here] = [shared.windowed(rule), ofThisNode.windowed(rule)];
      return {
        waitMs: (key) =>
          ask(
            maxAnswerMs.windowed,
            () => all.waitMs(key),
            () => here.waitMs(key),
          ),
        record: (key) =>
          ask(
            maxAnswerMs.windowed,
            () => all.record(key),
            () => here.record(key),
          ),
      };
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
