import { type DeviceEventResult, maxEventsPerBatch } from '@capgo-server/protocol/device/device-events';
import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../domain/errors.ts';
import type { Metrics } from '../http/metrics.ts';
import type { DeviceEvents, ReportedEvent } from '../services/device-events.ts';
import { parseDeviceEvent } from './parse-body.ts';
import { toReportedEvent } from './wire.ts';

const appNotFound = { error: 'app_not_found', message: 'App not found' };

function appIdOf(event: unknown): unknown {
  return typeof event === 'object' && event !== null
    ? (event as Record<string, unknown>)['app_id']
    : undefined;
}

function isUsableAppId(appId: unknown): appId is string {
  return typeof appId === 'string' && isAppId(appId);
}

function toEvent(raw: unknown): ReportedEvent {
  const parsed = parseDeviceEvent(raw);
  return toReportedEvent(parsed, (raw as Record<string, unknown>)['timestamp']);
}

/** `POST /stats`, one event or a batch (protocol §5.1, §5.2, §0.3 D4 and D6); answered only after the commit. */
export function createDeviceEventsHandler(deps: {
  readonly deviceEvents: DeviceEvents;
  readonly metrics: Metrics;
}) {
  const { deviceEvents, metrics } = deps;

  async function record(events: readonly ReportedEvent[]): Promise<void> {
    await deviceEvents.record(events);
    for (const event of events) metrics.countDeviceEvent(event.action);
  }

  async function answerOne(raw: unknown): Promise<object> {
    if (!isUsableAppId(appIdOf(raw)))
      throw new AppError('invalid_app_id', 'App ID must be a reverse domain string');
    const event = toEvent(raw);
    if (!deviceEvents.isAppRegistered(event.appId)) return appNotFound;
    await record([event]);
    return { status: 'ok' };
  }

  async function answerBatch(batch: readonly unknown[]): Promise<object> {
    if (batch.length === 0) return { status: 'ok', results: [] };
    const [first, ...rest] = batch.map(appIdOf);
    if (!isUsableAppId(first)) throw new AppError('invalid_app_id', 'App ID must be a reverse domain string');
    if (!rest.every(isUsableAppId)) {
      return { error: 'invalid_app_id', message: 'App ID must be a reverse domain string' };
    }
    if (!rest.every((appId) => appId === first)) {
      return { error: 'mixed_app_ids', message: 'All events of a batch must be of the same app' };
    }
    if (batch.length > maxEventsPerBatch) {
      throw new AppError('invalid_json_body', `A batch may hold at most ${maxEventsPerBatch} events`);
    }
    const isRegistered = deviceEvents.isAppRegistered(first);
    const events: ReportedEvent[] = [];
    const results = batch.map((raw, index): DeviceEventResult => {
      try {
        const event = toEvent(raw);
        if (!isRegistered) return { status: 'error', ...appNotFound, index };
        events.push(event);
        return { status: 'ok', index };
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { status: 'error', error: error.code, message: error.message, index };
      }
    });
    if (events.length > 0) await record(events);
    return { status: 'ok', results };
  }

  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const answer = Array.isArray(request.body)
      ? await answerBatch(request.body)
      : await answerOne(request.body);
    return reply.send(answer);
  };
}
