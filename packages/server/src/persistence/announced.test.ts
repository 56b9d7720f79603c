import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../ports/store.ts';
import {
  buildBundle,
  buildNewApiKey,
  buildNewChannel,
  buildNewDeployment,
  buildRecordedEvent,
  buildRelease,
  newKeyHash,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../testing/builders.ts';
import { announced } from './announced.ts';
import { describeBundles } from './contract/bundles-contract.ts';
import { describeChanges } from './contract/changes-contract.ts';
import { newAppId } from './contract/opened-store.ts';
import { openSqliteStore } from './sqlite/open-sqlite-store.ts';

describe('a store that announces its changes', () => {
  const open = async () => {
    const store = announced(await openSqliteStore(':memory:'), { announce: () => undefined });
    return { store, destroy: () => store.close() };
  };
  describeBundles(open);
  describeChanges(open);
});

let plain: Store;
let store: Store;
let announcements = 0;
beforeAll(async () => {
  plain = await openSqliteStore(':memory:');
  store = announced(plain, {
    announce: () => {
      announcements += 1;
    },
  });
});
afterAll(() => store.close());

/** What a call brought: how many changes there are to follow, and how many were announced. */
async function broughtBy(call: () => Promise<unknown>) {
  const { revision } = await plain.readChanges(null);
  const before = announcements;
  await call().catch(() => undefined);
  const { changes } = await plain.readChanges(revision);
  return { isChanged: changes?.length !== 0, announced: announcements - before };
}

it('every change that is to be followed is announced once, when it is committed', async () => {
  const appId = newAppId();
  const [bundle, unused] = [buildBundle({ appId }), buildBundle({ appId, versionName: '9.9.9' })];
  const elsewhere = { objectKey: null, externalUrl: 'https://cdn.example.com/a.zip', checksum: '' };
  const incomplete = buildBundle({ appId, versionName: '9.9.8', ...elsewhere });
  const release = buildRelease({ appId, builtinBundleId: bundle.id });
  const device = { appId, deviceId: someDeviceId };
  let channelId = 0;
  let keyId = 0;
  const changes: Record<string, () => Promise<unknown>> = {
    insertBundle: () => store.insertBundle(bundle, someAuthor),
    insertRelease: () => store.insertRelease(release, someAuthor),
    setReleaseDate: () => store.setReleaseDate(release.id, someTimeMs, someAuthor),
    deployToRelease: () =>
      store.deployToRelease(release.id, buildNewDeployment({ bundleId: bundle.id }), someAuthor),
    insertChannel: async () => {
      channelId = (await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor)).id;
    },
    updateChannel: () => store.updateChannel(channelId, (channel) => ({ channel }), someAuthor),
    setDeviceOverride: () => store.setDeviceOverride(device, channelId, null, someAuthor),
    setSelfSetChannel: () => store.setSelfSetChannel(device, channelId),
    appendDeviceEvents: () =>
      store.appendDeviceEvents([buildRecordedEvent({ appId }, { effects: { failedInstall: '1.0.0' } })]),
    clearFailedInstalls: () => store.clearFailedInstalls(device),
    setMissingChecksum: async () => {
      await plain.insertBundle(incomplete, someAuthor);
      return store.setMissingChecksum(incomplete.id, { checksum: 'ab'.repeat(32), sizeBytes: 1 }, someAuthor);
    },
    insertApiKey: async () => {
      keyId = (await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor)).id;
    },
    updateApiKey: () => store.updateApiKey(keyId, (key) => ({ key }), someAuthor),
    deleteApiKey: () => store.deleteApiKey(keyId, someAuthor),
    deleteChannel: () => store.deleteChannel(channelId, someAuthor),
    deleteRelease: () => store.deleteRelease(release.id, someAuthor),
    deleteBundle: async () => {
      await plain.insertBundle(unused, someAuthor);
      return store.deleteBundle(unused.id, someAuthor);
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    expect([name, await broughtBy(change)]).toEqual([name, { isChanged: true, announced: 1 }]);
  }
});

it('what fails, reads or changes nothing that is answered from memory is not announced', async () => {
  const appId = newAppId();
  const nothing = { isChanged: false, announced: 0 };
  for (const call of [
    () => store.deleteBundle('000000000000000000000000', someAuthor),
    () => store.readAppState(appId),
    () => store.appendDeviceEvents([buildRecordedEvent({ appId })]),
    () => store.recordApiKeyUses([{ id: 1, usedAtMs: someTimeMs }]),
    () => store.deleteApiKey(2_000_000_000, someAuthor),
    () => store.planObjectDeletion('apps/key', someTimeMs),
    () => store.ping(),
  ]) {
    expect(await broughtBy(call)).toEqual(nothing);
  }
});
