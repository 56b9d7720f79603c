import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { findFreePort, waitForPort } from './ports.ts';

/** Where a real Redis is; '' when there is none. */
export const testRedisUrl = process.env['TEST_REDIS_URL'] ?? '';
/** To stand in the name of what is skipped without one. */
export const needsTestRedis = testRedisUrl === '' ? ' (skipped: TEST_REDIS_URL is not set)' : '';

/** A Redis of a test's own, to be stopped and held up. */
export interface RedisServer {
  readonly url: string;
  /** Starts it, again when it was stopped; then it is empty. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** It stays connected and says nothing more until it is let go on. */
  freeze(): void;
  thaw(): void;
}

/** Not started yet; `redis-server` has to be on the PATH, as it is where there is a `TEST_REDIS_URL`. */
export async function createRedisServer(...options: readonly string[]): Promise<RedisServer> {
  const port = await findFreePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const endWithUs = () => child?.kill('SIGKILL');
  process.once('exit', endWithUs);
  return {
    url,
    async start() {
      const given = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...options];
      child = spawn('redis-server', given, { stdio: 'ignore' });
      await once(child, 'spawn');
      await waitForPort(port);
    },
    async stop() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
  };
}
