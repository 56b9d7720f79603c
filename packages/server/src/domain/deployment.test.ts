import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { previouslyServed, rollbackReason } from './deployment.ts';

type Served = string | null;
/** Oldest first; `back` stands for a rollback to the bundle beside it. */
type Step = Served | { readonly back: Served };

function historyOf(steps: readonly Step[]) {
  const oldestFirst = steps.map((step) =>
    typeof step === 'object' && step !== null
      ? { bundleId: step.back, reason: rollbackReason }
      : { bundleId: step, reason: 'set bundle' },
  );
  return oldestFirst.toReversed();
}

const back = (bundleId: Served): Step => ({ back: bundleId });

describe('what a channel served before', () => {
  const rows: readonly [sentence: string, steps: readonly Step[], previous: Served | undefined][] = [
    ['nothing when it has no history', [], undefined],
    ['nothing when it served builtin only', [null], undefined],
    ['builtin when it was made and then given a bundle', [null, 'a'], null],
    ['the bundle before', [null, 'a', 'b'], 'a'],
    ['the bundle before builtin', [null, 'a', null], 'a'],
    ['two back after a rollback', [null, 'a', 'b', 'c', back('b')], 'a'],
    ['three back after two', [null, 'a', 'b', 'c', back('b'), back('a')], null],
    ['nothing after as many as there are', [null, 'a', 'b', back('a'), back(null)], undefined],
    ['the one a rollback went to, after a new bundle', [null, 'a', 'b', back('a'), 'c'], 'a'],
    ['again further back after that one is rolled back', [null, 'a', 'b', back('a'), 'c', back('a')], null],
    ['the bundle before also when it was set again', [null, 'a', 'b', 'a'], 'b'],
    ['not the same bundle that was logged twice', [null, 'a', 'b', 'b', 'b'], 'a'],
    ['the stable bundle before, whatever rollouts were logged meanwhile', [null, 'a', 'a', 'b', 'b'], 'a'],
  ];
  it.each(rows)('is %s', (_sentence, steps, previous) => {
    expect(previouslyServed(historyOf(steps), undefined)).toBe(previous);
  });
});

describe('what a release served before', () => {
  const rows: readonly [sentence: string, steps: readonly Step[], previous: Served | undefined][] = [
    ['nothing when it was never given a bundle', [], undefined],
    ['builtin when it was given one bundle', ['a'], null],
    ['the bundle before', ['a', 'b'], 'a'],
    ['builtin after a rollback', ['a', 'b', back('a')], null],
    ['nothing once it is back at builtin', ['a', back(null)], undefined],
    ['nothing when builtin was logged although it served that', [null], undefined],
    ['the bundle before an operator chose builtin', ['a', null], 'a'],
  ];
  it.each(rows)('is %s', (_sentence, steps, previous) => {
    expect(previouslyServed(historyOf(steps), null)).toBe(previous);
  });
});

describe('any order of bundles and rollbacks', () => {
  const action = fc.constantFrom('a', 'b', 'c', null, 'rollback' as const);
  it.each([[undefined], [null]])('walks the bundles that were set, for a base of %j', (base) => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const served: Served[] = [null];
        const steps: Step[] = base === undefined ? [null] : [];
        for (const each of actions) {
          const previous = previouslyServed(historyOf(steps), base);
          expect(previous).toBe(served.length > 1 ? served.at(-2) : undefined);
          if (each !== 'rollback') {
            if (each !== served.at(-1)) served.push(each);
            steps.push(each);
          } else if (previous !== undefined) {
            served.pop();
            steps.push(back(previous));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
