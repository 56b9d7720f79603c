import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics, RequestObserver } from '../http/metrics.ts';
import { secondsSince } from '../http/server.ts';
import type { UpdateChecks } from '../services/update-check.ts';
import type { DownloadUrls } from './downloads.ts';
import { parseUpdateCheck } from './parse-body.ts';
import { toDeviceCheck, toUpdateAnswer } from './wire.ts';

/** `POST /updates`: nothing here waits for a database or a storage. */
export function createUpdateCheckHandler(deps: {
  readonly updateChecks: UpdateChecks;
  readonly downloadUrls: DownloadUrls;
  readonly metrics: Metrics;
  readonly observe: RequestObserver;
}) {
  const { updateChecks, downloadUrls, metrics, observe } = deps;
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const device = toDeviceCheck(parseUpdateCheck(request.body));
    const decision = updateChecks.decide(device);
    metrics.countUpdateCheck(decision.outcome);
    const answer = toUpdateAnswer(decision, (objectKey) => downloadUrls.of(objectKey, request));
    observe(200, secondsSince(request));
    reply.send(answer);
  };
}
