import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../ports/store.ts';
import { buildBundle, buildRelease, someTimeMs } from '../../testing/builders.ts';
import { newAppId, outcomesOf } from './opened-store.ts';

export interface OpenedNodes {
  /** Two stores over the same data, as two nodes have them; or twice the same one. */
  readonly nodes: readonly [Store, Store];
  destroy(): Promise<void>;
}

const rounds = 15;

/** What must hold however the calls of two nodes fall together. */
export function describeRaces(name: string, open: () => Promise<OpenedNodes>): void {
  describe(`what happens at once on ${name}`, () => {
    let opened: OpenedNodes;
    let here: Store;
    let there: Store;
    beforeAll(async () => {
      opened = await open();
      [here, there] = opened.nodes;
    });
    afterAll(() => opened.destroy());

    async function insertedBundle(appId: string) {
      const bundle = buildBundle({ appId });
      await here.insertBundle(bundle);
      return bundle;
    }

    /** Starts both, the other one first in every second round. */
    function atOnce(
      round: number,
      one: () => Promise<unknown>,
      other: () => Promise<unknown>,
    ): Promise<unknown[]> {
      if (round % 2 === 0) return outcomesOf([one(), other()]);
      const second = other();
      return outcomesOf([one(), second]);
    }

    it('a version name is given once', async () => {
      const appId = newAppId();
      const rivals = Array.from({ length: 20 }, () => buildBundle({ appId, versionName: '1.0.0' }));
      const outcomes = await outcomesOf(
        rivals.map((rival, index) => (index % 2 === 0 ? here : there).insertBundle(rival)),
      );
      expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'version_already_exists')).toHaveLength(19);
    });

    it('a bundle is either deleted or made active, never both', async () => {
      const appId = newAppId();
      const builtin = await insertedBundle(appId);
      const release = buildRelease({ appId, builtinBundleId: builtin.id });
      await here.insertRelease(release);
      for (let round = 0; round < rounds; round += 1) {
        const bundle = await insertedBundle(appId);
        const outcomes = await atOnce(
          round,
          () => here.deleteBundle(bundle.id, someTimeMs),
          () => there.setActiveBundle(release.id, bundle.id, someTimeMs),
        );
        const isDeleted = (await there.findBundle(bundle.id)) === undefined;
        const isActive = (await here.findRelease(release.id))?.activeBundleId === bundle.id;
        expect({ outcomes, isDeleted, isActive }).toStrictEqual(
          isDeleted
            ? { outcomes: ['done', 'bundle_not_found'], isDeleted: true, isActive: false }
            : { outcomes: ['bundle_in_use', 'done'], isDeleted: false, isActive: true },
        );
        await here.setActiveBundle(release.id, null, someTimeMs);
      }
    });

    it('a bundle is either deleted or made builtin, never both', async () => {
      const appId = newAppId();
      for (let round = 0; round < rounds; round += 1) {
        const bundle = await insertedBundle(appId);
        const release = buildRelease({ appId, builtinBundleId: bundle.id });
        const outcomes = await atOnce(
          round,
          () => here.deleteBundle(bundle.id, someTimeMs),
          () => there.insertRelease(release),
        );
        const isDeleted = (await there.findBundle(bundle.id)) === undefined;
        expect({ outcomes, isKept: (await here.findRelease(release.id)) !== undefined }).toStrictEqual(
          isDeleted
            ? { outcomes: ['done', 'bundle_not_found'], isKept: false }
            : { outcomes: ['bundle_in_use', 'done'], isKept: true },
        );
      }
    });

    it('an upload claims its object or its version name is refused and the object stays planned', async () => {
      const appId = newAppId();
      for (let round = 0; round < rounds; round += 1) {
        const versionName = `2.0.${round}`;
        const rivals = [buildBundle({ appId, versionName }), buildBundle({ appId, versionName })] as const;
        for (const { objectKey } of rivals) await here.planObjectDeletion(objectKey, someTimeMs);
        const outcomes = await atOnce(
          round,
          () => here.insertBundle(rivals[0]),
          () => there.insertBundle(rivals[1]),
        );
        const planned = await there.listDueObjectDeletions(someTimeMs, 10_000);
        for (const [index, { objectKey }] of rivals.entries()) {
          expect(planned.includes(objectKey)).toBe(outcomes[index] !== 'done');
        }
      }
    });
  });
}
