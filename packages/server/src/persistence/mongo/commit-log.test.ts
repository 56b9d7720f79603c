import type { Db } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dropDatabase, newDatabaseName, testMongoUrl, withDatabase } from '../../testing/mongo-database.ts';
import { type CommitLog, createCommitLog, type Draft } from './commit-log.ts';
import { migrateToLatest } from './migrate.ts';

describe.skipIf(testMongoUrl === '')('the log of commits (needs TEST_MONGO_URL)', { timeout: 60_000 }, () => {
  let name: string;
  beforeEach(() => {
    name = newDatabaseName();
  });
  afterEach(() => dropDatabase(name));

  /** Runs a test with a node that keeps few commits, and another that keeps them all. */
  const withNodes = (test: (db: Db, busy: CommitLog, idle: CommitLog) => Promise<void>) =>
    withDatabase(name, async (db) => {
      await migrateToLatest(db);
      await test(db, createCommitLog(db, { keptCommits: 3 }), createCommitLog(db));
    });

  const plan = (id: string) => async (draft: Draft) => {
    draft.noteChange(id);
    draft.insert('planned_deletions', [{ _id: id, due_at: 1 }]);
  };

  it('is followed by a node that slept while the commits it knows were deleted', () =>
    withNodes(async (db, busy, idle) => {
      await idle.commit(plan('first'));
      for (let each = 0; each < 20; each += 1) await busy.commit(plan(`busy-${each}`));
      await busy.deleteOld();
      expect(await db.collection('commits').countDocuments()).toBe(4);
      await idle.commit(plan('last'));
      expect(await busy.settle()).toStrictEqual({ number: 22, revision: 22 });
      expect(await db.collection('planned_deletions').countDocuments()).toBe(22);
      const tell = async (after: number) => busy.readChanges(after, await busy.settle());
      expect(await tell(21)).toStrictEqual([{ appId: 'last', deviceId: null }]);
      expect(await tell(1)).toBeNull();
    }));

  it('makes no commit of a number that was used before, whatever is left of that one', () =>
    withNodes(async (db, busy, idle) => {
      await idle.commit(plan('first'));
      let isHeld = true;
      await idle.commit(async (draft) => {
        if (isHeld) {
          isHeld = false;
          // What happens while this node stands still, after it has looked for the last commit.
          for (let each = 0; each < 20; each += 1) await busy.commit(plan(`busy-${each}`));
          await busy.deleteOld();
        }
        await plan('late')(draft);
      });
      expect(await busy.settle()).toStrictEqual({ number: 22, revision: 22 });
      const late = await db.collection('planned_deletions').findOne({ _id: 'late' as never });
      expect(late).toMatchObject({ commit: 22 });
    }));

  it('changes more documents than a server bears to have changed by one command', () =>
    withNodes(async (db, busy) => {
      const ids = Array.from({ length: 150 }, (_each, index) => `object-${index}`);
      await busy.commit(async (draft) => {
        draft.insert(
          'planned_deletions',
          ids.map((_id) => ({ _id, due_at: 1 })),
        );
      });
      await busy.commit(async (draft) => {
        for (const [index, id] of ids.entries())
          draft.set('planned_deletions', [id], { due_at: 100 + index });
      });
      const { number } = await busy.settle();
      const found = await db.collection('planned_deletions').find({ commit: number }).toArray();
      expect(new Set(found.map(({ due_at }) => due_at))).toStrictEqual(
        new Set(ids.map((_id, index) => 100 + index)),
      );
    }));

  it('applies what is repeated late to nothing that was written since', () =>
    withNodes(async (db, busy) => {
      await busy.commit(plan('object'));
      await busy.commit(async (draft) => draft.set('planned_deletions', ['object'], { due_at: 2 }));
      const late = await db.collection('commits').find().sort({ _id: 1 }).toArray();
      await busy.commit(async (draft) => draft.set('planned_deletions', ['object'], { gone: true }));
      // As a node sees it that read the log before the last commit, and goes on after it.
      const writes = [
        [{ kind: 'insert', into: 'planned_deletions', documents: [{ _id: 'object', due_at: 1 }] }],
        [{ kind: 'set', in: 'planned_deletions', ids: ['object'], fields: { due_at: 3, gone: false } }],
      ];
      for (const [index, each] of writes.entries()) {
        const repeated = { ...late[index + 1], is_applied: false, writes: each };
        await db.collection('commits').deleteMany({});
        await db.collection('commits').insertOne(repeated as never);
        await createCommitLog(db).settle();
      }
      const left = await db.collection('planned_deletions').findOne({ _id: 'object' as never });
      expect(left).toStrictEqual({ _id: 'object', due_at: 2, gone: true, commit: 3 });
    }));

  it('goes on with those that wait when one of them cannot be prepared', () =>
    withNodes(async (_db, busy) => {
      const failing = busy.commit(async () => {
        throw new TypeError('unfit');
      });
      const waiting = busy.commit(plan('object'));
      await expect(failing).rejects.toThrow('unfit');
      await expect(waiting).resolves.toBeUndefined();
    }));

  it('lets 3 nodes that make commits all the time have their turns', () =>
    withDatabase(name, async (db) => {
      await migrateToLatest(db);
      const logs = Array.from({ length: 3 }, () => createCommitLog(db));
      let isOver = false;
      const made = await Promise.all(
        logs.map(async (log, node) => {
          let commits = 0;
          while (!isOver) {
            await log.commit(plan(`${node}-${commits}`));
            commits += 1;
            if (commits === 15) isOver = true;
          }
          return commits;
        }),
      );
      expect(Math.min(...made)).toBeGreaterThan(2);
      expect((await logs[0]?.settle())?.number).toBe(made.reduce((sum, each) => sum + each, 0));
    }));
});
