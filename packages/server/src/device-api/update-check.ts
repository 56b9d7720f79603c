import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DeviceCheck } from '../domain/device.ts';
import type { UpdateDecision } from '../domain/update-decision.ts';
import type { Metrics, RequestObserver } from '../http/metrics.ts';
import { secondsSince } from '../http/server.ts';
import type { UpdateChecks } from '../services/update-check.ts';
import type { DownloadUrls } from './downloads.ts';
import { parseUpdateCheck } from './parse-body.ts';
import { toCheckFacts, toDeviceCheck, toUpdateAnswer, toUpdateCheckBody } from './wire.ts';

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
    const decision = updateChecks.decide(device, toCheckFacts(request.body as object));
    metrics.countUpdateCheck(decision.outcome);
    const answer = toUpdateAnswer(decision, (objectKey) => downloadUrls.of(objectKey, request));
    observe(200, secondsSince(request));
    reply.send(answer);
  };
}

/** A device's request and answer for somebody who explains them: the same reading, the same words. */
export function createUpdateCheckWire(downloadUrl: (objectKey: string, request: FastifyRequest) => string) {
  return {
    parse: (body: unknown): DeviceCheck => toDeviceCheck(parseUpdateCheck(body)),
    answer: (decision: UpdateDecision, request: FastifyRequest): object =>
      toUpdateAnswer(decision, (objectKey) => downloadUrl(objectKey, request)),
    bodyOf: toUpdateCheckBody,
  };
}
