/**
 * Runs what it is given one after the other, in the order of the calls: of two reads under way, the one that began
 * earlier could finish later and leave the older state. One that fails keeps no other back.
 */
export function oneAtATime(): (run: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (run) => {
    const mine = last.then(run);
    last = mine.catch(() => undefined);
    return mine;
  };
}
