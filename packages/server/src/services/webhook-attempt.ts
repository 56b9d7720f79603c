import { AppError } from '../domain/errors.ts';
import type { Delivery, Webhook } from '../domain/webhook.ts';
import { judgeAttempt } from '../domain/webhook-retries.ts';
import { deliveryHeaders } from '../domain/webhook-signature.ts';
import type { Clock } from '../ports/clock.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import type { AttemptResult } from '../ports/webhooks.ts';

/** So long a receiver may take. */
export const attemptTimeoutMs = 20_000;
const maxKeptBodyBytes = 10_000;
const maxKeptHeaderBytes = 10_000;
/** Of answers that end sooner the connection ends by itself; of the rest nobody reads more than is kept. */
const maxBytes = Number.MAX_SAFE_INTEGER;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function beginningOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of body) {
    parts.push(bytes.subarray(0, maxKeptBodyBytes - size));
    size += bytes.byteLength;
    if (size >= maxKeptBodyBytes) break;
  }
  // Half a character at the cut, and NUL, which not every database takes.
  return Buffer.concat(parts).toString('utf8').replace(/�$/, '').replaceAll('\0', '');
}

/** Headers as far as they fit, without what would let somebody in at the receiver's. */
function keptHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  let size = 0;
  for (const [name, value] of Object.entries(headers)) {
    size += name.length + value.length;
    if (size > maxKeptHeaderBytes) break;
    if (name !== 'set-cookie') kept[name] = value;
  }
  return kept;
}

async function send(
  outbound: OutboundHttp,
  webhook: Webhook,
  delivery: Delivery,
  nowMs: number,
): Promise<Answer> {
  const answer = await outbound.request({
    ...{ method: 'POST', url: webhook.url, body: delivery.payload },
    ...{ headers: deliveryHeaders(delivery, webhook.secret, nowMs), timeoutMs: attemptTimeoutMs, maxBytes },
  });
  // Whether the event arrived, the status says; a body that breaks off changes nothing about it.
  const body = await beginningOf(answer.body).catch(() => '');
  return { status: answer.status, headers: answer.headers, body };
}

/** Sends a delivery once, and says what became of it and what follows. */
export async function attemptDelivery(
  delivery: Delivery,
  webhook: Webhook,
  deps: {
    readonly outbound: OutboundHttp;
    readonly clock: Clock;
    /** From 0 to 1. */
    readonly random: () => number;
  },
): Promise<{ readonly result: AttemptResult; readonly disables: boolean }> {
  const { outbound, clock, random } = deps;
  const startedAtMs = clock.now();
  let answer: Answer | undefined;
  let failure = '';
  try {
    answer = await send(outbound, webhook, delivery, startedAtMs);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    failure = error.message;
  }
  const endedAtMs = clock.now();
  const attemptCount = delivery.attemptCount + 1;
  const { maxAttempts } = delivery;
  const status = answer?.status ?? null;
  const retryAfter = answer?.headers['retry-after'];
  const verdict = judgeAttempt({ status, retryAfter }, attemptCount, maxAttempts, endedAtMs, random());
  const isOver = verdict.kind !== 'again';
  return {
    disables: verdict.kind === 'given_up' && verdict.disables,
    result: {
      status: isOver ? (verdict.kind === 'delivered' ? 'success' : 'failed') : 'pending',
      attemptCount,
      nextAttemptAtMs: isOver ? null : endedAtMs + verdict.waitMs,
      completedAtMs: isOver ? endedAtMs : null,
      responseStatus: status,
      responseBody: answer?.body ?? failure,
      responseHeaders: answer ? keptHeaders(answer.headers) : null,
      durationMs: Math.max(0, endedAtMs - startedAtMs),
    },
  };
}
