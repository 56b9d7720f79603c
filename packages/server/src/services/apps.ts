import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import type { Actor } from '../domain/actor.ts';
import {
  type AppProfile,
  type AppRecord,
  type AppSettings,
  appProfileDefaults,
  appSettingDefaults,
  endlessRetentionSeconds,
} from '../domain/app.ts';
import { AppError } from '../domain/errors.ts';
import { defaultOrganizationId } from '../domain/organization.ts';
import type { AppRecords } from '../ports/app-records.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectDeletions } from './object-deletions.ts';

/** What an operator may decide of an app. */
export type AppChange = Partial<AppSettings & AppProfile>;

/** What operators decide of an app as a whole; every change is visible to the next request of a device. */
export interface Apps {
  /**
   * Rejects with `app_already_exists`, also for one that an upload has registered, and with `organization_not_found`.
   *
   * @param organizationId without it the app is in the default organization
   */
  create(appId: string, given: AppChange, actor: Actor, organizationId?: string): Promise<AppRecord>;
  /** Undefined for one that nobody has registered. */
  find(appId: string): Promise<AppRecord | undefined>;
  /** By id. */
  list(...parameters: Parameters<AppRecords['listApps']>): Promise<readonly AppRecord[]>;
  /**
   * The ids of all of them, in their order.
   *
   * @param appIds only these; null for all
   */
  listIds(appIds: readonly string[] | null): Promise<readonly string[]>;
  /** Sets what is given and answers all of it. Rejects with `app_not_found`. */
  change(appId: string, change: AppChange, actor: Actor): Promise<AppRecord>;
  /**
   * Deletes the app with everything of it: bundles and their objects, releases, channels, what is known of its devices
   * and what they reported. What is not done when it resolves, jobs do soon. Rejects with `app_not_found`.
   */
  delete(appId: string, actor: Actor): Promise<void>;
  /** Deletes what deleted apps have left behind; answers how many rows. */
  purgeDeleted(): Promise<number>;
}

/** Of an app that an operator has made, and not an upload: the bundles that nothing uses are kept for 30 days. */
export const createdAppRetentionSeconds = 2_592_000;

const appsPerRead = 1_000;
const rowsPerStep = 5_000;
/** Steps that whoever deletes an app waits for; a large app's devices have told more. */
const stepsWaitedFor = 4;
/** Objects that whoever deletes an app waits for. */
const objectsWaitedFor = 100;

const limitsOfTexts = {
  name: 255,
  icon: 4_096,
  defaultUploadChannel: 255,
  iosStoreUrl: 2_048,
  androidStoreUrl: 2_048,
} as const;

function checkTexts(given: AppChange): void {
  for (const [name, maxLength] of Object.entries(limitsOfTexts)) {
    const text = given[name as keyof typeof limitsOfTexts];
    if (text === undefined || text === null) continue;
    const wireName = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be in it.
    if (text.length > maxLength || /[\u0000-\u001f\u007f]/.test(text)) {
      throw new AppError(
        'invalid_request',
        `${wireName} must be a text of at most ${maxLength} characters, without control characters`,
      );
    }
  }
}

/** Retention as it is kept: what never comes to an end has none. */
function checkRetention(given: AppChange): AppChange {
  const { retentionSeconds } = given;
  if (retentionSeconds === undefined || retentionSeconds === null) return given;
  if (!Number.isInteger(retentionSeconds) || retentionSeconds < 0) {
    throw new AppError('invalid_request', 'retention must be a whole number of seconds, 0 or more');
  }
  return retentionSeconds < endlessRetentionSeconds ? given : { ...given, retentionSeconds: null };
}

export function createApps(deps: {
  readonly store: AppRecords;
  readonly appSnapshots: AppSnapshots;
  readonly objectDeletions: Pick<ObjectDeletions, 'carryOut'>;
  readonly clock: Clock;
}): Apps {
  const { store, appSnapshots, objectDeletions, clock } = deps;

  async function purge(maxSteps: number): Promise<number> {
    let purged = 0;
    for (let step = 0; step < maxSteps; step += 1) {
      const rows = await store.purgeDeletedApps(rowsPerStep, clock.now());
      if (rows === 0) break;
      purged += rows;
    }
    return purged;
  }

  return {
    async create(appId, given, actor, organizationId) {
      if (!isAppId(appId)) {
        throw new AppError('invalid_request', 'app_id must be a reverse-domain id such as com.example.app');
      }
      checkTexts(given);
      const now = clock.now();
      const app: AppRecord = {
        appId,
        organizationId: organizationId ?? defaultOrganizationId,
        ...appSettingDefaults,
        ...appProfileDefaults,
        retentionSeconds: createdAppRetentionSeconds,
        ...checkRetention(given),
        createdAtMs: now,
        updatedAtMs: now,
      };
      await store.insertApp(app, { actor, atMs: now });
      await appSnapshots.refresh(appId);
      return app;
    },
    find: (appId) => store.findApp(appId),
    list: (appIds, rows) => store.listApps(appIds, rows),
    async listIds(appIds) {
      const ids: string[] = [];
      for (;;) {
        const some = await store.listApps(appIds, { offset: ids.length, limit: appsPerRead });
        ids.push(...some.map(({ appId }) => appId));
        if (some.length < appsPerRead) return ids;
      }
    },
    async change(appId, change, actor) {
      checkTexts(change);
      const app = await store.updateApp(appId, checkRetention(change), { actor, atMs: clock.now() });
      await appSnapshots.refresh(appId);
      return app;
    },
    async delete(appId, actor) {
      const objectKeys = await store.deleteApp(appId, { actor, atMs: clock.now() });
      await appSnapshots.refresh(appId);
      // The app is gone whatever happens here; what fails stays planned and is tried again.
      for (const key of objectKeys.slice(0, objectsWaitedFor)) {
        await objectDeletions.carryOut(key).catch(() => undefined);
      }
      await purge(stepsWaitedFor).catch(() => undefined);
    },
    purgeDeleted: () => purge(Number.POSITIVE_INFINITY),
  };
}
