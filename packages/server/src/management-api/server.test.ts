import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { permissions } from '../domain/access.ts';
import { checkPublicUrl } from '../http/public-url-check.ts';
import { startTestServer, testToken } from '../testing/test-server.ts';

const headers = { 'x-api-key': testToken };

describe('what the server tells of itself', () => {
  it('is who asks and what that may do, what runs, and whether its storage is fit', async () => {
    const server = await startTestServer();
    try {
      const session = await fetch(`${server.managementUrl}/api/v1/session.get`, { headers });
      expect(await session.json()).toEqual({
        ...{ kind: 'management_token', id: 'management-token-1', name: 'management-token-1' },
        ...{ role: 'admin', apps: null, permissions },
      });
      const facts = await fetch(`${server.managementUrl}/api/v1/server.get`, { headers });
      expect(await facts.json()).toMatchObject({
        ...{ database: 'sqlite', storage: 'files', delivery: 'proxy', public_url: null },
        device_url: server.userUrl,
        device_port: Number(new URL(server.userUrl).port),
        dependencies: [
          { name: 'database', reachable: true },
          { name: 'object storage', reachable: true },
        ],
      });
      const storage = await fetch(`${server.managementUrl}/api/v1/server.check-storage`, {
        method: 'POST',
        headers,
      });
      expect(await storage.json()).toMatchObject({
        fit: true,
        findings: expect.arrayContaining([expect.objectContaining({ kind: 'ok' })]),
      });
    } finally {
      await server.close();
    }
  });
});

type Place = 'loopback' | 'private' | 'public';

async function verdictOf(listener: RequestListener, host = 'localhost', place?: Place): Promise<string> {
  const server = createServer(listener).listen(0);
  await once(server, 'listening');
  try {
    const url = `http://${host}:${(server.address() as AddressInfo).port}`;
    return (await checkPublicUrl(url, place && (async () => place))).verdict;
  } finally {
    server.close();
  }
}

describe('whether phones reach the public address', () => {
  it('is not known while none is set', async () => {
    expect(await checkPublicUrl(undefined)).toMatchObject({ url: null, verdict: 'not_set' });
  });

  it.each(['localhost', '127.0.0.1', '[::1]'])('is no for %s, which is every phone itself', async (host) => {
    expect(await verdictOf((_request, response) => response.end('{"status":"ok"}'), host)).toBe('loopback');
  });

  it('is no for a name that nobody knows, saying so', async () => {
    const { verdict, message } = await checkPublicUrl('https://updates.example.invalid');
    expect(verdict).toBe('unknown_host');
    expect(message).toContain('updates.example.invalid');
  });

  it.each<[string, RequestListener, string]>([
    [
      'the device API answers without TLS',
      (_request, response) => response.end('{"status":"ok"}'),
      'plain_http',
    ],
    ['a page of something else answers', (_request, response) => response.end('<html>'), 'other_server'],
    ['nothing of the kind is there', (_request, response) => response.writeHead(404).end(), 'other_server'],
    [
      'it leads elsewhere',
      (_request, response) => response.writeHead(301, { location: 'https://x' }).end(),
      'redirected',
    ],
    ['it answers without end', (_request, response) => response.end('x'.repeat(100_000)), 'other_server'],
  ])('names what is wrong when %s', async (_what, listener, verdict) => {
    expect(await verdictOf(listener, 'localhost', 'public')).toBe(verdict);
  });

  it('is no where nothing listens', async () => {
    const server = createServer().listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    expect((await checkPublicUrl(`http://127.0.0.1:${port}`, async () => 'public')).verdict).toBe('refused');
  });
});
