import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import AdmZip from 'adm-zip';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJourneyDatabase, type JourneyDatabase } from './database.ts';
import { eventually } from './deadline.ts';
import { type Management, managementOf } from './management.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { createJourneyStorage, type JourneyStorage } from './storage.ts';

const appId = 'com.example.nodes';
/** The promise to operators: what is changed on one node is served by every other within it. */
const visibleWithinMs = 1_000;

let database: JourneyDatabase;
let storage: JourneyStorage;
let folder: string;
let here: RunningServer;
let there: RunningServer;
let management: Management;

beforeAll(async () => {
  database = await createJourneyDatabase();
  folder = await mkdtemp(join(tmpdir(), 'capgo-nodes-'));
  storage = await createJourneyStorage(folder);
  const env = { ...database.env, ...storage.env };
  const start = (name: string) => startServer({ env, dataDir: join(folder, name) });
  // Both at once on an empty database.
  [here, there] = await Promise.all([start('here'), start('there')]);
  management = managementOf(here);
});
afterAll(async () => {
  await Promise.all([here, there].map((node) => node?.kill()));
  await rm(folder, { recursive: true, force: true });
  await database.remove();
  await storage.remove();
});

function upload(versionName: string) {
  const zip = new AdmZip();
  zip.addFile('index.html', Buffer.from(`<!doctype html><title>${versionName}</title>`));
  return management.uploadBundle(zip.toBuffer(), { app_id: appId, version_name: versionName });
}

const infoOf = (device: number) => ({
  ...{ app_id: appId, device_id: `00000000-0000-4000-8000-${String(device).padStart(12, '0')}` },
  ...{ platform: 'ios', version_build: '1.0.0', version_code: '1', version_os: '17', version_name: '1.0.0' },
  ...{ plugin_version: '8.51.14', is_emulator: false, is_prod: true },
});

