import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { loadApiKeyIndex } from '../persistence/api-key-index.ts';
import { loadAppSnapshots } from '../persistence/app-snapshots.ts';
import { newAppId } from '../persistence/contract/opened-store.ts';
import { loadDeviceStates } from '../persistence/device-states.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../ports/store.ts';
import {
  buildBundle,
  buildNewApiKey,
  buildNewChannel,
  buildRecordedEvent,
  newKeyHash,
  someAuthor,
  someDeviceId,
} from '../testing/builders.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { createChangeFollower } from './change-follower.ts';

const outage = new AppError('unavailable', 'The database refuses work right now');

describe('a node that follows another', () => {
  let folder: string;
  let here: Store;
  let there: Store;
  let clock: FakeClock;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-follower-'));
    here = await openSqliteStore(join(folder, 'capgo.sqlite'));
    there = await openSqliteStore(join(folder, 'capgo.sqlite'));
    clock = createFakeClock();
  });
  afterEach(async () => {
    await Promise.all([here.close(), there.close()]);
    await rm(folder, { recursive: true });
  });

  /** The node, with what it reads counted, and with a store that can be made to fail. */
  async function startNode() {
    const reads: string[] = [];
    let isDown = false;
    const read = <Result>(what: string, readNow: () => Promise<Result>): Promise<Result> => {
      if (isDown) return Promise.reject(outage);
      reads.push(what);
      return readNow();
    };
    const { revision } = await here.readChanges(null);
    const appSnapshots = await loadAppSnapshots({
      readAppState: (appId) => read(appId, () => here.readAppState(appId)),
      readAllAppStates: () => read('all apps', () => here.readAllAppStates()),
      readManifest: (bundleId) => here.readManifest(bundleId),
    });
    const deviceStates = await loadDeviceStates(
      {
        readDeviceFacts: (devices, least) =>
          read(`${devices.length} devices`, () => here.readDeviceFacts(devices, least)),
        readAllDeviceFacts(least) {
          reads.push('all devices');
          return here.readAllDeviceFacts(least);
        },
      },
      { minFailures: 1 },
    );
    const apiKeys = await loadApiKeyIndex({
      readApiKeyHashes: () => read('keys', () => here.readApiKeyHashes()),
    });
    const changeLog = {
      readChanges: (after: number | null) => (isDown ? Promise.reject(outage) : here.readChanges(after)),
    };
    const follower = createChangeFollower({
      ...{ changeLog, appSnapshots, deviceStates, apiKeys, clock, revision },
    });
    reads.length = 0;
    return {
      ...{ appSnapshots, deviceStates, apiKeys, follower, reads },
      setDown(down: boolean) {
        isDown = down;
      },
    };
  }

  it('knows what the other changed, and reads each app and all devices once however often they changed', async () => {
    const { appSnapshots, deviceStates, follower, reads } = await startNode();
    const appId = newAppId();
    await there.insertBundle(buildBundle({ appId }), someAuthor);
    await there.insertBundle(buildBundle({ appId }), someAuthor);
    const { id } = await there.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
    for (const deviceId of [someDeviceId, someDeviceId, 'other'])
      await there.setDeviceOverride({ appId, deviceId }, id, null, someAuthor);
    await there.appendDeviceEvents([buildRecordedEvent({ appId }, { effects: { failedInstall: '1.0.0' } })]);
    expect(appSnapshots.find(appId)).toBeUndefined();
    await follower.follow();
    expect(appSnapshots.find(appId)?.bundlesById.size).toBe(2);
    expect(appSnapshots.find(appId)?.channelsById.size).toBe(1);
    expect(deviceStates.find({ appId, deviceId: someDeviceId })).toMatchObject({ overrideChannelId: id });
    expect(deviceStates.find({ appId, deviceId: someDeviceId }).failedInstalls.get('1.0.0')).toBe(1);
    expect(reads.toSorted()).toEqual(['2 devices', appId].toSorted());
  });

  it('knows the keys that the other made, changed and revoked, and reads nothing else for that', async () => {
    const { apiKeys, follower, reads } = await startNode();
    const hash = newKeyHash();
    const { id } = await there.insertApiKey(buildNewApiKey({ role: 'read' }), hash, someAuthor);
    await follower.follow();
    expect(apiKeys.find(hash)?.role).toBe('read');
    await there.updateApiKey(id, (current) => ({ key: { ...current, role: 'write' } }), someAuthor);
    await follower.follow();
    expect(apiKeys.find(hash)?.role).toBe('write');
    await there.deleteApiKey(id, someAuthor);
    await follower.follow();
    expect(apiKeys.find(hash)).toBeUndefined();
    expect(reads).toEqual(['keys', 'keys', 'keys']);
  });

  it('reads nothing while nothing changes', async () => {
    const { follower, reads } = await startNode();
    for (let times = 0; times < 3; times += 1) await follower.follow();
    expect(reads).toEqual([]);
  });

  it('reads everything anew when the changes are too many to be told', async () => {
    const { appSnapshots, deviceStates, apiKeys, follower, reads } = await startNode();
    const appId = newAppId();
    await there.insertBundle(buildBundle({ appId }), someAuthor);
    const hash = newKeyHash();
    const key = await there.insertApiKey(buildNewApiKey(), hash, someAuthor);
    const many = Array.from({ length: 10_001 }, (_each, index) =>
      buildRecordedEvent({ appId, deviceId: `device-${index}` }, { effects: { failedInstall: '1.0.0' } }),
    );
    await there.appendDeviceEvents(many);
    await follower.follow();
    expect(reads).toEqual(['all apps', 'all devices', 'keys']);
    expect(apiKeys.find(hash)).toEqual(key);
    expect(appSnapshots.find(appId)).toBeDefined();
    expect(deviceStates.find({ appId, deviceId: 'device-10000' }).failedInstalls.size).toBe(1);
  });

  it('keeps what it has while the store is gone, says since when, and then misses nothing', async () => {
    const { appSnapshots, follower, setDown } = await startNode();
    const startedAtMs = clock.now();
    const appId = newAppId();
    await there.insertBundle(buildBundle({ appId }), someAuthor);
    setDown(true);
    clock.advance(60_000);
    await expect(follower.follow()).rejects.toBe(outage);
    expect(follower.confirmedAtMs).toBe(startedAtMs);
    setDown(false);
    await follower.follow();
    expect(appSnapshots.find(appId)).toBeDefined();
    expect(follower.confirmedAtMs).toBe(clock.now());
  });

  it('sees what was changed before it was asked, also when it is asked while it reads', async () => {
    const { appSnapshots, follower } = await startNode();
    const appIds = Array.from({ length: 20 }, newAppId);
    await Promise.all(
      appIds.map(async (appId) => {
        await there.insertBundle(buildBundle({ appId }), someAuthor);
        await follower.follow();
        expect(appSnapshots.find(appId)).toBeDefined();
      }),
    );
  });
});
