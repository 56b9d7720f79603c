import { EventEmitter } from 'node:events';

export declare const app: EventEmitter & {
  readonly isPackaged: boolean;
  getVersion(): string;
  getPath(name: 'userData'): string;
};

export declare class BrowserWindow extends EventEmitter {
  /** The file or URL the window shows; undefined before the first load. */
  readonly shown: string | undefined;
  readonly webContents: { send(channel: string, ...args: unknown[]): void };
  loadFile(path: string): Promise<void>;
  loadURL(url: string): Promise<void>;
  static getFocusedWindow(): BrowserWindow | null;
}
