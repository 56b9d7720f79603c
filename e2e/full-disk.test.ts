import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AdmZip from 'adm-zip';
import { expect, onTestFinished, test } from 'vitest';
import { sqliteFaults } from '../packages/server/src/testing/sqlite-faults.ts';
import { eventually } from './deadline.ts';
import { managementOf } from './management.ts';
import { type RunningServer, startServer } from './start-server.ts';

const appId = 'com.example.fulldisk';
const diskMb = 24;

/** Runs a command as the root of a world of its own, where it may mount what it likes. */
const alone = ['unshare', '--user', '--map-root-user', '--mount'] as const;
const [unshare, ...alonePlease] = alone;
const canMount = spawnSync(unshare, [...alonePlease, 'mount', '-t', 'tmpfs', 'none', tmpdir()]).status === 0;

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-disk-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A server whose data lie on a small disk of their own, and how others see that disk. */
async function startOnSmallDisk(): Promise<{ server: RunningServer; disk: string }> {
  const dataDir = await newFolder();
  const mounting = `mount -t tmpfs -o size=${diskMb}m none "$1" && shift && exec "$@"`;
  const server = await startServer({ dataDir, within: [...alone, 'sh', '-c', mounting, 'sh', dataDir] });
  onTestFinished(async () => {
    await server.kill();
  });
  return { server, disk: `/proc/${server.process.pid}/root${dataDir}` };
}

function zipOf(title: string, padding = 0): Buffer {
  const zip = new AdmZip();
  zip.addFile('index.html', Buffer.from(`<!doctype html><title>${title}</title>`));
  // Does not become smaller.
  if (padding > 0) zip.addFile('noise.bin', Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))));
  return zip.toBuffer();
}

const post = (url: string, body: object) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const info = {
  ...{ app_id: appId, device_id: '00000000-0000-4000-8000-000000000001', platform: 'ios' },
  ...{ version_build: '1.0.0', version_code: '1', version_os: '17', version_name: '1.0.0' },
  ...{ plugin_version: '8.51.14', is_emulator: false, is_prod: true },
};

async function offered(server: RunningServer): Promise<unknown> {
  const response = await post(`${server.userUrl}/updates`, info);
  return response.status === 200
    ? ((await response.json()) as { version?: string }).version
    : response.status;
}

/** Reports of a few hundred kB. */
async function report(server: RunningServer, round: number): Promise<Response> {
  const metadata = { note: 'x'.repeat(2_000) };
  const events = Array.from({ length: 100 }, (_each, index) => ({
    ...{ ...info, action: 'app_moved_to_foreground', old_version_name: '', metadata },
    timestamp: round * 1_000 + index,
  }));
  const response = await post(`${server.userUrl}/stats`, events);
  await response.arrayBuffer();
  return response;
}

async function countReports({ managementUrl, token }: RunningServer): Promise<number> {
  const response = await fetch(
    `${managementUrl}/api/v1/events.count?app_id=${appId}&action=app_moved_to_foreground`,
    { headers: { 'x-api-key': token } },
  );
  return ((await response.json()) as { count: number }).count;
}

test.skipIf(!canMount)(
  'on a full disk devices are told their updates, uploads get 507 and reports 503; with room again all goes on and nothing is lost (needs unshare)',
  async () => {
    const { server, disk } = await startOnSmallDisk();
    const management = managementOf(server);
    const upload = (version: string, padding = 0) =>
      management.uploadBundle(zipOf(version, padding), { app_id: appId, version_name: version });
    const builtin = await upload('1.0.0');
    const release = await management.createRelease({
      ...{ app_id: appId, platform: 'ios', version_name: '1.0.0', version_code: '1' },
      builtin_bundle_id: builtin.id,
    });
    const active = await upload('1.1.0');
    await management.setActiveBundle(release.id, active.id);
    let acknowledged = 0;
    expect((await report(server, 0)).status).toBe(200);
    acknowledged += 100;

    // The filler leaves room for a few reports, which then take the rest.
    const filler = join(disk, 'filler');
    await writeFile(filler, Buffer.alloc((diskMb - 4) * 1_000_000));
    let refused: Response | undefined;
    for (let round = 1; round < 200 && !refused; round += 1) {
      const response = await report(server, round);
      if (response.status === 200) acknowledged += 100;
      else refused = response;
    }
    expect(refused?.status).toBe(503);
    expect(refused?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    await expect(upload('1.2.0', 1)).rejects.toThrow(/answered 507: .*"code":"insufficient_storage"/);
    expect(await offered(server)).toBe('1.1.0');
    expect((await fetch(active.public_download_url)).status).toBe(200);
    expect(await countReports(server)).toBe(acknowledged);

    await rm(filler);
    await eventually('an accepted report', async () =>
      (await report(server, 900)).status === 200 ? true : undefined,
    );
    await management.setActiveBundle(release.id, (await upload('1.2.0', 1)).id);
    expect(await offered(server)).toBe('1.2.0');
    expect(await countReports(server)).toBe(acknowledged + 100);

    const copy = join(await newFolder(), 'data');
    await cp(disk, copy, { recursive: true });
    expect(sqliteFaults(join(copy, 'capgo.sqlite'))).toEqual([]);
    const next = await startServer({ dataDir: copy });
    onTestFinished(async () => {
      await next.kill();
    });
    expect(await offered(next)).toBe('1.2.0');
    expect(await countReports(next)).toBe(acknowledged + 100);
  },
);
