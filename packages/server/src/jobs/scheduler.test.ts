import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Job, type Scheduler, startScheduler } from './scheduler.ts';

/** A job whose runs end when they are told to. */
function heldJob(everyMs = 1_000) {
  const runs: { end(): void; fail(error: Error): void }[] = [];
  let underWay = 0;
  let mostAtOnce = 0;
  const job: Job = {
    name: 'held',
    everyMs,
    async run() {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      runs.push({ end: resolve, fail: reject });
      underWay += 1;
      mostAtOnce = Math.max(mostAtOnce, underWay);
      try {
        await promise;
      } finally {
        underWay -= 1;
      }
    },
  };
  return { job, runs, mostAtOnce: () => mostAtOnce };
}

describe('the scheduler', () => {
  let log: { event: string; job: string; level: number }[];
  let scheduler: Scheduler | undefined;
  const start = (...jobs: Job[]) => {
    const logger = pino({}, { write: (line) => log.push(JSON.parse(line)) });
    scheduler = startScheduler(jobs, logger);
    return scheduler;
  };
  beforeEach(() => {
    log = [];
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function countingJob(everyMs: number, name = 'counting') {
    let count = 0;
    const job: Job = {
      name,
      everyMs,
      async run() {
        count += 1;
      },
    };
    return { job, count: () => count };
  }

  it('asks a run under way to end early when it stops, and waits for its end', async () => {
    const { job, runs } = heldJob();
    const stopping = start({ ...job, stop: () => runs[0]?.end() });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(runs).toHaveLength(1);
    await stopping.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toHaveLength(1);
  });

  it('runs a job for the first time after one pause, then again after each', async () => {
    const { job, count } = countingJob(1_000);
    start(job);
    await vi.advanceTimersByTimeAsync(999);
    expect(count()).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(count()).toBe(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(count()).toBe(6);
  });

  it('runs each job at its own pace', async () => {
    const [fast, slow] = [countingJob(100), countingJob(1_000)];
    start(fast.job, slow.job);
    await vi.advanceTimersByTimeAsync(2_050);
    expect([fast.count(), slow.count()]).toStrictEqual([20, 2]);
  });

  it('never runs a job twice at once and counts the pause from the end of a run', async () => {
    const { job, runs, mostAtOnce } = heldJob(1_000);
    start(job);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toHaveLength(1);
    runs[0]?.end();
    await vi.advanceTimersByTimeAsync(999);
    expect(runs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toHaveLength(2);
    expect(mostAtOnce()).toBe(1);
  });

  it('does not let a job that hangs hold up another one', async () => {
    const { job } = heldJob(1_000);
    const { job: other, count } = countingJob(1_000);
    start(job, other);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(count()).toBe(5);
  });

  it('logs a run that fails and tries again after the pause', async () => {
    const { job, runs } = heldJob(1_000);
    start(job);
    await vi.advanceTimersByTimeAsync(1_000);
    runs[0]?.fail(new Error('the database is down'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(runs).toHaveLength(2);
    expect(log).toMatchObject([{ event: 'job_failed', job: 'held', level: 40 }]);
  });

  it('survives a job that throws before it awaits anything', async () => {
    let count = 0;
    start({
      name: 'throwing',
      everyMs: 1_000,
      run() {
        count += 1;
        throw new Error('at once');
      },
    });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(count).toBe(3);
    expect(log.map(({ event }) => event)).toStrictEqual(['job_failed']);
  });

  it('logs a job that goes on failing once a minute, and that it runs again', async () => {
    let isFailing = true;
    start({
      name: 'failing',
      everyMs: 500,
      run: () => (isFailing ? Promise.reject(new Error('the database is down')) : Promise.resolve()),
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(log).toMatchObject([{ event: 'job_failed', failures: 1 }]);
    await vi.advanceTimersByTimeAsync(500);
    expect(log).toMatchObject([{ failures: 1 }, { event: 'job_failed', failures: 121 }]);
    isFailing = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(log.slice(2)).toMatchObject([
      { event: 'job_recovered', job: 'failing', failures: 121, level: 30 },
    ]);
  });

  it('starts no run after it was stopped', async () => {
    const { job, count } = countingJob(1_000);
    const stopping = start(job);
    await vi.advanceTimersByTimeAsync(1_000);
    await stopping.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(count()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits, when stopped, for what is under way and starts none of it again', async () => {
    const { job, runs } = heldJob(1_000);
    const stopping = start(job);
    await vi.advanceTimersByTimeAsync(1_000);
    let isStopped = false;
    const stopped = (async () => {
      await stopping.stop();
      isStopped = true;
    })();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(isStopped).toBe(false);
    runs[0]?.end();
    await stopped;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toHaveLength(1);
  });

  it('waits, when stopped, no longer than it is told to, and says for what it did not', async () => {
    const { job } = heldJob(1_000);
    const stopping = start(job, { ...countingJob(1_000).job, name: 'quick' });
    await vi.advanceTimersByTimeAsync(1_000);
    let isStopped = false;
    const stopped = (async () => {
      await stopping.stop(8_000);
      isStopped = true;
    })();
    await vi.advanceTimersByTimeAsync(7_999);
    expect(isStopped).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await stopped;
    expect(log).toMatchObject([{ event: 'jobs_cut_off', jobs: ['held'], level: 40 }]);
  });

  it('leaves no timer behind when what it waits for ends in time', async () => {
    const { job, runs } = heldJob(1_000);
    const stopping = start(job);
    await vi.advanceTimersByTimeAsync(1_000);
    const stopped = stopping.stop(8_000);
    runs[0]?.end();
    await stopped;
    expect(vi.getTimerCount()).toBe(0);
    expect(log).toEqual([]);
  });

  it('can be stopped while a run fails, and more than once', async () => {
    const { job, runs } = heldJob(1_000);
    const stopping = start(job);
    await vi.advanceTimersByTimeAsync(1_000);
    const stopped = stopping.stop();
    runs[0]?.fail(new Error('closed'));
    await expect(stopped).resolves.toBeUndefined();
    await expect(stopping.stop()).resolves.toBeUndefined();
  });

  it('keeps no process alive', () => {
    vi.useRealTimers();
    const { job } = countingJob(60_000);
    const before = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    start(job);
    const after = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    expect(after).toBe(before);
  });
});
