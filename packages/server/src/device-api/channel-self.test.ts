import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoPauseDefaults, type Channel, channelDefaults, rolloutDefaults } from '../domain/channel.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../ports/store.ts';
import {
  buildBundle,
  buildRelease,
  nextId,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

/** An app without channels, and one with. */
const appId = 'com.example.channelself';
const channelsAppId = 'com.example.channels';
const unknownAppId = 'com.example.nobody';
const pinnedDeviceId = 'aaaaaaaa-0000-4000-8000-000000000001';
/** A device that was pinned to a channel that lets devices choose. */
const loosePinnedDeviceId = 'aaaaaaaa-0000-4000-8000-000000000002';

const phones = { ios: true, android: true, electron: false };

async function addChannel(store: Store, name: string, given: Partial<Channel> = {}): Promise<number> {
  const channel = await store.insertChannel(
    {
      appId: channelsAppId,
      name,
      ...channelDefaults,
      rollout: { id: nextId(), ...rolloutDefaults },
      autoPause: autoPauseDefaults,
      createdAtMs: someTimeMs,
      updatedAtMs: someTimeMs,
      ...given,
    },
    undefined,
    someAuthor,
  );
  return channel.id;
}

/** What operators have set up before the server starts. */
async function prepare(store: Store): Promise<Record<string, number>> {
  await store.insertBundle(buildBundle({ appId }), someAuthor);
  const bundle = buildBundle({ appId: channelsAppId });
  await store.insertBundle(bundle, someAuthor);
  const active = buildRelease({ appId: channelsAppId, builtinBundleId: bundle.id, versionCode: '77' });
  await store.insertRelease(active, someAuthor);
  await store.deployToRelease(
    active.id,
    {
      ...{
        id: nextId(),
        bundleId: bundle.id,
        rolloutBundleId: null,
        actor: 'operator',
        reason: 'test',
        createdAtMs: someTimeMs,
      },
    },
    someAuthor,
  );
  const named = buildRelease({
    ...{ appId: channelsAppId, builtinBundleId: bundle.id, versionName: '1.4', versionCode: '5' },
  });
  await store.insertRelease(named, someAuthor);
  await store.deployToRelease(
    named.id,
    {
      ...{
        id: nextId(),
        bundleId: bundle.id,
        rolloutBundleId: null,
        actor: 'operator',
        reason: 'test',
        createdAtMs: someTimeMs,
      },
    },
    someAuthor,
  );
  const ids = {
    production: await addChannel(store, 'production', { isPublic: true }),
    beta: await addChannel(store, 'beta', { allowDeviceSelfSet: true }),
    alpha: await addChannel(store, 'alpha', { allowDeviceSelfSet: true, platforms: phones }),
    lab: await addChannel(store, 'lab', { allowDeviceSelfSet: true, allowProd: false, allowDevice: false }),
    staff: await addChannel(store, 'staff'),
  };
  await store.setDeviceOverride(
    { appId: channelsAppId, deviceId: pinnedDeviceId },
    ids.staff,
    null,
    someAuthor,
  );
  await store.setDeviceOverride(
    { appId: channelsAppId, deviceId: loosePinnedDeviceId },
    ids.beta,
    null,
    someAuthor,
  );
  return ids;
}

const clock = createFakeClock();
let databaseDir: string;
let server: TestServer;
let channelIds: Record<string, number>;
beforeAll(async () => {
  databaseDir = await mkdtemp(join(tmpdir(), 'capgo-server-channel-self-'));
  const databaseFile = join(databaseDir, 'test.db');
  const store = await openSqliteStore(databaseFile);
  channelIds = await prepare(store);
  await store.close();
  server = await startTestServer({ env: { DATABASE_URL: `sqlite:${databaseFile}` }, clock });
});
afterAll(async () => {
  await server.close();
  await rm(databaseDir, { recursive: true, force: true });
});

const device: Readonly<Record<string, unknown>> = {
  app_id: appId,
  device_id: someDeviceId,
  platform: 'ios',
  version_name: '1.0.0',
  version_build: '1.0.0',
  version_os: '17.0',
  version_code: '1',
  plugin_version: '8.51.14',
  is_emulator: false,
  is_prod: true,
};

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

type Verb = 'POST' | 'PUT' | 'DELETE' | 'GET';

/** Asks at the same moment as the last time. */
async function askAtOnce(
  verb: Verb,
  given: Record<string, unknown>,
  path = '/channel_self',
): Promise<Answer> {
  const all = Object.entries({ ...device, ...given }).filter(([, value]) => value !== undefined);
  if (verb === 'POST' || verb === 'PUT') {
    const init = { method: verb, headers: { 'content-type': 'application/json' } };
    return answerOf(
      await fetch(`${server.userUrl}${path}`, { ...init, body: JSON.stringify(Object.fromEntries(all)) }),
    );
  }
  const query = new URLSearchParams(all.map(([name, value]): [string, string] => [name, String(value)]));
  return answerOf(await fetch(`${server.userUrl}${path}?${query}`, { method: verb }));
}

/** Asks when every limit has let go of what was asked before. */
function ask(verb: Verb, given: Record<string, unknown>, path?: string): Promise<Answer> {
  clock.advance(60_000);
  return askAtOnce(verb, given, path);
}

function expectRefusal(answer: Answer, error: string, facts: Record<string, string> = {}): void {
  expect(answer.status).toBe(200);
  // `status` keeps Electron from taking the refusal for a success.
  expect(answer.body).toEqual({ error, message: expect.any(String), status: 'error', ...facts });
}

function expectNested(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(Object.keys(answer.body as object).sort()).toEqual(['error', 'message', 'moreInfo']);
  expect(answer.body).toMatchObject({ error: code });
}

describe('choosing a channel (POST) in an app without any', () => {
  it.each([
    ['ios', '8.51.14'],
    ['android', '7.10.0'],
    ['electron', '0.0.1'],
    ['ios', undefined],
  ])('on %s with plugin %s finds no channel in an app without any', async (platform, plugin_version) => {
    expectRefusal(await ask('POST', { platform, plugin_version, channel: 'beta' }), 'channel_not_found', {
      channel: 'beta',
      app_id: appId,
    });
  });

  it.each([undefined, ''])('without a channel (%j) is told so, also for an unknown app', async (channel) => {
    expectRefusal(await ask('POST', { channel }), 'missing_channel');
    expectRefusal(await ask('POST', { channel, app_id: unknownAppId }), 'missing_channel');
  });

  it('of an unknown app is app_not_found', async () => {
    expectRefusal(await ask('POST', { channel: 'beta', app_id: unknownAppId }), 'app_not_found');
  });

  it('by electron as an unset, which names no channel, is fine', async () => {
    const answer = await ask('POST', { platform: 'electron', action: 'unset' });
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    expectRefusal(
      await ask('POST', { platform: 'electron', action: 'unset', app_id: unknownAppId }),
      'app_not_found',
    );
    expectRefusal(await ask('POST', { platform: 'ios', action: 'unset' }), 'missing_channel');
  });

  it('by electron with action set finds no channel either', async () => {
    const answer = await ask('POST', { platform: 'electron', action: 'set', channel: 'beta' });
    expectRefusal(answer, 'channel_not_found', { channel: 'beta', app_id: appId });
  });
});

describe('reading the channel (PUT) in an app without any', () => {
  it.each(['8.51.14', '7.10.0', '5.0.0', '10.0.0', undefined])(
    'with plugin %s says that there is none, never a name that does not exist',
    async (plugin_version) => {
      for (const platform of ['ios', 'android', 'electron']) {
        const answer = await ask('PUT', { platform, plugin_version });
        expectRefusal(answer, 'channel_not_found');
        expect(answer.text).not.toContain('production');
      }
    },
  );

  it('says the same when the device names a default channel of its own', async () => {
    expectRefusal(await ask('PUT', { defaultChannel: 'beta' }), 'channel_not_found');
  });

  it('of an unknown app is app_not_found', async () => {
    expectRefusal(await ask('PUT', { app_id: unknownAppId }), 'app_not_found');
  });
});

describe('dropping the channel (DELETE) in an app without any', () => {
  it.each(['8.51.14', '8.0.0', '7.34.0', '6.34.0', '5.34.0', '9.0.0', '0.0.1', '4.0.0', undefined])(
    'is fine with plugin %s, which keeps its channel itself',
    async (plugin_version) => {
      const answer = await ask('DELETE', { plugin_version });
      expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    },
  );

  it.each(['7.33.9', '6.33.9', '5.33.9', '5.0.0', '10.0.0', '8.0.0-beta.1', 'abc'])(
    'is refused with plugin %s, for which the server keeps none',
    async (plugin_version) => {
      expectRefusal(await ask('DELETE', { plugin_version }), 'cannot_override');
    },
  );

  it('of an unknown app is app_not_found', async () => {
    expectRefusal(await ask('DELETE', { app_id: unknownAppId }), 'app_not_found');
    expectRefusal(await ask('DELETE', { app_id: unknownAppId, plugin_version: '5.0.0' }), 'app_not_found');
  });
});

describe('listing channels (GET) in an app without any', () => {
  it.each(['ios', 'android'])('on %s answers an empty list', async (platform) => {
    const answer = await ask('GET', { platform });
    expect([answer.status, answer.body]).toEqual([200, []]);
  });

  it('needs no device id', async () => {
    const answer = await ask('GET', { device_id: undefined });
    expect([answer.status, answer.body]).toEqual([200, []]);
  });

  it('on electron answers the object electron reads, and its reading of the channel says there is none', async () => {
    const list = await ask('GET', { platform: 'electron', action: 'list' });
    expect([list.status, list.body]).toEqual([200, { channels: [] }]);
    expectRefusal(await ask('GET', { platform: 'electron' }), 'channel_not_found');
  });

  it('of an unknown app is app_not_found', async () => {
    for (const given of [{}, { platform: 'electron' }, { platform: 'electron', action: 'list' }]) {
      expectRefusal(await ask('GET', { ...given, app_id: unknownAppId }), 'app_not_found');
    }
  });
});

let lastDevice = 0;

/** A device of the app with channels that nobody has heard of. */
function newDevice(given: Record<string, unknown> = {}): Record<string, unknown> {
  lastDevice += 1;
  const device_id = `bbbbbbbb-0000-4000-8000-${String(lastDevice).padStart(12, '0')}`;
  return { app_id: channelsAppId, device_id, ...given };
}

/** An answer's status and body. */
async function answered(answer: Promise<Answer>): Promise<readonly [number, unknown]> {
  const { status, body } = await answer;
  return [status, body];
}

const ok = [200, { status: 'ok' }];

describe('a device of a plugin that keeps its channel itself', () => {
  it('is told whether it may have a channel', async () => {
    const facts = { app_id: channelsAppId };
    const device = newDevice();
    expect(await answered(ask('POST', { ...device, channel: 'beta' }))).toEqual([
      200,
      { status: 'ok', allowSet: true },
    ]);
    for (const [channel, code] of [
      ['nobody', 'channel_not_found'],
      ['staff', 'channel_self_set_not_allowed'],
      ['production', 'public_channel_self_set_not_allowed'],
    ] as const) {
      expectRefusal(await ask('POST', { ...device, channel }), code, { channel, ...facts });
    }
    expect(await answered(ask('PUT', device))).toEqual([200, { channel: 'production', status: 'default' }]);
  });

  it('reads the channel it would really get', async () => {
    const rows: readonly [given: Record<string, unknown>, body: unknown][] = [
      [{}, { channel: 'production', status: 'default' }],
      [{ defaultChannel: '' }, { channel: 'production', status: 'default' }],
      [{ defaultChannel: 'beta' }, { channel: 'beta', status: 'default' }],
      [{ channel: 'beta' }, { channel: 'beta', status: 'override', allowSet: true }],
      [{ channel: 'made up' }, { channel: 'production', status: 'default' }],
      [
        { channel: 'staff', defaultChannel: 'beta' },
        { channel: 'beta', status: 'default' },
      ],
      [{ device_id: pinnedDeviceId }, { channel: 'staff', status: 'override', allowSet: false }],
    ];
    for (const [given, body] of rows) {
      expect(await answered(ask('PUT', newDevice(given)))).toEqual([200, body]);
    }
    for (const given of [
      { defaultChannel: 'staff' },
      { defaultChannel: 'made up' },
      { platform: 'electron', defaultChannel: 'alpha' },
    ]) {
      expectRefusal(await ask('PUT', newDevice(given)), 'channel_not_found');
    }
  });

  it('has no channel when a release serves it, found by what it sends as its native build', async () => {
    expectRefusal(await ask('PUT', newDevice({ version_code: '77' })), 'channel_not_found');
    const other = newDevice({ version_code: 77 });
    expect(await answered(ask('PUT', other))).toEqual([200, { channel: 'production', status: 'default' }]);
  });

  it('drops its channel without a word about what is kept here', async () => {
    const pinned = newDevice({ device_id: pinnedDeviceId });
    expect(await answered(ask('DELETE', pinned))).toEqual(ok);
    expect((await ask('PUT', pinned)).body).toMatchObject({ channel: 'staff' });
  });
});

describe('a device of a plugin whose channel the server keeps', () => {
  const legacy = { plugin_version: '7.10.0' };

  it('sets, reads and drops it', async () => {
    const device = newDevice(legacy);
    expect(await answered(ask('POST', { ...device, channel: 'beta' }))).toEqual(ok);
    expect(await answered(ask('PUT', { ...device, defaultChannel: 'alpha' }))).toEqual([
      200,
      { channel: 'beta', status: 'override', allowSet: true },
    ]);
    expect(await answered(ask('POST', { ...device, channel: 'alpha' }))).toEqual(ok);
    expect(await answered(ask('POST', { ...device, channel: 'alpha' }))).toEqual(ok);
    expect((await ask('PUT', device)).body).toMatchObject({ channel: 'alpha' });
    expect(await answered(ask('DELETE', device))).toEqual(ok);
    expect(await answered(ask('PUT', device))).toEqual([200, { channel: 'production', status: 'default' }]);
    expectRefusal(await ask('DELETE', device), 'cannot_override');
  });

  it('is known by its id in any letter case', async () => {
    const device = newDevice(legacy);
    const upper = { ...device, device_id: String(device['device_id']).toUpperCase() };
    await ask('POST', { ...upper, channel: 'beta' });
    expect((await ask('PUT', device)).body).toMatchObject({ channel: 'beta' });
    expect(await answered(ask('DELETE', upper))).toEqual(ok);
  });

  it('cannot leave a channel that does not let devices choose', async () => {
    const pinned = newDevice({ ...legacy, device_id: pinnedDeviceId });
    expectRefusal(await ask('POST', { ...pinned, channel: 'beta' }), 'cannot_override');
    expectRefusal(await ask('DELETE', pinned), 'cannot_override');
    expect(await answered(ask('PUT', pinned))).toEqual([
      200,
      { channel: 'staff', status: 'override', allowSet: false },
    ]);
  });

  it('can leave one that does, also when an operator put it there', async () => {
    const device = newDevice({ ...legacy, device_id: loosePinnedDeviceId });
    expect((await ask('PUT', device)).body).toMatchObject({ channel: 'beta', status: 'override' });
    expect(await answered(ask('POST', { ...device, channel: 'alpha' }))).toEqual(ok);
    expect((await ask('PUT', device)).body).toMatchObject({ channel: 'alpha', status: 'override' });
  });
});

describe('the channels a device may choose from', () => {
  const names = (body: unknown) => (body as { name: string }[]).map(({ name }) => name);

  it('are a bare list of exactly these keys, the id a number', async () => {
    const { status, body } = await ask('GET', newDevice());
    expect(status).toBe(200);
    expect(body).toStrictEqual([
      { id: channelIds['alpha'], name: 'alpha', public: false, allow_self_set: true },
      { id: channelIds['beta'], name: 'beta', public: false, allow_self_set: true },
      { id: channelIds['production'], name: 'production', public: true, allow_self_set: false },
    ]);
    expect(typeof channelIds['alpha']).toBe('number');
  });

  it('depend on platform, emulator and build, of which nothing said is a device with a store build', async () => {
    const dev = { is_emulator: true, is_prod: false };
    expect(names((await ask('GET', newDevice(dev))).body)).toEqual(['alpha', 'beta', 'lab', 'production']);
    for (const given of [{ is_emulator: true }, { is_prod: false }]) {
      expect(names((await ask('GET', newDevice(given))).body)).not.toContain('lab');
    }
    const silent = { is_emulator: undefined, is_prod: undefined, device_id: undefined };
    expect(names((await ask('GET', newDevice(silent))).body)).toEqual(['alpha', 'beta', 'production']);
  });
});

describe('electron', () => {
  const electron = { platform: 'electron', plugin_version: '0.0.1' };

  it('reads its channel with GET as one object', async () => {
    const read = (given: Record<string, unknown> = {}) =>
      answered(ask('GET', newDevice({ ...electron, ...given })));
    expect(await read()).toEqual([200, { channel: 'production', allow_set: false, status: 'default' }]);
    expect(await read({ defaultChannel: 'beta', version_name: '', key_id: undefined })).toEqual([
      200,
      { channel: 'beta', allow_set: true, status: 'default' },
    ]);
    expect(await read({ device_id: pinnedDeviceId })).toEqual([
      200,
      { channel: 'staff', allow_set: false, status: 'override' },
    ]);
    expect(await read({ version_name: undefined, version_build: undefined })).toMatchObject([
      200,
      { channel: 'production' },
    ]);
    expectRefusal(await ask('GET', newDevice({ ...electron, defaultChannel: 'alpha' })), 'channel_not_found');
  });

  it('lists channels in an object, and without a device as everybody does', async () => {
    const listed = [
      { id: channelIds['beta'], name: 'beta', public: false, allow_self_set: true },
      { id: channelIds['production'], name: 'production', public: true, allow_self_set: false },
    ];
    expect(await answered(ask('GET', newDevice({ ...electron, action: 'list' })))).toEqual([
      200,
      { channels: listed },
    ]);
    expect(await answered(ask('GET', newDevice({ ...electron, device_id: undefined })))).toEqual([
      200,
      listed,
    ]);
  });

  it('sets and unsets with POST', async () => {
    const device = newDevice(electron);
    expect(await answered(ask('POST', { ...device, action: 'set', channel: 'beta' }))).toEqual([
      200,
      { status: 'ok', allowSet: true },
    ]);
    expectRefusal(
      await ask('POST', { ...device, action: 'set', channel: 'staff' }),
      'channel_self_set_not_allowed',
      {
        channel: 'staff',
        app_id: channelsAppId,
      },
    );
    expect(await answered(ask('POST', { ...device, action: 'unset' }))).toEqual(ok);
    expectRefusal(await ask('POST', { ...device, action: 'set' }), 'missing_channel');
  });
});

describe('what devices do with channels', () => {
  /** The actions logged of a device, the oldest first, once what waits is written. */
  async function loggedOf(device: Record<string, unknown>): Promise<Record<string, unknown>[]> {
    await server.product.jobs.find(({ name }) => name === 'record-checks')?.run();
    const query = new URLSearchParams({
      app_id: String(device['app_id']),
      device_id: String(device['device_id']),
    });
    const response = await fetch(`${server.managementUrl}/api/v1/events.list?${query}`, {
      headers: { 'x-api-key': testToken },
    });
    return ((await response.json()) as { data: Record<string, unknown>[] }).data.toReversed();
  }

  it('is logged when it succeeds', async () => {
    const device = newDevice({ plugin_version: '7.10.0' });
    await ask('POST', { ...device, channel: 'beta' });
    await ask('PUT', device);
    await ask('DELETE', device);
    await ask('GET', { ...device, platform: 'electron', version_os: '24.1' });
    const logged = await loggedOf(device);
    expect(logged.map(({ action }) => action)).toEqual([
      'setChannel',
      'getChannel',
      'setChannel',
      'getChannel',
    ]);
    expect(logged.map(({ channel }) => channel).slice(0, 2)).toEqual(['beta', 'beta']);
    expect(logged.at(-1)).toMatchObject({ platform: 'electron', version_os: '24.1', version_name: '1.0.0' });
  });

  it('is logged under the release that its native version names, as it was sent', async () => {
    const build = { version_name: 'builtin', version_build: '1.4', version_code: '5' };
    const [served, other] = [newDevice(build), newDevice({ ...build, version_build: '1.4.0' })];
    for (const device of [served, other]) await ask('POST', { ...device, channel: 'beta' });
    // A release is no channel; who is in none gets the public one.
    expect(await loggedOf(served)).toMatchObject([{ channel: null, version_build: '1.4.0' }]);
    expect(await loggedOf(other)).toMatchObject([{ channel: 'production', version_build: '1.4.0' }]);
    await ask('DELETE', served);
    expect(await loggedOf(served)).toMatchObject([{ channel: null }, { channel: null }]);
  });

  it('is not logged when it is refused, changes nothing, or only lists', async () => {
    const device = newDevice({ plugin_version: '7.10.0' });
    await ask('POST', { ...device, channel: 'staff' });
    await ask('PUT', { ...device, defaultChannel: 'staff' });
    await ask('DELETE', device);
    await ask('GET', device);
    expect(await loggedOf(device)).toEqual([]);
    await ask('POST', { ...device, channel: 'beta' });
    await ask('POST', { ...device, channel: 'beta' });
    expect(await loggedOf(device)).toHaveLength(1);
  });
});

describe('the limits', () => {
  const operations: readonly [what: string, verb: Verb, given: Record<string, unknown>][] = [
    ['reading', 'PUT', {}],
    ['dropping', 'DELETE', {}],
    ['listing', 'GET', {}],
    ['reading by electron', 'GET', { platform: 'electron' }],
    ['listing by electron', 'GET', { platform: 'electron', action: 'list' }],
    ['dropping by electron', 'POST', { platform: 'electron', action: 'unset' }],
  ];

  it.each(operations)(
    'let five of %s pass in a second and say when the next may',
    async (_what, verb, given) => {
      for (const app_id of [channelsAppId, unknownAppId]) {
        const device = { ...newDevice(given), app_id };
        clock.advance(250);
        for (let request = 0; request < 5; request += 1) {
          expect((await askAtOnce(verb, device)).status).toBe(200);
        }
        clock.advance(400);
        const refused = await askAtOnce(verb, device);
        expectNested(refused, 429, 'too_many_requests');
        const resetAtMs = clock.now() + 600;
        expect(refused.body).toEqual({
          error: 'too_many_requests',
          message: 'Too many requests',
          moreInfo: {
            app_id,
            device_id: device['device_id' as keyof typeof device],
            rateLimitResetAt: resetAtMs,
            retryAfterSeconds: 1,
          },
        });
        expect(refused.headers.get('retry-after')).toBe('1');
        expect(refused.headers.get('x-ratelimit-reset')).toBe(String(Math.ceil(resetAtMs / 1_000)));
        clock.advance(600);
        expect((await askAtOnce(verb, device)).status).toBe(200);
      }
    },
  );

  it('count each operation and each device for itself', async () => {
    const device = newDevice();
    for (let request = 0; request < 5; request += 1) await askAtOnce('PUT', device);
    expect((await askAtOnce('PUT', device)).status).toBe(429);
    for (const verb of ['GET', 'DELETE', 'POST'] as const) {
      expect((await askAtOnce(verb, { ...device, channel: 'beta' })).status).toBe(200);
    }
    expect((await askAtOnce('PUT', newDevice())).status).toBe(200);
  });

  it('let five different channels be set in a second', async () => {
    const device = newDevice();
    for (let request = 0; request < 5; request += 1) {
      expect((await askAtOnce('POST', { ...device, channel: `channel-${request}` })).status).toBe(200);
    }
    expect((await askAtOnce('POST', { ...device, channel: 'beta' })).status).toBe(429);
    clock.advance(1_000);
    expect((await askAtOnce('POST', { ...device, channel: 'beta' })).status).toBe(200);
  });

  it.each(['beta', 'nobody', 'staff'])(
    'refuse to set %s again within a minute, also when it failed',
    async (channel) => {
      const device = newDevice({ plugin_version: '7.10.0', channel });
      expect((await askAtOnce('POST', device)).status).toBe(200);
      clock.advance(2_000);
      const refused = await askAtOnce('POST', device);
      expectNested(refused, 429, 'too_many_requests');
      expect(refused.headers.get('retry-after')).toBe('58');
      expect((await askAtOnce('POST', { ...device, channel: 'alpha' })).status).toBe(200);
      clock.advance(58_000);
      expect((await askAtOnce('POST', device)).status).toBe(200);
    },
  );

  it('do not count a set without a channel', async () => {
    const device = newDevice();
    for (let request = 0; request < 8; request += 1) {
      expectRefusal(await askAtOnce('POST', device), 'missing_channel');
    }
    expect((await askAtOnce('POST', { ...device, channel: 'beta' })).status).toBe(200);
  });

  it('let a list that names no device pass, up to a thousand requests of an address in a minute', async () => {
    clock.advance(60_000);
    const nobody = newDevice({ device_id: undefined });
    for (let request = 0; request < 1_000; request += 1) {
      const { status } = await askAtOnce('GET', nobody);
      if (status !== 200) expect([request, status]).toEqual([request, 200]);
    }
    clock.advance(20_000);
    for (const [verb, given] of [
      ['GET', nobody],
      ['PUT', newDevice()],
      ['DELETE', newDevice()],
      ['POST', newDevice()],
    ] as const) {
      const refused = await askAtOnce(verb, given);
      expectNested(refused, 429, 'too_many_requests');
      expect((refused.body as { moreInfo: unknown }).moreInfo).toEqual({
        reason: 'ip_rate_limit_exceeded',
        app_id: channelsAppId,
        rateLimitResetAt: clock.now() + 40_000,
        retryAfterSeconds: 40,
      });
      expect(refused.headers.get('retry-after')).toBe('40');
    }
    expect((await askAtOnce('PUT', newDevice({ app_id: appId }))).status).toBe(200);
    clock.advance(40_000);
    expect((await askAtOnce('GET', nobody)).status).toBe(200);
  });
});

describe('validation', () => {
  const verbs: readonly Verb[] = ['POST', 'PUT', 'DELETE', 'GET'];
  const invalidCode = (verb: Verb) =>
    verb === 'POST' || verb === 'PUT' ? 'invalid_json_body' : 'invalid_query_parameters';

  it.each(['POST', 'PUT'] as const)('%s refuses a body that is no JSON object', async (verb) => {
    const rows: readonly [string, string][] = [
      ['{"app_id":', 'invalid_json_parse_body'],
      ['', 'invalid_json_parse_body'],
      ['null', 'invalid_json_body'],
      ['[]', 'invalid_json_body'],
      ['5', 'invalid_json_body'],
      ['{}', 'invalid_json_body'],
    ];
    for (const [body, code] of rows) {
      const init = { method: verb, headers: { 'content-type': 'application/json' }, body };
      expectNested(await answerOf(await fetch(`${server.userUrl}/channel_self`, init)), 400, code);
    }
  });

  it.each(['DELETE', 'GET'] as const)('%s refuses a query without any known key', async (verb) => {
    for (const query of ['', '?', '?unknown=1', '?action=list']) {
      const response = await fetch(`${server.userUrl}/channel_self${query}`, { method: verb });
      expectNested(await answerOf(response), 400, 'invalid_query_parameters');
    }
  });

  it.each(verbs)('%s names the first thing that is missing', async (verb) => {
    const given = { channel: 'beta' };
    const noDevice = await ask(verb, { ...given, device_id: undefined });
    if (verb === 'GET') expect(noDevice.body).toEqual([]);
    else expectNested(noDevice, 400, 'missing_device_id');
    expectNested(await ask(verb, { ...given, app_id: undefined }), 400, 'missing_app_id');
    expectNested(await ask(verb, { ...given, app_id: '' }), 400, 'missing_app_id');
    expectNested(await ask(verb, { ...given, version_build: 'invalid semver' }), 400, 'semver_error');
    expectNested(
      await ask(verb, { ...given, version_build: 'abc', platform: 'web', app_id: 'nodots' }),
      400,
      'semver_error',
    );
  });

  const refused: readonly [field: string, value: unknown, verbs: readonly Verb[]][] = [
    ['app_id', 'nodots', verbs],
    ['device_id', 'no-uuid', ['POST', 'PUT', 'DELETE']],
    ['platform', 'web', verbs],
    ['platform', undefined, verbs],
    ['key_id', 'x'.repeat(21), verbs],
    ['version_name', undefined, ['POST', 'PUT', 'DELETE']],
    ['version_build', undefined, ['POST', 'PUT', 'DELETE']],
    ['install_source', 'x'.repeat(65), ['POST', 'PUT', 'DELETE']],
    ['device_id', 5, ['POST', 'PUT']],
    ['is_emulator', 'true', ['POST', 'PUT']],
    ['is_prod', 1, ['POST', 'PUT']],
    ['plugin_version', 8, ['POST', 'PUT']],
    ['channel', 5, ['POST', 'PUT']],
    ['defaultChannel', 5, ['POST', 'PUT']],
  ];
  it.each(refused)('refuses as %s the value %j', async (field, value, where) => {
    for (const verb of where) {
      const answer = await ask(verb, { channel: 'beta', [field]: value });
      expectNested(answer, 400, invalidCode(verb));
      const { moreInfo } = answer.body as {
        moreInfo: { parseResult: { error: { issues: { path: string[] }[] } } };
      };
      expect(moreInfo.parseResult.error.issues.map(({ path }) => path)).toEqual([[field]]);
    }
  });

  it.each(verbs)('%s accepts what the plugins send for "none"', async (verb) => {
    const none = {
      version_name: '',
      version_build: '',
      defaultChannel: '',
      custom_id: '',
      install_source: '',
    };
    const answer = await ask(verb, { channel: 'beta', ...none });
    expect(answer.status).toBe(200);
  });

  it.each(['DELETE', 'GET'] as const)(
    '%s takes of a flag only "true" for true, and of a repeated key the first',
    async (verb) => {
      for (const is_prod of ['yes', '1', 'TRUE', 'false']) {
        expect((await ask(verb, { is_prod })).status).toBe(200);
      }
      const query = new URLSearchParams(
        Object.entries(device).map(([name, value]): [string, string] => [name, String(value)]),
      );
      query.append('app_id', 'nodots');
      const response = await fetch(`${server.userUrl}/channel_self?${query}`, { method: verb });
      expect(response.status).toBe(200);
    },
  );

  it.each(verbs)('%s takes an upper-case device id', async (verb) => {
    const lower = await ask(verb, { channel: 'beta' });
    const upper = await ask(verb, { channel: 'beta', device_id: someDeviceId.toUpperCase() });
    expect(upper.body).toEqual(lower.body);
    expect(upper.status).toBe(200);
  });

  it.each(verbs)('%s answers the same below /plugin', async (verb) => {
    const below = await ask(verb, { channel: 'beta' }, '/plugin/channel_self');
    expect(below.body).toEqual((await ask(verb, { channel: 'beta' })).body);
    expect(below.status).toBe(200);
  });
});
