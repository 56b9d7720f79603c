import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildDeviceEventBody, buildUpdateCheckBody } from '../testing/builders.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

/** Count and seconds of a route's requests, as Prometheus reads them. */
async function measured(route: string, status: number): Promise<{ count: number; seconds: number }> {
  const text = await (await fetch(`${server.metricsUrl}/metrics`)).text();
  const labels = `{api="device",method="POST",route="${route}",status="${status}"}`;
  const read = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`capgo_http_request_duration_seconds_${name}${labels}`))
        ?.split(' ')[1] ?? 0,
    );
  return { count: read('count'), seconds: read('sum') };
}

async function post(path: string, body: object): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.userUrl + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

it.each([
  ['/updates', buildUpdateCheckBody(), 200],
  ['/updates', { app_id: 'com.example.app' }, 400],
  ['/plugin/updates', buildUpdateCheckBody(), 200],
  ['/stats', buildDeviceEventBody(), 200],
  ['/stats', { app_id: 'x' }, 400],
] as const)(
  'requests of %s are counted once each, with the time they took: %o → %i',
  async (path, body, status) => {
    const before = await measured(path, status);
    expect(await post(path, body)).toBe(status);
    expect(await post(path, body)).toBe(status);
    await expect.poll(async () => (await measured(path, status)).count).toBe(before.count + 2);
    const { seconds } = await measured(path, status);
    expect(seconds).toBeGreaterThan(before.seconds);
    expect(seconds - before.seconds).toBeLessThan(10);
  },
);
