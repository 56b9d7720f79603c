const daySeconds = 86_400;
/** What the API says for never. */
const endlessSeconds = 63_113_904;
const usualDays = 30;

/** When bundles that nothing uses are deleted. */
export interface Retention {
  readonly kind: 'after' | 'never';
  /** Of `after`. */
  readonly days: number;
}

export function retentionOf(seconds: number): Retention {
  return seconds >= endlessSeconds
    ? { kind: 'never', days: usualDays }
    : { kind: 'after', days: Math.round(seconds / daySeconds) };
}

/** As the API wants it: null for never. */
export function secondsOf({ kind, days }: Retention): number | null {
  return kind === 'never' ? null : Math.round(days * daySeconds);
}
