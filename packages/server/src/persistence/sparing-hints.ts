import type { ChangeHints } from '../ports/change-hints.ts';

/** A stream of reports from devices must not become a stream of hints: more often than that they tell nothing new. */
const hintEveryMs = 50;

/** Something that is worth doing at once, and no more often than every so often. */
export interface SparingCall {
  /** Does it at once, unless it was done a moment ago; then it follows soon, with whatever else came until then, as one. */
  now(): void;
  /** What was to follow does not. */
  end(): void;
}

export function sparingly(run: () => void): SparingCall {
  let pause: NodeJS.Timeout | undefined;
  let isWaiting = false;

  function runNow(): void {
    run();
    pause = setTimeout(() => {
      pause = undefined;
      if (!isWaiting) return;
      isWaiting = false;
      runNow();
    }, hintEveryMs);
    pause.unref();
  }

  return {
    now() {
      if (pause) isWaiting = true;
      else runNow();
    },
    end() {
      clearTimeout(pause);
    },
  };
}

/** The first announcement goes out at once, and what follows it soon as one. */
export function sparing(hints: ChangeHints): ChangeHints {
  const announcement = sparingly(() => hints.announce());
  return {
    announce: () => announcement.now(),
    onHint: (callback) => hints.onHint(callback),
    close() {
      announcement.end();
      return hints.close();
    },
  };
}
