import type { Clock } from '../ports/clock.ts';
import type { RequestLimits } from '../ports/request-limits.ts';
import { createRateLimit } from './rate-limit.ts';
import { createWindowLimit } from './window-limit.ts';

/** One limit for each rule, however often it is asked for. */
function oneForEach<Rule, Limit>(create: (rule: Rule) => Limit): (rule: Rule) => Limit {
  const limits = new Map<string, Limit>();
  return (rule) => {
    const key = JSON.stringify(rule);
    const limit = limits.get(key) ?? create(rule);
    limits.set(key, limit);
    return limit;
  };
}

/** Limits that this node counts for itself, in memory: they answer at once. */
export function createNodeLimits(clock: Clock): RequestLimits {
  return {
    refilling: oneForEach(({ perMinute }) => createRateLimit(perMinute, clock)),
    windowed: oneForEach(({ max, windowMs }) => createWindowLimit({ max, windowMs, clock })),
  };
}
