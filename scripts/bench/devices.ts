import { createHash } from 'node:crypto';

/** Different devices of one workload; a multiple of the number of apps, so that each answer finds its request. */
export const deviceCount = 4_000;

/** A UUID that is the same in every run. */
export function deviceIdAt(index: number): string {
  const hex = createHash('sha256').update(`device ${index}`).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}
