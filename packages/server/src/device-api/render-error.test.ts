import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, errorCodes } from '@capgo-server/protocol/formats/error-codes';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { createMetrics } from '../http/metrics.ts';
import { createHttpServer } from '../http/server.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { renderDeviceError } from './render-error.ts';

const request = { id: 'the-request', url: '/updates' };

describe('an error of the device API', () => {
  const statuses: Readonly<Record<ErrorCode, number>> = {
    invalid_request: 400,
    invalid_json_parse_body: 400,
    invalid_json_body: 400,
    invalid_query_parameters: 400,
    missing_device_id: 400,
    missing_app_id: 400,
    invalid_app_id: 400,
    semver_error: 400,
    invalid_file_path_encoding: 400,
    payload_too_large: 413,
    unsupported_media_type: 415,
    request_timeout: 408,
    unauthorized: 401,
    forbidden: 403,
    too_many_requests: 429,
    not_found: 404,
    app_not_found: 404,
    bundle_not_found: 404,
    release_not_found: 404,
    channel_not_found: 404,
    device_not_found: 404,
    api_key_not_found: 404,
    organization_not_found: 404,
    member_not_found: 404,
    webhook_not_found: 404,
    delivery_not_found: 404,
    rollout_not_found: 404,
    invalid_bundle: 400,
    version_already_exists: 409,
    release_already_exists: 409,
    channel_already_exists: 409,
    app_already_exists: 409,
    stable_bundle_missing: 409,
    bundle_in_use: 409,
    organization_in_use: 409,
    last_super_admin: 409,
    encryption_required: 400,
    encryption_key_required: 400,
    encryption_key_mismatch: 400,
    url_not_allowed: 400,
    url_unreachable: 400,
    manifest_not_ready: 409,
    manifest_exists: 409,
    // Not 507: the plugins keep an event and send it again for every 5xx, and 503 says when.
    insufficient_storage: 503,
    unavailable: 503,
    internal: 500,
  };

  it.each(errorCodes)('of code %s has the nested shape, never with kind', (code) => {
    const { status, headers, body } = renderDeviceError(new AppError(code, 'What happened'), request);
    expect(status).toBe(statuses[code]);
    expect(body).not.toHaveProperty('kind');
    switch (code) {
      case 'not_found':
        expect(body).toEqual({ error: 'not_found', message: 'Not found' });
        break;
      case 'internal':
        expect(body).toEqual({
          error: 'unknown_error',
          message: 'Unknown error',
          moreInfo: { requestId: 'the-request' },
        });
        break;
      default:
        expect(body).toEqual({ error: code, message: 'What happened', moreInfo: {} });
    }
    // Without a hint the plugins come back every second.
    if (status === 503) expect(headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });

  it('of too many requests says when to come back, in whole seconds', () => {
    const details = { rateLimitResetAt: 1_800_000_000_001, retryAfterSeconds: 11.2 };
    const error = new AppError('too_many_requests', 'Too many requests', { details });
    const { headers, body } = renderDeviceError(error, request);
    expect(headers).toEqual({ 'retry-after': '12', 'x-ratelimit-reset': '1800000001' });
    expect(body).toEqual({ error: 'too_many_requests', message: 'Too many requests', moreInfo: details });
  });

  it('of a request that cannot be read is one of its path only for a file', () => {
    const error = new AppError('invalid_request', 'No');
    const codeFor = (url: string) => renderDeviceError(error, { id: 'x', url }).body;
    expect(codeFor('/files/read/attachments/%zz')).toMatchObject({ error: 'invalid_file_path_encoding' });
    expect(codeFor('/updates/%zz')).toMatchObject({ error: 'invalid_request' });
  });

  it('from inside shows neither its text nor its details nor its cause', () => {
    const cause = new Error('secret cause');
    const internal = new AppError('internal', 'secret text', { details: { secret: 'secret' }, cause });
    expect(JSON.stringify(renderDeviceError(internal, request).body)).not.toContain('secret');
    const away = new AppError('unavailable', 'The database refuses work right now', { cause });
    expect(JSON.stringify(renderDeviceError(away, request).body)).not.toContain('secret');
  });
});

describe('an error nobody foresaw', () => {
  it('answers a request id and nothing of itself, and is logged with that id once', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const server = createHttpServer({
      ...{ name: 'device', logger, metrics: createMetrics(), trustedProxies: [] },
      ...{ maxBodyBytes: 1_000, renderError: renderDeviceError },
    });
    server.get('/thrown', () => {
      throw new Error('SELECT secret FROM /var/lib/secret');
    });
    try {
      const response = await server.inject({ url: '/thrown' });
      expect(response.statusCode).toBe(500);
      expect(response.body).not.toMatch(/secret|SELECT|var/);
      const body: unknown = response.json();
      expect(body).toEqual({
        error: 'unknown_error',
        message: 'Unknown error',
        moreInfo: { requestId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-z]+$/) },
      });
      const { moreInfo } = body as { moreInfo: { requestId: string } };
      expect(lines.map((line) => line['requestId'])).toEqual([moreInfo.requestId]);
    } finally {
      await server.close();
    }
  });
});

describe('a broken storage', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    // A folder that links to itself: the file system answers with an error we have no words for.
    const objects = join(server.dataDir, 'storage', 'objects');
    await rm(objects, { recursive: true });
    await symlink(objects, objects);
  });
  afterAll(() => server.close());

  it('makes a download fail without saying where the files lie', async () => {
    const response = await fetch(`${server.userUrl}/files/read/attachments/apps/com.example.app/x.zip`);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      error: 'unknown_error',
      message: 'Unknown error',
      moreInfo: { requestId: expect.any(String) },
    });
    expect(text).not.toMatch(/ELOOP|storage|objects/);
    expect(response.headers.get('cache-control') ?? '').not.toContain('immutable');
  });

  it('is named by readiness, while the process stays healthy', async () => {
    const ready = await fetch(`${server.userUrl}/_readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('object storage');
    expect((await fetch(`${server.userUrl}/_healthz`)).status).toBe(200);
  });
});
