/**
 * `npm run check:containers`: does what the Dockerfile says outside a container, because the machines that test have no
 * Docker engine. Every COPY, ENV and RUN is carried out in a temporary folder (Linux only: the image holds no programs
 * for other systems), the result is started as another user than the owner of the files when this runs as root, with
 * all of it read-only but the volume, asked by the HEALTHCHECK, and stopped by SIGTERM. Where the compose plugin is
 * installed, it also reads docker-compose.yml once a profile.
 *
 * What it cannot show: that the base image is there, that its Debian has what the server needs, and arm64.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  copyFile,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { createIgnore, parseDockerfile, parseExecForm } from './dockerfile.ts';

const repository = resolve(import.meta.dirname, '..');
const startDeadlineMs = 60_000;
const stopDeadlineMs = 10_000;
/** The user `node` of the base image. */
const nodeUser = { uid: 1000, gid: 1000 };
const isRoot = process.getuid?.() === 0;

interface Stage {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly env: Record<string, string>;
  workdir: string;
  user: string;
  volumes: string[];
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
}

function say(text: string): void {
  console.log(`containers: ${text}`);
}

/** An absolute path of the container, in the folder that stands for its root. */
function outside(stage: Stage, path: string): string {
  return path.startsWith('/') ? join(stage.root, path) : path;
}

function identity(stage: Stage): { uid?: number; gid?: number } {
  return isRoot && stage.user !== 'root' ? nodeUser : {};
}

async function forEachEntry(folder: string, visit: (path: string) => Promise<void>): Promise<void> {
  await visit(folder);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await forEachEntry(path, visit);
    else if (!entry.isSymbolicLink()) await visit(path);
  }
}

async function setWritable(folder: string, isWritable: boolean): Promise<void> {
  await forEachEntry(folder, async (path) => {
    const { mode } = await stat(path);
    await chmod(path, isWritable ? mode | 0o200 : mode & ~0o222);
  });
}

async function copy(
  stage: Stage,
  stages: Map<string, Stage>,
  flags: Readonly<Record<string, string>>,
  rest: string,
) {
  const { from, chown: owner, ...unknown } = flags;
  if (Object.keys(unknown).length > 0)
    throw new Error(`COPY --${Object.keys(unknown)[0]} is not understood here`);
  const source = from === undefined ? undefined : stages.get(from);
  if (from !== undefined && !source) throw new Error(`COPY --from=${from}: there is no such stage`);
  const isIgnored = createIgnore(await readFile(join(repository, '.dockerignore'), 'utf8'));
  const paths = rest.split(/\s+/);
  const target = paths.pop() ?? '';
  const targetPath = outside(stage, resolve(stage.workdir, target));
  for (const path of paths) {
    const full = source ? outside(source, path) : join(repository, path);
    const isFolder = (await stat(full)).isDirectory();
    if (!source && isIgnored(path)) throw new Error(`COPY ${path}: .dockerignore keeps it away`);
    const destination = isFolder || !/(^\.|\/)$/.test(target) ? targetPath : join(targetPath, basename(path));
    await mkdir(dirname(destination), { recursive: true });
    await cp(full, destination, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (from) => source !== undefined || !isIgnored(relative(repository, from)),
    });
    if (owner !== undefined && isRoot) {
      await forEachEntry(destination, (path) => chown(path, nodeUser.uid, nodeUser.gid));
    }
  }
}

