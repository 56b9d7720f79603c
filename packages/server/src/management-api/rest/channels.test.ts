import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { roles } from '../../domain/access.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { buildUpdateCheckBody } from '../../testing/builders.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { askRest, callerOf, type RestRequest, serveRoutesTo } from '../../testing/rest-client.ts';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { restChannelRoutes } from './channels.ts';

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { VERIFY_EXTERNAL_BUNDLES: 'false' }, clock });
});
afterAll(() => server.close());

const ask = (request: RestRequest) => askRest(server.managementUrl, request);

let appCount = 0;
/** Each test has an app of its own, with bundles 1.0.0 to 1.0.3. */
let appId: string;
let numbers: Record<string, number>;
beforeEach(async () => {
  appCount += 1;
  appId = `com.example.channels${appCount}`;
  numbers = await makeBundles(appId);
});

async function makeBundles(ofApp: string): Promise<Record<string, number>> {
  for (const version of ['1.0.0', '1.0.1', '1.0.2', '1.0.3']) {
    const body = {
      app_id: ofApp,
      version,
      external_url: 'https://example.com/a.zip',
      checksum: 'ab'.repeat(32),
    };
    expect((await ask({ method: 'POST', path: '/bundle', body })).status).toBe(200);
  }
  const rows: { name: string; id: number }[] = (await ask({ path: `/bundle?app_id=${ofApp}`, as: 'hosted' }))
    .body;
  return Object.fromEntries(rows.map(({ name, id }) => [name, id]));
}

const save = (given: object, as: 'documented' | 'hosted' = 'documented') =>
  ask({ method: 'POST', path: '/channel', body: { app_id: appId, channel: 'production', ...given }, as });
async function saved(given: object): Promise<void> {
  expect(await save(given)).toMatchObject({ status: 200, body: { status: 'ok' } });
}
const get = async (name = 'production', as: 'documented' | 'hosted' = 'hosted') =>
  (await ask({ path: `/channel?app_id=${appId}&channel=${name}`, as })).body;
