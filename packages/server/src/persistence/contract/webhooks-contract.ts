import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Delivery, Webhook } from '../../domain/webhook.ts';
import type { Store } from '../../ports/store.ts';
import type { AttemptResult } from '../../ports/webhooks.ts';
import {
  buildDelivery,
  buildOrganization,
  buildRecordedEvent,
  buildWebhook,
  nextId,
  someAuthor,
  someTimeMs,
} from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore, outcomesOf } from './opened-store.ts';

const all = { limit: 100, skip: 0 };

/** The duties of `WebhookStore` and `DeliveryStore`. */
export function describeWebhooks(open: OpenStore): void {
  describe('webhooks', () => {
    let opened: OpenedStore;
    let store: Store;
    let webhook: Webhook;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());
    beforeEach(async () => {
      const organization = buildOrganization();
      await store.insertOrganization(organization, undefined, someAuthor);
      webhook = buildWebhook({ organizationId: organization.id });
      await store.insertWebhook(webhook, someAuthor);
    });

    it('keep every field, when they are made and when they are changed', async () => {
      const unusual = buildWebhook({
        organizationId: webhook.organizationId,
        ...{ name: 'Glocke 🔔', url: 'https://example.com/ü?a=b', isEnabled: false, createdBy: 'sub-1' },
        ...{ events: ['channels', 'apps.DELETE', 'bundle.failing'], deliveryVersion: 'standard' as const },
      });
      await store.insertWebhook(unusual, someAuthor);
      expect(await store.findWebhook(unusual.id)).toStrictEqual(unusual);
      const { name, url, isEnabled, events, deliveryVersion } = unusual;
      const change = { name, url, isEnabled, events, deliveryVersion };
      const changed = await store.updateWebhook(webhook.id, change, someAuthor);
      expect(changed).toStrictEqual({ ...webhook, ...change, updatedAtMs: someAuthor.atMs });
      expect(await store.findWebhook(webhook.id)).toStrictEqual(changed);
    });

    it('are listed newest first, a page at a time, and only those of the organization', async () => {
      const { organizationId } = webhook;
      const newer = [];
      for (const after of [1, 2, 3]) {
        const one = buildWebhook({ organizationId, createdAtMs: someTimeMs + after });
        await store.insertWebhook(one, someAuthor);
        newer.unshift(one);
      }
      expect(await store.listWebhooks(organizationId, all)).toStrictEqual([...newer, webhook]);
      expect(await store.listWebhooks(organizationId, { limit: 2, skip: 2 })).toStrictEqual([
        newer[2],
        webhook,
      ]);
      expect(await store.listWebhooks(randomUUID(), all)).toStrictEqual([]);
    });

    it('are told of events while they are enabled', async () => {
      const ids = async () => (await store.listEnabledWebhooks()).map(({ id }) => id);
      expect(await ids()).toContain(webhook.id);
      await store.updateWebhook(webhook.id, { isEnabled: false }, someAuthor);
      expect(await ids()).not.toContain(webhook.id);
    });

    it('are gone with their deliveries once they are deleted', async () => {
      const delivery = buildDelivery({ webhookId: webhook.id });
      await store.insertDelivery(delivery);
      expect(await store.deleteWebhook(webhook.id, someAuthor)).toStrictEqual(webhook);
      expect(await store.findWebhook(webhook.id)).toBeUndefined();
      expect(await store.findDelivery(delivery.id)).toBeUndefined();
      expect(await store.countDeliveries(webhook.id, {})).toBe(0);
      const refused = { code: 'webhook_not_found' };
      await expect(store.deleteWebhook(webhook.id, someAuthor)).rejects.toMatchObject(refused);
      await expect(store.updateWebhook(webhook.id, { name: 'x' }, someAuthor)).rejects.toMatchObject(refused);
      await store.insertDelivery(buildDelivery({ webhookId: webhook.id }));
      expect(await store.listDeliveries(webhook.id, {}, all)).toStrictEqual([]);
    });

    describe('have deliveries', () => {
      const due = (nowMs = someTimeMs, limit = 10) => store.listDueDeliveries(webhook.id, nowMs, limit);

      async function queued(given: Partial<Delivery> = {}): Promise<Delivery> {
        const delivery = buildDelivery({ webhookId: webhook.id, ...given });
        await store.insertDelivery(delivery);
        return delivery;
      }

      it('that are added together with how far the log was read, by one of several', async () => {
        const from = await store.readWebhookPosition();
        const deliveries = Array.from({ length: 5 }, (_each, index) =>
          buildDelivery({
            webhookId: webhook.id,
            auditId: from + index + 1,
            createdAtMs: someTimeMs + index,
          }),
        );
        const to = from + 7;
        const outcomes = await Promise.all(
          Array.from({ length: 5 }, () =>
            store.queueDeliveries(
              { from, to },
              deliveries.map((each) => ({ ...each, id: randomUUID() })),
            ),
          ),
        );
        expect(outcomes.filter(Boolean)).toHaveLength(1);
        expect(await store.readWebhookPosition()).toBe(to);
        expect((await due(someTimeMs + 10)).map(({ auditId }) => auditId)).toStrictEqual(
          deliveries.map(({ auditId }) => auditId),
        );
        expect(await store.queueDeliveries({ from, to: to + 1 }, [])).toBe(false);
        expect(await store.readWebhookPosition()).toBe(to);
      });

      it('of something that is in no log once in a time, by one of several', async () => {
        const name = `notice-${nextId()}`;
        const notice = (nowMs: number) =>
          store.queueNotice({ name, nowMs, againAfterMs: 1_000 }, [buildDelivery({ webhookId: webhook.id })]);
        const first = await Promise.all(Array.from({ length: 5 }, () => notice(someTimeMs)));
        expect(first.filter(Boolean)).toHaveLength(1);
        expect(await notice(someTimeMs + 999)).toBe(false);
        expect(await notice(someTimeMs + 1_000)).toBe(true);
        expect(await store.countDeliveries(webhook.id, {})).toBe(2);
      });

      it('to webhooks that still exist, and to the others none', async () => {
        const from = await store.readWebhookPosition();
        const deliveries = [webhook.id, randomUUID()].map((webhookId) => buildDelivery({ webhookId }));
        expect(await store.queueDeliveries({ from, to: from + 1 }, deliveries)).toBe(true);
        expect(await due()).toStrictEqual([deliveries[0]]);
        expect(await store.findDelivery(deliveries[1]?.id ?? '')).toBeUndefined();
      });

      it('that are due when their time has come, in the order of their events', async () => {
        const late = await queued({ nextAttemptAtMs: someTimeMs + 1_000 });
        const second = await queued({ createdAtMs: someTimeMs + 2, auditId: 2 });
        const first = await queued({ createdAtMs: someTimeMs + 1, auditId: 1, nextAttemptAtMs: someTimeMs });
        await queued({ status: 'failed', nextAttemptAtMs: null });
        expect(await due()).toStrictEqual([first, second]);
        expect(await due(someTimeMs, 1)).toStrictEqual([first]);
        expect(await due(someTimeMs + 1_000)).toStrictEqual([late, first, second]);
        expect(await due(someTimeMs - 1)).toStrictEqual([]);
      });

      it('that one of several gets, until its time is over', async () => {
        const delivery = await queued();
        const claims = await Promise.all(
          Array.from({ length: 5 }, (_each, index) =>
            store.claimDelivery(delivery, someTimeMs + 1_000 + index),
          ),
        );
        expect(claims.filter(Boolean)).toHaveLength(1);
        expect(await due(someTimeMs + 999)).toStrictEqual([]);
        const [again] = await due(someTimeMs + 2_000);
        expect(again).toMatchObject({ id: delivery.id, attemptCount: 0 });
        expect(await store.claimDelivery(again as Delivery, someTimeMs + 5_000)).toBe(true);
      });

      const failed: AttemptResult = {
        ...{ status: 'failed', attemptCount: 10, nextAttemptAtMs: null, completedAtMs: someTimeMs + 5 },
        ...{ responseStatus: 500, responseBody: 'Fehler 😱', durationMs: 12 },
        responseHeaders: { 'content-type': 'text/plain', 'x-a.$b': '1' },
      };

      it('that keep the result of an attempt, and disable their webhook where that follows', async () => {
        const delivery = await queued();
        await store.claimDelivery(delivery, someTimeMs + 1_000);
        const before = await store.lastAuditId();
        expect(await store.finishAttempt(delivery.id, someTimeMs + 1_000, failed, someAuthor)).toBe(true);
        expect(await store.findDelivery(delivery.id)).toStrictEqual({ ...delivery, ...failed });
        expect(await store.findWebhook(webhook.id)).toMatchObject({ isEnabled: false });
        expect(await store.readAuditAfter(before, 5)).toMatchObject([
          { table: 'webhooks', operation: 'UPDATE', changedFields: ['enabled'], actor: someAuthor.actor },
        ]);
      });

      it('that keep no result of an attempt that somebody else has made since', async () => {
        const delivery = await queued();
        await store.claimDelivery(delivery, someTimeMs + 1_000);
        const [stale] = await due(someTimeMs + 1_000);
        await store.claimDelivery(stale as Delivery, someTimeMs + 2_000);
        expect(await store.finishAttempt(delivery.id, someTimeMs + 1_000, failed, someAuthor)).toBe(false);
        expect(await store.findWebhook(webhook.id)).toMatchObject({ isEnabled: true });
        expect(await store.finishAttempt(delivery.id, someTimeMs + 2_000, failed, undefined)).toBe(true);
        expect(await store.finishAttempt(delivery.id, someTimeMs + 2_000, failed, undefined)).toBe(false);
        expect(await store.findWebhook(webhook.id)).toMatchObject({ isEnabled: true });
      });

      it('that are sent again from the first attempt on, when they failed and only then', async () => {
        const delivery = await queued({ status: 'failed', attemptCount: 10, nextAttemptAtMs: null });
        const reset = await store.resetDelivery(delivery.id, someTimeMs + 9);
        expect(reset).toMatchObject({ status: 'pending', attemptCount: 0, nextAttemptAtMs: someTimeMs + 9 });
        expect(await store.findDelivery(delivery.id)).toStrictEqual(reset);
        expect(await store.resetDelivery(delivery.id, someTimeMs)).toBeUndefined();
        expect(await store.resetDelivery(randomUUID(), someTimeMs)).toBeUndefined();
      });

      it('that are listed newest first and counted, of one status or of all', async () => {
        const [one, two, three] = [
          await queued({ createdAtMs: someTimeMs + 1 }),
          await queued({ createdAtMs: someTimeMs + 2, status: 'failed', nextAttemptAtMs: null }),
          await queued({ createdAtMs: someTimeMs + 3 }),
        ];
        const list = (status?: Delivery['status'], page = all) =>
          store.listDeliveries(webhook.id, { status }, page);
        expect(await list()).toStrictEqual([three, two, one]);
        expect(await list('pending')).toStrictEqual([three, one]);
        expect(await list('success')).toStrictEqual([]);
        expect(await list(undefined, { limit: 1, skip: 1 })).toStrictEqual([two]);
        expect(await store.countDeliveries(webhook.id, {})).toBe(3);
        expect(await store.countDeliveries(webhook.id, { status: 'pending' })).toBe(2);
        expect(await store.countDeliveries(webhook.id, { sinceMs: someTimeMs + 2 })).toBe(2);
      });

      it('that are forgotten by age once they are over', async () => {
        const own = await open();
        try {
          const [main] = await own.store.listOrganizations();
          const hook = buildWebhook({ organizationId: main?.id ?? '' });
          await own.store.insertWebhook(hook, someAuthor);
          const add = async (given: Partial<Delivery>) => {
            const delivery = buildDelivery({ webhookId: hook.id, ...given });
            await own.store.insertDelivery(delivery);
            return delivery;
          };
          const over = { status: 'success', nextAttemptAtMs: null } as const;
          await add({ ...over, createdAtMs: someTimeMs - 2 });
          await add({ ...over, createdAtMs: someTimeMs - 1 });
          const pending = await add({ createdAtMs: someTimeMs - 3 });
          const young = await add({ ...over, createdAtMs: someTimeMs });
          expect(await own.store.deleteDeliveriesBefore(someTimeMs, 1)).toBe(1);
          expect(await own.store.deleteDeliveriesBefore(someTimeMs, 5)).toBe(1);
          expect(await own.store.listDeliveries(hook.id, {}, all)).toStrictEqual([young, pending]);
        } finally {
          await own.destroy();
        }
      });
    });

    it('can be told of bundles that fail on many devices', async () => {
      const [appId, other] = [newAppId(), newAppId()];
      const fail = (app: string, versionName: string, device: number, atMs: number) =>
        store.appendDeviceEvents([
          buildRecordedEvent(
            { appId: app, deviceId: `00000000-0000-4000-8000-00000000000${device}`, receivedAtMs: atMs },
            { effects: { failedInstall: versionName } },
          ),
        ]);
      for (const device of [1, 2, 3]) await fail(appId, '1.0.1', device, someTimeMs + device);
      await fail(appId, '1.0.1', 3, someTimeMs + 9);
      for (const device of [1, 2]) await fail(appId, '1.0.2', device, someTimeMs + 5);
      for (const device of [1, 2, 3]) await fail(other, '1.0.1', device, someTimeMs - 60_000);
      const failing = async (sinceMs: number, minDevices: number) =>
        (await store.listFailingBundles(sinceMs, minDevices)).filter((each) =>
          [appId, other].includes(each.appId),
        );
      expect(await failing(someTimeMs, 3)).toStrictEqual([{ appId, versionName: '1.0.1', devices: 3 }]);
      expect(await failing(someTimeMs, 2)).toHaveLength(2);
      expect(await failing(someTimeMs + 2, 3)).toStrictEqual([]);
      expect(await failing(someTimeMs - 60_000, 3)).toHaveLength(2);
    });

    it('lose none of several changes made at once', async () => {
      const outcomes = await outcomesOf([
        store.updateWebhook(webhook.id, { name: 'other' }, someAuthor),
        store.updateWebhook(webhook.id, { isEnabled: false }, someAuthor),
        store.updateWebhook(webhook.id, { events: ['apps'] }, someAuthor),
      ]);
      expect(outcomes).toStrictEqual(['done', 'done', 'done']);
      expect(await store.findWebhook(webhook.id)).toMatchObject({
        ...{ name: 'other', isEnabled: false, events: ['apps'] },
      });
    });
  });
}
