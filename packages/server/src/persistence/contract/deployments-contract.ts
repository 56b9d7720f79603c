import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeploymentTarget } from '../../domain/deployment.ts';
import type { NewDeployment, Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildNewChannel,
  buildNewDeployment,
  buildRelease,
  nextId,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { encodeCursor } from '../cursor.ts';
import { newAppId, type OpenedStore, type OpenStore } from './opened-store.ts';
import { describePaging } from './paging-contract.ts';

/** The duties of `DeploymentLog`, and of those who write into it. */
export function describeDeployments(open: OpenStore): void {
  describe('deployments', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    async function appWithTargets() {
      const appId = newAppId();
      const bundle = buildBundle({ appId });
      await store.insertBundle(bundle, someAuthor);
      const release = buildRelease({ appId, builtinBundleId: bundle.id });
      await store.insertRelease(release, someAuthor);
      const channel = await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
      return { appId, bundle, release, channel };
    }

    const ofChannel = (channelId: number) => ({ kind: 'channel', channelId }) as const;
    const ofRelease = (releaseId: string) => ({ kind: 'release', releaseId }) as const;
    const listed = async (target: DeploymentTarget) =>
      (await store.listDeployments(target, { limit: 100 })).items;

    const deployToChannel = (id: number, deployment: NewDeployment) =>
      store.updateChannel(
        id,
        (channel) => ({
          channel: { ...channel, bundleId: deployment.bundleId },
          deployment,
        }),
        someAuthor,
      );

    it('are logged with the change of a channel, with every field as given', async () => {
      const { appId, bundle, channel } = await appWithTargets();
      const deployment = buildNewDeployment({
        bundleId: bundle.id,
        rolloutBundleId: bundle.id,
        actor: 'Jürgen 👷',
        reason: 'weil "es" muss',
        createdAtMs: someTimeMs + 5,
      });
      await deployToChannel(channel.id, deployment);
      const target = ofChannel(channel.id);
      expect(await listed(target)).toStrictEqual([{ ...deployment, appId, target }]);
      expect((await store.findChannel(channel.id))?.bundleId).toBe(bundle.id);
    });

    it('are logged with the channel they come with', async () => {
      const { appId, bundle } = await appWithTargets();
      const deployment = buildNewDeployment({ bundleId: bundle.id });
      const { id } = await store.insertChannel(
        buildNewChannel({ appId, bundleId: bundle.id }),
        deployment,
        someAuthor,
      );
      expect(await listed(ofChannel(id))).toStrictEqual([{ ...deployment, appId, target: ofChannel(id) }]);
    });

    it('are logged with the active bundle of a release', async () => {
      const { appId, bundle, release } = await appWithTargets();
      const first = buildNewDeployment({ bundleId: bundle.id });
      const second = buildNewDeployment({ bundleId: null });
      for (const deployment of [first, second])
        await store.deployToRelease(release.id, deployment, someAuthor);
      const target = ofRelease(release.id);
      expect(await listed(target)).toStrictEqual([
        { ...second, createdAtMs: first.createdAtMs + 1, appId, target },
        { ...first, appId, target },
      ]);
    });

    it('are in the order in which they were made, also when a clock was set back', async () => {
      const { release, channel, bundle } = await appWithTargets();
      const times = [someTimeMs, someTimeMs + 60_000, someTimeMs, someTimeMs - 60_000];
      const made = times.map((createdAtMs) => buildNewDeployment({ bundleId: bundle.id, createdAtMs }));
      for (const deployment of made) {
        await deployToChannel(channel.id, deployment);
        await store.deployToRelease(release.id, { ...deployment, id: nextId() }, someAuthor);
      }
      const ofChannelNow = await listed(ofChannel(channel.id));
      expect(ofChannelNow.map(({ id }) => id)).toStrictEqual(made.map(({ id }) => id).reverse());
      for (const items of [ofChannelNow, await listed(ofRelease(release.id))]) {
        expect(items.map(({ createdAtMs }) => createdAtMs - someTimeMs)).toStrictEqual([
          60_002, 60_001, 60_000, 0,
        ]);
      }
    });

    it('are not logged when a release or its bundle is not there', async () => {
      const { release } = await appWithTargets();
      const unfit = buildNewDeployment({ bundleId: nextId() });
      await expect(store.deployToRelease(release.id, unfit, someAuthor)).rejects.toMatchObject({
        code: 'bundle_not_found',
      });
      await expect(store.deployToRelease(nextId(), buildNewDeployment(), someAuthor)).rejects.toMatchObject({
        code: 'release_not_found',
      });
      expect(await listed(ofRelease(release.id))).toStrictEqual([]);
    });

    it('are not logged when a change brings none', async () => {
      const { channel } = await appWithTargets();
      await store.updateChannel(channel.id, () => ({ channel }), someAuthor);
      expect(await listed(ofChannel(channel.id))).toStrictEqual([]);
    });

    it('are as many as the changes made at once, the newest of which is served', async () => {
      const { appId, channel } = await appWithTargets();
      const bundles = Array.from({ length: 10 }, () => buildBundle({ appId }));
      for (const bundle of bundles) await store.insertBundle(bundle, someAuthor);
      const deployments = bundles.map(({ id }) => buildNewDeployment({ bundleId: id }));
      await Promise.all(deployments.map((deployment) => deployToChannel(channel.id, deployment)));
      const made = await listed(ofChannel(channel.id));
      expect(made.map(({ id }) => id).toSorted()).toStrictEqual(deployments.map(({ id }) => id).toSorted());
      expect((await store.findChannel(channel.id))?.bundleId).toBe(made[0]?.bundleId);
    });

    it('stay when their channel is deleted', async () => {
      const { channel } = await appWithTargets();
      await deployToChannel(channel.id, buildNewDeployment());
      await store.deleteChannel(channel.id, someAuthor);
      expect(await listed(ofChannel(channel.id))).toHaveLength(1);
    });

    it('belong to one target only', async () => {
      const { appId, channel, release } = await appWithTargets();
      const other = await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
      await deployToChannel(channel.id, buildNewDeployment());
      await store.deployToRelease(release.id, buildNewDeployment(), someAuthor);
      expect(await listed(ofChannel(channel.id))).toHaveLength(1);
      expect(await listed(ofRelease(release.id))).toHaveLength(1);
      expect(await listed(ofChannel(other.id))).toStrictEqual([]);
    });

    describePaging('deployments', async () => {
      const { channel, release } = await appWithTargets();
      await store.deployToRelease(release.id, buildNewDeployment(), someAuthor);
      return {
        isInOrderOfAdding: true,
        async add(createdAtMs) {
          const deployment = buildNewDeployment({ createdAtMs });
          await deployToChannel(channel.id, deployment);
          return deployment.id;
        },
        async list(page) {
          const { items, nextCursor } = await store.listDeployments(ofChannel(channel.id), page);
          return { items: items.map(({ id }) => id), nextCursor };
        },
        foreignCursor: encodeCursor({ timeMs: someTimeMs, id: '1' }),
      };
    });
  });
}
