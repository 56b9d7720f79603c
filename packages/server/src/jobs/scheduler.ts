import type { Logger } from 'pino';

export interface Job {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
}

export interface Scheduler {
  /** Starts no further run and waits for those under way. */
  stop(): Promise<void>;
}

/**
 * Runs each job again and again, never twice at once: the pause is counted from the end of a run. A job that fails is
 * logged and tried again after its pause. The first runs come after one pause; timers keep no process alive.
 */
export function startScheduler(jobs: readonly Job[], logger: Logger): Scheduler {
  let stopped = false;
  const timers = new Map<Job, NodeJS.Timeout>();
  const underWay = new Set<Promise<void>>();

  async function run(job: Job): Promise<void> {
    try {
      await job.run();
    } catch (error) {
      logger.warn({ event: 'job_failed', job: job.name, err: error }, 'job failed; it will be tried again');
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
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all(underWay);
    },
  };
}
