import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deliveryHeaders, webhookSecret } from './webhook-signature.ts';

const delivery = {
  eventId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  eventType: 'channels.UPDATE',
  payload: '{"test": 2432232314}',
  deliveryVersion: 'standard',
} as const;
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const nowMs = 1_614_265_330_999;

describe('a delivery', () => {
  it('is signed as Standard Webhooks shows it', () => {
    expect(deliveryHeaders(delivery, secret, nowMs)).toMatchObject({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is always signed the older way, too: with the whole text of the secret, over time and body', () => {
    const hex = createHmac('sha256', secret).update('1614265330.{"test": 2432232314}').digest('hex');
    for (const deliveryVersion of ['legacy', 'standard'] as const) {
      expect(deliveryHeaders({ ...delivery, deliveryVersion }, secret, nowMs)).toMatchObject({
        'Content-Type': 'application/json',
        'User-Agent': 'Capgo-Webhook/1.0',
        'X-Capgo-Event': 'channels.UPDATE',
        'X-Capgo-Event-ID': delivery.eventId,
        'X-Capgo-Timestamp': '1614265330',
        'X-Capgo-Signature': `v1=1614265330.${hex}`,
      });
    }
  });

  it('has no standard headers when they were not asked for', () => {
    const headers = deliveryHeaders({ ...delivery, deliveryVersion: 'legacy' }, secret, nowMs);
    expect(Object.keys(headers).filter((name) => name.startsWith('webhook-'))).toStrictEqual([]);
  });

  it.each([
    ['no base64 key', 'hello'],
    ['a key that is too short', `whsec_${Buffer.alloc(23, 1).toString('base64')}`],
    ['a key that is too long', `whsec_${Buffer.alloc(65, 1).toString('base64')}`],
  ])('is signed with the text of a secret that holds %s', (_what, text) => {
    const expected = createHmac('sha256', text)
      .update(`${delivery.eventId}.1614265330.${delivery.payload}`)
      .digest('base64');
    expect(deliveryHeaders(delivery, text, nowMs)['webhook-signature']).toBe(`v1,${expected}`);
  });
});

it('a secret is 32 random bytes', () => {
  const secrets = [1, 2].map((fill) => webhookSecret((size) => Buffer.alloc(size, fill)));
  expect(secrets[0]).toBe(`whsec_${Buffer.alloc(32, 1).toString('base64')}`);
  expect(secrets[0]).not.toBe(secrets[1]);
});
