/** Whether less than a span has passed since a time. A time that lies ahead is of a clock that was set back: it is over. */
export function isWithin(spanMs: number, sinceMs: number, nowMs: number): boolean {
  return nowMs >= sinceMs && nowMs < sinceMs + spanMs;
}
