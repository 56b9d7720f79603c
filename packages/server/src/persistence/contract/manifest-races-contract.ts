import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bundle } from '../../domain/bundle.ts';
import { entriesOf, type StoredFile } from '../../domain/manifest.ts';
import type { Store } from '../../ports/store.ts';
import { buildFile, someAuthor, someTimeMs } from '../../testing/builders.ts';
import { newAppId, outcomesOf } from './opened-store.ts';
import type { OpenedNodes } from './races-contract.ts';
import { add, entriesFor, farAwayMs, insertPending, isPlanned, namesOf } from './stored-files.ts';

const rounds = 12;

/** What must hold of files however the calls of two nodes fall together. */
export function describeManifestRaces(name: string, open: () => Promise<OpenedNodes>): void {
  describe(`manifests made at once on ${name}`, () => {
    let opened: OpenedNodes;
    let here: Store;
    let there: Store;
    beforeAll(async () => {
      opened = await open();
      [here, there] = opened.nodes;
    });
    afterAll(() => opened.destroy());

    it('a file about to be swept is either kept for a new bundle or found to be gone, never lost in between', async () => {
      const appId = newAppId();
      for (let round = 0; round < rounds; round += 1) {
        const old = await insertPending(here, appId);
        const next = await insertPending(here, appId);
        const [file] = (await add(here, [buildFile({ appId })])) as [StoredFile];
        await here.setManifest(old.id, entriesFor([file]));
        await here.deleteBundle(old.id, someAuthor);
        const use = () => there.setManifest(next.id, entriesFor([file]));
        const sweep = () => here.sweepFiles(farAwayMs, someTimeMs, 10);
        const calls = round % 2 === 0 ? [use(), sweep()] : [sweep(), use()];
        expect(await outcomesOf(calls)).toStrictEqual(['done', 'done']);

        const isThere = (await there.findFiles(appId, [file.name])).length === 1;
        const state = (await here.findBundle(next.id))?.manifest.state;
        expect({ isThere, state, isPlanned: await isPlanned(here, file) }).toStrictEqual(
          isThere
            ? { isThere: true, state: 'ready', isPlanned: false }
            : { isThere: false, state: 'pending', isPlanned: true },
        );
        await here.deleteBundle(next.id, someAuthor);
      }
    });

    it('the last of several bundles that lets go of a file marks it, and no earlier one', async () => {
      const { appId } = await insertPending(here, newAppId());
      while ((await here.sweepFiles(farAwayMs, someTimeMs, 1_000)) > 0);
      for (let round = 0; round < rounds; round += 1) {
        const [file] = (await add(here, [buildFile({ appId })])) as [StoredFile];
        const bundles: Bundle[] = [];
        for (let each = 0; each < 4; each += 1) bundles.push(await insertPending(here, appId));
        const [first, second, third, fourth] = bundles as [Bundle, Bundle, Bundle, Bundle];
        await here.setManifest(first.id, entriesFor([file]));
        await here.setManifest(second.id, entriesFor([file]));
        await Promise.all([
          there.setManifest(third.id, entriesFor([file])),
          here.deleteBundle(first.id, someAuthor),
          there.deleteBundle(second.id, someAuthor),
          here.setManifest(fourth.id, entriesFor([file])),
        ]);
        expect(await there.sweepFiles(farAwayMs, someTimeMs, 10)).toBe(0);
        await Promise.all([
          here.deleteBundle(third.id, someAuthor),
          there.deleteBundle(fourth.id, someAuthor),
        ]);
        expect(await there.sweepFiles(farAwayMs, someTimeMs, 10)).toBe(1);
      }
    });

    it('of two who add the same file one does, and both go on with it', async () => {
      const { appId } = await insertPending(here, newAppId());
      for (let round = 0; round < rounds; round += 1) {
        const one = buildFile({ appId });
        const other = buildFile({ appId, name: one.name });
        const [ofHere, ofThere] = await Promise.all([add(here, [one]), add(there, [other])]);
        expect(ofHere).toStrictEqual(ofThere);
        const [winner] = ofHere as [StoredFile];
        const loser = winner.id === one.id ? other : one;
        expect(await isPlanned(here, winner)).toBe(false);
        expect(await isPlanned(here, loser)).toBe(true);
      }
    });

    it('a bundle gets one of two manifests, and only the files of that one come into use', async () => {
      const appId = newAppId();
      for (let round = 0; round < rounds; round += 1) {
        const bundle = await insertPending(here, appId);
        const [one, other] = (await add(here, [buildFile({ appId }), buildFile({ appId })])) as [
          StoredFile,
          StoredFile,
        ];
        const outcomes = await Promise.all([
          here.setManifest(bundle.id, entriesFor([one])),
          there.setManifest(bundle.id, entriesFor([other])),
        ]);
        expect(outcomes.map(({ kind }) => kind).toSorted()).toStrictEqual(['not_wanted', 'set']);
        const winner = outcomes[0].kind === 'set' ? one : other;
        const manifest = await there.readManifest(bundle.id);
        expect(manifest && entriesOf(manifest)).toStrictEqual(entriesFor([winner]));
        expect(await here.sweepFiles(farAwayMs, someTimeMs, 1_000)).toBeGreaterThan(0);
        expect(await here.findFiles(appId, namesOf([one, other]))).toStrictEqual([winner]);
      }
    });
  });
}
