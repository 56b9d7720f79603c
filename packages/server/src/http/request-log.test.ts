import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { renderManagementError } from '../management-api/render-error.ts';
import { createMetrics } from './metrics.ts';
import { createHttpServer } from './server.ts';

it('a request that names an API key by its text leaves nothing of it in the log', async () => {
  const lines: string[] = [];
  const server = createHttpServer({
    name: 'management',
    logger: pino({ level: 'debug' }, { write: (line) => lines.push(line) }),
    metrics: createMetrics(),
    trustedProxies: [],
    maxBodyBytes: 1_000,
    renderError: renderManagementError,
  });
  server.get('/apikey/:id', async () => ({}));
  const key = randomUUID();
  for (const url of [`/apikey/${key}`, `/apikey/${key}/`, `/apikey/${key}?x=1`, '/other']) {
    await server.inject({ method: 'GET', url, headers: { capgkey: key } });
  }
  await server.close();
  const urls = lines.map((line) => (JSON.parse(line) as { url: string }).url);
  expect(urls).toEqual(['/apikey/…', '/apikey/…/', '/apikey/…?x=1', '/other']);
  expect(lines.join('')).not.toContain(key);
});
