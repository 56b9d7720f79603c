/** Requests that may pass at once, and then again one by one, evenly over each minute. */
export interface RefillingRule {
  /** Which limit it is: others may count the same keys. */
  readonly name: string;
  readonly perMinute: number;
}

export interface RefillingLimit {
  /**
   * Lets one request of the key pass and answers 0, or answers the milliseconds after which one more may; one that is
   * refused is not counted.
   */
  take(key: string): number | Promise<number>;
}

/** At most `max` requests in a window that begins with its first one; a new one begins only after it has ended. */
export interface WindowRule {
  readonly name: string;
  readonly max: number;
  readonly windowMs: number;
}

export interface WindowLimit {
  /** The milliseconds after which the key may pass again, 0 when it may now. Counts nothing. */
  waitMs(key: string): number | Promise<number>;
  /**
   * Counts one; the first begins the key's window. Need not be waited for: who asks afterwards through the same limit is
   * answered with it.
   */
  record(key: string): void | Promise<void>;
}

/**
 * How often something was asked, by key: of this node, or of all that share the counts. Of several who ask at once no
 * more pass than the rule says. What is of this node answers at once and never fails; what is shared answers in a
 * promise, and rejects when the counts are out of reach. Two limits of one name and rule are the same limit.
 */
export interface RequestLimits {
  refilling(rule: RefillingRule): RefillingLimit;
  windowed(rule: WindowRule): WindowLimit;
}
