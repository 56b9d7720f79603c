import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createJourneyDatabase } from './database.ts';
import { before } from './deadline.ts';
import { createJourneyStorage, type JourneyStorage, storageBelow } from './storage.ts';

const repository = join(import.meta.dirname, '..');
const token = 'e2e-management-token';
const startDeadlineMs = 30_000;
const stopDeadlineMs = 20_000;

export interface ServerOptions {
  /** Settings on top of the journeys' own; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Where the server keeps all its data, whatever the engine of the run; the caller's to remove. Without it the data
   * goes when the server stops.
   */
  readonly dataDir?: string;
  /** A program and its parameters that run the command given as its last ones, such as `unshare`, and become it. */
  readonly within?: readonly string[];
  /** Told every line of its log, also before it listens. */
  readonly onLog?: (line: string) => void;
}

interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started server, all ports its own choice. */
export interface RunningServer {
  /** Where devices ask. */
  readonly userUrl: string;
  /** Where operators ask, with `token` in `x-api-key`. */
  readonly managementUrl: string;
  readonly metricsUrl: string;
  readonly token: string;
  readonly dataDir: string;
  readonly storage: JourneyStorage;
  readonly process: ChildProcess;
  /** Everything it wrote so far, both streams. */
  output(): string;
  /** Asks it to end, and waits until it did; says how it ended. */
  stop(signal?: NodeJS.Signals): Promise<ServerExit>;
  /** Ends it without a chance to tidy up, as a crash or a power cut does. */
  kill(): Promise<ServerExit>;
}

interface ListeningLine {
  readonly userPort: number;
  readonly managementPort: number;
  readonly metricsPort: number;
}

/** What `npm start` passes to node, so that what is tested is what is run. */
async function startArguments(): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
    scripts: { start: string };
  };
  const options = scripts.start.split(' ').slice(scripts.start.split(' ').indexOf('node') + 1);
  return options.map((option) => (option.endsWith('main.ts') ? join(repository, option) : option));
}

/** Starts the server from source as `npm start` does, and waits until it listens. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  // An empty working directory, so that no developer's config.yml takes part.
  const directory = await mkdtemp(join(tmpdir(), 'capgo-server-'));
  const dataDir = options.dataDir ?? join(directory, 'data');
  const database = options.dataDir === undefined ? await createJourneyDatabase() : undefined;
  const storage = options.dataDir === undefined ? await createJourneyStorage(dataDir) : storageBelow(dataDir);
  const command = [...(options.within ?? []), process.execPath, ...(await startArguments())];
  const [program = '', ...parameters] = command;
  const child = spawn(program, parameters, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      // The test runner's own words stay out.
      ...process.env,
      NODE_ENV: undefined,
      NODE_OPTIONS: undefined,
      CAPGO_USER_PORT: '0',
      CAPGO_MANAGEMENT_PORT: '0',
      METRICS_PORT: '0',
      DATA_DIR: dataDir,
      MANAGEMENT_API_TOKENS: token,
      LIMIT_REQUEST_PER_MINUTE: '0',
      ...database?.env,
      ...storage.env,
      ...options.env,
    },
  });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  // However it ends, also by a signal that a test sent behind our back.
  const exited = once(child, 'exit').then(async ([code, signal]): Promise<ServerExit> => {
    await rm(directory, { recursive: true, force: true });
    await database?.remove();
    await storage.remove();
    return { code, signal };
  });

  let output = '';
  const listening = Promise.withResolvers<ListeningLine>();
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    output += `${line}\n`;
    options.onLog?.(line);
    const ports = readListeningLine(line);
    if (ports) listening.resolve(ports);
  });
  // 'close' comes after the last of the output, 'exit' may come before it.
  child.on('close', (code, signal) => {
    listening.reject(new Error(`the server ended (${signal ?? code}); it had written:\n${output}`));
  });

  let ports: ListeningLine;
  try {
    ports = await before(startDeadlineMs, listening.promise, () => `no listening line; it wrote:\n${output}`);
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    throw error;
  }

  async function end(signal: NodeJS.Signals): Promise<ServerExit> {
    child.kill(signal);
    try {
      return await before(stopDeadlineMs, exited, () => `${signal} did not end the server:\n${output}`);
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  }

  return {
    userUrl: `http://127.0.0.1:${ports.userPort}`,
    managementUrl: `http://127.0.0.1:${ports.managementPort}`,
    metricsUrl: `http://127.0.0.1:${ports.metricsPort}`,
    token,
    dataDir,
    storage,
    process: child,
    output: () => output,
    stop: (signal = 'SIGTERM') => end(signal),
    kill: () => end('SIGKILL'),
  };
}

function readListeningLine(line: string): ListeningLine | undefined {
  if (!line.includes('"listening"')) return undefined;
  const entry = JSON.parse(line) as ListeningLine & { event?: string };
  return entry.event === 'listening' ? entry : undefined;
}
