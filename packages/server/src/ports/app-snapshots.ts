import type { AppSnapshot } from '../domain/app.ts';

/** The read model of the hot path: every app's snapshot, in memory. */
export interface AppSnapshots {
  /** The app as of the last refresh; undefined when it is not registered. Never waits, never fails. */
  find(appId: string): AppSnapshot | undefined;
  /**
   * Reads one app anew; when it resolves, `find` answers with everything committed before the call. Calls for the
   * same app never put an older state over a newer one. When the store fails it rejects, keeps the old state and
   * remembers the app for `refreshMissed`.
   */
  refresh(appId: string): Promise<void>;
  /** Tries again the apps whose last refresh failed; asks nothing of the store when there are none. */
  refreshMissed(): Promise<void>;
  /** Reads every app anew, also ones that came or went without our knowing. */
  refreshAll(): Promise<void>;
}
