import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { loadApiKeyIndex } from '../persistence/api-key-index.ts';
import { loadAppSnapshots } from '../persistence/app-snapshots.ts';
import { loadDeviceStates } from '../persistence/device-states.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../ports/store.ts';
import { buildNewApiKey, someAuthor } from '../testing/builders.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { createApiKeyCallers, hashOfKey } from './api-key-callers.ts';
import { createApiKeyUses } from './api-key-uses.ts';
import { createChangeFollower } from './change-follower.ts';

const outage = new AppError('unavailable', 'The database refuses work right now');

describe('who calls with a key, on a node that only follows', () => {
  let folder: string;
  let here: Store;
  let there: Store;
  let clock: FakeClock;
  let isDown: boolean;
  let reads: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-callers-'));
    here = await openSqliteStore(join(folder, 'capgo.sqlite'));
    there = await openSqliteStore(join(folder, 'capgo.sqlite'));
    clock = createFakeClock();
    isDown = false;
    reads = 0;
  });
  afterEach(async () => {
    await Promise.all([here.close(), there.close()]);
    await rm(folder, { recursive: true });
  });

  async function startNode() {
    const read = <Result>(readNow: () => Promise<Result>): Promise<Result> => {
      reads += 1;
      return isDown ? Promise.reject(outage) : readNow();
    };
    const { revision } = await here.readChanges(null);
    const index = await loadApiKeyIndex({ readApiKeyHashes: () => read(() => here.readApiKeyHashes()) });
    const follower = createChangeFollower({
      changeLog: { readChanges: (after) => read(() => here.readChanges(after)) },
      appSnapshots: await loadAppSnapshots(here),
      deviceStates: await loadDeviceStates(here, { minFailures: 1 }),
      ...{ apiKeys: index, clock, revision },
    });
    const uses = createApiKeyUses({ store: here, clock });
    reads = 0;
    return { callers: createApiKeyCallers({ index, follower, uses, clock }), uses };
  }

  async function insertKey() {
    const text = randomUUID();
    return { text, ...(await there.insertApiKey(buildNewApiKey(), hashOfKey(text), someAuthor)) };
  }

  it('is known within a second of the change elsewhere, and known no more within a second of its revocation', async () => {
    const { callers } = await startNode();
    const { id, text } = await insertKey();
    clock.advance(1_001);
    expect(await callers.find(text)).toMatchObject({ kind: 'api_key', id: String(id) });
    await there.deleteApiKey(id, someAuthor);
    clock.advance(1_001);
    expect(await callers.find(text)).toBeUndefined();
  });

  it('is known without asking the store again and again', async () => {
    const { text } = await insertKey();
    const { callers } = await startNode();
    for (let time = 0; time < 50; time += 1) expect(await callers.find(text)).toBeDefined();
    expect(reads).toBe(0);
    clock.advance(1_001);
    await Promise.all(Array.from({ length: 50 }, () => callers.find(text)));
    expect(reads).toBeLessThanOrEqual(2);
  });

  it('cannot be told once the store was not heard of for a second, and is told again when it is back', async () => {
    const { text } = await insertKey();
    const { callers } = await startNode();
    isDown = true;
    clock.advance(1_000);
    expect(await callers.find(text)).toBeDefined();
    clock.advance(1);
    await expect(callers.find(text)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await callers.find(randomUUID())).toBeUndefined();
    isDown = false;
    expect(await callers.find(text)).toBeDefined();
  });

  it('is remembered as having called, once however often it did, and again when that could not be written', async () => {
    const { id, text } = await insertKey();
    const { callers, uses } = await startNode();
    for (let time = 0; time < 10; time += 1) {
      clock.advance(1);
      await callers.find(text);
    }
    await here.close();
    await expect(uses.flush()).rejects.toThrow();
    const written: unknown[] = [];
    const again = createApiKeyUses({
      store: {
        async recordApiKeyUses(list) {
          written.push(...list);
          if (written.length === 1) throw outage;
        },
      },
      clock,
    });
    again.note(id);
    await expect(again.flush()).rejects.toBe(outage);
    await again.flush();
    await again.flush();
    expect(written).toEqual([
      { id, usedAtMs: clock.now() },
      { id, usedAtMs: clock.now() },
    ]);
  });
});
