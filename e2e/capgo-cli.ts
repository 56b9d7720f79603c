import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type WebFiles, writeWebFiles } from './web-app.ts';

const run = promisify(execFile);
const cli = new URL('../node_modules/.bin/capgo', import.meta.url);

interface ZippedBundle {
  readonly path: string;
  readonly bytes: Buffer;
  /** As the CLI printed it. */
  readonly checksum: string;
}

interface EncryptedBundle extends ZippedBundle {
  readonly ivSessionKey: string;
}

/** A Capacitor project on disk, as far as `@capgo/cli` looks at one. */
export interface CapacitorProject {
  readonly directory: string;
  /** `capgo bundle zip` of these files. */
  zip(version: string, files: WebFiles): Promise<ZippedBundle>;
  /** `capgo key create`; gives the public key, PEM. */
  createKey(): Promise<string>;
  /** `capgo bundle encrypt` with the key created before. */
  encrypt(bundle: ZippedBundle): Promise<EncryptedBundle>;
  remove(): Promise<void>;
}

export async function createCapacitorProject(appId: string): Promise<CapacitorProject> {
  const directory = await mkdtemp(join(tmpdir(), 'capgo-project-'));
  const home = join(directory, 'home');
  // The CLI takes the updater's version from what is installed: 8 makes SHA-256 checksums, sealed the V3 way (§8).
  const updaterVersion = '8.51.14';
  const updater = join(directory, 'node_modules', '@capgo', 'capacitor-updater');
  await mkdir(home);
  await mkdir(updater, { recursive: true });
  await writeJson(join(updater, 'package.json'), {
    name: '@capgo/capacitor-updater',
    version: updaterVersion,
  });
  await writeJson(join(directory, 'package.json'), {
    name: 'e2e-app',
    version: '1.0.0',
    dependencies: { '@capgo/capacitor-updater': updaterVersion },
  });
  await writeJson(join(directory, 'capacitor.config.json'), {
    appId,
    appName: 'e2e',
    webDir: 'www',
    plugins: { CapacitorUpdater: {} },
  });

  async function capgo(...args: string[]): Promise<string> {
    const running = run(process.execPath, [cli.pathname, ...args], {
      cwd: directory,
      // A home of its own, so that nobody's Capgo login takes part; without telemetry the CLI opens no connection.
      env: { PATH: process.env.PATH, HOME: home, CI: '1', NO_COLOR: '1', CAPGO_DISABLE_TELEMETRY: '1' },
      timeout: 60_000,
    });
    // `key create` ends with a question; a closed input answers it.
    running.child.stdin?.end();
    return (await running).stdout;
  }

  return {
    directory,
    async zip(version, files) {
      const web = join(directory, `www-${version}`);
      await writeWebFiles(web, files);
      const printed = await capgo('bundle', 'zip', appId, '--path', web, '--bundle', version, '--json');
      const { filename, checksum } = JSON.parse(printed) as { filename: string; checksum: string };
      const path = join(directory, filename);
      return { path, checksum, bytes: await readFile(path) };
    },
    async createKey() {
      await capgo('key', 'create');
      return await readFile(join(directory, '.capgo_key_v2.pub'), 'utf8');
    },
    async encrypt(bundle) {
      const printed = await capgo('bundle', 'encrypt', bundle.path, bundle.checksum, '--json');
      const { filename, checksum, ivSessionKey } = JSON.parse(printed) as {
        filename: string;
        checksum: string;
        ivSessionKey: string;
      };
      return { path: filename, checksum, ivSessionKey, bytes: await readFile(filename) };
    },
    remove: () => rm(directory, { recursive: true }),
  };
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFile(path, JSON.stringify(value, null, 2));
}
