import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ElectronUpdaterConfig, UpdaterEventName } from '@capgo/electron-updater';
import type { ElectronUpdaterAPI } from '@capgo/electron-updater/renderer';
import { before } from './deadline.ts';

/** What a page may ask the updater, plus what a user or a watch can do to the app. */
type AppCalls = Omit<ElectronUpdaterAPI, 'addListener' | 'removeAllListeners'> & {
  shownPage: () => Promise<string>;
  passTenMinutes: () => Promise<void>;
};

export interface AppSettings {
  readonly updater: ElectronUpdaterConfig;
  readonly builtinPage: string;
}

interface AppEvent {
  readonly name: UpdaterEventName;
  readonly data: unknown;
}

export interface AppRequest {
  readonly id: number;
  readonly call: string;
  readonly args: readonly unknown[];
}

export type AppAnswer = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly failure: string }
);

/** What the app's process says to us. */
export type AppWord = 'ready' | { readonly event: AppEvent } | { readonly answer: AppAnswer };

export interface ElectronAppOptions {
  readonly appId: string;
  /** The version of the builtin bundle; `version_build` on the wire. */
  readonly builtinVersion: string;
  /** The version of the native app; `version_code` on the wire. */
  readonly nativeVersion: string;
  /** The one page of the builtin bundle. */
  readonly builtinPage: string;
  /** Where the device API answers. */
  readonly userUrl: string;
  /** How long a page that was loaded anew may take to say that it works; the updater's own default unless given. */
  readonly appReadyTimeoutMs?: number | undefined;
}

/** One installation of an app: its state survives `restart`, its process does not. */
export interface ElectronApp {
  /** Asks the updater what the app's page would ask it. */
  call<Name extends keyof AppCalls>(
    name: Name,
    ...args: Parameters<AppCalls[Name]>
  ): ReturnType<AppCalls[Name]>;
  /** Lets the updater's own timer fire, and waits for all that the check does. */
  checkForUpdates(): Promise<void>;
  /** The text of the file that the window shows. */
  shownPage(): Promise<string>;
  /** What the updater told the page since the app was last started, oldest first. */
  events(): readonly AppEvent[];
  /** Where the updater unpacked a bundle. */
  bundleDirectory(bundleId: string): string;
  restart(): Promise<void>;
  /** Ends the app and removes what it kept on disk. */
  uninstall(): Promise<void>;
}

const processDeadlineMs = 20_000;
const callDeadlineMs = 40_000;

/** Installs an app with an empty state and starts it. */
export async function installElectronApp(options: ElectronAppOptions): Promise<ElectronApp> {
  const directory = await mkdtemp(join(tmpdir(), 'capgo-electron-'));
  const userData = join(directory, 'user-data');
  const builtinPage = join(directory, 'builtin', 'index.html');
  await mkdir(userData);
  await mkdir(join(directory, 'builtin'));
  await writeFile(builtinPage, options.builtinPage);
  const settings: AppSettings = {
    builtinPage,
    updater: {
      appId: options.appId,
      version: options.builtinVersion,
      updateUrl: `${options.userUrl}/updates`,
      statsUrl: `${options.userUrl}/stats`,
      channelUrl: `${options.userUrl}/channel_self`,
      // The shortest period the updater accepts; without one it never checks by itself.
      periodCheckDelay: 600,
      ...(options.appReadyTimeoutMs === undefined ? {} : { appReadyTimeout: options.appReadyTimeoutMs }),
    },
  };
  const env = {
    ...process.env,
    ELECTRON_USER_DATA: userData,
    ELECTRON_APP_VERSION: options.nativeVersion,
    ELECTRON_APP_SETTINGS: JSON.stringify(settings),
  };
  const start = () => startProcess(env);
  let running = await start();

  const call: ElectronApp['call'] = (name, ...args) => running.ask(name, args) as never;
  return {
    call,
    checkForUpdates: () => call('passTenMinutes'),
    shownPage: async () => readFile(await call('shownPage'), 'utf8'),
    events: () => running.events,
    bundleDirectory: (bundleId) => join(userData, 'capgo-bundles', bundleId, 'www'),
    async restart() {
      await running.quit();
      running = await start();
    },
    async uninstall() {
      await running.quit();
      await rm(directory, { recursive: true });
    },
  };
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

async function startProcess(env: NodeJS.ProcessEnv) {
  const child = fork(new URL('electron-main.ts', import.meta.url), {
    env,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  const events: AppEvent[] = [];
  const waiting = new Map<number, Waiting>();
  const exited = once(child, 'exit');
  const ready = Promise.withResolvers<void>();
  let output = '';
  let requests = 0;

  const hear = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  child.on('message', (word: AppWord) => {
    if (word === 'ready') return ready.resolve();
    if ('event' in word) return events.push(word.event);
    const { answer } = word;
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('failure' in answer) asked?.reject(new Error(answer.failure));
    else asked?.resolve(answer.result);
  });
  child.on('exit', (code, signal) => {
    const end = new Error(`the app ended (${signal ?? code}); it had written:\n${output}`);
    ready.reject(end);
    for (const asked of waiting.values()) asked.reject(end);
  });

  try {
    await before(processDeadlineMs, ready.promise, () => `the app did not start; it wrote:\n${output}`);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }

  return {
    events,
    ask(call: string, args: readonly unknown[]): Promise<unknown> {
      const id = ++requests;
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      waiting.set(id, { resolve, reject });
      child.send({ id, call, args } satisfies AppRequest);
      return before(callDeadlineMs, promise, () => `the app did not answer '${call}'; it wrote:\n${output}`);
    },
    async quit(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.send('quit');
      await before(processDeadlineMs, exited, () => {
        child.kill('SIGKILL');
        return `the app did not quit; it wrote:\n${output}`;
      });
    },
  };
}