async function post(node: RunningServer, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${node.userUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const offered = async (node: RunningServer) => (await post(node, '/updates', infoOf(1)))['version'];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let releaseId: string;

test('what is changed on one node is served by the other within a second', async () => {
  const builtin = await upload('1.0.0');
  const release = await management.createRelease({
    ...{ app_id: appId, platform: 'ios', version_name: '1.0.0', version_code: '1' },
    builtin_bundle_id: builtin.id,
  });
  releaseId = release.id;
  const bundles = [await upload('1.1.0'), await upload('1.2.0')];
  const delays: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    const bundle = bundles[round % 2];
    if (!bundle) throw new Error('no bundle');
    await management.setActiveBundle(releaseId, bundle.id);
    const changedAt = performance.now();
    expect(await offered(here)).toBe(bundle.version_name);
    while ((await offered(there)) !== bundle.version_name) {
      expect(performance.now() - changedAt).toBeLessThan(visibleWithinMs);
      await pause(5);
    }
    delays.push(Math.round(performance.now() - changedAt));
    // So that the changes do not keep step with the node that follows.
    await pause(130);
  }
  process.stdout.write(`a change reached the other node after ${delays.join(', ')} ms\n`);
});

test('what was uploaded to one node is downloaded from the other, where they share a bucket', async ({
  skip,
}) => {
  skip(Object.keys(storage.env).length === 0, 'TEST_S3_ENDPOINT is not set: each node has its own files');
  const { url = '' } = (await post(there, '/updates', infoOf(1))) as { url?: string };
  expect(new URL(url).origin).toBe(there.userUrl);
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(new AdmZip(Buffer.from(await response.arrayBuffer())).readAsText('index.html')).toContain('1.2.0');
});

test('a manifest is made once, and both nodes serve it with the same files', async ({ skip }) => {
  skip(Object.keys(storage.env).length === 0, 'TEST_S3_ENDPOINT is not set: each node has its own files');
  const app = { app_id: 'com.example.nodes.files' };
  const zip = new AdmZip();
  const files = { 'index.html': '<!doctype html>', 'assets/größe 100%.js': 'const a = 1;\n'.repeat(900) };
  for (const [path, text] of Object.entries(files)) zip.addFile(path, Buffer.from(text));
  const bundle = await management.uploadBundle(zip.toBuffer(), { ...app, version_name: '1.1.0' });
  const release = await management.createRelease({
    ...{ ...app, platform: 'ios', version_name: '1.0.0', version_code: '1', builtin_bundle_id: bundle.id },
  });
  await management.setActiveBundle(release.id, bundle.id);
  await managementOf(there).manifestReady(bundle.id);
  const served = (node: RunningServer) =>
    eventually('an answer with the manifest', async () => {
      const { manifest } = await post(node, '/updates', { ...infoOf(1), ...app });
      return manifest as { file_name: string; download_url: string }[] | undefined;
    });
  const [fromHere, fromThere] = [await served(here), await served(there)];
  expect(fromThere.map(({ file_name }) => file_name)).toEqual(['assets/größe 100%.js.br', 'index.html']);
  for (const [index, { file_name, download_url }] of fromThere.entries()) {
    expect(new URL(download_url).origin).toBe(there.userUrl);
    expect(fromHere[index]?.download_url).toBe(download_url.replace(there.userUrl, here.userUrl));
    const bytes = Buffer.from(await (await fetch(download_url)).arrayBuffer());
    const text = (file_name.endsWith('.br') ? brotliDecompressSync(bytes) : bytes).toString();
    expect(text).toBe(new Map(Object.entries(files)).get(file_name.replace(/\.br$/, '')));
  }
});

test('what a device reports to one node decides what the other one offers it, within a second', async () => {
  const failing = infoOf(2);
  for (let timestamp = 1; timestamp <= 3; timestamp += 1) {
    const failure = { action: 'update_fail', version_name: '1.2.0', old_version_name: '', timestamp };
    await post(here, '/stats', [{ ...failing, ...failure }]);
  }
  const reportedAt = performance.now();
  while ((await post(there, '/updates', failing))['error'] !== 'bundle_failed_on_device') {
    expect(performance.now() - reportedAt).toBeLessThan(visibleWithinMs);
    await pause(5);
  }
});

test('when one node is killed under load the other serves everything, and no acknowledged event is lost', async () => {
  let isOver = false;
  let acknowledged = 0;
  let answeredThere = 0;
  const isAlive = new Map<RunningServer, boolean>([
    [here, true],
    [there, true],
  ]);

  async function keepAsking(node: RunningServer, device: number): Promise<void> {
    for (let timestamp = 1; !isOver && isAlive.get(node); timestamp += 1) {
      const event = { ...infoOf(device), action: 'app_moved_to_foreground', old_version_name: '', timestamp };
      try {
        const answer = await post(node, '/stats', [event]);
        expect(answer).toMatchObject({ status: 'ok' });
        acknowledged += 1;
        expect((await post(node, '/updates', infoOf(device)))['version']).toBe('1.2.0');
        if (node === there) answeredThere += 1;
      } catch (error) {
        if (isAlive.get(node)) throw error;
      }
    }
  }
  const load = Promise.all(
    [10, 11, 12, 13].flatMap((device) => [keepAsking(here, device), keepAsking(there, device + 10)]),
  );
  await pause(700);
  isAlive.set(here, false);
  await here.kill();
  const answeredBefore = answeredThere;
  await pause(1_500);
  isOver = true;
  await load;
  expect(answeredThere).toBeGreaterThan(answeredBefore);
  const response = await fetch(
    `${there.managementUrl}/api/v1/events.count?app_id=${appId}&action=app_moved_to_foreground`,
    { headers: { 'x-api-key': there.token } },
  );
  const { count } = (await response.json()) as { count: number };
  // One more of each device could have been written when the node died, and not acknowledged.
  expect(count).toBeGreaterThanOrEqual(acknowledged);
  expect(count).toBeLessThanOrEqual(acknowledged + 4);
});
