/**
 * An Electron app written as the Quick Start of `@capgo/electron-updater` says, run as a process of its own because
 * Electron's state is process-wide. `electron-app.ts` starts it, then plays its user and its page over the process's
 * message channel.
 */
import {
  ElectronUpdater,
  setupEventForwarding,
  setupIPCHandlers,
  type UpdaterEventName,
} from '@capgo/electron-updater';
import { exposeUpdaterAPI } from '@capgo/electron-updater/preload';
import { requireUpdater } from '@capgo/electron-updater/renderer';
import { app, BrowserWindow } from 'electron';
import type { AppAnswer, AppRequest, AppSettings, AppWord } from './electron-app.ts';

const pageEvents: readonly UpdaterEventName[] = [
  'download',
  'updateAvailable',
  'noNeedUpdate',
  'downloadComplete',
  'downloadFailed',
  'breakingAvailable',
  'majorAvailable',
  'updateFailed',
  'appReloaded',
  'appReady',
];

const settings = JSON.parse(process.env.ELECTRON_APP_SETTINGS ?? '') as AppSettings;

function say(word: AppWord): void {
  process.send?.(word);
}

/**
 * The updater looks for updates by itself only when a timer of ten minutes or more fires. The timer is real; its
 * callback is kept so that a journey need not wait for it, and can await the whole check.
 */
const periodicChecks: (() => unknown)[] = [];
const setRealInterval = globalThis.setInterval;
globalThis.setInterval = ((callback: () => unknown, delayMs: number) => {
  periodicChecks.push(callback);
  return setRealInterval(callback, delayMs);
}) as typeof setInterval;

// main.ts of the Quick Start, then its preload and page
const updater = new ElectronUpdater(settings.updater);
const mainWindow = new BrowserWindow();
await updater.initialize(mainWindow, settings.builtinPage);
setupIPCHandlers(updater);
setupEventForwarding(updater, mainWindow);
await mainWindow.loadFile(updater.getCurrentBundlePath());
exposeUpdaterAPI();
const page = requireUpdater();
for (const name of pageEvents) page.addListener(name, (data) => say({ event: { name, data } }));

const { addListener, removeAllListeners, ...pageCalls } = page;
const calls: Record<string, (...args: never[]) => unknown> = {
  ...pageCalls,
  shownPage: () => mainWindow.shown,
  passTenMinutes: () => Promise.all(periodicChecks.map((check) => check())),
};

async function answer({ id, call, args }: AppRequest): Promise<AppAnswer> {
  try {
    const ask = calls[call];
    if (!ask) throw new Error(`this app has no '${call}'`);
    return { id, result: await ask(...(args as never[])) };
  } catch (error) {
    return { id, failure: String(error) };
  }
}

async function hear(request: AppRequest | 'quit'): Promise<void> {
  if (request !== 'quit') return say({ answer: await answer(request) });
  app.emit('before-quit');
  process.exit();
}

process.on('message', (request: AppRequest | 'quit') => void hear(request));
// A journey that died leaves no app behind.
process.on('disconnect', () => process.exit());
say('ready');
