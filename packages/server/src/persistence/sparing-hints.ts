import type { ChangeHints } from '../ports/change-hints.ts';

/** A stream of reports from devices must not become a stream of hints: more often than that they tell nothing new. */
const announceEveryMs = 50;

/** The first announcement goes out at once, and what follows it soon as one. */
export function sparing(hints: ChangeHints): ChangeHints {
  let pause: NodeJS.Timeout | undefined;
  let isWaiting = false;

  function announceNow(): void {
    hints.announce();
    pause = setTimeout(() => {
      pause = undefined;
      if (!isWaiting) return;
      isWaiting = false;
      announceNow();
    }, announceEveryMs);
    pause.unref();
  }

  return {
    announce() {
      if (pause) isWaiting = true;
      else announceNow();
    },
    onHint: (callback) => hints.onHint(callback),
    close() {
      clearTimeout(pause);
      return hints.close();
    },
  };
}
