/**
 * `npm run dev`: the server in watch mode over data of its own (`./data/dev`), with a demo app that has two bundles
 * and a release, so that there is something to see.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipFiles } from './zip.ts';

const root = join(import.meta.dirname, '..');
const dataDir = join(root, 'data', 'dev');
const appId = 'com.example.demo';
const managementUrl = `http://localhost:${process.env['CAPGO_MANAGEMENT_PORT'] ?? 8001}`;
const readyDeadlineMs = 30_000;

async function call(path: string, init: RequestInit): Promise<Record<string, { id: string }>> {
  // Made by the server's first start; a fixed one would be known to everybody.
  const token = (await readFile(join(dataDir, 'management-token'), 'utf8')).trim();
  const response = await fetch(`${managementUrl}/api/v1/${path}`, {
    ...init,
    headers: { 'x-api-key': token },
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, { id: string }>;
}

function post(path: string, body: object) {
  return call(path, { method: 'POST', body: JSON.stringify(body) });
}

async function upload(versionName: string): Promise<string> {
  const page = `<!doctype html><title>Demo</title><h1>Hello from ${versionName}</h1>`;
  const form = new FormData();
  form.append('app_id', appId);
  form.append('version_name', versionName);
  form.append('description', `Demo bundle ${versionName}`);
  form.append('bundle', new Blob([new Uint8Array(await zipFiles({ 'index.html': page }))]), 'demo.zip');
  const answer = await call('bundles.upload', { method: 'POST', body: form });
  return answer['bundle']?.id ?? '';
}

async function waitUntilReady(): Promise<void> {
  const deadline = Date.now() + readyDeadlineMs;
  while (Date.now() < deadline) {
    const isReady = await fetch(`${managementUrl}/_readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the server did not become ready at ${managementUrl}`);
}

async function seed(): Promise<void> {
  const { data } = await call(`bundles.list?app_id=${appId}`, {});
  if (Array.isArray(data) && data.length > 0) return;
  const builtin = await upload('1.0.0');
  const update = await upload('1.0.1');
  const build = { app_id: appId, platform: 'android', version_name: '1.0.0', version_code: '1' };
  const { release } = await post('releases.create', { ...build, builtin_bundle_id: builtin });
  await post('releases.set-active', { release_id: release?.id, bundle_id: update });
  console.log(`demo data: npm run device -- --app ${appId}`);
}

const server = spawn(
  process.execPath,
  [
    '--conditions=source',
    '--watch-preserve-output',
    '--watch',
    join(root, 'packages/server/src/main.ts'),
    'serve',
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DATA_DIR: dataDir },
  },
);
server.on('exit', (code) => process.exit(code ?? 0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));
try {
  await waitUntilReady();
  await seed();
} catch (error) {
  server.kill();
  throw error;
}
