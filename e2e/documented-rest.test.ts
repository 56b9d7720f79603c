import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checksum as getChecksum } from '@tomasklaen/checksum';
import AdmZip from 'adm-zip';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { canMakeCertificates, makeCertificate } from '../packages/server/src/testing/certificate.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { webAppOf, writeWebFiles } from './web-app.ts';

const run = promisify(execFile);

/** The calls for bundles that the documentation of the REST API prints, to the letter, with its placeholders. */
const printed = {
  list: `curl -H "authorization: your-api-key" "https://api.capgo.app/bundle/?app_id=app_123"`,
  nextPage: `curl -H "authorization: your-api-key" "https://api.capgo.app/bundle/?app_id=app_123&page=1"`,
  deleteOne: `curl -X DELETE \\
    -H "authorization: your-api-key" \\
    -H "Content-Type: application/json" \\
    -d '{ "app_id": "app_123", "version": "1.0.0" }' \\
    https://api.capgo.app/bundle/`,
  deleteAll: `curl -X DELETE \\
    -H "authorization: your-api-key" \\
    -H "Content-Type: application/json" \\
    -d '{ "app_id": "app_123" }' \\
    https://api.capgo.app/bundle/`,
  create: `curl -X POST \\
    -H "authorization: your-api-key" \\
    -H "Content-Type: application/json" \\
    -d '{
      "app_id": "com.example.app",
      "version": "1.2.3",
      "external_url": "https://your-storage.com/bundles/app-1.2.3.zip",
      "checksum": "a1b2c3d4e5f6789abcdef123456789abcdef123456789abcdef123456789abcd"
    }' \\
    https://api.capgo.app/bundle/`,
  metadata: `curl -X POST \\
    -H "authorization: your-api-key" \\
    -H "Content-Type: application/json" \\
    -d '{
      "app_id": "app_123",
      "version_id": 456,
      "link": "https://github.com/myorg/myapp/releases/tag/v1.0.0",
      "comment": "Fixed critical bug in authentication"
    }' \\
    https://api.capgo.app/bundle/metadata`,
  setToChannel: `curl -X PUT \\
    -H "authorization: your-api-key" \\
    -H "Content-Type: application/json" \\
    -d '{
      "app_id": "app_123",
      "version_id": 456,
      "channel_id": 789
    }' \\
    https://api.capgo.app/bundle/`,
} as const;

interface Row {
  readonly id: number;
  readonly [field: string]: unknown;
}

let server: RunningServer;
beforeAll(async () => {
  // The storage of the printed call is nobody's, so nothing can be fetched from there.
  server = await startServer({ env: { VERIFY_EXTERNAL_BUNDLES: 'false' } });
  return async () => {
    await server.stop();
  };
});

/** Runs a printed call with only its placeholders replaced: host, key, app and numbers. */
async function curl(call: string, placeholders: Readonly<Record<string, string | number>> = {}) {
  let command = call
    .replaceAll('https://api.capgo.app', server.managementUrl)
    .replaceAll('your-api-key', server.token);
  for (const [placeholder, value] of Object.entries(placeholders)) {
    expect(command).toContain(placeholder);
    command = command.replaceAll(placeholder, String(value));
  }
  const { stdout } = await run('bash', ['-euc', command.replace('curl', 'curl --silent')]);
  return JSON.parse(stdout);
}

async function zipOf(version: string): Promise<{ folder: string; zipped: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-rest-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const web = join(folder, 'dist');
  await writeWebFiles(web, webAppOf(version));
  const zip = new AdmZip();
  zip.addLocalFolder(web);
  return { folder, zipped: zip.toBuffer() };
}

