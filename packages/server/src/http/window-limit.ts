import { hash } from 'node:crypto';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import { clientKey } from './rate-limit.ts';

export interface WindowLimit {
  /** Epoch milliseconds at which the key may pass again; undefined when it may now. Counts nothing. */
  blockedUntil(key: string): number | undefined;
  /** Counts one that passed; the first one begins the key's window. */
  record(key: string): void;
}

interface Window {
  readonly startedAtMs: number;
  count: number;
}

/** Enough for the devices of a whole city behind one node; past it the oldest windows are forgotten. */
const defaultMaxKeys = 200_000;

/** At most `max` in a window that begins with its first request; a new window begins only after it has ended. */
export function createWindowLimit(rules: {
  readonly max: number;
  readonly windowMs: number;
  readonly clock: Clock;
  readonly maxKeys?: number;
}): WindowLimit {
  const { max, windowMs, clock, maxKeys = defaultMaxKeys } = rules;
  /** In the order in which they began, which is that in which they end. */
  const windows = new Map<string, Window>();

  function isRunning(window: Window, nowMs: number): boolean {
    // A clock that was set back must not make a window last longer.
    return nowMs >= window.startedAtMs && nowMs < window.startedAtMs + windowMs;
  }

  function forgetEnded(nowMs: number): void {
    for (const [key, window] of windows) {
      if (isRunning(window, nowMs) && windows.size <= maxKeys) return;
      windows.delete(key);
    }
  }

  return {
    blockedUntil(key) {
      const window = windows.get(key);
      const isFull = window && window.count >= max && isRunning(window, clock.now());
      return isFull ? window.startedAtMs + windowMs : undefined;
    },
    record(key) {
      const nowMs = clock.now();
      const window = windows.get(key);
      if (window && isRunning(window, nowMs)) {
        window.count += 1;
        return;
      }
      windows.delete(key);
      windows.set(key, { startedAtMs: nowMs, count: 1 });
      forgetEnded(nowMs);
    },
  };
}

/** What a device does to its channel; each is counted for itself. */
export type ChannelSelfOperation = 'set' | 'get' | 'delete' | 'list';

/** A request as the limits see it. */
export interface LimitedRequest {
  readonly appId: string;
  /** Undefined for a list that names no device: then only the address counts. */
  readonly deviceId: string | undefined;
  readonly operation: ChannelSelfOperation;
  /** What `set` asks for. */
  readonly channel?: string | undefined;
}

/** The limits of protocol §6.7. Checks count nothing: what ran is recorded afterwards, whether it succeeded or not. */
export interface ChannelSelfLimits {
  /** Throws `too_many_requests` when the address asks too much of one app. */
  checkAddress(appId: string, ip: string): void;
  /** Throws `too_many_requests` when the device asks too fast, or sets a channel again within a minute. */
  checkDevice(request: LimitedRequest): void;
  record(request: LimitedRequest, ip: string): void;
}

const operationsPerSecond = 5;
const requestsPerAddressAndMinute = 1_000;
const secondMs = 1_000;
const minuteMs = 60_000;

/** One short key however long the texts are: the device id of a list is not validated, and memory has to stay bounded. */
function keyOf(...texts: readonly string[]): string {
  return hash('sha256', JSON.stringify(texts), 'base64');
}

export function createChannelSelfLimits(clock: Clock): ChannelSelfLimits {
  const operations = createWindowLimit({ max: operationsPerSecond, windowMs: secondMs, clock });
  const sameSets = createWindowLimit({ max: 1, windowMs: minuteMs, clock });
  const addresses = createWindowLimit({ max: requestsPerAddressAndMinute, windowMs: minuteMs, clock });

  function refuseUntil(timeMs: number | undefined, facts: Readonly<Record<string, string>>): void {
    if (timeMs === undefined) return;
    const retryAfterSeconds = Math.max(1, Math.ceil((timeMs - clock.now()) / 1_000));
    throw new AppError('too_many_requests', 'Too many requests', {
      details: { ...facts, rateLimitResetAt: timeMs, retryAfterSeconds },
    });
  }

  const addressKey = (appId: string, ip: string) => keyOf(appId, clientKey(ip));

  return {
    checkAddress(appId, ip) {
      const facts = { reason: 'ip_rate_limit_exceeded', app_id: appId };
      refuseUntil(addresses.blockedUntil(addressKey(appId, ip)), facts);
    },
    checkDevice({ appId, deviceId, operation, channel }) {
      if (deviceId === undefined) return;
      const facts = { app_id: appId, device_id: deviceId };
      refuseUntil(operations.blockedUntil(keyOf(appId, deviceId, operation)), facts);
      if (operation === 'set' && channel !== undefined) {
        refuseUntil(sameSets.blockedUntil(keyOf(appId, deviceId, channel)), facts);
      }
    },
    record({ appId, deviceId, operation, channel }, ip) {
      addresses.record(addressKey(appId, ip));
      if (deviceId === undefined) return;
      operations.record(keyOf(appId, deviceId, operation));
      if (operation === 'set' && channel !== undefined) sameSets.record(keyOf(appId, deviceId, channel));
    },
  };
}
