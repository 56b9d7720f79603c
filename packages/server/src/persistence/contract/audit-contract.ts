import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Actor } from '../../domain/actor.ts';
import type { AuditEntry } from '../../domain/audit.ts';
import type { AuditFilter } from '../../ports/audit.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildActor,
  buildBundle,
  buildNewApiKey,
  buildNewChannel,
  buildNewDeployment,
  buildRecordedEvent,
  newKeyHash,
  nextId,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';
import { type AuditedCall, addBundle, addChannel, addRelease, audited } from './audited-methods.ts';
import { newAppId, type OpenedStore, type OpenStore, outcomesOf, readPages } from './opened-store.ts';

/** The duties of `AuditLog`, and of every method that changes something towards it. */
export function describeAudit(open: OpenStore): void {
  describe('the audit log', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    const entriesOf = async (filter: AuditFilter): Promise<AuditEntry[]> =>
      (await readPages((page) => store.listAudit(filter, page), 100)).flat().toReversed();

    it('decides of every method of the store what it tells', () => {
      expect(Object.keys(audited).toSorted()).toStrictEqual(Object.keys(store).toSorted());
    });

    const calls = Object.entries(audited).filter(
      (each): each is [string, AuditedCall] => typeof each[1] === 'function',
    );
    it.each(calls)(
      'tells of %s once for each record it changes, by whom and when',
      async (_name, prepare) => {
        const appId = newAppId();
        const actor: Actor = { kind: 'user', id: `sub-${nextId()}`, name: 'Jürgen', email: 'j@example.com' };
        const by = { actor, atMs: someTimeMs + 5 };
        const call = await prepare(store, appId, by);
        const expected = await call();
        const entries = await entriesOf({ actorId: actor.id });
        expect(
          entries.map(({ table, operation, changedFields }) => [table, operation, changedFields]),
        ).toStrictEqual(expected);
        for (const entry of entries) {
          expect(entry).toMatchObject({
            ...{ actor, createdAtMs: by.atMs, organizationId: expect.any(String) },
            appId: ['orgs', 'org_users', 'webhooks', 'apikeys'].includes(entry.table) ? null : appId,
          });
          expect(entry.before === null).toBe(entry.operation === 'INSERT');
          expect(entry.after === null).toBe(entry.operation === 'DELETE');
        }
      },
    );

    it('tells nothing of what devices do and of what is only read or counted', async () => {
      const appId = newAppId();
      const { id } = await addChannel(store, appId);
      const before = await store.lastAuditId();
      const device = { appId, deviceId: someDeviceId };
      await store.setSelfSetChannel(device, id);
      await store.appendDeviceEvents([
        buildRecordedEvent({ appId }, { effects: { failedInstall: '1.0.0' } }),
      ]);
      await store.clearFailedInstalls(device);
      await store.planObjectDeletion(nextId(), someTimeMs);
      await store.readAppState(appId);
      expect(await store.lastAuditId()).toBe(before);
    });

    it('holds the whole record before and after a change, and nothing that is secret', async () => {
      const appId = newAppId();
      const secret = `secret-${nextId()}`;
      const bundle = await addBundle(store, appId, { sessionKey: secret, keyId: 'key', comment: 'Grüße 👋' });
      await store.deleteBundle(bundle.id, someAuthor);
      const [created, gone] = await entriesOf({ appId, table: 'app_versions' });
      const record = {
        ...{ id: bundle.id, app_id: appId, name: bundle.versionName, checksum: bundle.checksum },
        ...{ comment: 'Grüße 👋', key_id: 'key', is_encrypted: true, deleted: false },
        created_at: '2026-01-15T12:00:00.000Z',
      };
      expect(created).toMatchObject({ recordId: bundle.id, before: null, after: record });
      expect(gone).toMatchObject({
        recordId: bundle.id,
        before: record,
        after: { ...record, deleted: true },
      });
      expect(JSON.stringify(await entriesOf({ appId }))).not.toContain(secret);
    });

    it('tells of keys who may do what with them, and neither their texts nor their hashes', async () => {
      const [first, second] = [newKeyHash(), newKeyHash()];
      const actor = buildActor(nextId());
      const by = { actor, atMs: someTimeMs + 9 };
      const key = await store.insertApiKey(buildNewApiKey({ apps: ['com.example.a'] }), first, by);
      await store.updateApiKey(key.id, (current) => ({ key: current, hash: second }), by);
      await store.deleteApiKey(key.id, by);
      const entries = await entriesOf({ actorId: actor.id });
      const record = { id: key.id, name: key.name, role: key.role, apps: ['com.example.a'] };
      expect(entries).toMatchObject([
        { recordId: String(key.id), operation: 'INSERT', after: record },
        { operation: 'UPDATE', before: record, after: { regenerated_at: '2026-01-15T12:00:00.009Z' } },
        { operation: 'DELETE', before: record },
      ]);
      for (const hash of [first, second]) expect(JSON.stringify(entries)).not.toContain(hash);
    });

    it('puts every app into the one organization there is from the beginning', async () => {
      const first = await addBundle(store, newAppId());
      const second = await addChannel(store, newAppId());
      const [one] = await entriesOf({ appId: first.appId, table: 'apps' });
      const [other] = await entriesOf({ appId: second.appId, table: 'apps' });
      expect(one).toMatchObject({ recordId: first.appId, after: { owner_org: one?.organizationId } });
      expect(other?.organizationId).toBe(one?.organizationId);
      expect(
        await store.countAudit({ organizationId: String(one?.organizationId), appId: first.appId }),
      ).toBe(2);
    });

    it('holds nothing of a change that was refused', async () => {
      const appId = newAppId();
      const { bundle, release } = await addRelease(store, appId);
      const channel = await addChannel(store, appId, { isPublic: true });
      const before = await store.lastAuditId();
      const refused = [
        store.insertBundle(buildBundle({ appId, versionName: bundle.versionName }), someAuthor),
        store.deleteBundle(bundle.id, someAuthor),
        store.deleteBundle(nextId(), someAuthor),
        store.insertRelease({ ...release, id: nextId() }, someAuthor),
        store.setReleaseDate(nextId(), null, someAuthor),
        store.deployToRelease(release.id, buildNewDeployment({ bundleId: nextId() }), someAuthor),
        store.insertChannel({ ...channel, name: channel.name }, undefined, someAuthor),
        store.updateChannel(
          channel.id,
          (given) => ({ channel: { ...given, bundleId: nextId() } }),
          someAuthor,
        ),
        store.setDeviceOverride({ appId, deviceId: someDeviceId }, 2_000_000_000, null, someAuthor),
        store.updateApp(newAppId(), { exposeMetadata: true }, someAuthor),
      ];
      expect(await outcomesOf(refused)).not.toContain('done');
      expect(await store.lastAuditId()).toBe(before);
    });

    it('holds nothing of a change that leaves the record as it was', async () => {
      const appId = newAppId();
      const { release } = await addRelease(store, appId);
      const channel = await addChannel(store, appId);
      const before = await store.lastAuditId();
      await store.updateChannel(
        channel.id,
        (given) => ({ channel: { ...given, updatedAtMs: 7 } }),
        someAuthor,
      );
      await store.setReleaseDate(release.id, null, { ...someAuthor, atMs: someTimeMs + 9 });
      await store.updateApp(appId, { exposeMetadata: false }, someAuthor);
      expect(await store.lastAuditId()).toBe(before);
    });

    it('has one entry for each of 20 changes made at once, each from where the one before it led', async () => {
      const { id, appId } = await addChannel(store, newAppId());
      await Promise.all(
        Array.from({ length: 20 }, (_each, index) =>
          store.updateChannel(
            id,
            ({ ...channel }) => {
              const { rollout } = channel;
              const percentageBps = rollout.percentageBps + 1;
              return { channel: { ...channel, rollout: { ...rollout, percentageBps } } };
            },
            { actor: buildActor(`${index}`), atMs: someTimeMs },
          ),
        ),
      );
      const entries = await entriesOf({ appId, operation: 'UPDATE' });
      expect(entries.map(({ before }) => before?.['rollout_percentage_bps'])).toStrictEqual(
        Array.from({ length: 20 }, (_each, index) => index),
      );
      expect(entries.map(({ after }) => after?.['rollout_percentage_bps'])).toStrictEqual(
        Array.from({ length: 20 }, (_each, index) => index + 1),
      );
      expect(new Set(entries.map(({ actor }) => actor.id)).size).toBe(20);
    });

    it('is listed newest first, whatever the clocks say, and in pages', async () => {
      const appId = newAppId();
      for (const [index, atMs] of [someTimeMs, someTimeMs - 60_000, someTimeMs + 1].entries()) {
        await store.insertChannel(buildNewChannel({ appId, name: `${index}` }), undefined, {
          ...someAuthor,
          atMs,
        });
      }
      const filter = { appId, table: 'channels' } as const;
      const names = (entries: readonly AuditEntry[]) => entries.map(({ after }) => after?.['name']);
      expect(names((await store.listAudit(filter, { limit: 10 })).items)).toStrictEqual(['2', '1', '0']);
      for (const limit of [1, 2, 3]) {
        const pages = await readPages((page) => store.listAudit(filter, page), limit);
        expect(names(pages.flat())).toStrictEqual(['2', '1', '0']);
      }
      const skipping = await store.listAudit(filter, { limit: 1, skip: 1 });
      expect(names(skipping.items)).toStrictEqual(['1']);
      expect((await store.listAudit(filter, { limit: 5, skip: 3 })).items).toStrictEqual([]);
    });

    it('refuses a cursor that is none', async () => {
      for (const cursor of ['x', '', 'MA', Buffer.from("1' or 1=1").toString('base64url')]) {
        await expect(store.listAudit({}, { limit: 1, cursor })).rejects.toMatchObject({
          code: 'invalid_request',
        });
      }
    });

    it('is found by app, actor, table, operation, organization and time, alone and together', async () => {
      const [appId, other] = [newAppId(), newAppId()];
      const [one, two] = [buildActor(nextId()), buildActor(nextId())];
      const add = (app: string, actor: Actor, atMs: number) =>
        store.insertChannel(buildNewChannel({ appId: app }), undefined, { actor, atMs });
      const first = await add(appId, one, someTimeMs + 1_000);
      await add(appId, two, someTimeMs + 2_000);
      await add(other, one, someTimeMs + 3_000);
      await store.deleteChannel(first.id, { actor: two, atMs: someTimeMs + 4_000 });
      const table = 'channels' as const;
      const count = (filter: AuditFilter) => store.countAudit({ table, ...filter });
      expect(await count({ appId })).toBe(3);
      expect(await count({ actorId: one.id })).toBe(2);
      expect(await count({ appId, actorId: one.id })).toBe(1);
      expect(await count({ appId, operation: 'DELETE' })).toBe(1);
      expect(await count({ appId, fromMs: someTimeMs + 2_000 })).toBe(2);
      expect(await count({ appId, toMs: someTimeMs + 2_000 })).toBe(1);
      expect(await count({ appId, fromMs: someTimeMs + 2_000, toMs: someTimeMs + 4_000 })).toBe(1);
      expect(await count({ appId, table: 'apps' })).toBe(1);
      expect(await count({ appId, organizationId: 'another' })).toBe(0);
      expect(await count({ appId: appId.toUpperCase() })).toBe(0);
    });

    it('tells who follows it everything, in order and once, while changes are made', async () => {
      const appId = newAppId();
      let last: number | null = await store.lastAuditId();
      const seen: AuditEntry[] = [];
      let isDone = false;
      async function follow(): Promise<void> {
        for (;;) {
          const wasDone = isDone;
          const entries: readonly AuditEntry[] = await store.readAuditAfter(last, 3);
          seen.push(...entries);
          last = entries.at(-1)?.id ?? last;
          if (wasDone && entries.length === 0) return;
        }
      }
      const following = follow();
      await Promise.all(Array.from({ length: 15 }, () => addChannel(store, appId)));
      isDone = true;
      await following;
      const ofApp = seen.filter((entry) => entry.appId === appId);
      expect(ofApp).toStrictEqual(await entriesOf({ appId }));
      expect(ofApp).toHaveLength(16);
      const ids = seen.map(({ id }) => id);
      expect(ids).toStrictEqual(ids.toSorted((one, two) => one - two));
      expect(new Set(ids).size).toBe(ids.length);
    });

    it('forgets what is older than a time, the oldest first and so many at once, and never gives an id again', async () => {
      const own = await open();
      try {
        const appId = newAppId();
        for (const atMs of [someTimeMs, someTimeMs + 1, someTimeMs + 2]) {
          await own.store.insertChannel(buildNewChannel({ appId }), undefined, { ...someAuthor, atMs });
        }
        const all = await own.store.readAuditAfter(null, 10);
        expect(all).toHaveLength(4);
        expect(await own.store.deleteAuditBefore(someTimeMs + 2, 2)).toBe(2);
        expect(await own.store.readAuditAfter(null, 10)).toStrictEqual(all.slice(2));
        expect(await own.store.deleteAuditBefore(someTimeMs + 2, 2)).toBe(1);
        expect(await own.store.deleteAuditBefore(someTimeMs + 2, 2)).toBe(0);
        expect(await own.store.deleteAuditBefore(someTimeMs + 3, 2)).toBe(1);
        expect(await own.store.lastAuditId()).toBe(0);
        await addChannel(own.store, appId);
        const [next] = await own.store.readAuditAfter(null, 10);
        expect(next?.id).toBeGreaterThan(all.at(-1)?.id ?? Number.NaN);
      } finally {
        await own.destroy();
      }
    });
  });
}