/** The environment of this process without what npm tells its scripts, which another npm would take for settings. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter((name) =>
    /^npm_(?!config_)|^npm_config_(local_prefix|prefix|workspace)|^NODE_(ENV|OPTIONS)$|^INIT_CWD$/.test(name),
  );
  return { ...process.env, ...Object.fromEntries(names.map((name) => [name, undefined])) };
}

function stageEnvironment(stage: Stage, programs: string): NodeJS.ProcessEnv {
  const ours = Object.entries(stage.env).map(([name, value]) => [name, outside(stage, value)]);
  return { ...Object.fromEntries(ours), PATH: `${programs}:${process.env['PATH']}` };
}

function run(stage: Stage, command: string, programs: string): void {
  // They would mean this machine's own files.
  if (/(^|[\s='"])\/(?!dev\/null)/.test(command))
    throw new Error(`RUN must not name absolute paths: ${command}`);
  const { status } = spawnSync('sh', ['-c', command], {
    cwd: outside(stage, stage.workdir),
    env: { ...ownEnvironment(), ...stageEnvironment(stage, programs) },
    stdio: ['ignore', 'ignore', 'inherit'],
    ...identity(stage),
  });
  if (status !== 0) throw new Error(`RUN failed with exit code ${status}: ${command}`);
}

/** Carries out the Dockerfile; answers its last stage. */
async function build(work: string, programs: string): Promise<Stage> {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const { name, flags, rest } of parseDockerfile(
    await readFile(join(repository, 'Dockerfile'), 'utf8'),
  )) {
    if (name === 'FROM') {
      const [image = '', , as = `stage-${stages.size}`] = rest.split(/\s+/);
      const parent = stages.get(image);
      stage = {
        root: join(work, as),
        env: { ...parent?.env },
        workdir: parent?.workdir ?? '/',
        user: parent?.user ?? 'root',
        volumes: [],
        entrypoint: [],
        command: [],
        healthcheck: [],
      };
      stages.set(as, stage);
      await mkdir(stage.root);
      if (parent) await cp(parent.root, stage.root, { recursive: true, verbatimSymlinks: true });
      continue;
    }
    if (!stage) throw new Error(`${name} stands before the first FROM`);
    switch (name) {
      case 'WORKDIR':
        stage.workdir = resolve(stage.workdir, rest);
        await mkdir(outside(stage, stage.workdir), { recursive: true });
        break;
      case 'ENV':
        for (const [, variable = '', value = ''] of rest.matchAll(/([A-Z_]+)=(\S*)/g))
          stage.env[variable] = value;
        break;
      case 'COPY':
        await copy(stage, stages, flags, rest);
        break;
      case 'RUN':
        say(`RUN ${rest}`);
        run(stage, rest, programs);
        break;
      case 'USER':
        stage.user = rest;
        break;
      case 'VOLUME':
        stage.volumes = parseExecForm(rest);
        break;
      case 'ENTRYPOINT':
        stage.entrypoint = parseExecForm(rest);
        break;
      case 'CMD':
        stage.command = parseExecForm(rest);
        break;
      case 'HEALTHCHECK':
        stage.healthcheck = parseExecForm(rest.replace(/^CMD\s+/, ''));
        break;
      case 'ARG':
      case 'LABEL':
      case 'EXPOSE':
        break;
      default:
        throw new Error(`${name} is not understood here; teach this script, or do without it`);
    }
  }
  if (!stage) throw new Error('The Dockerfile is empty');
  return stage;
}

/** Three ports that nobody listens on; the server and the HEALTHCHECK must be told the same ones. */
async function freePorts(): Promise<number[]> {
  const servers = [1, 2, 3].map(() => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

function expect(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`Not so: ${what}`);
  say(what);
}

async function exitCode(child: ChildProcess, deadlineMs: number): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit', { signal: AbortSignal.timeout(deadlineMs) });
  }
  return child.exitCode;
}

/** Resolves with what the server wrote when it listens. */
async function untilListening(server: ChildProcess): Promise<string> {
  let output = '';
  const listening = new Promise<void>((done, failed) => {
    const timer = setTimeout(() => failed(new Error('The server did not start in time')), startDeadlineMs);
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('"event":"listening"')) done();
    });
    server.once('error', failed);
    server.once('exit', (code) => failed(new Error(`The server ended with exit code ${code}: ${output}`)));
    server.once('exit', () => clearTimeout(timer));
  });
  await listening;
  return output;
}

