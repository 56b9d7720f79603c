import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { findFreePort, waitForPort } from './ports.ts';

/** The program of a MongoDB, or of FerretDB over SQLite, for tests that need a server of their own; '' without one. */
export const testMongoProgram = process.env['TEST_MONGO_PROGRAM'] ?? '';

/** A server of its own, whose data goes with it. */
export interface MongoServer {
  readonly url: string;
  /** Starts it again, with what it held. */
  start(): Promise<void>;
  /** Ends it as a crash does. */
  stop(): Promise<void>;
  destroy(): Promise<void>;
}

function argumentsFor(program: string, port: number, folder: string): string[] {
  if (basename(program).startsWith('mongod')) {
    return ['--bind_ip', '127.0.0.1', '--port', String(port), '--dbpath', folder, '--nounixsocket'];
  }
  return [
    ...['--handler=sqlite', `--sqlite-url=file:${folder}/`, `--state-dir=${folder}`],
    ...[`--listen-addr=127.0.0.1:${port}`, '--debug-addr=-', '--telemetry=disable', '--log-level=warn'],
  ];
}

export async function startMongoServer(): Promise<MongoServer> {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-mongo-'));
  const port = await findFreePort();
  let child: ChildProcess | undefined;
  const endWithUs = () => child?.kill('SIGKILL');
  process.once('exit', endWithUs);

  async function start(): Promise<void> {
    child = spawn(testMongoProgram, argumentsFor(testMongoProgram, port, folder), { stdio: 'ignore' });
    await once(child, 'spawn');
    await waitForPort(port);
  }
  async function stop(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  await start();
  return {
    url: `mongodb://127.0.0.1:${port}`,
    ...{ start, stop },
    async destroy() {
      await stop();
      process.off('exit', endWithUs);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
