import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rolloutBucket } from '../domain/rollout.ts';
import type { ChannelSettings } from '../services/channel-changes.ts';
import {
  buildActor,
  buildDeviceEventBody,
  buildUpdateCheckBody,
  someAuthor,
  someDeviceId,
} from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

type Row = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Row;
}

const actor = buildActor('olga');
const clock = createFakeClock();
let server: TestServer;

async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Row };
}

function manageText(path: string, text: string): Promise<Answer> {
  return send(`${server.managementUrl}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'x-api-key': testToken, 'content-type': 'application/json' },
    body: text,
  });
}

function explain(body: unknown): Promise<Answer> {
  return manageText('updates.explain', JSON.stringify(body));
}

function postDevice(path: string, body: unknown): Promise<Answer> {
  return send(`${server.userUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function read(path: string, query: Record<string, string>): Promise<Answer> {
  return send(`${server.managementUrl}/api/v1/${path}?${new URLSearchParams(query)}`, {
    headers: { 'x-api-key': testToken },
  });
}

async function upload(appId: string, versionName: string): Promise<string> {
  const { body } = await send(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: versionName }),
  });
  return (body['bundle'] as { id: string }).id;
}

async function createRelease(
  appId: string,
  build: { readonly version_name: string; readonly version_code: string },
  builtinBundleId: string,
  activeBundleId: string,
): Promise<string> {
  const release = { app_id: appId, platform: 'ios', ...build, builtin_bundle_id: builtinBundleId };
  const { body } = await manageText('releases.create', JSON.stringify(release));
  const { id } = body['release'] as { id: string };
  await manageText('releases.set-active', JSON.stringify({ release_id: id, bundle_id: activeBundleId }));
  return id;
}

async function createChannel(
  appId: string,
  name: string,
  bundleId: string | null,
  settings: ChannelSettings,
): Promise<number> {
  const { channels } = server.product.services;
  const { id } = await channels.create({ appId, name, ...settings }, actor);
  await channels.setBundle(id, bundleId, actor);
  return id;
}

async function runJob(name: string): Promise<void> {
  await server.product.jobs.find((job) => job.name === name)?.run();
}

const rolloutBps = 5_000;
const pinnedDevice = 'aaaaaaaa-0000-4000-8000-000000000001';
const failedDevice = 'aaaaaaaa-0000-4000-8000-000000000002';
const appId = 'com.example.explain';
const ids = { production: 0, beta: 0, hidden: 0, empty: 0, prodless: 0 };
let releaseId = '';
/** Devices on either side of the rollout of channel `beta`. */
let inside = '';
let outside = '';

/**
 * One app with everything: releases 3.0 (7) and 1.4 (5) serve 3.0.1; public `production` serves 1.0.1; `beta`, which
 * devices may choose, serves 1.0.1 and rolls out 1.0.2 to half of them; `hidden` serves 1.0.2 to one pinned device.
 */
beforeAll(async () => {
  server = await startTestServer({ clock });
  const a = await upload(appId, '1.0.1');
  const b = await upload(appId, '1.0.2');
  const c = await upload(appId, '3.0.1');
  releaseId = await createRelease(appId, { version_name: '3.0', version_code: '7' }, a, c);
  await createRelease(appId, { version_name: '1.4', version_code: '5' }, a, c);
  ids.production = await createChannel(appId, 'production', a, { isPublic: true });
  ids.beta = await createChannel(appId, 'beta', a, { allowDeviceSelfSet: true });
  ids.hidden = await createChannel(appId, 'hidden', b, {});
  ids.empty = await createChannel(appId, 'empty', null, { allowDeviceSelfSet: true });
  ids.prodless = await createChannel(appId, 'prodless', b, {
    allowDeviceSelfSet: true,
    allowProd: false,
    allowEmulator: false,
  });
  const { rollout } = await server.product.services.channels.changeRollout(
    ids.beta,
    { bundleId: b, isEnabled: true, percentageBps: rolloutBps },
    actor,
  );
  const devices = Array.from(
    { length: 50 },
    (_, number) => `bbbbbbbb-0000-4000-8000-0000000000${number + 10}`,
  );
  inside = devices.find((device) => rolloutBucket(rollout.id, device) < rolloutBps) ?? '';
  outside = devices.find((device) => rolloutBucket(rollout.id, device) >= rolloutBps) ?? '';
  await server.product.store.setDeviceOverride(
    { appId, deviceId: pinnedDevice },
    ids.hidden,
    null,
    someAuthor,
  );
  await runJob('refresh-all');
  const failure = buildDeviceEventBody({ app_id: appId, device_id: failedDevice, action: 'update_fail' });
  for (let time = 0; time < 3; time += 1) await postDevice('/stats', failure);
});
afterAll(() => server.close());

