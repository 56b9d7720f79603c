import { createHmac } from 'node:crypto';
import type { Delivery } from './webhook.ts';

const prefix = 'whsec_';
const keyBytes = 32;

/** @param random bytes from a source of secrets */
export function webhookSecret(random: (size: number) => Buffer): string {
  return prefix + random(keyBytes).toString('base64');
}

/** The key of the standard signature: what the secret encodes, or its text when that is no key of a sensible length. */
function standardKey(secret: string): Buffer {
  const decoded = Buffer.from(secret.startsWith(prefix) ? secret.slice(prefix.length) : '', 'base64');
  return decoded.length >= 24 && decoded.length <= 64 ? decoded : Buffer.from(secret);
}

/** Headers of a delivery: who receives it can prove by them that it came from us, and when. */
export function deliveryHeaders(
  delivery: Pick<Delivery, 'eventId' | 'eventType' | 'payload' | 'deliveryVersion'>,
  secret: string,
  nowMs: number,
): Readonly<Record<string, string>> {
  const { eventId, eventType, payload, deliveryVersion } = delivery;
  const timestamp = String(Math.floor(nowMs / 1000));
  const legacy = createHmac('sha256', secret).update(`${timestamp}.${payload}`).digest('hex');
  const standard = createHmac('sha256', standardKey(secret))
    .update(`${eventId}.${timestamp}.${payload}`)
    .digest('base64');
  return {
    'Content-Type': 'application/json',
    'User-Agent': 'Capgo-Webhook/1.0',
    'X-Capgo-Event': eventType,
    'X-Capgo-Event-ID': eventId,
    'X-Capgo-Timestamp': timestamp,
    'X-Capgo-Signature': `v1=${timestamp}.${legacy}`,
    ...(deliveryVersion === 'standard'
      ? {
          'webhook-id': eventId,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${standard}`,
        }
      : {}),
  };
}
