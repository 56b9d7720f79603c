import {
  autoPauseDefaults,
  channelDefaults,
  rolloutDefaults,
} from '../../packages/server/src/domain/channel.ts';
import { fullBps, type Rollout, rolloutBucket } from '../../packages/server/src/domain/rollout.ts';
import { createIds } from '../../packages/server/src/persistence/object-ids.ts';
import { systemClock } from '../../packages/server/src/ports/clock.ts';
import type { Store } from '../../packages/server/src/ports/store.ts';
import { someAuthor } from '../../packages/server/src/testing/builders.ts';
import { forEachAtOnce } from './at-once.ts';
import { deviceCount, deviceIdAt } from './devices.ts';
import type { ChannelFleetSize, SeededApp, SeededBundle } from './fleet.ts';

const ids = createIds(systemClock);
const rolloutBps = fullBps / 2;
const overridesAtOnce = 200;

function isPinned(device: number): boolean {
  return device % 2 === 1;
}

/** Numbers of the pinned devices: every other one that asks, then some that never do. */
function pinnedDevices(count: number): readonly number[] {
  const asking = Array.from({ length: deviceCount }, (_, device) => device).filter(isPinned);
  const silent = Array.from({ length: Math.max(0, count - asking.length) }, (_, at) => deviceCount + at);
  return [...asking, ...silent].slice(0, count);
}

/**
 * A public channel with a rollout to half its devices, and channels that only operators put devices on.
 *
 * @returns the bundle that is right for the device with a number
 */
export async function seedChannels(
  store: Store,
  size: ChannelFleetSize,
  { id: appId, bundles }: SeededApp,
): Promise<(device: number) => SeededBundle> {
  const [stable, next, ...others] = bundles;
  if (!stable || !next || others.length === 0) throw new Error('channels need three bundles at least');
  const now = systemClock.now();
  const idle: Rollout = { id: ids.next(), ...rolloutDefaults };
  const running = { ...idle, bundleId: next.id, isEnabled: true, percentageBps: rolloutBps };

  async function add(name: string, bundle: SeededBundle, isPublic: boolean): Promise<number> {
    const { id } = await store.insertChannel(
      {
        ...channelDefaults,
        ...{ appId, name, isPublic, bundleId: bundle.id, autoPause: autoPauseDefaults },
        ...{ rollout: isPublic ? running : idle, createdAtMs: now, updatedAtMs: now },
      },
      undefined,
      someAuthor,
    );
    return id;
  }
  function choose<Value>(values: readonly Value[], index: number): Value {
    const value = values[index % values.length];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  await add('production', stable, true);
  const privateChannels: { readonly id: number; readonly bundle: SeededBundle }[] = [];
  for (let index = 0; index < size.count - 1; index += 1) {
    const bundle = choose(others, index);
    privateChannels.push({ id: await add(`team-${index}`, bundle, false), bundle });
  }
  const channelOf = (device: number) => choose(privateChannels, Math.floor(device / 2));
  const pinned = pinnedDevices(size.overrides);
  await forEachAtOnce(pinned, overridesAtOnce, (device) =>
    store.setDeviceOverride({ appId, deviceId: deviceIdAt(device) }, channelOf(device).id, null, someAuthor),
  );

  const isPinnedDevice = new Set(pinned);
  return (device) => {
    if (isPinnedDevice.has(device)) return channelOf(device).bundle;
    return rolloutBucket(running.id, deviceIdAt(device)) < rolloutBps ? next : stable;
  };
}
