import { zipFiles } from '../../scripts/zip.ts';
import type { RunningServer } from '../start-server.ts';

const headersOf = (server: RunningServer) => ({ 'x-api-key': server.token, capgo_api: '2025-10-01' });

async function ask(server: RunningServer, path: string, init: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.managementUrl}${path}`, { ...init, headers: headersOf(server) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

export function post(server: RunningServer, path: string, body: object) {
  return ask(server, path, { method: 'POST', body: JSON.stringify(body) });
}

export async function uploadBundle(
  server: RunningServer,
  appId: string,
  versionName: string,
  files: Record<string, string> = {},
): Promise<string> {
  const form = new FormData();
  form.append('app_id', appId);
  form.append('version_name', versionName);
  const zip = await zipFiles({ 'index.html': `<!doctype html><h1>${versionName}</h1>`, ...files });
  form.append('bundle', new Blob([new Uint8Array(zip)]), 'bundle.zip');
  const answer = await ask(server, '/api/v1/bundles.upload', { method: 'POST', body: form });
  return (answer['bundle'] as { id: string }).id;
}

/** A device of a fleet; `index` names it. */
export function deviceOf(appId: string, index: number, versionName = 'builtin') {
  return {
    app_id: appId,
    device_id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    platform: index % 2 === 0 ? 'android' : 'ios',
    version_build: '1.0.0',
    version_code: '1',
    version_os: '15',
    version_name: versionName,
    plugin_version: '8.51.14',
    custom_id: index === 0 ? 'desk phone' : '',
    is_emulator: false,
    is_prod: true,
  };
}

/** A device that asks and reports, as phones do. */
export async function report(
  server: RunningServer,
  device: ReturnType<typeof deviceOf>,
  action: string,
  versionName: string,
): Promise<void> {
  const response = await fetch(`${server.userUrl}/stats`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([
      { ...device, action, version_name: versionName, old_version_name: 'builtin', timestamp: Date.now() },
    ]),
  });
  if (!response.ok) throw new Error(`/stats: ${response.status} ${await response.text()}`);
}

export async function check(
  server: RunningServer,
  device: ReturnType<typeof deviceOf>,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.userUrl}/updates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(device),
  });
  return (await response.json()) as Record<string, unknown>;
}