interface Situation {
  readonly name: string;
  readonly given: () => Row;
  readonly outcome: string;
  readonly source: string | null;
  readonly channel?: keyof typeof ids;
  readonly bundle: string | null;
  /** The names of the steps, in order. */
  readonly steps: readonly string[];
}

const situations: readonly Situation[] = [
  {
    name: 'a release',
    given: () => ({ version_build: '3.0', version_code: '7' }),
    outcome: 'update_available',
    source: 'release',
    bundle: '3.0.1',
    steps: ['device_override', 'release', 'target', 'zip', 'update_available'],
  },
  {
    name: 'the public channel',
    given: () => ({}),
    outcome: 'update_available',
    source: 'public_channel',
    channel: 'production',
    bundle: '1.0.1',
    steps: ['device_override', 'release', 'public_channel', 'target', 'policies', 'zip', 'update_available'],
  },
  {
    name: 'nothing new',
    given: () => ({ version_name: '1.0.1' }),
    outcome: 'no_new_version_available',
    source: 'public_channel',
    channel: 'production',
    bundle: '1.0.1',
    steps: ['device_override', 'release', 'public_channel', 'target', 'no_new_version_available'],
  },
  {
    name: 'a pinned device',
    given: () => ({ device_id: pinnedDevice.toUpperCase(), defaultChannel: 'beta' }),
    outcome: 'update_available',
    source: 'device_override',
    channel: 'hidden',
    bundle: '1.0.2',
    steps: ['device_override', 'target', 'policies', 'zip', 'update_available'],
  },
  {
    name: 'a default channel, inside its rollout',
    given: () => ({ device_id: inside, defaultChannel: 'beta' }),
    outcome: 'update_available',
    source: 'default_channel',
    channel: 'beta',
    bundle: '1.0.2',
    steps: ['device_override', 'default_channel', 'rollout', 'target', 'policies', 'zip', 'update_available'],
  },
  {
    name: 'a default channel, outside its rollout',
    given: () => ({ device_id: outside, defaultChannel: 'beta' }),
    outcome: 'update_available',
    source: 'default_channel',
    channel: 'beta',
    bundle: '1.0.1',
    steps: ['device_override', 'default_channel', 'rollout', 'target', 'policies', 'zip', 'update_available'],
  },
  {
    name: 'a default channel it may not have',
    given: () => ({ defaultChannel: 'hidden' }),
    outcome: 'no_channel',
    source: null,
    bundle: null,
    steps: ['device_override', 'default_channel', 'no_channel'],
  },
  {
    name: 'a policy that refuses',
    given: () => ({ defaultChannel: 'prodless' }),
    outcome: 'disable_prod_build',
    source: 'default_channel',
    channel: 'prodless',
    bundle: '1.0.2',
    steps: ['device_override', 'default_channel', 'target', 'disable_prod_build'],
  },
  {
    name: 'a way back to builtin',
    given: () => ({ defaultChannel: 'empty', version_name: '1.0.1' }),
    outcome: 'revert_to_builtin',
    source: 'default_channel',
    channel: 'empty',
    bundle: 'builtin',
    steps: ['device_override', 'default_channel', 'target', 'policies', 'revert_to_builtin'],
  },
  {
    name: 'a device on builtin that stays there',
    given: () => ({ defaultChannel: 'empty' }),
    outcome: 'already_on_builtin',
    source: 'default_channel',
    channel: 'empty',
    bundle: 'builtin',
    steps: ['device_override', 'default_channel', 'target', 'policies', 'already_on_builtin'],
  },
  {
    name: 'a plugin that keeps its channel here',
    given: () => ({ plugin_version: '7.0.0' }),
    outcome: 'update_available',
    source: 'public_channel',
    channel: 'production',
    bundle: '1.0.1',
    steps: [
      ...['device_override', 'self_set', 'release', 'public_channel', 'target', 'policies'],
      ...['zip', 'update_available'],
    ],
  },
  {
    name: 'a bundle that failed on the device',
    given: () => ({ device_id: failedDevice }),
    outcome: 'bundle_failed_on_device',
    source: 'public_channel',
    channel: 'production',
    bundle: '1.0.1',
    steps: [
      ...['device_override', 'release', 'public_channel', 'target', 'policies', 'bundle_failed_on_device'],
    ],
  },
  {
    name: 'an app nobody registered',
    given: () => ({ app_id: 'com.example.nobody' }),
    outcome: 'app_not_found',
    source: null,
    bundle: null,
    steps: ['app_not_found'],
  },
];

