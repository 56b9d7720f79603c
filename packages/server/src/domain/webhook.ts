import { auditOperations, auditTables } from './audit.ts';

/** How deliveries are signed and laid out; both are signed the older way. */
export const deliveryVersions = ['legacy', 'standard'] as const;
export type DeliveryVersion = (typeof deliveryVersions)[number];

/** Events that are in no audit log, or that say of an entry of it what it means. */
export const specialEvents = ['bundle.failing', 'rollout.paused'] as const;

/** A receiver of events. */
export interface Webhook {
  /** A UUID. */
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly url: string;
  /** What deliveries are signed with; `whsec_` and base64. Never shown again, logged or audited. */
  readonly secret: string;
  readonly isEnabled: boolean;
  /** Tables, a table's operations such as `channels.UPDATE`, and special events. */
  readonly events: readonly string[];
  readonly deliveryVersion: DeliveryVersion;
  /** The id of who made it. */
  readonly createdBy: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Everything a webhook may ask for. */
export const webhookEvents: readonly string[] = [
  ...auditTables,
  ...auditTables.flatMap((table) => auditOperations.map((operation) => `${table}.${operation}`)),
  ...specialEvents,
];

/** Whether the webhook asks for that event: by its name, or by the table that it is of. */
export function wants({ events }: Pick<Webhook, 'events'>, eventType: string): boolean {
  const [table = ''] = eventType.split('.');
  return events.includes(eventType) || events.includes(table);
}

export const deliveryStatuses = ['pending', 'success', 'failed'] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** One event for one webhook, and what became of it. */
export interface Delivery {
  /** A UUID. */
  readonly id: string;
  readonly webhookId: string;
  /** The entry of the audit log it tells of; null when it is of none. */
  readonly auditId: number | null;
  /** A UUID that all deliveries of the event have, and every attempt of them. */
  readonly eventId: string;
  readonly eventType: string;
  readonly status: DeliveryStatus;
  /** The body, to the letter: it is what is signed. */
  readonly payload: string;
  readonly deliveryVersion: DeliveryVersion;
  readonly attemptCount: number;
  readonly maxAttempts: number;
  /** null unless it is pending. */
  readonly nextAttemptAtMs: number | null;
  readonly createdAtMs: number;
  /** null while it is pending. */
  readonly completedAtMs: number | null;
  /** Of the last attempt; null when there was no answer, or no attempt. */
  readonly responseStatus: number | null;
  /** The beginning of what was answered, or why there was no answer. */
  readonly responseBody: string | null;
  readonly responseHeaders: Readonly<Record<string, string>> | null;
  readonly durationMs: number | null;
}
