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

function servedBefore(steps: readonly Step[], base: null | undefined, gone: readonly Served[] = []) {
  const history = historyOf(steps);
  const servedNow = history[0]?.bundleId ?? null;
  return previouslyServed(servedNow, history, base, (bundleId) => !gone.includes(bundleId));
}

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
    expect(servedBefore(steps, undefined)).toBe(previous);
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
    expect(servedBefore(steps, null)).toBe(previous);
  });
});

describe('what was served before, of bundles that are gone', () => {
  const rows: readonly [
    sentence: string,
    steps: readonly Step[],
    gone: Served[],
    previous: Served | undefined,
  ][] = [
    ['the one before them', [null, 'a', 'b', 'c'], ['b'], 'a'],
    ['builtin when none is left', [null, 'a', 'b', 'c'], ['a', 'b'], null],
    ['further back when the same one stood on both sides', [null, 'a', 'b', 'a'], ['b'], null],
    ['further back when many of the same stood there', [null, 'c', 'a', 'b', 'a', 'b', 'a'], ['b'], 'c'],
    ['nothing when there was only the same one', [null, 'a', null], ['a'], undefined],
    ['the same one further down after another', [null, 'a', 'b', 'a', 'c'], ['b'], 'a'],
    ['further back after that', [null, 'a', 'b', 'a', 'c', back('a')], ['b'], null],
    ['nothing after that', [null, 'a', 'b', 'a', 'c', back('a'), back(null)], ['b'], undefined],
    ['not one that a rollback left and that is gone', [null, 'a', 'b', 'c', back('b'), 'd'], ['b', 'c'], 'a'],
  ];
  it.each(rows)('is %s', (_sentence, steps, gone, previous) => {
    expect(servedBefore(steps, undefined, gone)).toBe(previous);
  });
});

describe('a history that other changes got into while it was read', () => {
  const all = () => true;
  it('never answers what is served now', () => {
    expect(previouslyServed('b', historyOf([null, 'a', 'b', 'c']), undefined, all)).toBe('c');
    expect(previouslyServed('a', historyOf([null, 'a']), undefined, all)).toBeNull();
  });
  it('answers the step that a rollback at the same time went', () => {
    expect(previouslyServed('c', historyOf([null, 'a', 'b', 'c', back('b')]), undefined, all)).toBe('b');
  });
  it('loses nothing to a rollback to what had been left before', () => {
    const steps = ['a', 'b', 'c', back('a'), back('b')];
    expect([servedBefore(steps, null), servedBefore([...steps, back('a')], null)]).toEqual(['a', null]);
  });
});

describe('any order of bundles, deletions and rollbacks', () => {
  const names = ['a', 'b', 'c', 'd'] as const;
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.record({ deploy: fc.constantFrom(...names, null) }) },
    { weight: 1, arbitrary: fc.record({ delete: fc.constantFrom(...names) }) },
    { weight: 2, arbitrary: fc.constant('rollback' as const) },
  );

  it.each([[undefined], [null]])(
    'walks back over each bundle that was set and is left, once, and ends, for a base of %j',
    (base) => {
      fc.assert(
        fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
          const steps: Step[] = base === undefined ? [null] : [];
          const gone: Served[] = [];
          /** What was set and not rolled back; nothing that leaves it comes back by a rollback. */
          const kept: Served[] = [null];

          function rollBack(): boolean {
            const servedNow = kept.at(-1);
            const previous = servedBefore(steps, base, gone);
            const left = kept.filter((bundleId) => bundleId !== servedNow && !gone.includes(bundleId));
            expect(previous).toBe(left.at(-1));
            if (previous === undefined) return false;
            expect([servedNow, ...gone]).not.toContain(previous);
            while (kept.at(-1) !== previous) kept.pop();
            steps.push(back(previous));
            return true;
          }

          for (const each of actions) {
            if (each === 'rollback') rollBack();
            else if ('delete' in each) {
              // What is served cannot be deleted, and what was deleted cannot be served.
              if (each.delete !== kept.at(-1)) gone.push(each.delete);
            } else if (!gone.includes(each.deploy)) {
              if (each.deploy !== kept.at(-1)) kept.push(each.deploy);
              steps.push(each.deploy);
            }
          }
          const entries = kept.length;
          let rollbacks = 0;
          while (rollBack()) rollbacks += 1;
          expect(rollbacks).toBeLessThan(entries);
        }),
        { numRuns: 1_000 },
      );
    },
  );
});
