import type { ChangedBy } from '../domain/actor.ts';
import type { AppProfile, AppRecord, AppSettings } from '../domain/app.ts';

/** What operators know of apps. */
export interface AppRecords {
  /**
   * Registers an app. Rejects with `app_already_exists`, also when something of the app has registered it before,
   * and with `organization_not_found`.
   */
  insertApp(app: AppRecord, by: ChangedBy): Promise<void>;
  findApp(appId: string): Promise<AppRecord | undefined>;
  /**
   * Rows from an offset on, by id.
   *
   * @param appIds only these; null for all
   */
  listApps(
    appIds: readonly string[] | null,
    rows: { readonly offset: number; readonly limit: number },
  ): Promise<readonly AppRecord[]>;
  /**
   * Sets what is given, leaves the rest as it is at that moment, and answers all of it: of changes made at once none is
   * lost. Rejects with `app_not_found` for an app that is not registered, and does not register it.
   */
  updateApp(appId: string, change: Partial<AppSettings & AppProfile>, by: ChangedBy): Promise<AppRecord>;
  /**
   * Deletes an app with its bundles, their files, releases, channels, deployments and counters and what is remembered of its devices,
   * and plans the deletion of its objects for now, all in one step; rejects with `app_not_found`. Its version names are
   * free again. What devices reported and the inventory are deleted afterwards, by `purgeDeletedApps`; that it is to be
   * done is part of the step.
   *
   * @returns the keys of the zips
   */
  deleteApp(appId: string, by: ChangedBy): Promise<readonly string[]>;
  /**
   * Deletes at most `limit` events or inventory rows of deleted apps. An app that was registered again keeps what came
   * since. What comes late of an app that is gone is deleted, too, until some minutes after.
   *
   * @returns how many that were; 0 when nothing is left for now
   */
  purgeDeletedApps(limit: number, nowMs: number): Promise<number>;
}

/** Events of an app that was deleted may still be under way; after so long they are not. */
export const lateEventsMs = 10 * 60 * 1000;
