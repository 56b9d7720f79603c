const dayMs = 86_400_000;

/** How long a new key may be good for, by what people usually want. */
export const keyEnds = [
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
  { value: 'never', label: 'Never' },
  { value: 'day', label: 'On a day…' },
] as const;
export type KeyEnd = (typeof keyEnds)[number]['value'];

/**
 * When a key ends, as the API wants it; null for never, undefined while no day is chosen.
 *
 * @param day as date fields have it, of the reader's calendar; the key is good until it is over
 */
export function keyEndTime(end: KeyEnd, day: string, nowMs: number): string | null | undefined {
  if (end === 'never') return null;
  if (end !== 'day') return new Date(nowMs + Number(end) * dayMs).toISOString();
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)?.slice(1).map(Number);
  if (!parts) return undefined;
  const [year = 0, month = 1, date = 1] = parts;
  return new Date(year, month - 1, date, 23, 59, 59).toISOString();
}