async function checkServer(stage: Stage, programs: string): Promise<void> {
  const [userPort, managementPort, metricsPort] = await freePorts();
  const options = {
    cwd: outside(stage, stage.workdir),
    env: {
      ...stageEnvironment(stage, programs),
      HOME: '/nonexistent',
      CAPGO_USER_PORT: String(userPort),
      CAPGO_MANAGEMENT_PORT: String(managementPort),
      METRICS_PORT: String(metricsPort),
    },
    ...identity(stage),
  };
  function start(words: readonly string[], stdout: 'pipe' | 'inherit') {
    const [program = '', ...args] = words.map((word) => outside(stage, word));
    return spawn(program, args, { ...options, stdio: ['ignore', stdout, 'inherit'] });
  }
  const isHealthy = async () => (await exitCode(start(stage.healthcheck, 'inherit'), startDeadlineMs)) === 0;

  expect(stage.user !== 'root', `the server runs as the user ${stage.user}`);
  const server = start([...stage.entrypoint, ...stage.command], 'pipe');
  try {
    const output = await untilListening(server);
    expect(/Management token: \S{20}/.test(output), 'the first start prints a management token');
    const page = await fetch(`http://127.0.0.1:${managementPort}/ui`);
    expect(/<script type="module"/.test(await page.text()), 'the console is there, built');
    const ready = await fetch(`http://127.0.0.1:${userPort}/_readyz`);
    expect(ready.ok, 'the database and the storage are within reach');
    expect(await isHealthy(), 'HEALTHCHECK says healthy');
    server.kill('SIGTERM');
    expect((await exitCode(server, stopDeadlineMs)) === 0, 'SIGTERM ends it with exit code 0');
    expect(!(await isHealthy()), 'HEALTHCHECK says unhealthy once it is gone');
  } finally {
    server.kill('SIGKILL');
  }
}

function checkCompose(): void {
  const compose = (args: readonly string[]) =>
    spawnSync('docker', ['compose', ...args], { cwd: repository, encoding: 'utf8' });
  if (compose(['version']).status !== 0) {
    say(
      'docker-compose.yml NOT read by Docker Compose: the plugin is not installed here (its unit test has read it)',
    );
    return;
  }
  const profiles: readonly (readonly [args: readonly string[], server: string])[] = [
    [[], 'capgo-server'],
    [['--profile', 'mongo'], 'capgo-server-mongo'],
    [['--profile', 'postgres'], 'capgo-server-postgres'],
  ];
  for (const [args, expected] of profiles) {
    const { status, stderr } = compose([...args, 'config', '-q']);
    const command = ['docker compose', ...args].join(' ');
    expect(status === 0, `${command} config is valid${stderr}`);
    const services = compose([...args, 'config', '--services'])
      .stdout.trim()
      .split('\n')
      .sort();
    const servers = services.filter((service) => service.startsWith('capgo-server'));
    expect(servers.join() === expected, `${command} up starts ${services.join(', ')}`);
  }
}

const work = await mkdtemp(join(tmpdir(), 'capgo-containers-'));
try {
  // The other user must be able to go through it, and to run the Node that runs this.
  await chmod(work, 0o755);
  const programs = join(work, 'bin');
  await mkdir(programs);
  const node = join(programs, 'node');
  await link(process.execPath, node).catch(() => copyFile(process.execPath, node));

  const image = await build(work, programs);
  const files = await readdir(outside(image, image.workdir), { recursive: true });
  const tests = files.filter((path) => !path.startsWith('node_modules') && /\.test\.ts$|testing/.test(path));
  const sources = files.filter((path) => /^packages\/console\/(?!dist(\/|$))/.test(path));
  expect(
    sources.length === 0,
    `of the console only what was built is in the image${sources.slice(0, 3).join()}`,
  );
  expect(tests.length === 0, `no tests are in the image${tests.slice(0, 3).join()}`);
  let bytes = 0;
  await forEachEntry(image.root, async (path) => {
    bytes += (await stat(path)).size;
  });
  say(`${Math.round(bytes / 1e6)} MB on top of the base image`);

  await setWritable(image.root, false);
  for (const volume of image.volumes) await setWritable(outside(image, volume), true);
  await checkServer(image, programs);
  checkCompose();
} finally {
  for (const entry of await readdir(work)) await setWritable(join(work, entry), true);
  await rm(work, { recursive: true });
}
