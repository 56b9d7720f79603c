import { hash } from 'node:crypto';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { RequestLimits } from '../ports/request-limits.ts';
import { clientKey } from './rate-limit.ts';

interface Window {
  readonly startedAtMs: number;
  count: number;
}

/** Enough for the devices of a whole city behind one node; past it the oldest windows are forgotten. */
const defaultMaxKeys = 200_000;

/** A `WindowLimit` of this node. */
export function createWindowLimit(rules: {
  readonly max: number;
  readonly windowMs: number;
  readonly clock: Clock;
  readonly maxKeys?: number;
}) {
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
    waitMs(key: string): number {
      const nowMs = clock.now();
      const window = windows.get(key);
      const isFull = window && window.count >= max && isRunning(window, nowMs);
      return isFull ? window.startedAtMs + windowMs - nowMs : 0;
    },
    record(key: string): void {
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
  /** Rejects with `too_many_requests` when the address asks too much of one app. */
  checkAddress(appId: string, ip: string): Promise<void>;
  /** Rejects with `too_many_requests` when the device asks too fast, or sets a channel again within a minute. */
  checkDevice(request: LimitedRequest): Promise<void>;
  /** The answer does not wait for it. */
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

export function createChannelSelfLimits(limits: RequestLimits, clock: Clock): ChannelSelfLimits {
  const operations = limits.windowed({ name: 'operation', max: operationsPerSecond, windowMs: secondMs });
  const sameSets = limits.windowed({ name: 'same-set', max: 1, windowMs: minuteMs });
  const addresses = limits.windowed({
    name: 'address',
    max: requestsPerAddressAndMinute,
    windowMs: minuteMs,
  });

  function refuseFor(waitMs: number, facts: Readonly<Record<string, string>>): void {
    if (waitMs === 0) return;
    throw new AppError('too_many_requests', 'Too many requests', {
      details: {
        ...facts,
        rateLimitResetAt: clock.now() + waitMs,
        retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
      },
    });
  }

  const addressKey = (appId: string, ip: string) => keyOf(appId, clientKey(ip));

  return {
    async checkAddress(appId, ip) {
      const facts = { reason: 'ip_rate_limit_exceeded', app_id: appId };
      refuseFor(await addresses.waitMs(addressKey(appId, ip)), facts);
    },
    async checkDevice({ appId, deviceId, operation, channel }) {
      if (deviceId === undefined) return;
      const facts = { app_id: appId, device_id: deviceId };
      const isSet = operation === 'set' && channel !== undefined;
      const waits = await Promise.all([
        operations.waitMs(keyOf(appId, deviceId, operation)),
        isSet ? sameSets.waitMs(keyOf(appId, deviceId, channel)) : 0,
      ]);
      for (const waitMs of waits) refuseFor(waitMs, facts);
    },
    record({ appId, deviceId, operation, channel }, ip) {
      void addresses.record(addressKey(appId, ip));
      if (deviceId === undefined) return;
      void operations.record(keyOf(appId, deviceId, operation));
      if (operation === 'set' && channel !== undefined) {
        void sameSets.record(keyOf(appId, deviceId, channel));
      }
    },
  };
}
