import { describe, expect, it } from 'vitest';
import {
  buildBundle,
  buildNewDeployment,
  buildRecordedEvent,
  buildRelease,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { describeApiKeys } from './api-keys-contract.ts';
import { describeAppRecords } from './app-records-contract.ts';
import { describeAppSettings } from './app-settings-contract.ts';
import { describeAppStates } from './app-states-contract.ts';
import { describeAudit } from './audit-contract.ts';
import { describeBundleRecords } from './bundle-records-contract.ts';
import { describeBundles } from './bundles-contract.ts';
import { describeChanges } from './changes-contract.ts';
import { describeChannels } from './channels-contract.ts';
import { describeDeployments } from './deployments-contract.ts';
import { describeDeviceEvents } from './device-events-contract.ts';
import { describeDeviceListing } from './device-listing-contract.ts';
import { describeDeviceStates } from './device-states-contract.ts';
import { describeEventEffects } from './event-effects-contract.ts';
import { describeManifestRaces } from './manifest-races-contract.ts';
import { describeManifests } from './manifests-contract.ts';
import { newAppId, type OpenedStore, type OpenStore } from './opened-store.ts';
import { describeOrganizations } from './organizations-contract.ts';
import { describePlannedDeletions } from './planned-deletions-contract.ts';
import { describeRaces, type OpenedNodes } from './races-contract.ts';
import { describeReleases } from './releases-contract.ts';
import { describeStatistics } from './statistics-contract.ts';
import { describeWebhooks } from './webhooks-contract.ts';

/**
 * The suite every Store must pass.
 *
 * @param open makes a store over new, empty data
 * @param timeout of each test, in ms
 * @param manyFiles of a large manifest
 */
export function describeStoreContract(
  name: string,
  open: OpenStore,
  { timeout = 20_000, manyFiles = 10_000 }: { readonly timeout?: number; readonly manyFiles?: number } = {},
): void {
  describe(`the store contract on ${name}`, { timeout }, () => {
    describeBundles(open);
    describeBundleRecords(open);
    describeReleases(open);
    describeChannels(open);
    describeDeployments(open);
    describeDeviceStates(open);
    describeAppStates(open);
    describeAppSettings(open);
    describeAudit(open);
    describeOrganizations(open);
    describeWebhooks(open);
    describeAppRecords(open);
    describeDeviceListing(open);
    describePlannedDeletions(open);
    describeApiKeys(open);
    describeManifests(open, manyFiles);
    describeChanges(open);
    describeDeviceEvents(async () => {
      const { store, destroy } = await open();
      return { log: store, destroy };
    });
    describeEventEffects(open);
    describeStatistics(open);
    const openTwice = async (): Promise<OpenedNodes> => {
      const { store, destroy } = await open();
      return { nodes: [store, store], destroy };
    };
    describeRaces('one store', openTwice);
    describeManifestRaces('one store', openTwice);
    describeLife(open);
  });
}

function describeLife(open: OpenStore): void {
  describe('a store’s life', () => {
    async function withOpened(test: (opened: OpenedStore) => Promise<void>): Promise<void> {
      const opened = await open();
      try {
        await test(opened);
      } finally {
        await opened.destroy();
      }
    }

    it('answers a ping while it is open and refuses work once it is closed', () =>
      withOpened(async ({ store }) => {
        await expect(store.ping()).resolves.toBeUndefined();
        await store.close();
        await expect(store.ping()).rejects.toThrow();
        await expect(store.insertBundle(buildBundle(), someAuthor)).rejects.toThrow();
      }));

    it('finishes what is under way when it is closed', () =>
      withOpened(async ({ store }) => {
        const appId = newAppId();
        const underWay = [
          store.insertBundle(buildBundle({ appId }), someAuthor),
          store.appendDeviceEvents([buildRecordedEvent({ appId })]),
          store.readAppState(appId),
        ];
        const outcomes = Promise.allSettled(underWay);
        await store.close();
        expect((await outcomes).map(({ status }) => status)).toStrictEqual([
          'fulfilled',
          'fulfilled',
          'fulfilled',
        ]);
      }));

    it('is closed as often as it is asked to', () =>
      withOpened(async ({ store }) => {
        await store.close();
        await expect(store.close()).resolves.toBeUndefined();
      }));

    it('has everything again when it is opened again', ({ skip }) =>
      withOpened(async ({ store, reopen }) => {
        if (!reopen) {
          skip('the data of this engine ends with the store');
          return;
        }
        const appId = newAppId();
        const [builtin, active, deleted] = [0, 1, 2].map((each) =>
          buildBundle({ appId, createdAtMs: someTimeMs + each, description: 'Grüße 👋' }),
        ) as [ReturnType<typeof buildBundle>, ReturnType<typeof buildBundle>, ReturnType<typeof buildBundle>];
        for (const bundle of [builtin, active, deleted]) await store.insertBundle(bundle, someAuthor);
        const release = buildRelease({ appId, builtinBundleId: builtin.id });
        await store.insertRelease(release, someAuthor);
        await store.setReleaseDate(release.id, someTimeMs, someAuthor);
        await store.updateApp(appId, { exposeMetadata: true }, someAuthor);
        await store.deployToRelease(
          release.id,
          buildNewDeployment({ bundleId: active.id, createdAtMs: someTimeMs + 1 }),
          someAuthor,
        );
        await store.deleteBundle(deleted.id, someAuthor);
        await store.planObjectDeletion('planned', someTimeMs + 1);
        const events = [buildRecordedEvent({ appId, metadata: { a: 'b' } }), buildRecordedEvent({ appId })];
        await store.appendDeviceEvents(events);
        const firstPage = await store.listDeviceEvents({ appId }, { limit: 1 });

        const again = await reopen();
        expect((await again.listBundles({ appId }, { limit: 5 })).items).toStrictEqual([active, builtin]);
        const served = {
          ...release,
          releaseDateMs: someTimeMs,
          activeBundleId: active.id,
          updatedAtMs: someTimeMs + 1,
        };
        expect(await again.findRelease(release.id)).toStrictEqual(served);
        expect(await again.readAppState(appId)).toMatchObject({
          appId,
          settings: { exposeMetadata: true, allowDeviceCustomId: true },
          releases: [served],
        });
        expect(await again.listDueObjectDeletions(someTimeMs + 1, 5)).toStrictEqual([
          deleted.objectKey,
          'planned',
        ]);
        expect(await again.isVersionNameTaken(appId, deleted.versionName)).toBe(true);
        expect(await again.countDeviceEvents({ appId })).toBe(2);
        const cursor = firstPage.nextCursor ?? '';
        const [oldest] = (await again.listDeviceEvents({ appId }, { limit: 5, cursor })).items;
        expect(oldest).toStrictEqual(events[0]?.event);
      }));
  });
}
