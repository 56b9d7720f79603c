/**
 * The parts of Electron that `@capgo/electron-updater` touches, without Chromium. Main process and page share one
 * Node process here; what crosses between them is cloned as Electron clones it. The debug menu is not played.
 *
 * Settings: `ELECTRON_USER_DATA` (directory the app keeps its state in), `ELECTRON_APP_VERSION` (`app.getVersion()`).
 */
const { EventEmitter } = require('node:events');
const { access } = require('node:fs/promises');

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`this stand-in for Electron needs ${name}`);
  return value;
}

const app = Object.assign(new EventEmitter(), {
  isPackaged: true,
  getVersion: () => setting('ELECTRON_APP_VERSION'),
  getPath(name) {
    if (name !== 'userData') throw new Error(`this stand-in for Electron has no path '${name}'`);
    return setting('ELECTRON_USER_DATA');
  },
});

/** What Electron does on a Linux without a keyring: a prefix, no secrecy, and refusal of anything else. */
const safeStorage = {
  isEncryptionAvailable: () => true,
  encryptString: (text) => Buffer.from(`v10${text}`),
  decryptString(encrypted) {
    const text = encrypted.toString();
    if (!text.startsWith('v10')) throw new Error('Error while decrypting the ciphertext');
    return text.slice(3);
  },
};

const handlers = new Map();

const ipcMain = {
  handle(channel, handler) {
    if (handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`);
    handlers.set(channel, handler);
  },
  removeHandler: (channel) => handlers.delete(channel),
};

const ipcRenderer = Object.assign(new EventEmitter(), {
  async invoke(channel, ...args) {
    try {
      const handler = handlers.get(channel);
      if (!handler) throw new Error(`No handler registered for '${channel}'`);
      return structuredClone(await handler({}, ...structuredClone(args)));
    } catch (error) {
      // Electron hands the page the text of an error, never the error itself.
      throw new Error(`Error invoking remote method '${channel}': ${error}`);
    }
  },
});

const contextBridge = {
  exposeInMainWorld(key, api) {
    globalThis.window ??= {};
    globalThis.window[key] = api;
  },
};

class BrowserWindow extends EventEmitter {
  /** The file or URL the window shows; undefined before the first load. */
  shown;

  webContents = {
    send: (channel, ...args) => ipcRenderer.emit(channel, {}, ...structuredClone(args)),
  };

  async loadFile(path) {
    await access(path);
    this.shown = path;
  }

  async loadURL(url) {
    this.shown = url;
  }

  static getFocusedWindow() {
    return null;
  }
}

function absent() {
  throw new Error('this stand-in for Electron has no menus, dialogs or shortcuts');
}

const globalShortcut = { register: absent, unregister() {} };
const dialog = { showMessageBox: absent, showErrorBox: absent };
class Menu {
  constructor() {
    absent();
  }
}
class MenuItem {
  constructor() {
    absent();
  }
}

module.exports = {
  app,
  BrowserWindow,
  contextBridge,
  dialog,
  globalShortcut,
  ipcMain,
  ipcRenderer,
  Menu,
  MenuItem,
  safeStorage,
};
