import type { RestDelivery } from '@capgo-server/protocol/management/rest-webhooks';
import { counted } from '../../components/amounts.ts';

export const statusWords = {
  pending: { text: 'waiting', color: 'yellow' },
  success: { text: 'delivered', color: 'teal' },
  failed: { text: 'given up', color: 'red' },
} as const;

type Delivery = Pick<
  RestDelivery,
  'status' | 'attempt_count' | 'max_attempts' | 'response_status' | 'response_body'
>;

/** What came of the last attempt; undefined while there was none. */
export function answerOf({ attempt_count, response_status, response_body }: Delivery): string | undefined {
  if (attempt_count === 0) return undefined;
  if (response_status !== null) return `It answered ${response_status}`;
  return response_body ? `No answer: ${response_body}` : 'No answer';
}

export function attemptsOf({ status, attempt_count, max_attempts }: Delivery): string {
  if (attempt_count === 0) return 'not tried yet';
  const attempts = counted(attempt_count, 'attempt');
  return status === 'pending' ? `${attempts} of ${max_attempts}` : attempts;
}

/** JSON with a line for each field; what is none as it came. */
export function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
