import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${server.managementUrl}${path}`, { method, headers });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
};

it.each([
  ['GET', '/ok'],
  ['POST', '/ok'],
  ['GET', '/ok/'],
  ['GET', '//ok'],
  ['GET', '/functions/v1/ok'],
])('%s %s needs no key', async (method, path) => {
  expect(await ask(method, path)).toEqual({ status: 200, body: { status: 'ok' } });
  expect(await ask(method, path, { capgo_api: '2025-10-01' })).toEqual({
    status: 200,
    body: { status: 'ok' },
  });
  expect(await ask(method, path, { capgo_api: '2025-10-02' })).toEqual({
    status: 200,
    body: { status: 'ok', version: '2025-10-02', detail: expect.any(String) },
  });
});

it('HEAD is answered as GET, without a body', async () => {
  expect(await ask('HEAD', '/ok')).toEqual({ status: 200, body: undefined });
});

it('POST /ko shows what an error of the server looks like', async () => {
  expect(await ask('POST', '/ko')).toEqual({
    status: 500,
    body: { error: 'KO', status: 'KO', code: 'unknown_error' },
  });
  expect(await ask('POST', '/ko', { capgo_api: '2025-10-01' })).toEqual({
    status: 500,
    body: { error: 'unknown_error', message: 'KO', moreInfo: {} },
  });
});

it.each(['', 'latest', '2025-13-01', '2025-02-30'])(
  'a version of %j is none, on every route',
  async (version) => {
    for (const path of ['/ok', '/bundle?app_id=com.example.app', '/app/com.example.app']) {
      expect(await ask('GET', path, { capgo_api: version })).toEqual({
        status: 400,
        body: { error: 'invalid_capgo_api_version', message: expect.any(String), moreInfo: {} },
      });
    }
    expect((await ask('GET', '/_healthz', { capgo_api: version })).status).toBe(200);
  },
);