describe('the explanation of a request', () => {
  it.each(situations)('of $name has the answer to the letter, and what it came from', async (situation) => {
    const body = buildUpdateCheckBody({ app_id: appId, ...situation.given() });
    const [explained, answered] = [await explain(body), await postDevice('/updates', body)];
    expect([explained.status, answered.status]).toEqual([200, 200]);
    expect(JSON.stringify(explained.body['answer'])).toBe(answered.text);
    const { channel } = situation;
    expect(explained.body).toEqual({
      answer: answered.body,
      outcome: situation.outcome,
      source: situation.source,
      channel: channel === undefined ? null : { id: ids[channel], name: channel },
      release:
        situation.source === 'release' ? { id: releaseId, version_name: '3.0', version_code: '7' } : null,
      bundle: situation.bundle,
      steps: situation.steps.map((step) => ({ step, why: expect.stringMatching(/\w/) })),
    });
  });

  it('says what each step found: the channel, the rule and the bucket against the percentage', async () => {
    const { rollout } = await server.product.services.channels.get(ids.beta);
    const whyOf = async (given: Row) => {
      const { body } = await explain(buildUpdateCheckBody({ app_id: appId, ...given }));
      const steps = body['steps'] as { step: string; why: string }[];
      return Object.fromEntries(steps.map(({ step, why }) => [step, why]));
    };
    const chosen = await whyOf({ device_id: inside, defaultChannel: 'beta' });
    expect(chosen['default_channel']).toContain('beta');
    expect(chosen['rollout']).toContain(`bucket ${rolloutBucket(rollout.id, inside)} of ${rolloutBps}`);
    expect(chosen['rollout']).toContain('1.0.2');
    expect((await whyOf({ device_id: outside, defaultChannel: 'beta' }))['rollout']).toContain(
      `bucket ${rolloutBucket(rollout.id, outside)} of ${rolloutBps}`,
    );
    expect((await whyOf({ device_id: pinnedDevice }))['device_override']).toContain('hidden');
    expect((await whyOf({}))['public_channel']).toContain('production');
    expect((await whyOf({ version_build: '3.0', version_code: '7' }))['release']).toContain(releaseId);
    expect((await whyOf({ device_id: failedDevice }))['bundle_failed_on_device']).toContain('3 times');
  });

  it('gives the download URL of the device API, which works', async () => {
    const { body } = await explain(buildUpdateCheckBody({ app_id: appId }));
    const { url } = body['answer'] as { url: string };
    expect(url.startsWith(server.userUrl)).toBe(true);
    expect((await fetch(url)).status).toBe(200);
  });

  it('leaves nothing behind: no event, no counter, no device, no counted check', async () => {
    const checksCounted = async () =>
      (await (await fetch(`${server.metricsUrl}/metrics`)).text())
        .split('\n')
        .filter((line) => line.startsWith('capgo_update_checks_total'));
    const state = async () => [
      ...[(await read('events.list', { app_id: appId })).text],
      ...[(await read('counters.list', { app_id: appId })).text],
      ...[(await read('devices.list', { app_id: appId })).text, ...(await checksCounted())],
    ];
    await runJob('record-checks');
    const before = await state();
    const device_id = 'cccccccc-0000-4000-8000-000000000001';
    for (const { given } of situations) {
      expect((await explain(buildUpdateCheckBody({ app_id: appId, device_id, ...given() }))).status).toBe(
        200,
      );
    }
    await runJob('record-checks');
    expect(await state()).toEqual(before);
    expect((await explain({ app_id: appId, device_id })).status).toBe(404);
  });
});

