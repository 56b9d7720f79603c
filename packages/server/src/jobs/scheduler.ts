import type { Logger } from 'pino';

export interface Job {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
  /** Asks a long run under way to end early. */
  stop?(): void;
}

export interface Scheduler {
  /**
   * Starts no further run, asks those under way to end and waits for them.
   *
   * @param maxMs how long at most; what is still under way then is left to itself
   */
  stop(maxMs?: number): Promise<void>;
}

/** A job that goes on failing is logged at the first failure and then about so often. */
const logFailureEveryMs = 60_000;

/**
 * Runs each job again and again, never twice at once: the pause is counted from the end of a run. A job that fails is
 * logged and tried again after its pause. The first runs come after one pause; timers keep no process alive.
 */
export function startScheduler(jobs: readonly Job[], logger: Logger): Scheduler {
  let stopped = false;
  const timers = new Map<Job, NodeJS.Timeout>();
  const underWay = new Map<Promise<void>, Job>();

  const failuresInARow = new Map<Job, number>();

  async function run(job: Job): Promise<void> {
    const failures = failuresInARow.get(job) ?? 0;
    try {
      await job.run();
      failuresInARow.delete(job);
      if (failures > 0) logger.info({ event: 'job_recovered', job: job.name, failures }, 'job runs again');
    } catch (error) {
      failuresInARow.set(job, failures + 1);
      if (failures % Math.max(1, Math.round(logFailureEveryMs / job.everyMs)) !== 0) return;
      const facts = { event: 'job_failed', job: job.name, failures: failures + 1, err: error };
      logger.warn(facts, 'job failed; it will be tried again');
    }
  }

  function schedule(job: Job): void {
    if (stopped) return;
    const timer = setTimeout(() => {
      const running = run(job).then(() => {
        underWay.delete(running);
        schedule(job);
      });
      underWay.set(running, job);
    }, job.everyMs);
    timer.unref();
    timers.set(job, timer);
  }

  let cuttingOff: NodeJS.Timeout | undefined;
  function cutOff(afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      cuttingOff = setTimeout(() => {
        const names = [...underWay.values()].map(({ name }) => name);
        logger.warn(
          { event: 'jobs_cut_off', jobs: names },
          `jobs still under way after ${afterMs} ms are not waited for: ${names.join(', ')}`,
        );
        resolve();
      }, afterMs);
    });
  }

  for (const job of jobs) schedule(job);
  return {
    async stop(maxMs) {
      stopped = true;
      for (const job of jobs) job.stop?.();
      for (const timer of timers.values()) clearTimeout(timer);
      const ended = Promise.all(underWay.keys());
      if (maxMs === undefined) await ended;
      else await Promise.race([ended, cutOff(maxMs)]);
      clearTimeout(cuttingOff);
    },
  };
}
