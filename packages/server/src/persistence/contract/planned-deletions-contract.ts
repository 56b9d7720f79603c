import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../ports/store.ts';
import { someTimeMs } from '../../testing/builders.ts';
import type { OpenedStore, OpenStore } from './opened-store.ts';

/** The duties of `PlannedDeletions`. */
export function describePlannedDeletions(open: OpenStore): void {
  describe('planned deletions', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(async () => {
      for (const key of await store.listDueObjectDeletions(someTimeMs * 2, 1_000)) {
        await store.forgetObjectDeletion(key);
      }
    });
    afterAll(() => opened.destroy());

    it('are listed once they are due, oldest first, up to the limit', async () => {
      await store.planObjectDeletion('third', someTimeMs + 3);
      await store.planObjectDeletion('first', someTimeMs + 1);
      await store.planObjectDeletion('second', someTimeMs + 2);
      expect(await store.listDueObjectDeletions(someTimeMs, 10)).toStrictEqual([]);
      expect(await store.listDueObjectDeletions(someTimeMs + 2, 10)).toStrictEqual(['first', 'second']);
      expect(await store.listDueObjectDeletions(someTimeMs + 9, 2)).toStrictEqual(['first', 'second']);
      expect(await store.listDueObjectDeletions(someTimeMs + 9, 10)).toHaveLength(3);
    });

    it('are moved, not doubled, by planning the same object again', async () => {
      await store.planObjectDeletion('key', someTimeMs);
      await store.planObjectDeletion('key', someTimeMs + 10);
      expect(await store.listDueObjectDeletions(someTimeMs + 9, 10)).toStrictEqual([]);
      expect(await store.listDueObjectDeletions(someTimeMs + 10, 10)).toStrictEqual(['key']);
    });

    it('are planned many at once, known and new ones alike', async () => {
      const own = await open();
      try {
        const keys = Array.from({ length: 1_200 }, (_each, index) => `many/${index}`);
        await own.store.planObjectDeletion('many/7', someTimeMs + 20);
        await own.store.planObjectDeletion('many/8', someTimeMs);
        await own.store.forgetObjectDeletion('many/8');
        await own.store.planObjectDeletions([...keys, 'many/9'], someTimeMs + 10);
        await own.store.planObjectDeletions([], someTimeMs);
        expect(await own.store.listDueObjectDeletions(someTimeMs + 9, 10)).toStrictEqual([]);
        const due = await own.store.listDueObjectDeletions(someTimeMs + 10, 3_000);
        expect(due.toSorted()).toStrictEqual(keys.toSorted());
      } finally {
        await own.destroy();
      }
    });

    it('are off the list once forgotten; forgetting an unknown key is no error', async () => {
      await store.planObjectDeletion('kept', someTimeMs);
      await store.planObjectDeletion('key', someTimeMs);
      await store.forgetObjectDeletion('key');
      await store.forgetObjectDeletion('key');
      await store.forgetObjectDeletion('never planned');
      expect(await store.listDueObjectDeletions(someTimeMs, 10)).toStrictEqual(['kept']);
    });

    it('compare keys to the letter and keep them byte for byte', async () => {
      const keys = ['apps/é', 'apps/e\u0301', 'apps/a', 'apps/A', 'apps/a ', 'apps/%61', 'apps/👩‍👧.zip'];
      for (const key of keys) await store.planObjectDeletion(key, someTimeMs);
      await store.forgetObjectDeletion('apps/a');
      const left = await store.listDueObjectDeletions(someTimeMs, 10);
      expect(left.toSorted()).toStrictEqual(keys.filter((key) => key !== 'apps/a').toSorted());
    });
  });
}
