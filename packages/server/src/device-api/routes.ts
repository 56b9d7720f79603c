import type { FastifyInstance } from 'fastify';
import { AppError } from '../domain/errors.ts';
import { addHealthRoutes, type Dependency } from '../http/health.ts';
import { acceptJsonBodies } from '../http/json-body.ts';
import type { Metrics } from '../http/metrics.ts';
import { clientKey } from '../http/rate-limit.ts';
import type { Clock } from '../ports/clock.ts';
import type { FindFileSizes } from '../ports/file-sizes.ts';
import type { RequestLimits } from '../ports/request-limits.ts';
import type { ChannelSelf } from '../services/channel-self.ts';
import type { CheckRecorder } from '../services/check-recorder.ts';
import type { DeviceEvents } from '../services/device-events.ts';
import type { UpdateChecks } from '../services/update-check.ts';
import { createChannelSelfHandlers } from './channel-self.ts';
import { allowAppOrigins } from './cors.ts';
import { createDeviceEventsHandler } from './device-events.ts';
import { createDownloadHandler, type Downloads, downloadPath } from './downloads.ts';
import { createManifestAnswers } from './manifest-answers.ts';
import { createManifestSizeHandler, maxManifestSizeBodyBytes } from './manifest-size.ts';
import { createUpdateCheckHandler } from './update-check.ts';
import { toChannelEvent } from './wire.ts';

export interface DeviceApi extends Downloads {
  readonly updateChecks: UpdateChecks;
  readonly deviceEvents: DeviceEvents;
  readonly channelSelf: ChannelSelf;
  readonly recorder: Pick<CheckRecorder, 'noteEvent'>;
  readonly findFileSizes: FindFileSizes;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly limits: RequestLimits;
  readonly dependencies: readonly Dependency[];
  /** Update checks a client may make per minute; 0 for as many as it likes. */
  readonly checksPerMinute: number;
  readonly corsAllowedOrigins: readonly string[];
}

/** Largest body of a device request (protocol §0.3 D7). */
export const maxDeviceBodyBytes = 64 * 1024;
const maxEventsBodyBytes = 2 * 1024 * 1024;

function limitUpdateChecks({ limits, clock, checksPerMinute }: DeviceApi) {
  if (checksPerMinute === 0) return {};
  const limit = limits.refilling({ name: 'updates', perMinute: checksPerMinute });

  function refusalFor(waitMs: number): AppError | undefined {
    if (waitMs === 0) return undefined;
    const details = {
      rateLimitResetAt: Math.ceil(clock.now() + waitMs),
      retryAfterSeconds: Math.ceil(waitMs / 1000),
    };
    return new AppError('too_many_requests', 'Too many requests', { details });
  }

  return {
    onRequest(request: { ip: string }, _reply: unknown, done: (error?: Error) => void): void {
      const waitMs = limit.take(clientKey(request.ip));
      // No promise where none is needed: it would cost every update check a turn.
      if (typeof waitMs === 'number') done(refusalFor(waitMs));
      else waitMs.then((ms) => done(refusalFor(ms)), done);
    },
  };
}

/** Every URL a device can ask; `/plugin` is the prefix older configurations carry (protocol §1.1). */
export function addDeviceRoutes(server: FastifyInstance, api: DeviceApi): void {
  acceptJsonBodies(server, 'json');
  allowAppOrigins(server, api.corsAllowedOrigins);
  addHealthRoutes(server, api.dependencies);

  const isAlive = () => ({ status: 'ok' });
  const recordEvents = createDeviceEventsHandler(api);
  const channelSelf = createChannelSelfHandlers({
    ...api,
    onSuccess: (action, parsed) => api.recorder.noteEvent(toChannelEvent(action, parsed)),
  });
  const manifestSize = createManifestSizeHandler(api);
  const rateLimited = limitUpdateChecks(api);
  const manifestAnswers = createManifestAnswers();
  for (const prefix of ['', '/plugin']) {
    const observe = api.metrics.requestObserver('device', 'POST', `${prefix}/updates`);
    const checkUpdate = createUpdateCheckHandler({ ...api, manifestAnswers, observe });
    server.post(`${prefix}/updates`, { ...rateLimited, config: { observe } }, checkUpdate);
    server.get(`${prefix}/updates`, isAlive);
    server.post(`${prefix}/updates/manifest_size`, { bodyLimit: maxManifestSizeBodyBytes }, manifestSize);
    server.post(`${prefix}/stats`, { bodyLimit: maxEventsBodyBytes }, recordEvents);
    server.get(`${prefix}/stats`, isAlive);
    server.post(`${prefix}/channel_self`, channelSelf.set);
    server.put(`${prefix}/channel_self`, channelSelf.get);
    server.delete(`${prefix}/channel_self`, channelSelf.unset);
    server.get(`${prefix}/channel_self`, channelSelf.list);
  }
  server.post('/ok', isAlive);
  server.post('/ko', (_request, reply) =>
    reply.code(500).send({ error: 'unknown_error', message: 'KO', moreInfo: {} }),
  );
  // HEAD by name: the one that the framework derives from GET would announce 0 bytes.
  server.route({ method: ['GET', 'HEAD'], url: `${downloadPath}/*`, handler: createDownloadHandler(api) });
}
