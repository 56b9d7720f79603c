import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** How often the files are looked at; polling also sees the link swaps of container platforms. */
const watchIntervalMs = 1_000;

export interface TlsReloader {
  /** The pair as it is now. */
  readonly current: SecureContextOptions;
  /** Calls back with each new pair that fits together, until stopped. */
  start(onChange: (pair: SecureContextOptions) => void): void;
  stop(): void;
}

function readPair(files: TlsFiles): SecureContextOptions {
  const pair = { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
  // Throws when the two do not belong together or one cannot be read as what it should be.
  createSecureContext(pair);
  return pair;
}

/** Reads certificate and key, and again whenever one of the files changes. Throws when they are unusable at first. */
export function createTlsReloader(files: TlsFiles, logger: Logger): TlsReloader {
  const current = readPair(files);
  const paths = [files.certFile, files.keyFile];
  let listener: (() => void) | undefined;
  return {
    current,
    start(onChange) {
      listener = () => {
        try {
          onChange(readPair(files));
          logger.info({ event: 'tls_reloaded' }, 'TLS certificate reloaded');
        } catch (error) {
          // Between the writing of one file and the other they do not fit; the next change is tried again.
          logger.warn(
            { event: 'tls_reload_failed', err: error },
            'TLS files changed but are not usable; kept the old pair',
          );
        }
      };
      for (const path of paths) watchFile(path, { interval: watchIntervalMs, persistent: false }, listener);
    },
    stop() {
      for (const path of paths) if (listener) unwatchFile(path, listener);
    },
  };
}
