import type { FastifyInstance } from 'fastify';
import type { Metrics } from './metrics.ts';

/** `GET /metrics` in Prometheus' text format. */
export function addMetricsRoute(server: FastifyInstance, { registry }: Metrics): void {
  server.get('/metrics', async (_request, reply) => {
    reply.header('content-type', registry.contentType);
    return registry.metrics();
  });
}
