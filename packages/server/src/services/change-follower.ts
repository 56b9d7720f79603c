import type { DeviceKey } from '../domain/device.ts';
import type { ApiKeyIndex } from '../ports/api-keys.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Change, ChangeLog } from '../ports/changes.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceStates } from '../ports/device-states.ts';

/** Keeps what is answered from memory as it is in the store, whichever node changes it. */
export interface ChangeFollower {
  /** Reads anew what was changed since the last time; rejects when the store does, and tries the same again next time. */
  follow(): Promise<void>;
  /** When the store last confirmed that nothing is older than what it holds; epoch milliseconds. */
  readonly confirmedAtMs: number;
}

function devicesOf(changes: readonly Change[]): readonly DeviceKey[] {
  const devices = new Map<string, DeviceKey>();
  for (const { appId, deviceId } of changes) {
    if (appId !== null && deviceId !== null) devices.set(`${deviceId}\n${appId}`, { appId, deviceId });
  }
  return [...devices.values()];
}

/** @param deps.revision that of the log before anything was read */
export function createChangeFollower(deps: {
  readonly changeLog: Pick<ChangeLog, 'readChanges'>;
  readonly appSnapshots: AppSnapshots;
  readonly deviceStates: DeviceStates;
  readonly apiKeys: ApiKeyIndex;
  readonly clock: Clock;
  readonly revision: number;
}): ChangeFollower {
  const { changeLog, appSnapshots, deviceStates, apiKeys, clock } = deps;
  let position = deps.revision;
  let confirmedAtMs = clock.now();
  let last: Promise<void> = Promise.resolve();
  let isNextWaiting = false;

  async function followNow(): Promise<void> {
    const askedAtMs = clock.now();
    const { changes, revision } = await changeLog.readChanges(position);
    if (changes === null) {
      await Promise.all([appSnapshots.refreshAll(), deviceStates.refreshAll(), apiKeys.refresh()]);
    } else {
      const isOfKeys = changes.some(({ appId }) => appId === null);
      const appIds = new Set(
        changes.flatMap(({ appId, deviceId }) => (appId !== null && deviceId === null ? [appId] : [])),
      );
      const devices = devicesOf(changes);
      await Promise.all([
        ...[...appIds].map((appId) => appSnapshots.refresh(appId)),
        ...(isOfKeys ? [apiKeys.refresh()] : []),
        ...(devices.length > 0 ? [deviceStates.refresh(devices)] : []),
      ]);
    }
    position = revision;
    confirmedAtMs = askedAtMs;
  }

  return {
    follow() {
      // Who asks while one that has not begun yet waits is served by that one.
      if (isNextWaiting) return last;
      isNextWaiting = true;
      last = last
        .catch(() => undefined)
        .then(() => {
          isNextWaiting = false;
          return followNow();
        });
      return last;
    },
    get confirmedAtMs() {
      return confirmedAtMs;
    },
  };
}
