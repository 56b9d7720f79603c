import { localTime } from '../../components/moment.ts';

/** For how long the server keeps a pin that nobody renews. */
const lifetimeMs = 90 * 86_400_000;

/** When a pin that is made now ends, on the reader's clock. */
export function pinEnd(nowMs: number): string {
  return localTime(new Date(nowMs + lifetimeMs).toISOString());
}
