/**
 * `npm run bench:delta`: what delta updates save and cost, on a React app that Vite builds again and again with one line
 * changed, and on a large bundle. The numbers in the README are from it.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { largeZip, watchedEnv, watchServer } from '../e2e/large-bundle.ts';
import { managementOf } from '../e2e/management.ts';
import { startServer } from '../e2e/start-server.ts';
import { buildViteApp } from '../e2e/vite-app.ts';
import { createPhone } from '../packages/server/src/testing/phone.ts';
import { zipFiles } from './zip.ts';

const { values: options } = parseArgs({
  options: { versions: { type: 'string', default: '20' }, quality: { type: 'string', default: '9' } },
});
const versions = Number(options.versions);
const appId = 'com.example.vite';

const whole = (value: number) => Math.round(value).toLocaleString('en-US');
const say = (what: string, value: string) => process.stdout.write(`${what.padEnd(64)} ${value}\n`);

async function bytesBelow(folder: string): Promise<number> {
  const { stdout } = await promisify(execFile)('du', ['-sb', '--apparent-size', folder]);
  return Number(stdout.split('\t')[0]);
}

const dataDir = await mkdtemp(join(tmpdir(), 'capgo-delta-'));
const probeFile = join(dataDir, 'probe');
const server = await startServer({
  dataDir,
  env: { BROTLI_QUALITY: options.quality, ...watchedEnv(probeFile) },
});
try {
  const management = managementOf(server);
  const builds = [];
  for (let version = 1; version <= versions; version += 1) builds.push(await buildViteApp(version));
  const ids: string[] = [];
  let zipBytes = 0;
  for (const [index, files] of builds.entries()) {
    const zip = await zipFiles(files);
    zipBytes += zip.length;
    const started = performance.now();
    const bundle = await management.uploadBundle(zip, { app_id: appId, version_name: `1.0.${index + 1}` });
    await management.manifestReady(bundle.id);
    if (index === 0)
      say('first upload, until its manifest is ready', `${whole(performance.now() - started)} ms`);
    ids.push(bundle.id);
  }
  const [first = '', second = ''] = ids;
  const { zip_bytes, delta_bytes, added, changed } = await management.diff(first, second);
  const files = Object.keys(builds[0] ?? {}).length;
  say(`files of the app`, `${files}`);
  say('over the wire, one line changed: zip', `${whole(zip_bytes)} bytes`);
  say(
    'over the wire, one line changed: delta',
    `${whole(delta_bytes)} bytes (${added.length + changed.length} files)`,
  );
  say('…of the zip', `${((delta_bytes / zip_bytes) * 100).toFixed(1)} %`);

  const release = await management.createRelease({
    ...{ app_id: appId, platform: 'android', version_name: '1.0.1', version_code: '1' },
    builtin_bundle_id: first,
  });
  await management.setActiveBundle(release.id, second);
  const response = await fetch(`${server.userUrl}/updates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-encoding': 'gzip' },
    body: JSON.stringify({
      ...{ app_id: appId, platform: 'android', device_id: '0f9c5d6a-55f1-4a3f-9d0e-2f6a5a1c7b10' },
      ...{ version_build: '1.0.1', version_code: '1', version_os: '14', version_name: '1.0.1' },
      ...{ plugin_version: '8.51.14', is_emulator: false, is_prod: true },
    }),
  });
  say('…the answer with the manifest, gzip', `${response.headers.get('content-length')} bytes`);
  const folder = await mkdtemp(join(tmpdir(), 'capgo-phone-'));
  const phone = createPhone({
    platform: 'android',
    folder,
    builtin: new Map(Object.entries(builds[0] ?? {})),
  });
  const { fetched } = await phone.installManifest((await response.json()) as never);
  say('…what a phone with the first version in its native app fetched', `${whole(fetched.bytes)} bytes`);
  await rm(folder, { recursive: true });

  const objects = join(dataDir, 'storage', 'objects', 'apps', appId);
  say(`${versions} versions as zips`, `${whole(zipBytes)} bytes`);
  say(`${versions} versions as files`, `${whole(await bytesBelow(join(objects, 'files')))} bytes`);

  const zip = await largeZip();
  const watch = watchServer(server, probeFile);
  const started = performance.now();
  const large = await management.uploadBundle(zip, { app_id: `${appId}.large`, version_name: '1.0.0' });
  const answered = performance.now();
  await management.manifestReady(large.id, 600_000);
  const seen = await watch.seen();
  say('upload of 5,000 files, 200 MB: the zip', `${whole(zip.length)} bytes`);
  say('…answered after', `${whole(answered - started)} ms`);
  say('…its manifest ready after another', `${whole(performance.now() - answered)} ms`);
  say('…most memory meanwhile', `${whole(seen.peakRssMb)} MB`);
  say('…most that the main thread computed in one go', `${seen.longestBlockMs.toFixed(0)} ms`);
  say('…CPU time of the server', `${seen.cpuSeconds.toFixed(1)} s`);
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
