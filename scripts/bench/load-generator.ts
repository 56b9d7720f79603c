import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Job, LoadAnswer, LoadRequest, LoadResult, RequestSet } from './load-messages.ts';

/** The process that makes the load. */
export interface LoadGenerator {
  prepare(set: RequestSet): void;
  /** Jobs may run side by side. */
  run(job: Job): Promise<LoadResult>;
  stop(): void;
}

export function startLoadGenerator(): LoadGenerator {
  const child = fork(join(import.meta.dirname, 'load.ts'));
  const waiting = new Map<
    number,
    { resolve: (result: LoadResult) => void; reject: (error: Error) => void }
  >();
  let lastId = 0;

  child.on('message', (answer: LoadAnswer) => {
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) waiter?.reject(new Error(`the load generator failed: ${answer.error}`));
    else waiter?.resolve(answer.result);
  });
  child.on('exit', () => {
    for (const waiter of waiting.values()) waiter.reject(new Error('the load generator ended'));
    waiting.clear();
  });
  const tell = (request: LoadRequest) => child.send(request);

  return {
    prepare: (set) => void tell({ kind: 'requests', set }),
    run(job) {
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        tell({ kind: 'job', id, job });
      });
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
