import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../testing/fake-clock.ts';
import { clientKey, createRateLimit } from './rate-limit.ts';

const someKey = '192.0.2.1';

function limitOf(perMinute: number) {
  const clock = createFakeClock();
  const limit = createRateLimit(perMinute, clock);
  /** How many of so many requests at this moment may pass. */
  const passing = (requests: number, key = someKey) =>
    Array.from({ length: requests }, () => limit.take(key)).filter((waitMs) => waitMs === 0).length;
  return { clock, limit, passing };
}

describe('a limit of requests per minute', () => {
  it.each([1, 2, 7, 60, 100, 1_000, 60_000])('lets %i pass at once and not one more', (perMinute) => {
    expect(limitOf(perMinute).passing(perMinute + 10)).toBe(perMinute);
  });

  it.each([1, 2, 7, 60, 100, 999])('then lets one more pass after each %ith of a minute', (perMinute) => {
    const { clock, passing } = limitOf(perMinute);
    passing(perMinute);
    const refillMs = 60_000 / perMinute;
    let elapsedMs = 0;
    for (let refill = 1; refill <= 20; refill += 1) {
      // A request just before is refused, up to the millisecond a clock can round.
      const beforeMs = Math.floor(refill * refillMs) - 2;
      clock.advance(beforeMs - elapsedMs);
      expect(passing(1)).toBe(0);
      const afterMs = Math.ceil(refill * refillMs);
      clock.advance(afterMs - beforeMs);
      elapsedMs = afterMs;
      expect(passing(5)).toBe(1);
    }
  });

  it('does not let a second burst pass when a new minute begins', () => {
    const { clock, passing } = limitOf(60);
    clock.advance(59_000);
    expect(passing(60)).toBe(60);
    clock.advance(1_000);
    expect(passing(60)).toBe(1);
  });

  it('is full again after a minute of silence, and never fuller', () => {
    const { clock, passing } = limitOf(100);
    expect(passing(200)).toBe(100);
    clock.advance(60_000);
    expect(passing(200)).toBe(100);
    clock.advance(3_600_000);
    expect(passing(200)).toBe(100);
  });

  it('says in how many milliseconds one more may pass', () => {
    const { clock, limit, passing } = limitOf(6);
    passing(6);
    expect(limit.take(someKey)).toBe(10_000);
    clock.advance(4_000);
    expect(limit.take(someKey)).toBe(6_000);
    clock.advance(limit.take(someKey));
    expect(limit.take(someKey)).toBe(0);
  });

  it('does not refuse for longer because the clock was set back', () => {
    const { clock, passing } = limitOf(6);
    passing(6);
    clock.advance(-3_600_000);
    expect(passing(10)).toBe(6);
    clock.advance(10_000);
    expect(passing(10)).toBe(1);
  });

  it('does not punish requests that are refused', () => {
    const { clock, passing } = limitOf(6);
    passing(6);
    for (let second = 1; second < 10; second += 1) {
      clock.advance(1_000);
      expect(passing(50)).toBe(0);
    }
    clock.advance(1_000);
    expect(passing(50)).toBe(1);
  });

  it('never lets more than N + N·t/60 pass in any t seconds, and never refuses a slower pace', () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat({ max: 5_000 }), requests: fc.nat({ max: 30 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), steps, (perMinute, walk) => {
        const { clock, passing } = limitOf(perMinute);
        const startMs = clock.now();
        const passed: number[] = [];
        for (const { waitMs, requests } of walk) {
          clock.advance(waitMs);
          const count = passing(requests);
          passed.push(...Array.from({ length: count }, () => clock.now() - startMs));
        }
        const roundingMs = 2;
        for (const [first, fromMs] of passed.entries()) {
          for (const [offset, toMs] of passed.slice(first).entries()) {
            const allowed = perMinute + (perMinute * (toMs - fromMs + roundingMs)) / 60_000;
            if (offset + 1 > allowed) expect(offset + 1).toBeLessThanOrEqual(allowed);
          }
        }
      }),
      { numRuns: 60 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), (perMinute) => {
        const { clock, passing } = limitOf(perMinute);
        const pauseMs = Math.ceil(60_000 / perMinute);
        for (let request = 0; request < 200; request += 1) {
          expect(passing(1)).toBe(1);
          clock.advance(pauseMs);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('counts each client for itself', () => {
    const { passing } = limitOf(5);
    expect(passing(10, 'one')).toBe(5);
    expect(passing(10, 'other')).toBe(5);
    expect(passing(10, 'one')).toBe(0);
  });

  it('remembers a bounded number of clients and forgets first the one idle for longest', () => {
    const { passing } = limitOf(1);
    passing(1, 'idle');
    passing(1, 'also idle');
    for (let client = 0; client < 150_000; client += 1) passing(1, String(client));
    expect(passing(1, 'idle')).toBe(0);
    for (let client = 150_000; client < 199_999; client += 1) passing(1, String(client));
    expect([passing(1, 'idle'), passing(1, 'also idle'), passing(1, '0')]).toStrictEqual([1, 1, 1]);
    expect(passing(1, '199998')).toBe(0);
  });
});

describe('one client', () => {
  const keysOf = (addresses: readonly string[]) => new Set(addresses.map(clientKey)).size;

  it('is an IPv4 address', () => {
    expect(keysOf(['192.0.2.1', '192.0.2.2', '192.0.3.1'])).toBe(3);
  });

  it.each([
    ['an IPv4 address in IPv6 form', ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:192.0.2.1']],
    ['an IPv4 address in IPv6 form of hexadecimal digits', ['192.0.2.1', '::ffff:c000:201']],
    ['a /64 network', ['2001:db8:1:2::', '2001:db8:1:2::1', '2001:db8:1:2:aaaa:bbbb:cccc:dddd']],
    ['a /64 network whose zeros are left out', ['2001:db8::1', '2001:db8:0:0::2', '2001:db8:0:0:1:2:3:4']],
    ['a /64 network with zeros at its end left out', ['2001:db8:1::9', '2001:db8:1:0:1:2:3:4']],
    ['a link-local network of any interface', ['fe80::1%eth0', 'fe80::2%en1', 'fe80::3']],
    ['a /64 network in capitals', ['2001:db8:1:2::1', '2001:DB8:1:2::1']],
    ['a /64 network with leading zeros', ['2001:db8:1:2::1', '2001:0db8:0001:0002::1']],
  ])('is %s', (_what, addresses) => {
    expect(keysOf(addresses)).toBe(1);
  });

  it('is not another /64 network', () => {
    expect(
      keysOf([
        '2001:db8:1:2::1',
        '2001:db8:1:3::1',
        '2001:db8:2:2::1',
        '2001:db8::1',
        '::1',
        '1::',
        '0:0:0:1::',
      ]),
    ).toBe(7);
  });

  it('is not another IPv4 address in IPv6 form', () => {
    expect(keysOf(['::ffff:192.0.2.1', '::ffff:192.0.2.2', '::1'])).toBe(3);
    expect(keysOf(['::ffff:c000:201', '::ffff:c000:202', '::1'])).toBe(3);
  });
});
