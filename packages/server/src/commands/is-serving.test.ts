import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { isServing } from './is-serving.ts';

const openssl = 'openssl';
const hasOpenssl = spawnSync(openssl, ['version']).status === 0;

async function listen(server: Server): Promise<number> {
  server.listen(0);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const answer =
  (status: number): RequestListener =>
  (request, response) => {
    response.writeHead(request.url === '/_healthz' ? status : 404).end();
  };

it('holds for a server that answers', async () => {
  expect(await isServing({ userPort: await listen(createServer(answer(200))) })).toBe(true);
});

it('does not hold for a server that answers with an error', async () => {
  expect(await isServing({ userPort: await listen(createServer(answer(503))) })).toBe(false);
});

it('does not hold when nobody listens', async () => {
  const server = createServer();
  const userPort = await listen(server);
  server.close();
  await once(server, 'close');
  expect(await isServing({ userPort })).toBe(false);
});

it.skipIf(!hasOpenssl)('holds over TLS for a certificate of any name (needs openssl)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-serving-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const tls = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  execFileSync(
    openssl,
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', '/CN=updates.example.com', '-keyout', tls.keyFile, '-out', tls.certFile],
    ],
    { stdio: 'ignore' },
  );
  const files = { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) };
  const userPort = await listen(createTlsServer(files, answer(200)));
  expect(await isServing({ userPort, tls })).toBe(true);
  expect(await isServing({ userPort })).toBe(false);
});