describe('the explanation of a known device', () => {
  it.each([
    { defaultChannel: 'beta' },
    { version_name: '1.0.1' },
    { version_name: '1.0.2', defaultChannel: 'beta' },
    { defaultChannel: 'prodless', is_prod: false },
    { defaultChannel: 'prodless', is_prod: false, is_emulator: true },
    { plugin_version: '5.0.0', version_name: '1.0.1', defaultChannel: 'empty' },
    { platform: 'electron', plugin_version: '0.0.1', custom_id: null },
    { key_id: 'MIIBCgKCAQEAt4Zx9wQe', is_emulator: true },
  ] as Row[])('that last asked with %j is what it would be answered again', async (given) => {
    const device_id = inside.replace(/^b+/, 'dddddddd');
    const body = buildUpdateCheckBody({ app_id: appId, device_id, ...given });
    const answered = await postDevice('/updates', body);
    await runJob('record-checks');
    for (const known of [
      { app_id: appId, device_id },
      { app_id: appId, device_id: device_id.toUpperCase() },
    ]) {
      const explained = await explain(known);
      expect(explained.status).toBe(200);
      expect(JSON.stringify(explained.body['answer'])).toBe(answered.text);
      expect(explained.body).toEqual((await explain(body)).body);
    }
  });

  it.each<[string, string, Row]>([
    ['asked for an update', '/updates', { device_id: 'eeeeeeee-0000-4000-8000-000000000002' }],
    ['reported an event', '/stats', { device_id: 'eeeeeeee-0000-4000-8000-000000000003', action: 'reset' }],
    [
      'chose a channel',
      '/channel_self',
      { device_id: 'eeeeeeee-0000-4000-8000-000000000004', channel: 'beta' },
    ],
  ])(
    'that %s is served by the release that its native version names as it was sent',
    async (_, path, given) => {
      const { device_id } = given;
      const build = { version_build: '1.4', version_code: '5', version_name: 'builtin' };
      const request = buildUpdateCheckBody({ app_id: appId, device_id, ...build });
      expect((await postDevice(path, { ...request, ...given })).status).toBe(200);
      await runJob('record-checks');
      const explained = await explain({ app_id: appId, device_id });
      expect(explained.body).toMatchObject({ source: 'release', release: { version_name: '1.4' } });
      expect(explained.body).toEqual((await explain(request)).body);
      expect(JSON.stringify(explained.body['answer'])).toBe((await postDevice('/updates', request)).text);
    },
  );

  it('follows the device as it reports', async () => {
    const device_id = 'eeeeeeee-0000-4000-8000-000000000001';
    const known = { app_id: appId, device_id };
    await postDevice('/stats', buildDeviceEventBody({ ...known, version_name: '1.0.0' }));
    expect((await explain(known)).body).toMatchObject({ outcome: 'update_available', bundle: '1.0.1' });
    await postDevice('/stats', buildDeviceEventBody({ ...known, version_name: '1.0.1' }));
    expect((await explain(known)).body).toMatchObject({ outcome: 'no_new_version_available' });
  });

  it.each([
    ['platform', '1', { platform: 'windows' }],
    ['plugin version', '2', { plugin_version: undefined }],
    ['native version', '3', { version_build: undefined }],
  ])('is 400 in words of an operator for one that never told its %s', async (_what, digit, given) => {
    const device_id = `dddddddd-0000-4000-8000-00000000000${digit}`;
    await postDevice(
      '/stats',
      buildDeviceEventBody({ app_id: appId, device_id, version_name: '1.0.0', ...given }),
    );
    const { status, body } = await explain({ app_id: appId, device_id });
    expect([status, body]).toEqual([
      400,
      { error: expect.stringMatching(/^Too little is known of this device/), code: 'invalid_request' },
    ]);
  });

  it.each([
    { app_id: appId, device_id: '99999999-0000-4000-8000-000000000001' },
    { app_id: 'com.example.nobody', device_id: pinnedDevice },
  ])('is 404 for %j, which was never heard of', async (body) => {
    const { status, body: answer } = await explain(body);
    expect([status, answer]).toEqual([404, { error: expect.any(String), code: 'device_not_found' }]);
  });
});

