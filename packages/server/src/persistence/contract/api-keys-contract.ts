import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiKey } from '../../domain/api-key.ts';
import type { Store } from '../../ports/store.ts';
import { buildNewApiKey, newKeyHash, someAuthor, someTimeMs } from '../../testing/builders.ts';
import { type OpenedStore, type OpenStore, outcomesOf } from './opened-store.ts';

/** The duties of `ApiKeyStore`. */
export function describeApiKeys(open: OpenStore): void {
  describe('API keys', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    const unknownId = 2_000_000_000;

    it.each([
      ['for all apps', { apps: null, expiresAtMs: null, role: 'admin' }],
      ['for some apps', { apps: ['com.example.a', 'com.example.B_2'], expiresAtMs: someTimeMs + 1 }],
      ['with a name in any language', { name: 'Schlüssel 🔑 "\\' }],
    ] as const)('are found as they were added, %s', async (_which, given) => {
      const added = buildNewApiKey(given);
      const hash = newKeyHash();
      const key = await store.insertApiKey(added, hash, someAuthor);
      expect(key).toStrictEqual({ ...added, id: key.id, lastUsedAtMs: null });
      expect(Number.isSafeInteger(key.id) && key.id > 0).toBe(true);
      expect(await store.findApiKey(key.id)).toStrictEqual(key);
      expect((await store.listApiKeys())[0]).toStrictEqual(key);
      expect((await store.readApiKeyHashes()).get(hash)).toStrictEqual(key);
    });

    it('are listed newest first, all of them', async () => {
      const own = await open();
      try {
        const keys: ApiKey[] = [];
        for (let each = 0; each < 12; each += 1) {
          keys.push(await own.store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor));
        }
        expect(await own.store.listApiKeys()).toStrictEqual(keys.toReversed());
        expect((await own.store.readApiKeyHashes()).size).toBe(12);
      } finally {
        await own.destroy();
      }
    });

    it('never get a number that a key had', async () => {
      const key = await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor);
      await store.deleteApiKey(key.id, someAuthor);
      const next = await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor);
      expect(next.id).toBeGreaterThan(key.id);
    });

    it('get numbers of their own when 20 are added at once', async () => {
      const added = Array.from({ length: 20 }, () =>
        store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor),
      );
      expect(new Set((await Promise.all(added)).map(({ id }) => id)).size).toBe(20);
    });

    it('are changed, but for what they always are', async () => {
      const hash = newKeyHash();
      const key = await store.insertApiKey(buildNewApiKey({ role: 'read', apps: null }), hash, someAuthor);
      const changed: Partial<ApiKey> = {
        ...{ name: 'other', role: 'write', apps: ['com.example.c'], expiresAtMs: someTimeMs + 7 },
        updatedAtMs: someTimeMs + 5,
      };
      const forbidden = { id: 1, rbacId: 'x', createdBy: 'x', createdAtMs: 1, lastUsedAtMs: 1 };
      const expected = { ...key, ...changed };
      const answer = await store.updateApiKey(
        key.id,
        (current) => {
          expect(current).toStrictEqual(key);
          return { key: { ...current, ...changed, ...forbidden } };
        },
        someAuthor,
      );
      expect(answer).toStrictEqual(expected);
      expect(await store.findApiKey(key.id)).toStrictEqual(expected);
      expect((await store.readApiKeyHashes()).get(hash)).toStrictEqual(expected);
    });

    it('are proven by another text once their hash is another, and by the old one no more', async () => {
      const [before, after] = [newKeyHash(), newKeyHash()];
      const key = await store.insertApiKey(buildNewApiKey(), before, someAuthor);
      await store.updateApiKey(key.id, (current) => ({ key: current, hash: after }), someAuthor);
      const hashes = await store.readApiKeyHashes();
      expect(hashes.get(before)).toBeUndefined();
      expect(hashes.get(after)).toStrictEqual(key);
    });

    it('lose none of 20 changes made at once', async () => {
      const key = await store.insertApiKey(buildNewApiKey({ apps: [] }), newKeyHash(), someAuthor);
      const changes = Array.from({ length: 20 }, (_each, index) =>
        store.updateApiKey(
          key.id,
          (current) => ({
            key: { ...current, apps: [...(current.apps ?? []), `com.example.app${index}`] },
          }),
          someAuthor,
        ),
      );
      expect(await outcomesOf(changes)).toStrictEqual(changes.map(() => 'done'));
      expect((await store.findApiKey(key.id))?.apps).toHaveLength(20);
    });

    it('stay as they are when the change rejects', async () => {
      const key = await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor);
      const refused = store.updateApiKey(
        key.id,
        () => {
          throw new RangeError('no');
        },
        someAuthor,
      );
      await expect(refused).rejects.toThrow(RangeError);
      expect(await store.findApiKey(key.id)).toStrictEqual(key);
    });

    it('are gone once they are deleted', async () => {
      const hash = newKeyHash();
      const key = await store.insertApiKey(buildNewApiKey(), hash, someAuthor);
      expect(await store.deleteApiKey(key.id, someAuthor)).toStrictEqual(key);
      expect(await store.findApiKey(key.id)).toBeUndefined();
      expect((await store.readApiKeyHashes()).get(hash)).toBeUndefined();
      expect((await store.listApiKeys()).map(({ id }) => id)).not.toContain(key.id);
      for (const id of [key.id, unknownId]) {
        const notFound = { code: 'api_key_not_found' };
        await expect(store.deleteApiKey(id, someAuthor)).rejects.toMatchObject(notFound);
        await expect(
          store.updateApiKey(id, (current) => ({ key: current }), someAuthor),
        ).rejects.toMatchObject(notFound);
        expect(await store.findApiKey(id)).toBeUndefined();
      }
    });

    it('keep their latest use, whatever else is changed, and one that is gone is passed over', async () => {
      const [used, unused, gone] = [
        await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor),
        await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor),
        await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor),
      ];
      await store.deleteApiKey(gone.id, someAuthor);
      const at = (id: number, usedAtMs: number) => ({ id, usedAtMs });
      await store.recordApiKeyUses([]);
      await store.recordApiKeyUses([at(used.id, someTimeMs + 3), at(gone.id, someTimeMs), at(unknownId, 1)]);
      await store.recordApiKeyUses([at(used.id, someTimeMs + 2)]);
      await store.updateApiKey(used.id, (current) => ({ key: { ...current, name: 'renamed' } }), someAuthor);
      const expected = { ...used, name: 'renamed', lastUsedAtMs: someTimeMs + 3 };
      expect(await store.findApiKey(used.id)).toStrictEqual(expected);
      expect((await store.findApiKey(unused.id))?.lastUsedAtMs).toBeNull();
      expect(await store.findApiKey(gone.id)).toBeUndefined();
    });

    it('are told in the log of changes when they are added, changed or deleted, not when they are used', async () => {
      let { revision } = await store.readChanges(null);
      async function news() {
        const told = await store.readChanges(revision);
        revision = told.revision;
        return told.changes;
      }
      const change = { appId: null, deviceId: null };
      const { id } = await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor);
      expect(await news()).toStrictEqual([change]);
      await store.updateApiKey(id, (current) => ({ key: current }), someAuthor);
      expect(await news()).toStrictEqual([change]);
      await store.recordApiKeyUses([{ id, usedAtMs: someTimeMs }]);
      expect(await news()).toStrictEqual([]);
      await store.deleteApiKey(id, someAuthor);
      expect(await news()).toStrictEqual([change]);
      await store.deleteApiKey(id, someAuthor).catch(() => undefined);
      expect(await news()).toStrictEqual([]);
    });

    it('are there again when the store is opened again', async ({ skip }) => {
      const own = await open();
      try {
        if (!own.reopen) {
          skip('the data of this engine ends with the store');
          return;
        }
        const hash = newKeyHash();
        const key = await own.store.insertApiKey(buildNewApiKey(), hash, someAuthor);
        const again = await own.reopen();
        expect(await again.readApiKeyHashes()).toStrictEqual(new Map([[hash, key]]));
      } finally {
        await own.destroy();
      }
    });
  });
}
