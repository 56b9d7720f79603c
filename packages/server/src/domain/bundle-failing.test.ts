import { expect, it } from 'vitest';
import { isFailing } from './bundle-failing.ts';

it.each([
  ['nothing failed', 0, 100, 0, false],
  ['it failed on few devices', 4, 0, 40, false],
  ['it fails everywhere', 5, 0, 5, true],
  ['it fails on a fifth', 20, 80, 20, true],
  ['its failures may be chance', 5, 60, 5, false],
  ['it fails on one in a hundred', 50, 4_950, 50, false],
])(
  'a bundle of which %s (%d devices, %d installs, %d failures) is failing: %s',
  (_what, failingDevices, installs, failures, is) => {
    expect(isFailing({ failingDevices, installs, failures })).toBe(is);
  },
);