describe('a body that cannot be read', () => {
  const sound = buildUpdateCheckBody({ app_id: appId });
  const rows: readonly [code: string, body: unknown][] = [
    ['invalid_json_body', null],
    ['invalid_json_body', 5],
    ['invalid_json_body', 'text'],
    ['missing_device_id', { ...sound, device_id: undefined }],
    ['missing_device_id', { ...sound, device_id: '', app_id: '' }],
    ['missing_app_id', { ...sound, app_id: '' }],
    ['semver_error', { ...sound, version_build: 'x.y.z' }],
    ['semver_error', { ...sound, version_build: 'x.y.z', platform: 'web' }],
    ['invalid_json_body', { ...sound, platform: 'web' }],
    ['invalid_json_body', { ...sound, plugin_version: undefined }],
    ['invalid_json_body', { ...sound, is_prod: 'true' }],
    ['invalid_json_body', { ...sound, device_id: 5 }],
    ['invalid_json_body', { ...sound, key_id: 'x'.repeat(21) }],
    ['invalid_request', {}],
    ['invalid_request', []],
    ['invalid_request', { app_id: appId }],
    ['invalid_request', { device_id: someDeviceId }],
    ['invalid_request', { app_id: appId, device_id: 'no-uuid' }],
    ['invalid_request', { app_id: appId, device_id: `${someDeviceId}\0` }],
    ['invalid_request', { app_id: 'nodots', device_id: someDeviceId }],
    ['invalid_request', { app_id: 5, device_id: someDeviceId }],
    ['invalid_request', { app_id: appId, device_id: [someDeviceId] }],
  ];
  it.each(rows)('is 400 %s in the shape of this API: %j', async (code, body) => {
    const { status, body: answer } = await explain(body);
    expect(status).toBe(400);
    expect(answer).toMatchObject({ error: expect.any(String), code });
    expect(answer).not.toHaveProperty('message');
    expect(answer).not.toHaveProperty('kind');
    expect(Object.keys(answer).every((key) => ['error', 'code', 'details'].includes(key))).toBe(true);
  });

  it('names the field that is wrong, as the device API does', async () => {
    const body = { ...sound, platform: 'web' };
    const { body: answer } = await explain(body);
    const { body: told } = await postDevice('/updates', body);
    expect(answer['details']).toEqual(told['moreInfo']);
    expect(JSON.stringify(answer)).toContain('platform');
  });

  it.each([
    ['{"app_id":', 'invalid_json_parse_body'],
    ['{"__proto__":{}}', 'invalid_json_parse_body'],
    // As when there is none.
    ['', 'invalid_json_body'],
  ])('is 400 when it is no JSON: %j', async (text, code) => {
    const { status, body } = await manageText('updates.explain', text);
    expect([status, body['code']]).toEqual([400, code]);
  });
});
