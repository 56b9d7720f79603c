import type { Logger } from 'pino';

export interface Job {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
  /** Asks a long run under way to end early. */
  stop?(): void;
}

export interface Scheduler {
  /** Starts no further run and waits for those under way. */
  stop(): Promise<void>;
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
  const underWay = new Set<Promise<void>>();

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
      underWay.add(running);
    }, job.everyMs);
    timer.unref();
    timers.set(job, timer);
  }

  for (const job of jobs) schedule(job);
  return {
    async stop() {
      stopped = true;
      for (const job of jobs) job.stop?.();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all(underWay);
    },
  };
}
