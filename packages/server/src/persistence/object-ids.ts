import { randomBytes } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';

/**
 * Ids in the layout of MongoDB's ObjectId (seconds, process, counter), which the clients of older servers expect.
 *
 * @param start where the counter starts, below 2^24; by default anywhere in its lower half
 */
export function createIds(clock: Clock, start = randomBytes(3).readUIntBE(0, 3) >>> 1): Ids {
  const processPart = randomBytes(5).toString('hex');
  let counter = start;
  let lastSeconds = 0;
  return {
    next() {
      // A clock set back must not make a newer record look older.
      lastSeconds = Math.max(lastSeconds, Math.floor(clock.now() / 1000));
      counter = (counter + 1) & 0xffffff;
      if (counter === 0) lastSeconds += 1;
      return lastSeconds.toString(16).padStart(8, '0') + processPart + counter.toString(16).padStart(6, '0');
    },
  };
}
