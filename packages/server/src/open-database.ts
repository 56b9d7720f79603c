import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { AppError } from './domain/errors.ts';
import { loadApiKeyIndex } from './persistence/api-key-index.ts';
import { loadAppSnapshots } from './persistence/app-snapshots.ts';
import { loadDeviceStates } from './persistence/device-states.ts';
import { sparing } from './persistence/sparing-hints.ts';
import { openSqliteStore } from './persistence/sqlite/open-sqlite-store.ts';
import { untilAvailable } from './persistence/until-available.ts';
import type { ApiKeyIndex } from './ports/api-keys.ts';
import type { AppSnapshots } from './ports/app-snapshots.ts';
import type { ChangeHints } from './ports/change-hints.ts';
import type { Clock } from './ports/clock.ts';
import type { DeviceStates } from './ports/device-states.ts';
import type { Store } from './ports/store.ts';

const sqliteScheme = 'sqlite:';

/** A store, with all that is answered from memory. */
export interface LoadedStore {
  readonly store: Store;
  readonly appSnapshots: AppSnapshots;
  readonly deviceStates: DeviceStates;
  readonly apiKeyIndex: ApiKeyIndex;
  /** Of the log of changes, before anything was read: what is changed meanwhile is read again. */
  readonly revision: number;
}

/** Why something failed, down to the words of the system. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}

/** The URL of a database as it may be shown: without user, password and options. */
function shown(databaseUrl: string): string {
  if (databaseUrl.startsWith(sqliteScheme)) return databaseUrl;
  // Several hosts, as MongoDB has them, are no URL.
  if (databaseUrl.startsWith('mongodb')) return databaseUrl.replace(/\/\/[^@/]*@/, '//').replace(/\?.*/, '');
  const { protocol, host, pathname } = new URL(databaseUrl.replace('@/', '@localhost/'));
  return `${protocol}//${host}${pathname}`;
}

/** Drivers are loaded by who uses them: those of the others would take memory and time at the start. */
async function openServerStore({ databaseUrl, mongoDatabase }: Config, stop: AbortSignal): Promise<Store> {
  if (mongoDatabase === undefined) {
    const { openPostgresStore } = await import('./persistence/postgres/open-postgres-store.ts');
    return openPostgresStore(databaseUrl, stop);
  }
  const { openMongoStore } = await import('./persistence/mongo/open-mongo-store.ts');
  return openMongoStore(databaseUrl, mongoDatabase, stop);
}

/** Rejects when the database cannot be reached now. */
async function openStore(config: Config, stop: AbortSignal): Promise<Store> {
  const { databaseUrl } = config;
  return databaseUrl.startsWith(sqliteScheme)
    ? openSqliteStore(databaseUrl.slice(sqliteScheme.length))
    : openServerStore(config, stop);
}

function unopened({ databaseUrl }: Config, error: unknown): AppError {
  const message = `DATABASE_URL ${shown(databaseUrl)} cannot be opened: ${reasonOf(error)}`;
  return new AppError('unavailable', message, { cause: error });
}

/** Opens the database without waiting for it. Rejects with `unavailable`. */
export async function openStoreNow(config: Config): Promise<Store> {
  try {
    return await openStore(config, new AbortController().signal);
  } catch (error) {
    throw unopened(config, error);
  }
}

interface DeviceStateNeeds {
  /** Fewer failures of a bundle on a device than that need not be known, nor any when it is null. */
  readonly minFailures: number | null;
  readonly clock: Clock;
}

/** Opens a store and reads what is answered from memory; when that fails, the store is closed again. */
async function openLoaded(open: () => Promise<Store>, needs: DeviceStateNeeds): Promise<LoadedStore> {
  const store = await open();
  try {
    const { revision } = await store.readChanges(null);
    const appSnapshots = await loadAppSnapshots(store);
    const deviceStates = await loadDeviceStates(store, needs);
    const apiKeyIndex = await loadApiKeyIndex(store);
    return { store, appSnapshots, deviceStates, apiKeyIndex, revision };
  } catch (error) {
    // What cannot be closed is as lost as it is.
    await store.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Opens the database that the configuration names and reads what update checks need. Waits for one that has a server of
 * its own, which may come up after us, or go away again while it is read.
 *
 * @param stop ends the waiting
 */
export async function openDatabase(
  config: Config,
  { logger, stop, ...needs }: DeviceStateNeeds & { readonly logger: Logger; readonly stop: AbortSignal },
): Promise<LoadedStore> {
  const { databaseUrl } = config;
  try {
    const open = () => openLoaded(() => openStore(config, stop), needs);
    if (databaseUrl.startsWith(sqliteScheme)) return await open();
    return await untilAvailable(open, {
      signal: stop,
      onFailure({ error, attempt, retryInMs }) {
        logger.warn(
          { event: 'database_unavailable', attempt, retryInMs },
          `waiting for ${shown(databaseUrl)}: ${reasonOf(error)}; next attempt in ${retryInMs / 1000} s`,
        );
      },
    });
  } catch (error) {
    throw unopened(config, error);
  }
}

/** Word of changes through the database itself, where it can pass it on. */
export async function openDatabaseHints({
  databaseUrl,
  mongoDatabase,
}: Config): Promise<ChangeHints | undefined> {
  if (databaseUrl.startsWith(sqliteScheme)) return undefined;
  if (mongoDatabase === undefined) {
    const { createPostgresChangeHints } = await import('./persistence/postgres/change-hints.ts');
    return sparing(createPostgresChangeHints(databaseUrl));
  }
  const { createMongoChangeHints } = await import('./persistence/mongo/change-hints.ts');
  return sparing(createMongoChangeHints(databaseUrl, mongoDatabase));
}
