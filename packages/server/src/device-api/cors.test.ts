import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildUpdateCheckBody } from '../testing/builders.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    env: { CORS_ALLOWED_ORIGINS: 'https://app.example.com,myapp://localhost,http://intranet:8080' },
  });
});
afterAll(() => server.close());

const allowed = [
  ...['capacitor://localhost', 'ionic://localhost', 'localhost://localhost'],
  ...['http://localhost', 'https://localhost', 'http://localhost:8100', 'https://localhost:65535'],
  ...['http://127.0.0.1', 'https://127.0.0.1:3000', 'http://[::1]', 'http://[::1]:5173'],
  ...['https://app.example.com', 'myapp://localhost', 'http://intranet:8080'],
];
const refused = [
  ...['https://evil.example', 'null', 'http://localhost.evil.example', 'http://evil-localhost', 'localhost'],
  ...[
    'capacitor://localhost.evil',
    'capacitor://evil',
    'capacitor://localhost:80',
    'file://',
    'ftp://localhost',
  ],
  ...['http://127.0.0.1.evil.example', 'http://127.0.0.2', 'http://[::2]', 'http://localhost:8100/path'],
  ...['https://app.example.com.evil', 'http://app.example.com', 'https://app.example.com:444', '*'],
  ...[
    'http://localhost:8100@evil.example',
    'http://intranet',
    'xhttp://localhost',
    'http://localhost:123456',
  ],
];

function preflight(origin: string, path: string, method = 'POST'): Promise<Response> {
  return fetch(`${server.userUrl}${path}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'content-type,x-client-info',
    },
  });
}

describe('an origin of apps and development servers', () => {
  it.each(allowed)('%s may read answers', async (origin) => {
    const response = await fetch(`${server.userUrl}/updates`, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json' },
      body: JSON.stringify(buildUpdateCheckBody({ app_id: 'com.example.unknown' })),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    expect(response.headers.get('vary')).toMatch(/\borigin\b/i);
  });

  it.each(allowed)('%s gets its preflight answered with 204', async (origin) => {
    const response = await preflight(origin, '/updates');
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
  });

  it.each(['/updates', '/updates/manifest_size', '/stats', '/channel_self', '/plugin/updates', '/files/x'])(
    'gets its preflight for %s answered with methods and headers',
    async (path) => {
      const response = await preflight('capacitor://localhost', path);
      expect(response.status).toBe(204);
      const listed = (name: string) => (response.headers.get(name) ?? '').split(/, */).sort();
      expect(listed('access-control-allow-methods')).toEqual(
        ['POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].sort(),
      );
      expect(listed('access-control-allow-headers')).toEqual(
        [
          ...['Content-Type', 'Authorization', 'X-Capgo-Spoof-Admin-Authorization', 'capgkey', 'capgo_api'],
          ...['x-api-key', 'x-limited-key-id', 'apisecret', 'apikey', 'x-client-info'],
        ].sort(),
      );
    },
  );

  it('may read refusals too', async () => {
    const headers = { origin: 'capacitor://localhost', 'content-type': 'application/json' };
    const rows: readonly [path: string, init: RequestInit, status: number][] = [
      ['/updates', { method: 'POST', headers, body: '{' }, 400],
      ['/updates', { method: 'POST', headers, body: `"${'x'.repeat(70_000)}"` }, 413],
      ['/nowhere', { headers }, 404],
      ['/files/read/attachments/nothing', { headers }, 404],
    ];
    for (const [path, init, status] of rows) {
      const response = await fetch(`${server.userUrl}${path}`, init);
      expect(response.status).toBe(status);
      expect(response.headers.get('access-control-allow-origin')).toBe('capacitor://localhost');
    }
  });
});

describe('any other origin', () => {
  it.each(refused)('%s gets no access', async (origin) => {
    const response = await fetch(`${server.userUrl}/updates`, { headers: { origin } });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    const asked = await preflight(origin, '/updates');
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
    expect(asked.headers.get('access-control-allow-methods')).toBeNull();
  });

  it('is none: a native client sends no origin and needs no headers', async () => {
    const response = await fetch(`${server.userUrl}/updates`);
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('gets access when no further origin is configured only as an app', async () => {
    const plain = await startTestServer();
    try {
      const originFor = async (origin: string) => {
        const response = await fetch(`${plain.userUrl}/updates`, { headers: { origin } });
        return response.headers.get('access-control-allow-origin');
      };
      expect(await originFor('https://app.example.com')).toBeNull();
      expect(await originFor('capacitor://localhost')).toBe('capacitor://localhost');
    } finally {
      await plain.close();
    }
  });
});

describe('the management API', () => {
  it.each(['capacitor://localhost', 'https://app.example.com'])('lets no page of %s in', async (origin) => {
    const init = { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } };
    const asked = await fetch(`${server.managementUrl}/api/v1/releases.create`, init);
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
    const read = await fetch(`${server.managementUrl}/apipublic/v1/oauth2.config`, { headers: { origin } });
    expect(read.headers.get('access-control-allow-origin')).toBeNull();
  });
});
