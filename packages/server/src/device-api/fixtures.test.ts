import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type DeviceGeneration, deviceGenerations } from '@capgo-server/protocol/fixtures/device-requests';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildActor } from '../testing/builders.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';

type Row = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly body: Row;
}

const appId = 'com.example.notes';
const zip = new Uint8Array(buildZip({ 'index.html': '<!doctype html><title>notes</title>' }));
const checksums = {
  sha256: createHash('sha256').update(zip).digest('hex'),
  crc32: crc32(zip).toString(16).padStart(8, '0'),
};

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, body: (await response.json()) as Row };
}

async function manage(on: TestServer, path: string, body: object): Promise<Row> {
  const response = await fetch(`${on.managementUrl}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'x-api-key': testToken, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
  return (await response.json()) as Row;
}

async function read(on: TestServer, path: string, query: Record<string, string>): Promise<Row[]> {
  const search = new URLSearchParams({ app_id: appId, ...query });
  const response = await fetch(`${on.managementUrl}/api/v1/${path}?${search}`, {
    headers: { 'x-api-key': testToken },
  });
  return ((await response.json()) as { data: Row[] }).data;
}

async function postDevice(on: TestServer, path: string, body: unknown): Promise<Answer> {
  return answerOf(
    await fetch(`${on.userUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
}

/** A server whose app has bundles 1.4.0, the builtin one, and 1.4.1. */
async function startNotes() {
  const server = await startTestServer();
  const ids: string[] = [];
  for (const version_name of ['1.4.0', '1.4.1']) {
    const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
      method: 'POST',
      headers: { 'x-api-key': testToken },
      body: bundleForm({ app_id: appId, version_name }, zip),
    });
    const { bundle } = (await response.json()) as { bundle: { id: string } };
    ids.push(bundle.id);
  }
  const [builtinId = '', bundleId = ''] = ids;
  return { server, builtinId, bundleId };
}

/** Every native build of the fixtures is a release that serves 1.4.1. */
async function startWithReleases(): Promise<TestServer> {
  const { server, builtinId, bundleId } = await startNotes();
  const builds = new Map(
    deviceGenerations.map(({ platform, updateCheck }) => {
      const { version_build: versionName, version_code: versionCode } = updateCheck;
      return [`${platform} ${versionName} ${versionCode}`, { platform, versionName, versionCode }];
    }),
  );
  for (const { platform, versionName, versionCode } of builds.values()) {
    const { release } = await manage(server, 'releases.create', {
      ...{ app_id: appId, platform, version_name: versionName, version_code: versionCode },
      builtin_bundle_id: builtinId,
    });
    const { id } = release as { id: string };
    await manage(server, 'releases.set-active', { release_id: id, bundle_id: bundleId });
  }
  return server;
}

async function startWithChannel(serves: 'bundle' | 'builtin'): Promise<TestServer> {
  const { server, bundleId } = await startNotes();
  const { channels } = server.product.services;
  const { id } = await channels.create({ appId, name: 'production', isPublic: true }, buildActor('olga'));
  if (serves === 'bundle') await channels.setBundle(id, bundleId, buildActor('olga'));
  return server;
}

const servers: Record<'release' | 'channel' | 'builtin', TestServer> = {} as never;
beforeAll(async () => {
  servers.release = await startWithReleases();
  servers.channel = await startWithChannel('bundle');
  servers.builtin = await startWithChannel('builtin');
});
afterAll(() => Promise.all(Object.values(servers).map((server) => server.close())));

/** Whatever generation reads it: an answer that is taken for what it is (protocol §3.4, §3.5). */
function expectRefusal({ status, body }: Answer, code: string, kind: string): void {
  expect(status).toBe(200);
  expect(body).toMatchObject({ error: code, message: expect.stringMatching(/\w/), kind });
  for (const [key, value] of Object.entries(body)) {
    expect([key, key === 'major' ? value === true : typeof value === 'string' && value !== '']).toEqual([
      key,
      true,
    ]);
  }
  expect(body).not.toHaveProperty('url');
}