async function ask(method: string, path: string, body: object, asked: RunningServer = server) {
  const response = await fetch(`${asked.managementUrl}${path}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: asked.token },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as { readonly error?: string } };
}

test('the documented calls for bundles work as they are printed, with the texts that are printed', async () => {
  const app = 'com.example.printed';
  const { folder, zipped } = await zipOf('1.0.0');
  const file = join(folder, 'my-app-1.0.0.zip');
  await writeFile(file, zipped);
  const upload = `curl -X POST -H "authorization: your-api-key" -F app_id=${app} -F version=1.0.0 -F min_update_version=1.0.0 -F bundle=@${file} https://api.capgo.app/bundle/`;
  expect(await curl(upload)).toEqual({ status: 'ok' });
  await ask('POST', '/channel', { app_id: app, channel: 'production' });

  const { data } = (await curl(printed.list, { app_123: app })) as { data: Row[] };
  expect(data).toMatchObject([
    {
      ...{ app_id: app, name: '1.0.0', minUpdateVersion: '1.0.0', storage_provider: 'r2', deleted: false },
      ...{ checksum: await getChecksum(zipped, 'sha256'), bucket_id: null, external_url: null },
      ...{ native_packages: null, session_key: null, user_id: null },
    },
  ]);
  const [row] = data;
  for (const field of ['created_at', 'updated_at', 'owner_org', 'r2_path']) {
    expect(row?.[field]).toEqual(expect.any(String));
  }
  expect(await curl(printed.nextPage, { app_123: app })).toEqual({ data: [] });

  const version = { app_123: app, 456: row?.id ?? 0 };
  expect(await curl(printed.metadata, version)).toEqual({ status: 'success' });
  const channels = `curl -H "authorization: your-api-key" "https://api.capgo.app/channel/?app_id=app_123"`;
  const [channel] = ((await curl(channels, { app_123: app })) as { data: Row[] }).data;
  expect(await curl(printed.setToChannel, { ...version, 789: channel?.id ?? 0 })).toEqual({
    ...{ status: 'success', message: 'Bundle 1.0.0 set to channel production' },
  });
  expect((await curl(printed.list, { app_123: app })).data).toMatchObject([
    {
      link: 'https://github.com/myorg/myapp/releases/tag/v1.0.0',
      comment: 'Fixed critical bug in authentication',
    },
  ]);

  expect(await curl(printed.deleteOne, { app_123: app })).toMatchObject({
    ...{ status: 'KO', code: 'cannot_delete_linked_version' },
  });
  await ask('POST', '/channel', { app_id: app, channel: 'production', version: null });
  expect(await curl(printed.deleteOne, { app_123: app })).toEqual({ status: 'ok' });
  expect(await curl(printed.deleteOne, { app_123: app })).toMatchObject({
    ...{ error: 'Bundle not found', status: 'KO' },
  });

  expect(await curl(printed.create)).toEqual({ status: 'ok' });
  expect(await curl(printed.create, { '1.2.3"': 'v1"' })).toMatchObject({
    ...{ error: 'Invalid version format', status: 'KO' },
  });
  expect((await curl(printed.list, { app_123: 'com.example.app' })).data).toMatchObject([
    { name: '1.2.3', external_url: 'https://your-storage.com/bundles/app-1.2.3.zip' },
  ]);
  expect(await curl(printed.deleteAll, { app_123: 'com.example.app' })).toEqual({ status: 'ok' });
  expect(await curl(printed.list, { app_123: 'com.example.app' })).toEqual({ data: [] });
});

test.skipIf(!canMakeCertificates)(
  'a zip made, hosted and registered as documented gets to the devices (needs openssl)',
  async () => {
    const { folder, zipped } = await zipOf('1.2.3');
    const checksum = await getChecksum(zipped, 'sha256');
    const { cert, key } = makeCertificate('localhost');
    const certFile = join(folder, 'a.crt');
    await writeFile(certFile, cert);
    const hosting = createServer({ cert, key }, (request, response) => {
      if (request.url === '/bundles/app-1.2.3.zip') response.end(zipped);
      else response.writeHead(404).end();
    });
    hosting.listen(0, 'localhost');
    await once(hosting, 'listening');
    onTestFinished(() => void hosting.close());
    const verifying = await startServer({
      env: { NODE_EXTRA_CA_CERTS: certFile, ALLOW_PRIVATE_URLS: 'true' },
    });
    onTestFinished(async () => void (await verifying.stop()));

    const app = 'com.example.app';
    const origin = `https://localhost:${(hosting.address() as AddressInfo).port}`;
    const url = `${origin}/bundles/app-1.2.3.zip`;
    const registration = { app_id: app, version: '1.2.3', external_url: url, checksum };
    const register = (given: object) => ask('POST', '/bundle/', { ...registration, ...given }, verifying);
    const wrong = 'ab'.repeat(32);
    const refused = await register({ checksum: wrong });
    expect(refused).toMatchObject({ status: 400, body: { status: 'KO', code: 'invalid_bundle' } });
    for (const text of [wrong, checksum]) expect(refused.body.error).toContain(text);
    expect((await register({ external_url: `${origin}/none.zip` })).status).toBe(400);
    expect(await register({})).toEqual({ status: 200, body: { status: 'ok' } });

    const channel = { app_id: app, channel: 'production', version: '1.2.3', public: true };
    expect((await ask('POST', '/channel', channel, verifying)).status).toBe(200);
    const check = await fetch(`${verifying.userUrl}/updates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ app_id: app, device_id: 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11', platform: 'android' },
        ...{ version_build: '1.0.0', version_code: '1', version_name: 'builtin', version_os: '15' },
        ...{ plugin_version: '8.45.11', is_emulator: false, is_prod: true, custom_id: '' },
      }),
    });
    const update = (await check.json()) as { url: string; checksum: string; version: string };
    expect(update).toMatchObject({ version: '1.2.3', url, checksum });
    const downloaded = await new Promise<Buffer>((resolve, reject) => {
      get(update.url, { ca: cert }, async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part);
        resolve(Buffer.concat(parts));
      }).on('error', reject);
    });
    expect(await getChecksum(downloaded, 'sha256')).toBe(update.checksum);
  },
);