const deployments = async (name = 'production') => {
  const { id } = await get(name);
  const { items } = await server.product.services.channels.listDeployments(id, { limit: 50 });
  return items.map(({ reason }) => reason);
};
async function servedTo(given: object = {}): Promise<string> {
  const response = await fetch(`${server.userUrl}/updates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(buildUpdateCheckBody({ app_id: appId, version_name: '1.0.9', ...given })),
  });
  const body = (await response.json()) as { version?: string; error?: string };
  return body.error ?? body.version ?? '';
}

const defaults = () => ({
  ...{ id: expect.any(Number), name: 'production', app_id: appId, created_by: null },
  ...{ created_at: new Date(clock.now()).toISOString(), updated_at: new Date(clock.now()).toISOString() },
  ...{ owner_org: defaultOrganizationId, version: null, public: false },
  ...{ ios: true, android: true, electron: true, allow_device_self_set: false, allow_emulator: true },
  ...{ allow_device: true, allow_dev: true, allow_prod: true },
  ...{ disableAutoUpdateUnderNative: true, disableAutoUpdate: 'major', updatePackage: 'all' },
  ...{ rollout_version: null, rollout_id: expect.any(String), rollout_version_info: null },
  ...{ rolloutPercentageBps: 0, rolloutEnabled: false, rolloutPausedAt: null, rolloutPauseReason: null },
  ...{ rolloutCacheTtlSeconds: 2_592_000, autoPauseEnabled: false, autoPauseWindowMinutes: 60 },
  ...{ autoPauseFailureRateBps: null, autoPauseConfidence: 0.95, autoPauseMinAttempts: null },
  ...{ autoPauseMinFailures: null, autoPauseAction: 'pause', autoPauseCooldownMinutes: 60 },
  ...{ autoPauseLastTriggeredAt: null, autoPauseLastCheckedAt: null },
});

describe('a channel', () => {
  it('is made with the defaults', async () => {
    expect(await save({})).toStrictEqual({ status: 200, body: { status: 'ok' } });
    expect(await get()).toStrictEqual(defaults());
  });

  it('is made with a bundle, and its number is told', async () => {
    for (const [name, as] of [
      ['a', 'documented'],
      ['b', 'hosted'],
    ] as const) {
      const answer = await save({ channel: name, version: '1.0.0', public: true }, as);
      const { id } = await get(name);
      expect(answer).toStrictEqual({ status: 200, body: { status: 'ok', id, public: true } });
    }
    expect(await get('b')).toMatchObject({ version: { id: numbers['1.0.0'], name: '1.0.0' }, public: true });
    expect(await save({ channel: 'b', version: '1.0.1' })).toStrictEqual({
      status: 200,
      body: { status: 'ok' },
    });
    expect(await servedTo()).toBe('1.0.1');
  });

  it('is shown in the words of the documentation to who asks without a version', async () => {
    await saved({ disableAutoUpdate: 'metadata' });
    expect(await get('production', 'documented')).toMatchObject({ disableAutoUpdate: 'metadata' });
    expect(await get()).toMatchObject({ disableAutoUpdate: 'version_number' });
    await saved({ disableAutoUpdate: 'version_number' });
    expect(await get()).toMatchObject({ disableAutoUpdate: 'version_number' });
  });

  it.each([
    ...['public', 'ios', 'android', 'electron', 'allow_device_self_set', 'allow_emulator'].flatMap(
      (field) => [
        [field, true],
        [field, false],
      ],
    ),
    ...['allow_device', 'allow_dev', 'allow_prod', 'disableAutoUpdateUnderNative'].flatMap((field) => [
      [field, false],
      [field, true],
    ]),
    ...['major', 'minor', 'patch', 'none', 'version_number'].map((value) => ['disableAutoUpdate', value]),
    ...['zip', 'delta', 'zip_from_builtin', 'delta_from_builtin', 'all'].map((value) => [
      'updatePackage',
      value,
    ]),
    ...[0, 1, 10_000].map((value) => ['rolloutPercentageBps', value]),
    ['rolloutEnabled', true],
    ...[60, 31_536_000].map((value) => ['rolloutCacheTtlSeconds', value]),
    ['autoPauseEnabled', true],
    ...[1, 10_080].map((value) => ['autoPauseWindowMinutes', value]),
    ...[0, 10_000, null].map((value) => ['autoPauseFailureRateBps', value]),
    ...[0.5, 0.999].map((value) => ['autoPauseConfidence', value]),
    ...[0, 20, null].map((value) => ['autoPauseMinAttempts', value]),
    ...[0, 5, null].map((value) => ['autoPauseMinFailures', value]),
    ...['rollback', 'notify', 'pause'].map((value) => ['autoPauseAction', value]),
    ...[0, 10_080].map((value) => ['autoPauseCooldownMinutes', value]),
  ] as [string, unknown][])('has %s set to %j, by either name, and nothing else', async (field, value) => {
    await saved({ version: '1.0.0' });
    const before = await get();
    await saved({ [field]: value });
    expect(await get()).toStrictEqual({ ...before, [field]: value });
    const snakeCase = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    await saved({ [snakeCase]: value });
    expect(await get()).toStrictEqual({ ...before, [field]: value });
  });

  it('keeps what is left out or null', async () => {
    await saved({
      version: '1.0.0',
      public: true,
      allow_dev: false,
      autoPauseMinFailures: 3,
      rolloutPercentage: 5,
    });
    const before = await get();
    await saved({ public: null, allow_dev: null, ios: null, rolloutEnabled: null, disableAutoUpdate: null });
    await saved({});
    expect(await get()).toStrictEqual(before);
    expect(before.rolloutPercentageBps).toBe(500);
  });

  it.each([null, '', 'unknown', 'builtin'])('serves builtin when its version is %j', async (version) => {
    await saved({ version: '1.0.0', public: true });
    expect(await servedTo()).toBe('1.0.0');
    await saved({ version });
    expect((await get()).version).toBeNull();
    expect(await deployments()).toStrictEqual(['set bundle', 'created']);
  });

  it('that becomes public takes that from those that share a platform', async () => {
    await saved({ channel: 'phones', public: true, electron: false });
    await saved({ channel: 'desktop', public: true, ios: false, android: false });
    expect((await get('phones')).public).toBe(true);
    await saved({ channel: 'iphones', public: true, ios: true, android: false });
    // Whoever tells the two phones apart and does not name the third platform does not mean it.
    expect(await get('iphones')).toMatchObject({ public: true, electron: false });
    expect((await get('phones')).public).toBe(false);
    expect((await get('desktop')).public).toBe(true);
    await saved({ channel: 'all', public: true });
    for (const name of ['iphones', 'desktop']) expect((await get(name)).public).toBe(false);
  });

  it('is listed, the oldest first, in pages of 50', async () => {
    const expected: string[] = [];
    for (let index = 0; index < 51; index += 1) {
      clock.advance(1_000);
      expected.push(`channel-${99 - index}`);
      await saved({ channel: `channel-${99 - index}` });
    }
    const pages = [];
    for (const page of [0, 1, 2]) {
      const path = `/channel?app_id=${appId}&page=${page}`;
      const hosted = await ask({ path, as: 'hosted' });
      expect(await ask({ path })).toStrictEqual({ status: 200, body: { data: hosted.body } });
      pages.push(hosted.body.map(({ name }: { name: string }) => name));
    }
    expect(pages).toStrictEqual([expected.slice(0, 50), expected.slice(50), []]);
  });

  it('is deleted by its name, from the body or the query', async () => {
    await saved({ version: '1.0.0', public: true });
    await saved({ channel: 'beta' });
    const ok = { status: 200, body: { status: 'ok' } };
    const body = { app_id: appId, channel: 'production', delete_bundle: false };
    expect(await ask({ method: 'DELETE', path: '/channel/', body })).toStrictEqual(ok);
    const path = `/channel?app_id=${appId}&channel=beta&delete_bundle=true`;
    expect(await ask({ method: 'DELETE', path, as: 'hosted' })).toStrictEqual(ok);
    expect(await ask({ path: `/channel?app_id=${appId}`, as: 'hosted' })).toStrictEqual({
      status: 200,
      body: [],
    });
    expect(await servedTo()).toBe('no_channel');
  });
});

describe('a rollout', () => {
  beforeEach(() => saved({ version: '1.0.0', public: true }));

  it('starts with one call, by name or number of its bundle, and counts as one change', async () => {
    const before = (await get()).rollout_id;
    await saved({ rolloutVersion: '1.0.1', rolloutPercentageBps: 10_000, rolloutEnabled: true });
    const rollout = {
      rollout_version: numbers['1.0.1'],
      rollout_version_info: { id: numbers['1.0.1'], name: '1.0.1' },
    };
    expect(await get()).toMatchObject({ ...rollout, rolloutPercentageBps: 10_000, rolloutEnabled: true });
    expect((await get()).rollout_id).not.toBe(before);
    expect(await servedTo()).toBe('1.0.1');
    expect(await deployments()).toStrictEqual(['rollout of 1.0.1 at 100 %', 'created']);
    await saved({ rollout_version: numbers['1.0.2'], rollout_percentage: 12.5 });
    expect(await get()).toMatchObject({ rollout_version: numbers['1.0.2'], rolloutPercentageBps: 1_250 });
    await saved({ rolloutVersion: String(numbers['1.0.1']), rolloutPercentageBps: 7, rolloutPercentage: 50 });
    expect(await get()).toMatchObject({ rollout_version: numbers['1.0.1'], rolloutPercentageBps: 7 });
  });

  it('of another bundle starts from nobody, unless it is said otherwise', async () => {
    await saved({ rolloutVersion: '1.0.1', rolloutPercentage: 50, rolloutEnabled: true });
    await saved({ rolloutVersion: '1.0.2' });
    expect(await get()).toMatchObject({ rolloutPercentageBps: 0, rolloutEnabled: true });
  });

  it('pauses, for a reason, and goes on', async () => {
    await saved({ rolloutVersion: '1.0.1', rolloutPercentage: 100, rolloutEnabled: true });
    const nowText = new Date(clock.now()).toISOString();
    await saved({ rolloutPaused: true, rolloutPauseReason: 'reviews' });
    expect(await get()).toMatchObject({ rolloutPausedAt: nowText, rolloutPauseReason: 'reviews' });
    expect(await servedTo()).toBe('1.0.0');
    await saved({ rolloutPaused: false });
    expect(await get()).toMatchObject({ rolloutPausedAt: null, rolloutPauseReason: null });
    expect(await servedTo()).toBe('1.0.1');
    await saved({ rollout_paused_at: '2026-01-01T00:00:00Z', rolloutPaused: false });
    expect(await get()).toMatchObject({
      rolloutPausedAt: '2026-01-01T00:00:00.000Z',
      rolloutPauseReason: null,
    });
    for (const rolloutPausedAt of [null, false]) {
      await saved({ rolloutPaused: true, rolloutPauseReason: 'again' });
      await saved({ rolloutPausedAt });
      expect(await get()).toMatchObject({ rolloutPausedAt: null, rolloutPauseReason: null });
    }
    expect((await deployments()).slice(-5, -1)).toStrictEqual([
      'rollout of 1.0.1 paused',
      'rollout of 1.0.1 resumed',
      'rollout of 1.0.1 paused (reviews)',
      'rollout of 1.0.1 at 100 %',
    ]);
  });

  it('ends by rollback or by null, with everything of it but the cache', async () => {
    for (const end of [
      { rollback: true },
      { rolloutVersion: null, rolloutEnabled: false, rolloutPercentage: 0 },
    ]) {
      await saved({ rolloutVersion: '1.0.1', rolloutPercentage: 100, rolloutEnabled: true });
      await saved({ rolloutPaused: true, rolloutCacheTtlSeconds: 60 });
      await saved(end);
      expect(await get()).toMatchObject({
        ...{ rollout_version: null, rollout_version_info: null, rolloutPercentageBps: 0 },
        ...{ rolloutEnabled: false, rolloutPausedAt: null, rolloutCacheTtlSeconds: 60 },
        version: { name: '1.0.0' },
      });
      expect((await deployments())[0]).toBe('rollout of 1.0.1 cancelled');
    }
  });

  it.each(['promoteToStable', 'promote_to_stable'])('becomes the stable bundle by %s', async (field) => {
    await saved({ rolloutVersion: '1.0.1', rolloutPercentage: 10, rolloutEnabled: true });
    await saved({ [field]: true });
    expect(await get()).toMatchObject({
      ...{
        version: { name: '1.0.1' },
        rollout_version: null,
        rolloutPercentageBps: 0,
        rolloutEnabled: false,
      },
    });
    expect(await servedTo()).toBe('1.0.1');
    expect((await deployments())[0]).toBe('rollout of 1.0.1 promoted');
  });

  it('advances: its bundle becomes the stable one and the next goes to as many', async () => {
    await saved({ rolloutVersion: '1.0.1', rolloutPercentage: 25, rolloutEnabled: true });
    const advance = { rolloutVersion: '1.0.2', advanceRollout: true };
    for (let told = 0; told < 2; told += 1) {
      await saved(advance);
      expect(await get()).toMatchObject({
        ...{ version: { name: '1.0.1' }, rollout_version_info: { name: '1.0.2' } },
        ...{ rolloutPercentageBps: 2_500, rolloutEnabled: true, rolloutPausedAt: null },
      });
    }
    expect((await deployments())[0]).toBe('rollout of 1.0.1 promoted; rollout of 1.0.2 at 25 %');
    await saved({ rolloutVersion: '1.0.3', advance_rollout: true, rolloutPercentageBps: 5 });
    expect(await get()).toMatchObject({ version: { name: '1.0.2' }, rolloutPercentageBps: 5 });
  });

  it('advances from nothing as any rollout starts', async () => {
    await saved({
      rolloutVersion: '1.0.1',
      advanceRollout: true,
      rolloutPercentageBps: 5,
      rolloutEnabled: true,
    });
    expect(await get()).toMatchObject({
      version: { name: '1.0.0' },
      rollout_version_info: { name: '1.0.1' },
    });
  });

  it('and the stable bundle change as one', async () => {
    await saved({
      version: '1.0.1',
      rolloutVersion: '1.0.2',
      rolloutPercentage: 10,
      public: false,
      ios: false,
    });
    expect(await get()).toMatchObject({
      ...{ version: { name: '1.0.1' }, rollout_version_info: { name: '1.0.2' }, public: false, ios: false },
    });
    expect((await deployments())[0]).toBe('set bundle; rollout of 1.0.2 disabled');
  });
});

describe('a request for channels that cannot be met', () => {
  const post = (given: object) => (): RestRequest => ({
    ...{ method: 'POST', path: '/channel' },
    body: { app_id: appId, channel: 'production', ...given },
  });
  const noApp = 'com.example.nobody';
  type Row = [what: string, request: () => RestRequest, code: string, text?: string];
  const outOfRange = [
    ...['rolloutPercentageBps', 'rollout_percentage_bps', 'autoPauseFailureRateBps'].flatMap((field) =>
      [-1, 10_001, 0.5, '1x'].map((value) => [field, value]),
    ),
    ...[59, 31_536_001].map((value) => ['rolloutCacheTtlSeconds', value]),
    ...[0, 10_081].map((value) => ['autoPauseWindowMinutes', value]),
    ...[-1, 10_081].map((value) => ['autoPauseCooldownMinutes', value]),
    ...[-1, 1.5].map((value) => ['autoPauseMinAttempts', value]),
    ['auto_pause_min_failures', -1],
  ] as const;
  const rows: Row[] = [
    ['a list without app', () => ({ path: '/channel' }), 'missing_app_id'],
    ['a list of what is no app id', () => ({ path: '/channel?app_id=x' }), 'invalid_app_id'],
    ['a list of an app that is not there', () => ({ path: `/channel?app_id=${noApp}` }), 'cannot_access_app'],
    [
      'a channel that is not there',
      () => ({ path: `/channel?app_id=${appId}&channel=none` }),
      'cannot_find_version',
      'Channel not found',
    ],
    [
      'no body',
      () => ({ method: 'POST', path: `/channel?app_id=${appId}&channel=a` }),
      'invalid_json_parse_body',
    ],
    ['no JSON', () => ({ method: 'POST', path: '/channel', raw: '{' }), 'invalid_json_parse_body'],
    ['a channel without app', post({ app_id: undefined }), 'missing_app_id'],
    ['a channel of what is no app id', post({ app_id: 'x' }), 'invalid_app_id'],
    ['a channel without name', post({ channel: undefined }), 'missing_channel_name'],
    ['a channel in no app', post({ app_id: noApp }), 'cannot_access_app'],
    ['a name that is blank', post({ channel: ' ' }), 'invalid_body'],
    ['a name that is too long', post({ channel: 'x'.repeat(256) }), 'invalid_body'],
    ['a version that is not there', post({ version: '9.9.9' }), 'cannot_find_version', 'Bundle not found'],
    [
      'a rollout that is not there',
      post({ rolloutVersion: '9.9.9' }),
      'cannot_find_version',
      'Bundle not found',
    ],
    ['a rollout of no number', post({ rolloutVersion: 1e12 }), 'cannot_find_version', 'Bundle not found'],
    [
      'a rollout on a channel that is not there',
      post({ channel: 'new', version: '1.0.0', rolloutVersion: '1.0.1' }),
      'cannot_find_channel',
      'Channel not found',
    ],
    [
      'a rollout without stable bundle',
      post({ channel: 'empty', rolloutVersion: '1.0.1' }),
      'missing_stable_version',
    ],
    ['a promotion of nothing', post({ promoteToStable: true }), 'missing_rollout_version'],
    ['an advance to nothing', post({ advanceRollout: true }), 'missing_rollout_version'],
    ['a flag of another type', post({ public: 'maybe' }), 'invalid_body'],
    [
      'a policy that is none',
      post({ disableAutoUpdate: 'toString' }),
      'invalid_disable_auto_update',
      'Invalid disableAutoUpdate value',
    ],
    ...[-0.1, 100.1, 'x'].map(
      (value): Row => [
        `a percentage of ${value}`,
        post({ rolloutPercentage: value }),
        'invalid_rollout_percentage',
      ],
    ),
    ...[0, 1, 'x'].map(
      (value): Row => [
        `a confidence of ${value}`,
        post({ autoPauseConfidence: value }),
        'invalid_auto_pause_confidence',
      ],
    ),
    ['a package that is none', post({ updatePackage: 'tar' }), 'invalid_update_package'],
    ['an action that is none', post({ autoPauseAction: 'stop' }), 'invalid_auto_pause_action'],
    ['a pause at no time', post({ rolloutPausedAt: 'yesterday' }), 'invalid_body'],
    ['a reason that is too long', post({ rolloutPauseReason: 'x'.repeat(3_000) }), 'invalid_body'],
    ...outOfRange.map(
      ([field, value]): Row => [`${field} of ${value}`, post({ [field]: value }), 'invalid_rollout_config'],
    ),
    ['a deletion without app', () => ({ method: 'DELETE', path: '/channel?channel=a' }), 'missing_app_id'],
    [
      'a deletion without name',
      () => ({ method: 'DELETE', path: `/channel?app_id=${appId}` }),
      'missing_channel_name',
    ],
    [
      'a deletion in no app',
      () => ({ method: 'DELETE', path: `/channel?app_id=${noApp}&channel=a` }),
      'cannot_access_app',
    ],
    [
      'a deletion of a channel that is not there',
      () => ({ method: 'DELETE', path: `/channel?app_id=${appId}&channel=none` }),
      'cannot_find_channel',
      'Channel not found',
    ],
    [
      'a deletion with its bundle',
      () => ({
        ...{ method: 'DELETE', path: '/channel' },
        body: { app_id: appId, channel: 'production', delete_bundle: true },
      }),
      'cannot_delete_preview_bundle',
    ],
  ];

  it.each(rows)('is refused, and nothing has changed: %s', async (_what, given, code, text) => {
    await saved({ version: '1.0.0', public: true });
    await saved({ channel: 'empty' });
    const all = () => ask({ path: `/channel?app_id=${appId}`, as: 'hosted' });
    const before = await all();
    const hosted = await ask({ ...given(), as: 'hosted' });
    expect(hosted).toStrictEqual({
      status: 400,
      body: { error: code, message: expect.any(String), moreInfo: expect.any(Object) },
    });
    expect(await ask(given())).toMatchObject({
      status: 400,
      body: { error: text ?? hosted.body.message, status: 'KO', code },
    });
    expect(await all()).toStrictEqual(before);
  });

  it('is refused whole: what comes before in it has not happened', async () => {
    await saved({ version: '1.0.0', public: true });
    const before = await get();
    const parts = { public: false, allow_dev: false, version: '1.0.1', rolloutEnabled: true };
    for (const fault of [
      { rolloutVersion: '9.9.9' },
      { promoteToStable: true },
      { autoPauseWindowMinutes: 0 },
    ]) {
      expect((await save({ ...parts, ...fault })).status).toBe(400);
      expect(await get()).toStrictEqual(before);
    }
    expect(await deployments()).toStrictEqual(['created']);
  });

  it('says which field was wrong, and what it may be', async () => {
    const { body } = await save({ rolloutPercentageBps: 20_000 }, 'hosted');
    expect(body.moreInfo).toStrictEqual({
      field: 'rolloutPercentageBps',
      value: 20_000,
      min: 0,
      max: 10_000,
    });
  });
});

describe('several who make a channel at once', () => {
  it('make one, with what each said', async () => {
    const answers = await Promise.all(
      [{ allow_dev: false }, { allow_emulator: false }, { ios: false }, { version: '1.0.0' }].map((given) =>
        save(given),
      ),
    );
    expect(answers.map(({ status }) => status)).toStrictEqual([200, 200, 200, 200]);
    expect(await get()).toMatchObject({
      ...{ allow_dev: false, allow_emulator: false, ios: false, version: { name: '1.0.0' } },
    });
  });
});

describe('a caller', () => {
  const requests = (id: string): readonly RestRequest[] => [
    { path: `/channel?app_id=${id}` },
    { path: `/channel?app_id=${id}&channel=production` },
    { method: 'POST', path: '/channel', body: { app_id: id, channel: 'production', public: false } },
    { method: 'DELETE', path: '/channel', body: { app_id: id, channel: 'production' } },
  ];
  const routes = () => restChannelRoutes({ ...server.product.services, clock });

  it('of one app cannot tell the channels of another from those of none', async () => {
    const nobody = `${appId}x`;
    await saved({ version: '1.0.0', public: true });
    const scoped = await serveRoutesTo(callerOf('admin', ['com.example.own']), routes());
    for (const as of ['documented', 'hosted'] as const) {
      for (const [index, request] of requests(appId).entries()) {
        const answer = await askRest(scoped.url, { ...request, as });
        expect(answer.status).toBe(400);
        const ofNobody = await askRest(scoped.url, { ...requests(nobody)[index], as } as RestRequest);
        expect(JSON.parse(JSON.stringify(answer).replaceAll(appId, nobody))).toStrictEqual(ofNobody);
      }
    }
    expect((await get()).public).toBe(true);
    await scoped.close();
  });

  it.each(roles)('of role %s may do what the role says', async (role) => {
    const served = await serveRoutesTo(callerOf(role), routes());
    for (const [index, request] of requests('com.example.nobody').entries()) {
      const { status, body } = await askRest(served.url, request);
      const isPermitted = index < 2 || role === 'write' || role === 'admin';
      expect([request, status]).toStrictEqual([request, isPermitted ? 400 : 403]);
      if (!isPermitted) expect(body.error).toBe('Insufficient permissions to manage channels');
    }
    await served.close();
  });
});
