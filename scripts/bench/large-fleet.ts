import {
  autoPauseDefaults,
  channelDefaults,
  rolloutDefaults,
} from '../../packages/server/src/domain/channel.ts';
import { keyOf } from '../../packages/server/src/persistence/mongo/keys.ts';
import { createIds } from '../../packages/server/src/persistence/object-ids.ts';
import { systemClock } from '../../packages/server/src/ports/clock.ts';
import type { Store } from '../../packages/server/src/ports/store.ts';
import { someAuthor } from '../../packages/server/src/testing/builders.ts';
import type { StoredRow, StoredRows } from '../../packages/server/src/testing/stored-rows.ts';
import type { BenchDatabase } from './engines.ts';
import type { SeededApp } from './fleet.ts';

/** As an operator of many apps has them, after years. */
export interface LargeFleetSize {
  readonly apps: number;
  readonly bundlesPerApp: number;
  readonly channelsPerApp: number;
  readonly overridesPerApp: number;
}

const ids = createIds(systemClock);
const someDevice = '00000000-0000-4000-8000-000000000000';
/** Below what any of the engines takes in one message. */
const rowsPerInsert = 1_000;

function deviceAt(index: number): string {
  return `${someDevice.slice(0, -12)}${String(index).padStart(12, '0')}`;
}

/** Gives an app that has two bundles the others, and channels of which the first is public and the second has a device. */
async function completeFirst(store: Store, size: LargeFleetSize, app: SeededApp): Promise<void> {
  const now = systemClock.now();
  const [bundle] = (await store.listBundles({ appId: app.id }, { limit: 1 })).items;
  const [active] = app.bundles;
  if (!bundle || !active) throw new Error('an app without bundles');
  for (let count = 1 + app.bundles.length; count < size.bundlesPerApp; count += 1) {
    const id = ids.next();
    const objectKey = bundle.objectKey?.replace(bundle.id, id) ?? null;
    await store.insertBundle({ ...bundle, id, objectKey, versionName: `1.0.${1_000 + count}` }, someAuthor);
  }
  for (let count = 0; count < size.channelsPerApp; count += 1) {
    const channel = await store.insertChannel(
      {
        ...channelDefaults,
        ...{ appId: app.id, name: `channel-${count}`, isPublic: count === 0, bundleId: active.id },
        ...{ rollout: { id: ids.next(), ...rolloutDefaults }, autoPause: autoPauseDefaults },
        ...{ createdAtMs: now, updatedAtMs: now },
      },
      undefined,
      someAuthor,
    );
    if (count === 1)
      await store.setDeviceOverride({ appId: app.id, deviceId: someDevice }, channel.id, null, someAuthor);
  }
}

/** The rows of one app, and how they become those of another one. */
async function copier(rows: StoredRows, appId: string, size: LargeFleetSize) {
  const { idName } = rows;
  const read = (table: string) => rows.read(table, 'app_id', appId);
  const [app] = await rows.read('apps', idName === '_id' ? '_id' : 'app_id', appId);
  const [override] = await read('device_overrides');
  if (!app || !override) throw new Error('nothing to copy');
  const tables = {
    bundles: await read('bundles'),
    channels: await read('channels'),
    releases: await read('releases'),
  };
  return (number: number, newAppId: string) => {
    const replaced = new Map([[appId, newAppId]]);
    for (const row of [...tables.bundles, ...tables.releases]) replaced.set(String(row[idName]), ids.next());
    for (const { rollout_id } of tables.channels) replaced.set(String(rollout_id), ids.next());
    const channelOffset = number * size.channelsPerApp;

    function copyValue(name: string, value: unknown): unknown {
      const found = replaced.get(String(value));
      if (found !== undefined) return rows.inPlaceOf(value, found);
      // The key of an object names its app and its bundle.
      if (name !== 'object_key' || typeof value !== 'string') return value;
      return [...replaced].reduce((text, [from, to]) => text.replace(from, to), value);
    }
    const copy = (row: StoredRow): Record<string, unknown> =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, copyValue(name, value)]));

    return {
      apps: [copy(app)],
      bundles: tables.bundles.map((row) => ({
        ...copy(row),
        // Unique on the server, as those of channels.
        number: Number(row['number']) + number * size.bundlesPerApp,
        // Their files are not copied.
        manifest_state: 'none',
        manifest_reason: 'external',
      })),
      releases: tables.releases.map(copy),
      channels: tables.channels.map((row) => ({
        ...copy(row),
        [idName]: Number(row[idName]) + channelOffset,
      })),
      device_overrides: Array.from({ length: size.overridesPerApp }, (_each, index) => {
        const device_id = deviceAt(1 + number * size.overridesPerApp + index);
        const channel_id = Number(override['channel_id']) + channelOffset;
        const key = idName === '_id' ? { _id: keyOf(newAppId, device_id) } : {};
        return { ...copy(override), ...key, device_id, channel_id };
      }),
    };
  };
}

/**
 * Makes an app what all of them are, and as many copies of it as are missing, under the ids given; the server must not
 * run meanwhile.
 */
export async function seedLargeFleet(
  database: BenchDatabase,
  size: LargeFleetSize,
  first: SeededApp,
  appIdAt: (index: number) => string,
): Promise<void> {
  const store = await database.openStore();
  try {
    await completeFirst(store, size, first);
  } finally {
    await store.close();
  }
  const rows = await database.openRows();
  try {
    const copyFirst = await copier(rows, first.id, size);
    // The first one has its app and one device already.
    const waiting = new Map<string, StoredRow[]>([
      ['device_overrides', copyFirst(0, first.id).device_overrides.slice(1)],
    ]);
    const flush = async () => {
      // In this order, because rows of the later tables refer to those of the earlier ones.
      for (const table of ['apps', 'bundles', 'releases', 'channels', 'device_overrides']) {
        const all = waiting.get(table) ?? [];
        for (let at = 0; at < all.length; at += rowsPerInsert) {
          await rows.insert(table, all.slice(at, at + rowsPerInsert));
        }
      }
      waiting.clear();
    };
    for (let number = 1; number < size.apps; number += 1) {
      for (const [table, copies] of Object.entries(copyFirst(number, appIdAt(number)))) {
        waiting.set(table, [...(waiting.get(table) ?? []), ...copies]);
      }
      if (number % 20 === 0) await flush();
    }
    await flush();
  } finally {
    await rows.close();
  }
}