async function expectUpdate({ status, body }: Answer, { answer }: DeviceGeneration): Promise<void> {
  expect(status).toBe(200);
  const { manifest, ...rest } = body;
  // Exactly these: "error", "message", "kind" or a null would make one generation or another fail.
  expect(rest).toEqual({
    version: '1.4.1',
    url: expect.stringMatching(/^https?:\/\//),
    session_key: '',
    checksum: checksums[answer.checksum],
  });
  if (manifest !== undefined) {
    expect(answer.manifest).toBe(true);
    expect(manifest).not.toHaveLength(0);
  }
  const download = await fetch(String(body['url']));
  expect(Buffer.from(await download.arrayBuffer()).equals(Buffer.from(zip))).toBe(true);
}

function running({ updateCheck, runningVersionName }: DeviceGeneration): Row {
  return { ...updateCheck, version_name: runningVersionName };
}

describe.each(deviceGenerations)('$name', (generation) => {
  it.each(['release', 'channel'] as const)('gets the update by %s, as it can use it', async (by) => {
    await expectUpdate(await postDevice(servers[by], '/updates', generation.updateCheck), generation);
    await expectUpdate(await postDevice(servers[by], '/plugin/updates', generation.updateCheck), generation);
  });

  it.each(['release', 'channel'] as const)('is quiet once it runs what it gets by %s', async (by) => {
    const answer = await postDevice(servers[by], '/updates', running(generation));
    expectRefusal(answer, 'no_new_version_available', 'up_to_date');
  });

  it('goes back to builtin if it can, and is told so if it cannot', async () => {
    const answer = await postDevice(servers.builtin, '/updates', running(generation));
    if (generation.answer.builtinRevert)
      expect(answer).toEqual({ status: 200, body: { version: 'builtin' } });
    else expectRefusal(answer, 'revert_to_builtin_plugin_version_too_old', 'failed');
  });

  it('is not sent to builtin when it runs that already, however it says so', async () => {
    const answer = await postDevice(servers.builtin, '/updates', generation.updateCheck);
    expectRefusal(answer, 'already_on_builtin', 'up_to_date');
    expect(answer.body['version']).toBe('builtin');
  });

  it.each(['release', 'channel'] as const)('is heard in its own form, served by %s', async (by) => {
    const { deviceEvents, updateCheck, platform, pluginVersion, runningVersionName } = generation;
    const sent = Array.isArray(deviceEvents) ? deviceEvents : [deviceEvents];
    // The same phones speak for every generation: what they asked before is to be behind them.
    await servers[by].product.jobs.find((job) => job.name === 'record-checks')?.run();
    const device_id = String(updateCheck['device_id']).toLowerCase();
    const installs = async () => {
      const rows = await read(servers[by], 'counters.list', {});
      const own = rows.filter((row) => row['platform'] === platform && row['bundle'] === runningVersionName);
      expect(own.map((row) => row['channel'])).toEqual(
        own.map(() => (by === 'channel' ? 'production' : null)),
      );
      return own.reduce((sum, row) => sum + Number(row['install']), 0);
    };
    const before = await installs();
    const { status, body } = await postDevice(servers[by], '/stats', deviceEvents);
    expect(status).toBe(200);
    expect(body).toEqual(
      Array.isArray(deviceEvents)
        ? { status: 'ok', results: sent.map((_, index) => ({ status: 'ok', index })) }
        : { status: 'ok' },
    );
    expect(await installs()).toBe(before + 1);
    const stored = await read(servers[by], 'events.list', { device_id });
    expect(
      stored.filter((event) => event['plugin_version'] === pluginVersion).map((event) => event['action']),
    ).toEqual(expect.arrayContaining(sent.map((event: Row) => event['action'])));
    const devices = await read(servers[by], 'devices.list', {});
    expect(devices.filter((device) => device['device_id'] === device_id)).toEqual([
      expect.objectContaining({ version_name: runningVersionName, plugin_version: pluginVersion, platform }),
    ]);
  });
});

describe('the recorded devices together', () => {
  it('are counted with every update they got', async () => {
    for (const by of ['release', 'channel'] as const) {
      await servers[by].product.jobs.find((job) => job.name === 'record-checks')?.run();
      const rows = await read(servers[by], 'counters.list', {});
      for (const platform of ['ios', 'android', 'electron']) {
        const own = rows.filter((row) => row['platform'] === platform && row['bundle'] === '1.4.1');
        expect(own.reduce((sum, row) => sum + Number(row['get']), 0)).toBeGreaterThan(0);
      }
    }
  });
});
