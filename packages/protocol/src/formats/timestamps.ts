const dateOrDateTime =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2}))?$/;

/** Epoch milliseconds as ISO 8601 in UTC with milliseconds. */
export function formatTimestamp(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/**
 * Epoch milliseconds of a date (`2026-01-31`, midnight UTC) or of a date-time with a zone; undefined when the text is
 * neither, or names a day that does not exist.
 */
export function parseTimestamp(text: string): number | undefined {
  const parts = dateOrDateTime.exec(text);
  if (!parts) return undefined;
  const [, year, month, day] = parts;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // Date.parse rolls 31 February over into March; a day that does not survive the round trip does not exist.
  if (formatTimestamp(midnight).slice(0, 10) !== `${year}-${month}-${day}`) return undefined;
  const epochMs = Date.parse(text.replace(' ', 'T'));
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

/** Epoch milliseconds of any text that JavaScript takes for a time; undefined for others, and outside the years 1970 to 9999. */
export function parseAnyTimestamp(text: string): number | undefined {
  const epochMs = Date.parse(text);
  return epochMs >= 0 && epochMs < Date.UTC(10_000, 0) ? epochMs : undefined;
}

const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Epoch milliseconds of a date as HTTP headers have it, `Sun, 06 Nov 1994 08:49:37 GMT`; undefined for another text. */
export function parseHttpDate(text: string): number | undefined {
  const epochMs = httpDate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(epochMs) ? undefined : epochMs;
}
