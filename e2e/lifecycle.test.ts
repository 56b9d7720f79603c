import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import AdmZip from 'adm-zip';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { managementOf } from './management.ts';
import { type RunningServer, startServer } from './start-server.ts';

const appId = 'com.example.lifecycle';
const deviceId = '7d9c6e1a-55d0-4f0e-9a53-2b7d1a3f6c11';
const main = join(import.meta.dirname, '../packages/server/src/main.ts');

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'capgo-lifecycle-'));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

function zipOf(text: string): Buffer {
  const zip = new AdmZip();
  zip.addFile('index.html', Buffer.from(`<!doctype html><title>${text}</title>`));
  return zip.toBuffer();
}

function eventOf(timestamp: number): Record<string, unknown> {
  return {
    ...{ app_id: appId, device_id: deviceId, platform: 'ios', action: 'set', version_name: '1.0.0' },
    ...{ version_build: '1.0.0', version_code: '1', version_os: '17', plugin_version: '8.51.14' },
    ...{ is_emulator: false, is_prod: true, old_version_name: '', timestamp },
  };
}

/** @returns whether the server acknowledged them; false also when it was gone */
async function report(server: RunningServer, events: readonly object[]): Promise<boolean> {
  try {
    const response = await fetch(`${server.userUrl}/stats`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
    });
    const answer = (await response.json()) as { status?: string };
    return response.ok && answer.status === 'ok';
  } catch {
    return false;
  }
}

