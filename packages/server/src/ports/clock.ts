/** The only source of the current time, so that tests decide what time it is. */
export interface Clock {
  /** Milliseconds since the epoch; never goes back within a process by more than the system clock does. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
