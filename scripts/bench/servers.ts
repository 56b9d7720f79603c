import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningServer, startServer } from '../../e2e/start-server.ts';

/** A server under load: where it listens and what it costs. */
export interface MeasuredServer {
  readonly port: number;
  readonly pid: number;
}

export interface OurServer extends MeasuredServer {
  readonly running: RunningServer;
  stop(): Promise<void>;
}

export interface BareRoute extends MeasuredServer {
  /** What it answers from now on. */
  answer(answer: object, large?: { readonly appId: string; readonly answer: object }): Promise<void>;
  stop(): Promise<void>;
}

/** A large database takes a while to be read. */
const startDeadlineMs = 300_000;

/** @param profileDir where to leave a CPU profile at the end, if anywhere */
export async function startOurServer(
  dataDir: string,
  env: Readonly<Record<string, string>>,
  profileDir: string | undefined,
): Promise<OurServer> {
  const running = await startServer({
    ...{ dataDir, startDeadlineMs },
    env: {
      LOG_LEVEL: 'info',
      ...env,
      ...(profileDir
        ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${JSON.stringify(join(profileDir, 'ours'))}` }
        : {}),
    },
  });
  return {
    running,
    port: Number(new URL(running.userUrl).port),
    pid: running.process.pid ?? 0,
    async stop() {
      await running.stop();
    },
  };
}

export async function startBareRoute(profileDir: string | undefined): Promise<BareRoute> {
  const profiling = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${join(profileDir, 'bare')}`] : [];
  const child = fork(join(import.meta.dirname, 'bare-route.ts'), {
    execArgv: [...process.execArgv, ...profiling],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    port,
    pid: child.pid ?? 0,
    async answer(answer, large) {
      const heard = once(child, 'message');
      child.send({ answer, large });
      await heard;
    },
    async stop() {
      const ended = once(child, 'exit');
      // It ends by itself when nobody is left to talk to, and writes its profile if it has one.
      child.disconnect();
      await ended;
    },
  };
}

/** Ticks of `/proc/<pid>/stat` are hundredths of a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU time of all the process's threads so far. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field, a name in parentheses, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export interface Memory {
  readonly rssMb: number;
  readonly peakMb: number;
}

/** Resident memory now and at its highest, in units of 2^20 bytes. */
export async function memoryOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { rssMb: field('VmRSS'), peakMb: field('VmHWM') };
}
