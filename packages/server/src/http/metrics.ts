import { knownActions } from '@capgo-server/protocol/device/device-events';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type UpdateOutcome, updateOutcomes } from '../domain/update-decision.ts';

/** What the product counts. No label holds a value that a device or caller can make up. */
export interface Metrics {
  readonly registry: Registry;
  countUpdateCheck(outcome: UpdateOutcome): void;
  /** Actions outside the protocol's catalogue count as `other`. */
  countDeviceEvent(action: string): void;
  /** Shows how many seconds ago the database last confirmed what update checks are answered from. */
  showSnapshotAge(read: () => number): void;
  /** Shows how many update checks could not be recorded since the start. */
  showUnrecordedChecks(read: () => number): void;
  /**
   * What a route's requests are measured with; to be asked for once, not at each request.
   *
   * @param api which listener
   * @param route the route's pattern, never the URL that was asked
   */
  requestObserver(api: string, method: string, route: string): RequestObserver;
}

/** @param seconds from the first byte of a request to the last of its answer */
export type RequestObserver = (status: number, seconds: number) => void;

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const updateChecks = new Counter({
    name: 'capgo_update_checks_total',
    help: 'Update checks answered, by outcome of the decision',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const deviceEvents = new Counter({
    name: 'capgo_device_events_total',
    help: 'Device events stored, by action',
    labelNames: ['action'],
    registers: [registry],
  });
  const requestSeconds = new Histogram({
    name: 'capgo_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last byte of its answer',
    labelNames: ['api', 'method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [registry],
  });
  const checkCounters = new Map(updateOutcomes.map((outcome) => [outcome, updateChecks.labels(outcome)]));
  const eventCounters = new Map(knownActions.map((action) => [action, deviceEvents.labels(action)]));
  const otherEvents = deviceEvents.labels('other');
  // Counters exist from the start, so that a rate over them sees the first event.
  for (const counter of checkCounters.values()) counter.inc(0);
  return {
    registry,
    countUpdateCheck: (outcome) => checkCounters.get(outcome)?.inc(),
    countDeviceEvent: (action) => (eventCounters.get(action) ?? otherEvents).inc(),
    requestObserver(api, method, route) {
      // Building the label set of a request anew costs more than observing it.
      const byStatus: { observe(seconds: number): void }[] = [];
      return (status, seconds) => {
        let duration = byStatus[status];
        if (!duration) {
          duration = requestSeconds.labels({ api, method, route, status: String(status) });
          byStatus[status] = duration;
        }
        duration.observe(seconds);
      };
    },
    showSnapshotAge(read) {
      new Gauge({
        name: 'capgo_snapshot_age_seconds',
        help: 'Seconds since the database last confirmed what update checks are answered from; grows while it is gone',
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    showUnrecordedChecks(read) {
      new Gauge({
        name: 'capgo_update_checks_unrecorded',
        help: 'Update checks answered since the start that could not be recorded, because the store did not keep up',
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
  };
}
