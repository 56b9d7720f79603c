import { AppError } from '../domain/errors.ts';
import type { DeviceEventLog, RecordedEvent } from '../ports/device-events.ts';

/** Most events of one transaction; a larger one only makes the first of its callers wait longer. */
const maxEventsPerCommit = 4_000;
/** More events than this waiting means the store cannot keep up: new ones are refused, not hoarded. */
const maxEventsWaiting = 100_000;
/** A store that needed longer to say that it is unavailable would let those behind wait as long for the same answer. */
const slowRefusalMs = 1_000;

interface Waiting {
  readonly events: readonly RecordedEvent[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes what many callers append at the same time in one transaction. Each caller still waits for the commit that
 * holds its events.
 */
export function groupedDeviceEvents(log: DeviceEventLog): DeviceEventLog {
  const queue: Waiting[] = [];
  let eventsWaiting = 0;
  let writing = false;

  function takeGroup(): Waiting[] {
    let events = 0;
    let callers = 0;
    for (const waiting of queue) {
      if (callers > 0 && events + waiting.events.length > maxEventsPerCommit) break;
      events += waiting.events.length;
      callers += 1;
    }
    eventsWaiting -= events;
    return queue.splice(0, callers);
  }

  function takeAll(): Waiting[] {
    eventsWaiting = 0;
    return queue.splice(0);
  }

  async function writeQueue(): Promise<void> {
    writing = true;
    while (queue.length > 0) {
      const group = takeGroup();
      const startedAt = performance.now();
      try {
        await log.appendDeviceEvents(group.flatMap((waiting) => waiting.events));
        for (const waiting of group) waiting.resolve();
      } catch (error) {
        const isUnavailable = error instanceof AppError && error.code === 'unavailable';
        if (isUnavailable && performance.now() - startedAt > slowRefusalMs) group.push(...takeAll());
        for (const waiting of group) waiting.reject(error);
      }
    }
    writing = false;
  }

  return {
    ...log,
    appendDeviceEvents(events) {
      if (events.length === 0) return Promise.resolve();
      if (eventsWaiting + events.length > maxEventsWaiting) {
        return Promise.reject(
          new AppError('unavailable', 'Too many device events are waiting to be written'),
        );
      }
      return new Promise((resolve, reject) => {
        queue.push({ events, resolve, reject });
        eventsWaiting += events.length;
        if (!writing) void writeQueue();
      });
    },
  };
}
