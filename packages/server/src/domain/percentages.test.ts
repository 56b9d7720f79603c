import fc from 'fast-check';
import { expect, it } from 'vitest';
import { percentages } from './percentages.ts';

it.each([
  [[], []],
  [
    [0, 0],
    [0, 0],
  ],
  [[5], [100]],
  [
    [1, 1, 1],
    [33.4, 33.3, 33.3],
  ],
  [
    [2, 1],
    [66.7, 33.3],
  ],
  [
    [999, 1],
    [99.9, 0.1],
  ],
  [
    [1, 0, 9_999],
    [0, 0, 100],
  ],
])('the shares of %j are %j', (counts, shares) => {
  expect(percentages(counts)).toEqual(shares);
});

it('shares of anything add up to 100.0, and none is off by a tenth or more', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 50 }), (counts) => {
      const whole = counts.reduce((sum, count) => sum + count, 0);
      const shares = percentages(counts);
      const tenths = shares.reduce((sum, share) => sum + Math.round(share * 10), 0);
      expect(tenths).toBe(whole === 0 ? 0 : 1000);
      for (const [index, share] of shares.entries()) {
        const exact = whole === 0 ? 0 : ((counts[index] ?? 0) / whole) * 100;
        expect(Math.abs(share - exact)).toBeLessThan(0.1 + 1e-9);
      }
    }),
  );
});
