/**
 * Loaded into a server (`node --import`): notes when its event loop is late, and how much of that time its own thread was
 * computing. Only that holds others up by our doing: on a busy machine every process waits for a core.
 */
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.LOOP_PROBE_FILE;
const everyMs = 5;
const notedFromMs = 10;

if (isMainThread && file) {
  let last = performance.now();
  let cpu = process.threadCpuUsage();
  const timer = setInterval(() => {
    const now = performance.now();
    const used = process.threadCpuUsage();
    const computedMs = (used.user + used.system - cpu.user - cpu.system) / 1_000;
    if (computedMs >= notedFromMs) {
      appendFileSync(file, `${JSON.stringify({ at: Date.now(), lateMs: now - last, computedMs })}\n`);
    }
    last = now;
    cpu = used;
  }, everyMs);
  timer.unref();
}
