import { isIPv6, SocketAddress } from 'node:net';
import type { Clock } from '../ports/clock.ts';

/** Enough for the devices of a whole city behind one node; past it the longest idle are forgotten. */
const maxKeys = 200_000;

/**
 * A bucket of `perMinute` requests that refills evenly, one by one, not by the window: a `RefillingLimit` of this node.
 *
 * Kept as one number per key: the time at which its bucket is full again (the generic cell rate algorithm).
 */
export function createRateLimit(perMinute: number, clock: Clock) {
  const refillMs = 60_000 / perMinute;
  const capacityMs = 60_000;
  /** In the order of last use, so that what lies first is what matters least. */
  const fullAt = new Map<string, number>();

  function forget(now: number): void {
    for (const [key, time] of fullAt) {
      if (time > now && fullAt.size <= maxKeys) return;
      fullAt.delete(key);
    }
  }

  return {
    take(key: string): number {
      const now = clock.now();
      const known = fullAt.get(key) ?? 0;
      // No bucket takes longer than a minute to fill: the clock was set back.
      const isFull = known < now || known > now + capacityMs + 1;
      const next = (isFull ? now : known) + refillMs;
      const waitMs = next - now - capacityMs;
      // A millisecond of grace absorbs the rounding of refillMs.
      if (waitMs > Math.min(1, refillMs / 2)) return waitMs;
      fullAt.delete(key);
      fullAt.set(key, next);
      forget(now);
      return 0;
    },
  };
}

/**
 * What counts as one client: an IPv4 address, or the /64 network of an IPv6 one, which is what a single subscriber
 * gets.
 */
export function clientKey(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const canonical = new SocketAddress({ address: ip.split('%')[0] ?? '', family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(canonical);
  if (mapped?.[1]) return mapped[1];
  const [head = '', tail] = canonical.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return groups.slice(0, 4).join(':');
}
