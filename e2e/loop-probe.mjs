/**
 * Loaded into a server (`node --import`): notes how long its event loop computed without coming round to a timer. It is the
 * CPU time of the main thread that is measured, not how late the timer is: on a busy machine every process waits for a core,
 * and that says nothing of what the server does. Nothing in that thread waits for a disk or a lock, which CPU time would not
 * show: databases and archives have threads of their own.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.LOOP_PROBE_FILE;
const everyMs = 5;
const notedFromMs = 5;

if (isMainThread && file) {
  writeFileSync(file, '');
  let before = process.threadCpuUsage();
  const timer = setInterval(() => {
    const now = process.threadCpuUsage();
    const computedMs = (now.user + now.system - before.user - before.system) / 1_000;
    if (computedMs >= notedFromMs)
      appendFileSync(file, `${JSON.stringify({ at: Date.now(), computedMs })}\n`);
    before = process.threadCpuUsage();
  }, everyMs);
  timer.unref();
}
