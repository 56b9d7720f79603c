import { parseHttpDate } from '@capgo-server/protocol/formats/timestamps';

/** Attempts after which an event is given up, and its receiver. */
export const maxDeliveryAttempts = 10;

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** How long to wait after each attempt but the last one. */
export const waitsMs: readonly number[] = [
  ...[5 * secondMs, 5 * minuteMs, 30 * minuteMs],
  ...[2 * hourMs, 5 * hourMs, 10 * hourMs, 14 * hourMs, 20 * hourMs, 24 * hourMs],
];
export const maxWaitMs = 24 * hourMs;
const maxJitter = 0.1;

/** Receivers that say that they are overloaded, or that what stands before them is, are left alone for a while. */
const overloaded: ReadonlySet<number> = new Set([429, 502, 504]);
export const minOverloadWaitMs = 5 * minuteMs;

/** What a receiver answered; null for none at all. */
export interface AttemptAnswer {
  readonly status: number | null;
  /** The header, as it came. */
  readonly retryAfter?: string | undefined;
}

/** Milliseconds of a `Retry-After`, a number of seconds or a date; 0 for one that says nothing. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  const text = header.trim();
  const wait = /^\d{1,10}$/.test(text) ? Number(text) * secondMs : (parseHttpDate(text) ?? nowMs) - nowMs;
  return Math.min(Math.max(wait, 0), maxWaitMs);
}

export type AttemptVerdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'again'; readonly waitMs: number }
  /** No further attempt; and the webhook is to be disabled, because nobody is there or will be. */
  | { readonly kind: 'given_up'; readonly disables: boolean };

/**
 * What follows from an attempt.
 *
 * @param attempt its number, from 1
 * @param random from 0 to 1: receivers that failed together must not be asked together again
 */
export function judgeAttempt(
  { status, retryAfter }: AttemptAnswer,
  attempt: number,
  maxAttempts: number,
  nowMs: number,
  random: number,
): AttemptVerdict {
  if (status !== null && status >= 200 && status < 300) return { kind: 'delivered' };
  // A single attempt was somebody's test: it says nothing about the others.
  const isTest = maxAttempts === 1;
  if (status === 410) return { kind: 'given_up', disables: !isTest };
  if (attempt >= maxAttempts) return { kind: 'given_up', disables: !isTest };
  const usual = waitsMs[Math.min(attempt, waitsMs.length) - 1] ?? maxWaitMs;
  const least = status !== null && overloaded.has(status) ? minOverloadWaitMs : 0;
  const wait = Math.max(usual * (1 + maxJitter * random), least, retryAfterMs(retryAfter, nowMs));
  return { kind: 'again', waitMs: Math.round(Math.min(wait, maxWaitMs)) };
}
