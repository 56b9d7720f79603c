import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { type FailedAttempt, untilAvailable } from './until-available.ts';

const outOfReach = () => new AppError('unavailable', 'The database cannot be reached');

describe('waiting until something is available', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tries again after pauses from 0.5 s to 5 s, and tells each', async () => {
    const failures: FailedAttempt[] = [];
    let left = 6;
    const answer = untilAvailable(
      async () => {
        left -= 1;
        if (left >= 0) throw outOfReach();
        return 'there';
      },
      { signal: new AbortController().signal, onFailure: (failed) => failures.push(failed) },
    );
    await vi.runAllTimersAsync();
    expect(await answer).toBe('there');
    expect(failures.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(failures.map(({ retryInMs }) => retryInMs)).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('gives up at once for what will not pass', async () => {
    let attempts = 0;
    const answer = untilAvailable(
      async () => {
        attempts += 1;
        throw new Error('permission denied');
      },
      { signal: new AbortController().signal, onFailure: () => expect.unreachable() },
    );
    await expect(answer).rejects.toThrow('permission denied');
    expect(attempts).toBe(1);
  });

  it.each(['while it waits', 'while it tries'])('gives up when it is told to %s', async (when) => {
    const abort = new AbortController();
    let attempts = 0;
    const answer = untilAvailable(
      async () => {
        attempts += 1;
        if (when === 'while it tries') abort.abort();
        throw outOfReach();
      },
      { signal: abort.signal, onFailure: () => setTimeout(() => abort.abort(), 100) },
    );
    const refusal = expect(answer).rejects.toMatchObject({ code: 'unavailable' });
    await vi.runAllTimersAsync();
    await refusal;
    expect(attempts).toBe(1);
  });
});
