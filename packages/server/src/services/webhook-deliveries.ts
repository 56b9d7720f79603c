import { setTimeout as delay } from 'node:timers/promises';
import { systemActor } from '../domain/actor.ts';
import { isWithin } from '../domain/elapsed.ts';
import type { Delivery, Webhook } from '../domain/webhook.ts';
import type { Clock } from '../ports/clock.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import type { DeliveryStore, WebhookStore } from '../ports/webhooks.ts';
import { attemptDelivery, attemptTimeoutMs } from './webhook-attempt.ts';

const actor = systemActor('webhooks');
/** Long enough for an attempt with everything around it; after that somebody who died with it is followed by another. */
const claimMs = attemptTimeoutMs + 40_000;
/** No attempt begins later in a run: it has to end within the lease of the job. */
const maxRunMs = 10_000;
const deliveriesPerStep = 10;
/** While slow receivers are waited for, the others are asked for news so often. */
const pollMs = 250;

/** A webhook that was disabled, because nobody is there. */
export interface DisabledWebhook {
  readonly webhook: Webhook;
  readonly delivery: Delivery;
}

/**
 * Sends what is due, for some seconds: to each webhook one after the other, in the order of the events, and to all of
 * them at the same time, so that a receiver that is slow or gone holds up nobody else. Answers which webhooks it
 * disabled. Rejects when the store does; what was sent and not noted by then is sent again.
 *
 * @param deps.random from 0 to 1, for waits that are not all the same
 */
export async function sendDueDeliveries(deps: {
  readonly store: WebhookStore & DeliveryStore;
  readonly outbound: OutboundHttp;
  readonly clock: Clock;
  readonly random: () => number;
}): Promise<readonly DisabledWebhook[]> {
  const { store, outbound, clock, random } = deps;
  const startedMs = clock.now();
  const disabled: DisabledWebhook[] = [];
  const webhooks = await store.listEnabledWebhooks();
  let busyCount = 0;

  /** Answers whether the webhook is still there for more. */
  async function attempt(webhook: Webhook, due: Delivery): Promise<boolean> {
    const claimedUntilMs = clock.now() + claimMs;
    if (!(await store.claimDelivery(due, claimedUntilMs))) return true;
    const { result, disables } = await attemptDelivery(due, webhook, { outbound, clock, random });
    const by = disables ? { actor, atMs: clock.now() } : undefined;
    const isKept = await store.finishAttempt(due.id, claimedUntilMs, result, by);
    if (isKept && disables) disabled.push({ webhook, delivery: { ...due, ...result } });
    return !disables;
  }

  /** Sends what is due now; answers whether it was anything, and whether there may be more. */
  async function sendTo(webhook: Webhook): Promise<{ readonly sent: boolean; readonly goesOn: boolean }> {
    const due = await store.listDueDeliveries(webhook.id, clock.now(), deliveriesPerStep);
    busyCount += 1;
    try {
      for (const delivery of due) {
        if (!isWithin(maxRunMs, startedMs, clock.now())) return { sent: true, goesOn: false };
        if (!(await attempt(webhook, delivery))) return { sent: true, goesOn: false };
      }
    } finally {
      busyCount -= 1;
    }
    return { sent: due.length > 0, goesOn: true };
  }

  async function serve(webhook: Webhook): Promise<void> {
    while (isWithin(maxRunMs, startedMs, clock.now())) {
      const { sent, goesOn } = await sendTo(webhook);
      if (!goesOn) return;
      if (sent) continue;
      if (busyCount === 0) return;
      await delay(pollMs);
    }
  }

  const outcomes = await Promise.allSettled(webhooks.map(serve));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
  return disabled;
}
