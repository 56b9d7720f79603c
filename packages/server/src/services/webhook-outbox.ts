import { randomUUID } from 'node:crypto';
import {
  failingNoticeEveryMs,
  failingWindowMs,
  isFailing,
  minFailingDevices,
} from '../domain/bundle-failing.ts';
import { type Delivery, type Webhook, wants } from '../domain/webhook.ts';
import { eventsOfEntry, payloadOf, type WebhookEvent } from '../domain/webhook-event.ts';
import { maxDeliveryAttempts } from '../domain/webhook-retries.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { AuditLog } from '../ports/audit.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';
import type { OrganizationStore } from '../ports/organizations.ts';
import type { DeviceStateStore } from '../ports/store.ts';
import type { DeliveryStore, WebhookStore } from '../ports/webhooks.ts';

const entriesPerStep = 200;

/** The deliveries of an event: one for each webhook that asks for it, all with the event's one id. */
function deliveriesOf(event: WebhookEvent, webhooks: readonly Webhook[], nowMs: number): Delivery[] {
  const eventId = randomUUID();
  return webhooks
    .filter((webhook) => webhook.organizationId === event.organizationId && wants(webhook, event.type))
    .map(({ id, deliveryVersion }) => ({
      ...{ id: randomUUID(), webhookId: id, auditId: event.auditId, eventId, eventType: event.type },
      ...{ status: 'pending', payload: payloadOf(event, eventId, deliveryVersion), deliveryVersion },
      ...{ attemptCount: 0, maxAttempts: maxDeliveryAttempts, nextAttemptAtMs: nowMs, createdAtMs: nowMs },
      ...{ completedAtMs: null, durationMs: null },
      ...{ responseStatus: null, responseBody: null, responseHeaders: null },
    }));
}

/**
 * Makes deliveries of what was added to the audit log since the last run. Where the log was read to moves in the same
 * step in which the deliveries are added: a crash loses no event and adds none twice.
 */
export async function queueAuditEvents(deps: {
  readonly store: AuditLog & WebhookStore & DeliveryStore;
  readonly clock: Clock;
}): Promise<void> {
  const { store, clock } = deps;
  for (;;) {
    const from = await store.readWebhookPosition();
    const webhooks = await store.listEnabledWebhooks();
    if (webhooks.length === 0) {
      // Nobody listens: what happens now is not told to whoever comes later.
      const to = await store.lastAuditId();
      if (to > from) await store.queueDeliveries({ from, to }, []);
      return;
    }
    const entries = await store.readAuditAfter(from, entriesPerStep);
    const to = entries.at(-1)?.id;
    if (to === undefined) return;
    const nowMs = clock.now();
    const deliveries = entries
      .flatMap(eventsOfEntry)
      .flatMap((event) => deliveriesOf(event, webhooks, nowMs));
    if (!(await store.queueDeliveries({ from, to }, deliveries))) return;
  }
}

/** Tells of bundles that fail on many devices, once a day each. Answers how many it told of. */
export async function queueFailingBundles(deps: {
  readonly store: Pick<DeviceStateStore, 'listFailingBundles'> &
    Pick<OrganizationStore, 'findOrganizationOfApp'> &
    Pick<WebhookStore, 'listEnabledWebhooks'> &
    Pick<DeliveryStore, 'queueNotice'>;
  readonly log: Pick<DeviceEventLog, 'countRolloutOutcomes'>;
  readonly appSnapshots: Pick<AppSnapshots, 'find'>;
  readonly clock: Clock;
}): Promise<number> {
  const { store, log, appSnapshots, clock } = deps;
  const webhooks = (await store.listEnabledWebhooks()).filter((webhook) => wants(webhook, 'bundle.failing'));
  if (webhooks.length === 0) return 0;
  const nowMs = clock.now();
  const sinceMs = nowMs - failingWindowMs;
  let told = 0;

  for (const { appId, versionName, devices } of await store.listFailingBundles(sinceMs, minFailingDevices)) {
    const bundle = appSnapshots.find(appId)?.bundlesByName.get(versionName);
    if (!bundle) continue;
    const counts = await log.countRolloutOutcomes({ appId, versionName, sinceMs });
    if (!isFailing({ failingDevices: devices, ...counts })) continue;
    const { id: organizationId } = await store.findOrganizationOfApp(appId);
    const event: WebhookEvent = {
      ...{ type: 'bundle.failing', organizationId, atMs: nowMs, auditId: null },
      data: {
        ...{ app_id: appId, bundle_id: bundle.id, version_name: versionName, failing_devices: devices },
        ...{ installs: counts.installs, failures: counts.failures, window_minutes: failingWindowMs / 60_000 },
      },
    };
    const notice = { name: `bundle.failing:${bundle.id}`, nowMs, againAfterMs: failingNoticeEveryMs };
    if (await store.queueNotice(notice, deliveriesOf(event, webhooks, nowMs))) told += 1;
  }
  return told;
}
