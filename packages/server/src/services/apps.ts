import type { Actor } from '../domain/actor.ts';
import type { AppSettings } from '../domain/app.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { AppSettingsStore } from '../ports/store.ts';

/** What operators decide of an app as a whole; every change is visible to the next request of a device. */
export interface Apps {
  /** Sets what is given and answers all settings. Rejects with `app_not_found`. */
  setSettings(appId: string, change: Partial<AppSettings>, actor: Actor): Promise<AppSettings>;
}

export function createApps(deps: {
  readonly store: AppSettingsStore;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
}): Apps {
  const { store, appSnapshots, clock } = deps;
  return {
    async setSettings(appId, change, actor) {
      const settings = await store.updateAppSettings(appId, change, { actor, atMs: clock.now() });
      await appSnapshots.refresh(appId);
      return settings;
    },
  };
}
