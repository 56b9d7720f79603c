import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { composeApiKeys } from '../compose.ts';
import { loadConfig } from '../config.ts';
import { startScheduler } from '../jobs/scheduler.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { keys, UsageError } from './keys.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const main = fileURLToPath(new URL('../main.ts', import.meta.url));

describe('capgo-server keys, on the database of a server that runs', () => {
  let folder: string;
  let server: TestServer;
  let scheduler: ReturnType<typeof startScheduler>;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-keys-'));
    env = { DATABASE_URL: `sqlite:${join(folder, 'capgo.sqlite')}` };
    server = await startTestServer({ env });
    scheduler = startScheduler(server.product.jobs, pino({ level: 'silent' }));
  });
  afterAll(async () => {
    await scheduler.stop();
    await server.close();
    await rm(folder, { recursive: true });
  });

  /** In this process: what it writes, to whom. */
  async function run(...args: string[]) {
    const text = { out: '', err: '' };
    // The folder of the server, whose lock it holds.
    const config = loadConfig({ env: { ...env, DATA_DIR: server.dataDir }, workingDirectory: folder });
    let close = async () => {};
    try {
      await keys(
        args,
        async () => {
          const opened = await composeApiKeys(config);
          close = opened.close;
          return opened.apiKeys;
        },
        {
          out: (more) => {
            text.out += more;
          },
          err: (more) => {
            text.err += more;
          },
        },
      );
    } finally {
      await close();
    }
    return text;
  }

  const statusWith = async (capgkey: string) =>
    (await fetch(`${server.managementUrl}/api/v1/bundles.list`, { headers: { capgkey } })).status;
  const within = { timeout: 1_500, interval: 20 };

  it('makes a key that the server knows within a second, and revokes it as soon', async () => {
    const { out, err } = await run('create', '--name', 'CI', '--role', 'upload', '--app', 'com.example.a');
    const key = out.trim();
    expect(key).toMatch(uuid);
    expect(err).toMatch(
      /^Made API key \d+ {2}CI {2}\(upload in com\.example\.a\)\. It is shown this once:\n$/,
    );
    await vi.waitFor(async () => expect(await statusWith(key)).toBe(200), within);
    const listed = await run('list');
    const id = /^(\d+) {2}CI /m.exec(listed.out)?.[1] ?? '';
    expect(listed.out).not.toContain(key);
    expect((await run('revoke', id)).err).toMatch(/^Revoked API key/);
    await vi.waitFor(async () => expect(await statusWith(key)).toBe(401), within);
    await expect(run('revoke', id)).rejects.toMatchObject({ code: 'api_key_not_found' });
  });

  it('tells programs everything as JSON, one key a line', async () => {
    const expires = '2030-01-01T00:00:00.000Z';
    const made = JSON.parse(
      (await run('create', '--json', '--name', 'x', '--role', 'read', '--expires', '2030-01-01')).out,
    );
    expect(made).toMatchObject({
      ...{ name: 'x', role: 'read', apps: null, expires_at: expires, created_by: 'command-line' },
      key: expect.stringMatching(uuid),
    });
    const { key, ...shown } = made;
    const lines = (await run('list', '--json')).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual(shown);
    expect(JSON.stringify(lines)).not.toContain(key);
  });

  it('works as a program of its own, also for several at once', async () => {
    const execute = () =>
      promisify(execFile)(
        process.execPath,
        ['--conditions=source', main, 'keys', 'create', '--name', 'own', '--role', 'read'],
        { cwd: folder, env: { ...process.env, ...env, DATA_DIR: server.dataDir } },
      );
    const made = await Promise.all([execute(), execute()]);
    for (const { stdout } of made) {
      expect(stdout.trim()).toMatch(uuid);
      await vi.waitFor(async () => expect(await statusWith(stdout.trim())).toBe(200), within);
    }
  });

  it.each([
    [[], /create, list, revoke/],
    [['delete'], /create, list, revoke/],
    [['constructor'], /create, list, revoke/],
    [['create'], /--name/],
    [['create', '--name', 'x'], /--role must be read, upload, write, admin/],
    [['create', '--name', 'x', '--role', 'root'], /--role/],
    [['create', '--name', 'x', '--role', 'read', '--expires', 'soon'], /--expires/],
    [['create', '--name', 'x', '--role', 'read', '--apps', 'a.b'], /--apps/],
    [['create', 'x', '--name', 'x', '--role', 'read'], /Unexpected argument x/],
    [['revoke'], /by its number/],
    [['revoke', 'CI'], /by its number/],
    [['revoke', '1', '2'], /by its number/],
    [['revoke', '99999999999'], /by its number/],
  ])('says what is wrong with %j', async (args, message) => {
    const refused = run(...args);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(UsageError);
  });

  it('refuses what is no app and an end that has passed', async () => {
    const create = ['create', '--name', 'x', '--role', 'read'];
    for (const more of [
      ['--app', '../x'],
      ['--expires', '2020-01-01'],
    ]) {
      await expect(run(...create, ...more)).rejects.toMatchObject({ code: 'invalid_request' });
    }
  });
});

it('says where to make keys instead when the database is in the memory of another process', async () => {
  const config = loadConfig({ env: { DATABASE_URL: 'sqlite::memory:' }, workingDirectory: tmpdir() });
  await expect(composeApiKeys(config)).rejects.toThrow(/POST \/apikey/);
});
