import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, errorCodes } from '@capgo-server/protocol/formats/error-codes';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { createMetrics } from '../http/metrics.ts';
import { createHttpServer } from '../http/server.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { renderManagementError } from './render-error.ts';

const request = { id: 'the-request', url: '/api/v1/bundles.list' };

describe('an error of the management API', () => {
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
    unsupported_media_type: 400,
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
    rollout_not_found: 409,
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
    insufficient_storage: 507,
    unavailable: 503,
    internal: 500,
  };

  it('of a route that only the hosted service has is in its words for who sends capgo_api', () => {
    const error = new AppError('not_found', 'Not found');
    const asked = (url: string, headers = {}) =>
      renderManagementError(error, { ...request, url, headers }).body;
    const hosted = { capgo_api: '2025-10-01' };
    expect(asked('/build/start', hosted)).toEqual({
      ...{ error: 'not_found', message: 'Not found', moreInfo: {} },
    });
    const own = { error: 'Not found', code: 'not_found' };
    expect(asked('/build/start')).toEqual(own);
    expect(asked('/api/v1/none', hosted)).toEqual(own);
  });

  it.each(errorCodes)('of code %s is a text for people and the code for programs', (code) => {
    const { status, headers, body } = renderManagementError(new AppError(code, 'What happened'), request);
    expect(status).toBe(statuses[code]);
    if (code === 'internal') {
      expect(body).toEqual({ error: 'Internal error', code, request_id: 'the-request' });
    } else {
      expect(body).toEqual({ error: 'What happened', code });
    }
    if (status === 401) expect(headers['www-authenticate']).toBe('Bearer');
    if (status === 503) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  });

  it('shows the details of what was refused, and none of what went wrong inside', () => {
    const details = { entry: 'a/b', rule: 'backslash' };
    const refused = renderManagementError(new AppError('invalid_bundle', 'No', { details }), request);
    expect(refused.body).toEqual({ error: 'No', code: 'invalid_bundle', details });
    const internal = new AppError('internal', 'secret text', { details, cause: new Error('secret cause') });
    const { body } = renderManagementError(internal, request);
    expect(JSON.stringify(body)).not.toMatch(/secret|backslash/);
  });
});

describe('an error nobody foresaw', () => {
  it('answers a request id and nothing of itself, and is logged with that id once', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const server = createHttpServer({
      ...{ name: 'management', logger, metrics: createMetrics(), trustedProxies: [] },
      ...{ maxBodyBytes: 1_000, renderError: renderManagementError },
    });
    server.get('/thrown', () => {
      throw new Error('SELECT secret FROM /var/lib/secret');
    });
    server.get('/odd', () => Promise.reject({ secret: 'not even an error' }));
    try {
      for (const url of ['/thrown', '/odd']) {
        lines.length = 0;
        const response = await server.inject({ url });
        expect(response.statusCode).toBe(500);
        expect(response.body).not.toMatch(/secret|SELECT|var/);
        const body: unknown = response.json();
        expect(body).toEqual({
          error: 'Internal error',
          code: 'internal',
          request_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-z]+$/),
        });
        expect(lines.map((line) => line['requestId'])).toEqual([(body as { request_id: string }).request_id]);
        expect(JSON.stringify(lines)).toContain('secret');
      }
    } finally {
      await server.close();
    }
  });
});

describe('a dependency that is away', () => {
  it('refuses every request, and is in the log once a second with how often it was not', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
    const server = createHttpServer({
      ...{ name: 'management', logger, metrics: createMetrics(), trustedProxies: [] },
      ...{ maxBodyBytes: 1_000, renderError: renderManagementError },
    });
    server.get('/away', () => {
      throw new AppError('unavailable', 'The database cannot be reached');
    });
    server.get('/full', () => {
      throw new AppError('insufficient_storage', 'The disk is full');
    });
    const startedAt = performance.now();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(startedAt);
    try {
      for (let count = 0; count < 5; count += 1) {
        expect((await server.inject({ url: '/away' })).statusCode).toBe(503);
      }
      await server.inject({ url: '/full' });
      clock.mockReturnValue(startedAt + 1_000);
      await server.inject({ url: '/away' });
      expect(lines.map(({ event, unlogged }) => ({ event, unlogged }))).toEqual([
        { event: 'unavailable', unlogged: 0 },
        { event: 'insufficient_storage', unlogged: 0 },
        { event: 'unavailable', unlogged: 4 },
      ]);
    } finally {
      clock.mockRestore();
      await server.close();
    }
  });
});

describe('a broken dependency', () => {
  let server: TestServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  function upload(on: TestServer, versionName: string): Promise<Response> {
    return fetch(`${on.managementUrl}/api/v1/bundles.upload`, {
      method: 'POST',
      headers: { 'x-api-key': testToken },
      body: bundleForm({ app_id: 'com.example.broken', version_name: versionName }),
    });
  }

  it('of an unforeseen kind makes an upload fail without a trace of itself or of the upload', async () => {
    server = await startTestServer();
    // A folder that links to itself: the file system answers with an error we have no words for.
    const objects = join(server.dataDir, 'storage', 'objects');
    await rm(objects, { recursive: true });
    await symlink(objects, objects);
    const response = await upload(server, '1.0.0');
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      error: 'Internal error',
      code: 'internal',
      request_id: expect.any(String),
    });
    expect(text).not.toMatch(/ELOOP|storage|objects/);
    const list = await fetch(`${server.managementUrl}/api/v1/bundles.list`, {
      headers: { 'x-api-key': testToken },
    });
    expect(await list.json()).toEqual({ data: [] });
  });

  it('that is the database leaks nothing and names itself only where operators look', async () => {
    server = await startTestServer();
    expect((await upload(server, '1.0.0')).status).toBe(200);
    await server.product.close();
    for (const [method, route] of [
      ['GET', 'bundles.list'],
      ['GET', 'events.list?app_id=com.example.broken'],
      ['GET', 'releases.list'],
    ]) {
      const response = await fetch(`${server.managementUrl}/api/v1/${route}`, {
        method: method ?? '',
        headers: { 'x-api-key': testToken },
      });
      const body = (await response.json()) as Record<string, unknown>;
      expect([500, 503]).toContain(response.status);
      expect(JSON.stringify(body)).not.toMatch(/sqlite|driver|select|worker|\.ts/i);
      if (response.status === 503) expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      else expect(body['request_id']).toEqual(expect.any(String));
    }
  });
});
