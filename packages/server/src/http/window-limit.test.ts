import { describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createNodeLimits } from './node-limits.ts';
import { createChannelSelfLimits, createWindowLimit, type LimitedRequest } from './window-limit.ts';

const appId = 'com.example.app';
const deviceId = 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11';
const ip = '192.0.2.1';

describe('a window', () => {
  function limitOf(max: number, windowMs: number, maxKeys?: number) {
    const clock = createFakeClock();
    const limit = createWindowLimit({ max, windowMs, clock, ...(maxKeys === undefined ? {} : { maxKeys }) });
    const passing = (requests: number, key = 'key') => {
      let passed = 0;
      for (let request = 0; request < requests; request += 1) {
        if (limit.waitMs(key) > 0) continue;
        limit.record(key);
        passed += 1;
      }
      return passed;
    };
    return { clock, limit, passing };
  }

  it('lets so many pass and not one more until it ends', () => {
    const { clock, passing } = limitOf(5, 1_000);
    expect(passing(2)).toBe(2);
    clock.advance(600);
    expect(passing(9)).toBe(3);
    clock.advance(399);
    expect(passing(9)).toBe(0);
    clock.advance(1);
    expect(passing(9)).toBe(5);
  });

  it('begins with the first request, not with the clock, and lasts however late the others come', () => {
    const { clock, limit, passing } = limitOf(2, 1_000);
    clock.advance(700);
    passing(1);
    clock.advance(999);
    expect(passing(2)).toBe(1);
    expect(limit.waitMs('key')).toBe(1);
    clock.advance(1);
    expect(passing(3)).toBe(2);
  });

  it('counts nothing when it is only asked, and each key for itself', () => {
    const { limit, passing } = limitOf(1, 1_000);
    for (let check = 0; check < 10; check += 1) expect(limit.waitMs('key')).toBe(0);
    expect(passing(3)).toBe(1);
    expect(passing(3, 'other')).toBe(1);
  });

  it('does not last longer because the clock was set back', () => {
    const { clock, passing } = limitOf(1, 1_000);
    passing(1);
    clock.advance(-3_600_000);
    expect(passing(3)).toBe(1);
    clock.advance(1_000);
    expect(passing(3)).toBe(1);
  });

  it('remembers a bounded number of keys and forgets the oldest window first', () => {
    const { passing } = limitOf(1, 60_000, 100);
    for (let key = 0; key <= 100; key += 1) passing(1, String(key));
    expect([passing(1, '100'), passing(1, '1')]).toEqual([0, 0]);
    expect(passing(1, '0')).toBe(1);
  });
});

