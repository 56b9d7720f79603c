import { knownActions } from '@capgo-server/protocol/device/device-events';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { updateOutcomes } from '../domain/update-decision.ts';
import { createMetrics } from './metrics.ts';
import { addMetricsRoute } from './metrics-route.ts';
import { createHttpServer } from './server.ts';

type Metrics = ReturnType<typeof createMetrics>;

/** Lines of a metric without its comments. */
async function linesOf({ registry }: Metrics, name: string): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));
}

describe('counted update checks', () => {
  it('exist for every outcome before the first check', async () => {
    expect(await linesOf(createMetrics(), 'capgo_update_checks_total')).toStrictEqual(
      updateOutcomes.map((outcome) => `capgo_update_checks_total{outcome="${outcome}"} 0`),
    );
  });

  it('go up one by one', async () => {
    const metrics = createMetrics();
    metrics.countUpdateCheck('update_available');
    metrics.countUpdateCheck('update_available');
    metrics.countUpdateCheck('no_channel');
    expect(await linesOf(metrics, 'capgo_update_checks_total')).toEqual(
      expect.arrayContaining([
        'capgo_update_checks_total{outcome="update_available"} 2',
        'capgo_update_checks_total{outcome="no_channel"} 1',
        'capgo_update_checks_total{outcome="key_id_mismatch"} 0',
      ]),
    );
  });
});

describe('counted device events', () => {
  it('are labelled with every action of the catalogue', async () => {
    const metrics = createMetrics();
    for (const action of knownActions) metrics.countDeviceEvent(action);
    expect((await linesOf(metrics, 'capgo_device_events_total')).toSorted()).toStrictEqual(
      knownActions.map((action) => `capgo_device_events_total{action="${action}"} 1`).toSorted(),
    );
  });

  it('share one label for all actions that a device makes up', async () => {
    const metrics = createMetrics();
    const madeUp = ['SET', 'set ', 'my.action', '', '__proto__', 'constructor', 'other', 'evil"} 1\nx'];
    for (const action of madeUp) metrics.countDeviceEvent(action);
    expect(await linesOf(metrics, 'capgo_device_events_total')).toStrictEqual([
      `capgo_device_events_total{action="other"} ${madeUp.length}`,
    ]);
  });
});

describe('measured requests', () => {
  function observedServer() {
    const metrics = createMetrics();
    const server = createHttpServer({
      name: 'device',
      logger: pino({ level: 'silent' }),
      metrics,
      trustedProxies: [],
      maxBodyBytes: 1_000,
      renderError: () => ({ status: 404, headers: {}, body: {} }),
    });
    server.get('/files/:name', () => ({}));
    server.post('/updates', () => ({}));
    return { metrics, server };
  }

  async function countsOf(metrics: Metrics): Promise<string[]> {
    return linesOf(metrics, 'capgo_http_request_duration_seconds_count');
  }

  const counted = (labels: string, count: number) =>
    `capgo_http_request_duration_seconds_count{${labels}} ${count}`;

  it('are labelled with the pattern of the route, never with what was asked', async () => {
    const { metrics, server } = observedServer();
    for (const name of ['a', 'b', 'secret?token=1']) await server.inject(`/files/${name}`);
    await server.inject({ method: 'POST', url: '/updates?device=1', payload: {} });
    expect(await countsOf(metrics)).toStrictEqual([
      counted('api="device",method="GET",route="/files/:name",status="200"', 3),
      counted('api="device",method="POST",route="/updates",status="200"', 1),
    ]);
    expect(await metrics.registry.metrics()).not.toContain('secret');
  });

  it('share one label for all routes and methods that do not exist', async () => {
    const { metrics, server } = observedServer();
    for (const url of ['/made-up', '/files', '/files/a/b', '/%2e%2e/etc', '/updates/x'])
      await server.inject(url);
    for (const method of ['DELETE', 'PROPFIND', 'SEARCH', 'OPTIONS', 'PATCH'] as const) {
      await server.inject({ method: method as 'DELETE', url: '/updates' });
    }
    expect(await countsOf(metrics)).toStrictEqual([
      counted('api="device",method="other",route="unmatched",status="404"', 10),
    ]);
    expect(await metrics.registry.metrics()).not.toMatch(/made-up|PROPFIND|etc/);
  });

  it('add up their seconds', async () => {
    const metrics = createMetrics();
    const observe = metrics.requestObserver('device', 'POST', '/updates');
    observe(200, 0.25);
    observe(200, 0.5);
    observe(400, 2);
    expect(await linesOf(metrics, 'capgo_http_request_duration_seconds_sum')).toStrictEqual([
      'capgo_http_request_duration_seconds_sum{api="device",method="POST",route="/updates",status="200"} 0.75',
      'capgo_http_request_duration_seconds_sum{api="device",method="POST",route="/updates",status="400"} 2',
    ]);
  });

  it('can be read in Prometheus’ text format, with those of the process', async () => {
    const { metrics, server } = observedServer();
    addMetricsRoute(server, metrics);
    const answer = await server.inject('/metrics');
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.body).toMatch(/^# TYPE capgo_update_checks_total counter$/m);
    expect(answer.body).toMatch(/^process_cpu_seconds_total [\d.e-]+$/m);
  });
});

describe('the metrics of two servers in one process', () => {
  it('are apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.countDeviceEvent('set');
    expect(await linesOf(other, 'capgo_device_events_total')).toStrictEqual([]);
  });
});