async function countEvents(server: RunningServer): Promise<number> {
  const response = await fetch(`${server.managementUrl}/api/v1/events.count?app_id=${appId}`, {
    headers: { 'x-api-key': server.token },
  });
  return ((await response.json()) as { count: number }).count;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('the first start', () => {
  it('makes a token only its owner can read and shows it this once, with the URL of the console', async () => {
    const first = await startServer({ dataDir, env: { MANAGEMENT_API_TOKENS: undefined } });
    const tokenFile = join(dataDir, 'management-token');
    const token = (await readFile(tokenFile, 'utf8')).trim();
    expect(token).toMatch(/^\S{32,}$/);
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
    expect(first.output()).toContain(token);
    expect(first.output()).toContain(`${new URL(first.managementUrl).port}/ui`);
    await first.stop();

    const second = await startServer({ dataDir, env: { MANAGEMENT_API_TOKENS: undefined } });
    expect(second.output()).not.toContain(token);
    const headers = { authorization: `Bearer ${token}` };
    const list = await fetch(`${second.managementUrl}/api/v1/bundles.list`, { headers });
    expect(list.status).toBe(200);
    await second.stop();
    expect((await readFile(tokenFile, 'utf8')).trim()).toBe(token);
  });

  it('announces three different real ports, and metrics on one of them alone', async () => {
    const server = await startServer({ dataDir });
    const ports = [server.userUrl, server.managementUrl, server.metricsUrl].map((url) => new URL(url).port);
    expect(new Set(ports).size).toBe(3);
    const answers = await Promise.all(
      [server.userUrl, server.managementUrl, server.metricsUrl].map((url) => fetch(`${url}/metrics`)),
    );
    expect(answers.map((answer) => answer.status)).toEqual([404, 404, 200]);
    expect(await answers[2]?.text()).toContain('capgo_update_checks_total{outcome="update_available"} 0');
    await server.stop();
  });

  it('announces them whatever the log level', async () => {
    const server = await startServer({ dataDir, env: { LOG_LEVEL: 'silent' } });
    expect((await fetch(`${server.userUrl}/_healthz`)).status).toBe(200);
    await server.stop();
  });

  it('logs no request at info', async () => {
    const server = await startServer({ dataDir });
    const before = server.output();
    await fetch(`${server.userUrl}/updates`);
    await fetch(`${server.userUrl}/nowhere`);
    await fetch(`${server.managementUrl}/api/v1/bundles.list`);
    expect(server.output()).toBe(before);
    await server.stop();
  });
});

describe('a start that cannot be', () => {
  async function fail(env: Record<string, string>): Promise<{ code: unknown; stderr: string }> {
    const run = promisify(execFile);
    const settings = { ...process.env, DATA_DIR: dataDir, ...env };
    return run(process.execPath, ['--conditions=source', main, 'serve'], {
      cwd: dataDir,
      env: settings,
    }).then(
      () => expect.unreachable('the server started'),
      (error: { code: unknown; stderr: string }) => error,
    );
  }

  it('names every setting that is wrong at once and exits with 1', async () => {
    const { code, stderr } = await fail({
      CAPGO_USER_PORT: 'eight thousand',
      LOG_LEVEL: 'loud',
      BUNDLE_DELIVERY: 'redirect',
      MONGO_CONNECTION_STRING: 'mongodb://user:secret-password@with@localhost',
    });
    expect(code).toBe(1);
    for (const name of ['CAPGO_USER_PORT', 'LOG_LEVEL', 'BUNDLE_DELIVERY', 'MONGO_CONNECTION_STRING']) {
      expect(stderr).toContain(name);
    }
    expect(stderr).not.toContain('secret-password');
  });

  it('says which port is taken', async () => {
    const running = await startServer({ dataDir });
    const port = new URL(running.userUrl).port;
    const other = await mkdtemp(join(tmpdir(), 'capgo-lifecycle-'));
    const { code, stderr } = await fail({ DATA_DIR: other, CAPGO_USER_PORT: port, METRICS_PORT: '0' });
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} is in use`);
    await running.stop();
    await rm(other, { recursive: true });
  });
});

describe('one DATA_DIR', () => {
  it('is one server’s alone: a second start says so and harms nothing of the first', async () => {
    const first = await startServer({ dataDir });
    const second = startServer({ dataDir });
    await expect(second).rejects.toThrow(/DATA_DIR cannot be used: .* is in use by another running server/);
    const bundle = await managementOf(first).uploadBundle(zipOf('one'), {
      app_id: appId,
      version_name: '1.0.0',
    });
    expect((await fetch(bundle.public_download_url)).status).toBe(200);
    await first.kill();
    const third = await startServer({ dataDir });
    await third.stop();
  });

  it('with a database that is none is refused by name, with the reason', async () => {
    await writeFile(
      join(dataDir, 'capgo.sqlite'),
      'this is no database at all, but long enough to be read as one',
    );
    await expect(startServer({ dataDir })).rejects.toThrow(
      /DATABASE_URL .*capgo.sqlite cannot be opened: .*not a database/,
    );
  });

  it('that is a file is refused by name', async () => {
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    await expect(startServer({ dataDir: file })).rejects.toThrow(/DATA_DIR cannot be used/);
  });

  it('whose database vanishes makes the server not ready, by name', async () => {
    const server = await startServer({ dataDir });
    expect((await fetch(`${server.userUrl}/_readyz`)).status).toBe(200);
    await truncate(join(dataDir, 'capgo.sqlite'), 0);
    const answer = await fetch(`${server.managementUrl}/_readyz`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await answer.json()).toMatchObject({ failing: ['database'] });
    await server.kill();
  });
});

describe('npm start', () => {
  it('passes SIGTERM on to the server, which stops as it should, and leaves nothing for git to see', async () => {
    const repository = join(import.meta.dirname, '..');
    const before = (await promisify(execFile)('git', ['status', '--porcelain'], { cwd: repository })).stdout;
    const ports = { CAPGO_USER_PORT: '0', CAPGO_MANAGEMENT_PORT: '0', METRICS_PORT: '0' };
    const child = spawn('npm', ['start'], {
      cwd: repository,
      env: { ...process.env, ...ports, DATA_DIR: join(repository, 'data', `npm-start-${process.pid}`) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (bytes) => {
      output += bytes;
    });
    await expect.poll(() => output, { timeout: 30_000 }).toContain('"event":"listening"');
    const { pid } = JSON.parse(output.split('\n').find((line) => line.includes('"listening"')) ?? '{}') as {
      pid: number;
    };
    expect((await promisify(execFile)('git', ['status', '--porcelain'], { cwd: repository })).stdout).toBe(
      before,
    );
    child.kill('SIGTERM');
    await expect.poll(() => output, { timeout: 15_000 }).toContain('"event":"stopped"');
    await expect.poll(() => isRunning(pid), { timeout: 15_000 }).toBe(false);
    await rm(join(repository, 'data', `npm-start-${process.pid}`), { recursive: true });
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('SIGTERM and SIGINT', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends an idle server with 0', async (signal) => {
    const server = await startServer({ dataDir });
    await expect(server.stop(signal)).resolves.toEqual({ code: 0, signal: null });
  });

  it('finish a request in flight, refuse new connections, and keep what was acknowledged', async () => {
    const server = await startServer({ dataDir });
    await managementOf(server).uploadBundle(zipOf('one'), { app_id: appId, version_name: '1.0.0' });

    // A request of which the server has only half when the signal comes.
    const body = JSON.stringify([eventOf(1)]);
    const { hostname, port } = new URL(server.userUrl);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes;
    });
    const ended = once(socket, 'close');
    const head = `POST /stats HTTP/1.1\r\nHost: device\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    socket.write(`${head}\r\n\r\n${body.slice(0, 20)}`);
    server.process.kill('SIGTERM');
    await expect.poll(() => isRefused(server.userUrl)).toBe(true);
    socket.write(body.slice(20));
    await ended;
    expect(received).toContain('200 OK');
    expect(received).toContain('"status":"ok"');
    const [code] = server.process.exitCode === null ? await once(server.process, 'exit') : [0];
    expect(code).toBe(0);

    expect(server.output()).not.toContain('stop_cut_off');
    const again = await startServer({ dataDir });
    expect(await countEvents(again)).toBe(1);
    await again.stop();
  });

  it('end within ten seconds although a client never finishes', async () => {
    const server = await startServer({ dataDir });
    const { hostname, port } = new URL(server.userUrl);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(
      'POST /stats HTTP/1.1\r\nHost: device\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[',
    );
    const started = performance.now();
    await expect(server.stop()).resolves.toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(10_000);
    socket.destroy();
  });
});