describe('the limits of channel_self', () => {
  function limitsOf() {
    const clock = createFakeClock();
    const limits = createChannelSelfLimits(createNodeLimits(clock), clock);
    const requested = (given: Partial<LimitedRequest>): LimitedRequest => {
      return { appId, deviceId, operation: 'get', ...given };
    };
    const refusalOf = async (check: Promise<void>): Promise<AppError | undefined> => {
      try {
        await check;
        return undefined;
      } catch (error) {
        if (error instanceof AppError) return error;
        throw error;
      }
    };
    return {
      clock,
      limits,
      refusal: (given: Partial<LimitedRequest> = {}) => refusalOf(limits.checkDevice(requested(given))),
      addressRefusal: (app = appId, address = ip) => refusalOf(limits.checkAddress(app, address)),
      record: (given: Partial<LimitedRequest> = {}, address = ip) => limits.record(requested(given), address),
    };
  }

  it.each(['get', 'delete', 'list', 'set'] as const)(
    'refuse the sixth %s within a second',
    async (operation) => {
      const { clock, refusal, record } = limitsOf();
      for (let request = 0; request < 5; request += 1) {
        const given = { operation, channel: operation === 'set' ? `channel-${request}` : undefined };
        expect(await refusal(given)).toBeUndefined();
        record(given);
        clock.advance(100);
      }
      const refused = await refusal({ operation });
      expect(refused?.code).toBe('too_many_requests');
      expect(refused?.message).toBe('Too many requests');
      expect(refused?.details).toEqual({
        app_id: appId,
        device_id: deviceId,
        rateLimitResetAt: clock.now() + 500,
        retryAfterSeconds: 1,
      });
      clock.advance(500);
      expect(await refusal({ operation })).toBeUndefined();
    },
  );

  it('count each operation, device and app for itself', async () => {
    const { refusal, record } = limitsOf();
    for (let request = 0; request < 5; request += 1) record({ operation: 'get' });
    expect(await refusal({ operation: 'get' })).toBeDefined();
    for (const operation of ['set', 'delete', 'list'] as const)
      expect(await refusal({ operation })).toBeUndefined();
    expect(await refusal({ deviceId: 'another' })).toBeUndefined();
    expect(await refusal({ appId: 'com.example.other' })).toBeUndefined();
  });

  it('refuse the same set for a minute and no other one', async () => {
    const { clock, refusal, record } = limitsOf();
    const beta = { operation: 'set', channel: 'beta' } as const;
    record(beta);
    clock.advance(1_500);
    expect((await refusal(beta))?.details).toEqual({
      app_id: appId,
      device_id: deviceId,
      rateLimitResetAt: clock.now() + 58_500,
      retryAfterSeconds: 59,
    });
    expect(await refusal({ ...beta, channel: 'alpha' })).toBeUndefined();
    expect(await refusal({ ...beta, channel: 'Beta' })).toBeUndefined();
    expect(await refusal({ ...beta, deviceId: 'another' })).toBeUndefined();
    expect(await refusal({ ...beta, appId: 'com.example.other' })).toBeUndefined();
    clock.advance(58_499);
    expect(await refusal(beta)).toBeDefined();
    clock.advance(1);
    expect(await refusal(beta)).toBeUndefined();
  });

  it('refuse the thousand and first request of an address to an app within a minute, from any device', async () => {
    const { clock, addressRefusal, record } = limitsOf();
    for (let request = 0; request < 1_000; request += 1) {
      expect(await addressRefusal()).toBeUndefined();
      record({ deviceId: `device-${request}` });
    }
    const refused = await addressRefusal();
    expect(refused?.code).toBe('too_many_requests');
    expect(refused?.details).toEqual({
      reason: 'ip_rate_limit_exceeded',
      app_id: appId,
      rateLimitResetAt: clock.now() + 60_000,
      retryAfterSeconds: 60,
    });
    expect(await addressRefusal('com.example.other')).toBeUndefined();
    expect(await addressRefusal(appId, '192.0.2.2')).toBeUndefined();
    clock.advance(60_000);
    expect(await addressRefusal()).toBeUndefined();
  });

  it('take a /64 network for one address', async () => {
    const { addressRefusal, record } = limitsOf();
    for (let request = 0; request < 1_000; request += 1) record({}, `2001:db8::${request}`);
    expect(await addressRefusal(appId, '2001:db8::ffff')).toBeDefined();
    expect(await addressRefusal(appId, '2001:db8:0:1::1')).toBeUndefined();
  });

  it('count of a request without a device only the address', async () => {
    const { refusal, addressRefusal, record } = limitsOf();
    const nobody = { operation: 'list', deviceId: undefined } as const;
    for (let request = 0; request < 1_000; request += 1) {
      expect(await refusal(nobody)).toBeUndefined();
      record(nobody);
    }
    expect(await addressRefusal()).toBeDefined();
  });

  it('keep apart what only looks the same when it is joined', async () => {
    const { refusal, record } = limitsOf();
    record({ operation: 'set', deviceId: 'a\nb', channel: 'c' });
    expect(await refusal({ operation: 'set', deviceId: 'a', channel: 'b\nc' })).toBeUndefined();
  });
});
