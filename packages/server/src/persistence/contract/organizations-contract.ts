import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Member } from '../../domain/member.ts';
import type { Organization } from '../../domain/organization.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildBundle,
  buildMember,
  buildOrganization,
  buildWebhook,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore, outcomesOf } from './opened-store.ts';

/** The duties of `OrganizationStore` and `MemberStore`. */
export function describeOrganizations(open: OpenStore): void {
  describe('organizations', () => {
    let opened: OpenedStore;
    let store: Store;
    let organization: Organization;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());
    beforeEach(async () => {
      organization = buildOrganization();
      await store.insertOrganization(organization, undefined, someAuthor);
    });

    const defaultOne = async () => {
      const [first] = (await store.listOrganizations()).filter(({ isDefault }) => isDefault);
      if (!first) throw new Error('There is no default organization');
      return first;
    };

    it('are one from the beginning, with an id that stays', async () => {
      const own = await open();
      try {
        const [only, ...others] = await own.store.listOrganizations();
        expect(others).toStrictEqual([]);
        expect(only).toMatchObject({
          id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
          ...{ isDefault: true, createdBy: null, enforceEncryptedBundles: false },
        });
        expect(only?.createdAtMs).toBeGreaterThan(1_577_836_800_000);
        const again = (await own.reopen?.()) ?? own.store;
        expect(await again.listOrganizations()).toStrictEqual([only]);
      } finally {
        await own.destroy();
      }
    });

    it('keep every field, when they are made and when they are changed', async () => {
      const unusual = buildOrganization({
        ...{ name: 'Größe & Söhne 👋', logo: 'https://example.com/l.png', website: 'https://example.com' },
        ...{ managementEmail: 'a@example.com', createdBy: 'sub-1', requireKeyExpiration: true },
        ...{ maxKeyExpirationDays: 30, enforceEncryptedBundles: true, requiredEncryptionKey: 'k'.repeat(20) },
      });
      await store.insertOrganization(unusual, undefined, someAuthor);
      expect(await store.findOrganization(unusual.id)).toStrictEqual(unusual);
      const { id, isDefault, createdBy, createdAtMs, updatedAtMs, ...change } = unusual;
      const changed = await store.updateOrganization(organization.id, change, someAuthor);
      expect(changed).toStrictEqual({ ...organization, ...change, updatedAtMs: someAuthor.atMs });
      expect(await store.findOrganization(organization.id)).toStrictEqual(changed);
      const cleared = { website: null, maxKeyExpirationDays: null, requireKeyExpiration: false } as const;
      expect(await store.updateOrganization(organization.id, cleared, someAuthor)).toStrictEqual({
        ...changed,
        ...cleared,
      });
    });

    it('lose none of several changes made at once', async () => {
      await Promise.all([
        store.updateOrganization(organization.id, { name: 'One' }, someAuthor),
        store.updateOrganization(organization.id, { logo: 'https://example.com/2' }, someAuthor),
        store.updateOrganization(organization.id, { requireKeyExpiration: true }, someAuthor),
      ]);
      expect(await store.findOrganization(organization.id)).toMatchObject({
        ...{ name: 'One', logo: 'https://example.com/2', requireKeyExpiration: true },
      });
    });

    it('are not found, changed or deleted when they do not exist', async () => {
      const missing = randomUUID();
      expect(await store.findOrganization(missing)).toBeUndefined();
      const refused = { code: 'organization_not_found' };
      await expect(store.updateOrganization(missing, { name: 'x' }, someAuthor)).rejects.toMatchObject(
        refused,
      );
      await expect(store.deleteOrganization(missing, someAuthor)).rejects.toMatchObject(refused);
      await expect(
        store.putMember(buildMember({ organizationId: missing }), someAuthor),
      ).rejects.toMatchObject(refused);
      await expect(
        store.insertWebhook(buildWebhook({ organizationId: missing }), someAuthor),
      ).rejects.toMatchObject(refused);
    });

    it('own the apps: the default one each that nobody has put elsewhere', async () => {
      const main = await defaultOne();
      const { appId } = buildBundle({ appId: newAppId() });
      expect(await store.findOrganizationOfApp(appId)).toStrictEqual(main);
      await store.insertBundle(buildBundle({ appId }), someAuthor);
      expect(await store.findOrganizationOfApp(appId)).toStrictEqual(main);
      expect(await store.listAppIdsOf([main.id])).toContain(appId);
      expect(await store.listAppIdsOf([organization.id])).toStrictEqual([]);
      expect(await store.listAppIdsOf([])).toStrictEqual([]);
    });

    it('cannot be deleted while apps could be left without one', async () => {
      const main = await defaultOne();
      await store.insertBundle(buildBundle({ appId: newAppId() }), someAuthor);
      await expect(store.deleteOrganization(main.id, someAuthor)).rejects.toMatchObject({
        code: 'organization_in_use',
      });
      expect(await defaultOne()).toStrictEqual(main);
    });

    it('take their members and webhooks with them, each of which is told of', async () => {
      const organizationId = organization.id;
      const member = await store.putMember(buildMember({ organizationId }), someAuthor);
      const webhook = buildWebhook({ organizationId });
      await store.insertWebhook(webhook, someAuthor);
      const before = await store.lastAuditId();
      await store.deleteOrganization(organizationId, someAuthor);
      expect(await store.findOrganization(organizationId)).toBeUndefined();
      expect(await store.listMembers(organizationId)).toStrictEqual([]);
      expect(await store.findMemberships(member.email)).toStrictEqual([]);
      expect(await store.findWebhook(webhook.id)).toBeUndefined();
      expect(await store.listEnabledWebhooks()).not.toContainEqual(
        expect.objectContaining({ id: webhook.id }),
      );
      const entries = await store.readAuditAfter(before, 10);
      expect(entries.map(({ table, operation, recordId }) => [table, operation, recordId])).toStrictEqual([
        ['webhooks', 'DELETE', webhook.id],
        ['org_users', 'DELETE', member.id],
        ['orgs', 'DELETE', organizationId],
      ]);
      expect(JSON.stringify(entries)).not.toContain(webhook.secret);
    });

    it('are made with their founder in one step', async () => {
      const founded = buildOrganization();
      const founder = buildMember({
        organizationId: founded.id,
        role: 'super_admin',
        acceptedAtMs: someTimeMs,
      });
      await store.insertOrganization(founded, founder, someAuthor);
      expect(await store.listMembers(founded.id)).toStrictEqual([founder]);
    });

    describe('have members', () => {
      const add = (given: Partial<Member> = {}) =>
        store.putMember(buildMember({ organizationId: organization.id, ...given }), someAuthor);

      it('of one address once, whose role changes and whose id does not', async () => {
        const one = await add({ email: 'b@example.com' });
        const other = await add({ email: 'a@example.com', role: 'write' });
        expect(await store.listMembers(organization.id)).toStrictEqual([other, one]);
        const again = await add({ email: 'b@example.com', role: 'admin', createdAtMs: 7 });
        expect(again).toStrictEqual({ ...one, role: 'admin', updatedAtMs: someAuthor.atMs });
        expect(await store.listMembers(organization.id)).toStrictEqual([other, again]);
      });

      it('of one address once, also when it is added by several at once', async () => {
        const added = await Promise.all(Array.from({ length: 10 }, () => add({ email: 'c@example.com' })));
        expect(new Set(added.map(({ id }) => id)).size).toBe(1);
        expect(await store.listMembers(organization.id)).toHaveLength(1);
      });

      it('who may be members elsewhere', async () => {
        const elsewhere = buildOrganization();
        await store.insertOrganization(elsewhere, undefined, someAuthor);
        const email = `${randomUUID()}@example.com`;
        const here = await add({ email });
        const there = await store.putMember(buildMember({ organizationId: elsewhere.id, email }), someAuthor);
        const found = await store.findMemberships(email);
        expect(found).toHaveLength(2);
        expect(found).toEqual(expect.arrayContaining([here, there]));
        await store.deleteMember(organization.id, email, someAuthor);
        expect(await store.findMemberships(email)).toStrictEqual([there]);
      });

      it('who can be removed, and added again as somebody new', async () => {
        const email = `${randomUUID()}@example.com`;
        const one = await add({ email });
        expect(await store.deleteMember(organization.id, email, someAuthor)).toStrictEqual(one);
        await expect(store.deleteMember(organization.id, email, someAuthor)).rejects.toMatchObject({
          code: 'member_not_found',
        });
        expect((await add({ email })).id).not.toBe(one.id);
      });

      it('of whom the last super admin stays one', async () => {
        const [one, other] = [await add({ role: 'super_admin' }), await add({ role: 'super_admin' })];
        await add({ role: 'admin' });
        await store.deleteMember(organization.id, one.email, someAuthor);
        const refused = { code: 'last_super_admin' };
        await expect(store.deleteMember(organization.id, other.email, someAuthor)).rejects.toMatchObject(
          refused,
        );
        await expect(add({ email: other.email, role: 'admin' })).rejects.toMatchObject(refused);
        expect(await add({ email: other.email, role: 'super_admin' })).toMatchObject({ id: other.id });
      });

      it('of whom the last super admin stays one, also when all are removed at once', async () => {
        const admins = await Promise.all(Array.from({ length: 5 }, () => add({ role: 'super_admin' })));
        const outcomes = await outcomesOf(
          admins.map(({ email }) => store.deleteMember(organization.id, email, someAuthor)),
        );
        expect(outcomes.toSorted()).toStrictEqual(['done', 'done', 'done', 'done', 'last_super_admin']);
        expect(await store.listMembers(organization.id)).toHaveLength(1);
      });

      it('of whom it is noted once that they came', async () => {
        const { email, id } = await add({ email: `${randomUUID()}@example.com` });
        const before = await store.lastAuditId();
        await store.acceptMemberships(email, someTimeMs + 1);
        await store.acceptMemberships(email, someTimeMs + 2);
        await store.acceptMemberships('nobody@example.com', someTimeMs + 2);
        expect(await store.findMemberships(email)).toMatchObject([{ id, acceptedAtMs: someTimeMs + 1 }]);
        expect(await store.lastAuditId()).toBe(before);
      });
    });
  });
}