async function isRefused(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), new URL(url).hostname);
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

describe('SIGKILL under load', () => {
  it('loses no acknowledged event and no uploaded bundle, and leaves no half of one', async () => {
    const server = await startServer({ dataDir });
    const management = managementOf(server);
    const bundles = [await management.uploadBundle(zipOf('first'), { app_id: appId, version_name: '1.0.0' })];
    let acknowledged = 0;
    let sent = 0;
    let isKilled = false;

    async function keepReporting(): Promise<void> {
      while (!isKilled) {
        const events = Array.from({ length: 20 }, (_, index) => eventOf(sent + index + 1));
        sent += events.length;
        if (await report(server, events)) acknowledged += events.length;
      }
    }
    async function keepUploading(uploader: number): Promise<void> {
      for (let count = 1; !isKilled; count += 1) {
        const version = `${uploader}.${count}.0`;
        const bundle = await management
          .uploadBundle(zipOf(version), { app_id: appId, version_name: version })
          .catch(() => undefined);
        if (bundle) bundles.push(bundle);
      }
    }
    const load = [...Array.from({ length: 8 }, keepReporting), keepUploading(2), keepUploading(3)];
    await expect.poll(() => acknowledged > 2_000 && bundles.length > 10, { timeout: 30_000 }).toBe(true);
    await server.kill();
    isKilled = true;
    await Promise.all(load);

    const again = await startServer({ dataDir });
    // An event whose answer was cut off may have been committed; one that was acknowledged must have been.
    expect(await countEvents(again)).toBeGreaterThanOrEqual(acknowledged);
    expect(await countEvents(again)).toBeLessThanOrEqual(sent);
    const listed = await fetch(`${again.managementUrl}/api/v1/bundles.list?app_id=${appId}`, {
      headers: { 'x-api-key': again.token },
    });
    const { data } = (await listed.json()) as {
      data: { id: string; public_download_url: string; size: number }[];
    };
    const ids = data.map((bundle) => bundle.id);
    expect(ids).toEqual(expect.arrayContaining(bundles.map((bundle) => bundle.id)));
    for (const bundle of data) {
      const bytes = await (await fetch(bundle.public_download_url)).arrayBuffer();
      expect(bytes.byteLength).toBe(bundle.size);
    }
    const staged = (await filesBelow(join(dataDir, 'storage'))).filter((path) => path.includes('staging'));
    expect(staged).toEqual([]);
    await again.stop();
  });
});

describe('the command', () => {
  it('explains itself, and refuses a command it does not have', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['--conditions=source', main, 'help']);
    expect(stdout).toContain('Usage: capgo-server');
    const child = spawn(process.execPath, ['--conditions=source', main, 'fly'], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
  });
});
