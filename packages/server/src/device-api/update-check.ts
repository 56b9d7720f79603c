import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DeviceCheck } from '../domain/device.ts';
import { entriesOf } from '../domain/manifest.ts';
import type { UpdateDecision } from '../domain/update-decision.ts';
import type { Metrics, RequestObserver } from '../http/metrics.ts';
import { secondsSince } from '../http/server.ts';
import type { UpdateChecks } from '../services/update-check.ts';
import { acceptedEncoding } from './accepted-encoding.ts';
import type { DownloadUrls } from './downloads.ts';
import type { AnswerBytes, ManifestAnswers } from './manifest-answers.ts';
import { parseUpdateCheck } from './parse-body.ts';
import { toCheckFacts, toDeviceCheck, toManifestEntry, toUpdateAnswer, toUpdateCheckBody } from './wire.ts';

function sendBytes(reply: FastifyReply, { payload, encoding, entityTag }: AnswerBytes): void {
  reply
    .header('content-type', 'application/json; charset=utf-8')
    // It is the same for all who ask the same, and whoever keeps it can ask whether it still holds.
    .header('cache-control', 'public, no-cache')
    .header('vary', 'Accept-Encoding, Origin')
    .header('etag', entityTag);
  if (encoding !== 'identity') reply.header('content-encoding', encoding);
  reply.send(payload);
}

/** `POST /updates`: nothing here waits for a database or a storage. */
export function createUpdateCheckHandler(deps: {
  readonly updateChecks: UpdateChecks;
  readonly downloadUrls: DownloadUrls;
  readonly manifestAnswers: ManifestAnswers;
  readonly metrics: Metrics;
  readonly observe: RequestObserver;
}) {
  const { updateChecks, downloadUrls, manifestAnswers, metrics, observe } = deps;
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const device = toDeviceCheck(parseUpdateCheck(request.body));
    const decision = updateChecks.decide(device, toCheckFacts(request.body as object));
    metrics.countUpdateCheck(decision.outcome);
    const downloadUrl = (objectKey: string) => downloadUrls.of(objectKey, request);
    const answer = toUpdateAnswer(decision, downloadUrl);
    const manifest = decision.outcome === 'update_available' ? decision.manifest : undefined;
    if (!manifest) {
      observe(200, secondsSince(request));
      reply.send(answer);
      return;
    }
    const encoding = acceptedEncoding(request.headers['accept-encoding']);
    const found = manifestAnswers.get({ head: JSON.stringify(answer), manifest, encoding, downloadUrl });
    const send = (bytes: AnswerBytes) => {
      observe(200, secondsSince(request));
      sendBytes(reply, bytes);
    };
    // No promise where none is needed: it would cost every update check a turn.
    if (found instanceof Promise) found.then(send, (error: unknown) => reply.send(error));
    else send(found);
  };
}

/** A device's request and answer for somebody who explains them: the same reading, the same words. */
export function createUpdateCheckWire(downloadUrl: (objectKey: string, request: FastifyRequest) => string) {
  return {
    parse: (body: unknown): DeviceCheck => toDeviceCheck(parseUpdateCheck(body)),
    answer(decision: UpdateDecision, request: FastifyRequest): object {
      const urlOf = (objectKey: string) => downloadUrl(objectKey, request);
      const answer = toUpdateAnswer(decision, urlOf);
      const manifest = decision.outcome === 'update_available' ? decision.manifest : undefined;
      if (!manifest) return answer;
      return { ...answer, manifest: entriesOf(manifest).map((entry) => toManifestEntry(entry, urlOf)) };
    },
    bodyOf: toUpdateCheckBody,
  };
}
