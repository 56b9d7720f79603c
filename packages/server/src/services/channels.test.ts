import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../domain/channel.ts';
import type { Deployment } from '../domain/deployment.ts';
import { rolloutBucket } from '../domain/rollout.ts';
import { loadAppSnapshots } from '../persistence/app-snapshots.ts';
import { createIds } from '../persistence/object-ids.ts';
import { buildActor, buildUpdateCheckBody, someAuthor } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import type { ChannelSettings, RolloutSettings } from './channel-changes.ts';
import { type Channels, createChannels } from './channels.ts';
import { createReleases } from './releases.ts';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const actor = buildActor('olga');
const clock = createFakeClock();
let server: TestServer;
let channels: Channels;
beforeAll(async () => {
  server = await startTestServer({ clock });
  channels = server.product.services.channels;
});
afterAll(() => server.close());

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function manage(path: string, body: object): Promise<Answer> {
  return answerOf(
    await fetch(`${server.managementUrl}/api/v1/${path}`, {
      method: 'POST',
      headers: { 'x-api-key': testToken, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
}

let lastApp = 0;
function newAppId(): string {
  lastApp += 1;
  return `com.example.channels${lastApp}`;
}

/** The id of the bundle. */
async function upload(appId: string, versionName: string): Promise<string> {
  const { status, body } = await answerOf(
    await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
      method: 'POST',
      headers: { 'x-api-key': testToken },
      body: bundleForm({ app_id: appId, version_name: versionName }),
    }),
  );
  if (status !== 200) throw new Error(`upload answered ${status}`);
  return (body['bundle'] as { id: string }).id;
}

async function check(given: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { status, body } = await answerOf(
    await fetch(`${server.userUrl}/updates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(buildUpdateCheckBody(given)),
    }),
  );
  if (status !== 200) throw new Error(`/updates answered ${status}`);
  return body;
}

/** The version a device gets, or the code of its refusal. */
async function served(appId: string, given: Record<string, unknown> = {}): Promise<unknown> {
  const answer = await check({ app_id: appId, ...given });
  return answer['error'] ?? answer['version'];
}

function deviceIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** A public channel `production` of a new app with bundles 1.0.1 to 1.0.3, serving builtin. */
async function createLine(settings: ChannelSettings = {}) {
  const appId = newAppId();
  const bundleIds = [];
  for (const name of ['1.0.1', '1.0.2', '1.0.3']) bundleIds.push(await upload(appId, name));
  const [a = '', b = '', c = ''] = bundleIds;
  const { id } = await channels.create({ appId, name: 'production', isPublic: true, ...settings }, actor);
  return { appId, id, a, b, c };
}

async function deploymentsOf(id: number): Promise<readonly Deployment[]> {
  return (await channels.listDeployments(id, { limit: 100 })).items;
}

/** Bundle and reason of each deployment, newest first. */
async function historyOf(id: number): Promise<(readonly [string | null, string])[]> {
  return (await deploymentsOf(id)).map(({ bundleId, reason }) => [bundleId, reason] as const);
}

/** Rolls the channel back on another node, where a change gets in between the reading and the writing. */
async function rollBackOvertaken(id: number, change: () => Promise<unknown>): Promise<Channel> {
  const { store } = server.product;
  const overtaken = createChannels({
    store: {
      ...store,
      async listDeployments(target, page) {
        const history = await store.listDeployments(target, page);
        await change();
        clock.advance(1_000);
        return history;
      },
    },
    appSnapshots: await loadAppSnapshots(store),
    clock,
    ids: createIds(clock),
  });
  clock.advance(1_000);
  return overtaken.rollback(id, buildActor('late'));
}

describe('a new channel', () => {
  it('has the defaults of the protocol, serves builtin, and says who made it', async () => {
    const appId = newAppId();
    const channel = await channels.create({ appId, name: 'beta' }, actor);
    expect(channel).toEqual({
      id: expect.any(Number),
      appId,
      name: 'beta',
      isPublic: false,
      allowDeviceSelfSet: false,
      platforms: { ios: true, android: true, electron: true },
      policy: 'major',
      blocksUnderNative: true,
      allowProd: true,
      allowDev: true,
      allowDevice: true,
      allowEmulator: true,
      updatePackage: 'all',
      bundleId: null,
      rollout: {
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        bundleId: null,
        isEnabled: false,
        percentageBps: 0,
        pausedAtMs: null,
        pauseReason: null,
        cacheTtlSeconds: 2_592_000,
      },
      autoPause: {
        isEnabled: false,
        windowMinutes: 60,
        failureRateBps: null,
        confidence: 0.95,
        minAttempts: null,
        minFailures: null,
        action: 'pause',
        cooldownMinutes: 60,
        lastTriggeredAtMs: null,
      },
      createdAtMs: clock.now(),
      updatedAtMs: clock.now(),
    } satisfies Channel);
    expect(await channels.get(channel.id)).toEqual(channel);
    expect(await deploymentsOf(channel.id)).toEqual([
      {
        id: expect.any(String),
        appId,
        target: { kind: 'channel', channelId: channel.id },
        bundleId: null,
        rolloutBundleId: null,
        actor: actor.name,
        reason: 'created',
        createdAtMs: clock.now(),
      },
    ]);
  });

  it('registers its app, so that the very next check knows it', async () => {
    const appId = newAppId();
    expect(await served(appId)).toBe('app_not_found');
    await channels.create({ appId, name: 'beta' }, actor);
    expect(await served(appId)).toBe('no_channel');
    await channels.create({ appId, name: 'production', isPublic: true }, actor);
    expect(await served(appId)).toBe('already_on_builtin');
  });

  it('takes every setting', async () => {
    const settings = {
      isPublic: true,
      allowDeviceSelfSet: true,
      platforms: { ios: false, android: true, electron: false },
      policy: 'version_number',
      blocksUnderNative: false,
      allowProd: false,
      allowDev: false,
      allowDevice: false,
      allowEmulator: false,
    } as const;
    const autoPause = {
      isEnabled: true,
      windowMinutes: 5,
      failureRateBps: 100,
      confidence: 0.8,
      minAttempts: 10,
      minFailures: 2,
      action: 'notify',
      cooldownMinutes: 0,
    } as const;
    const { id } = await channels.create({ appId: newAppId(), name: 'all', ...settings, autoPause }, actor);
    expect(await channels.get(id)).toMatchObject({ ...settings, autoPause });
  });

  it('needs a name that no channel of its app has, to the letter', async () => {
    const [appId, otherAppId] = [newAppId(), newAppId()];
    const first = await channels.create({ appId, name: 'beta' }, actor);
    await expect(channels.create({ appId, name: 'beta' }, actor)).rejects.toMatchObject({
      code: 'channel_already_exists',
    });
    const others = [
      await channels.create({ appId, name: 'Beta' }, actor),
      await channels.create({ appId, name: 'beta ' }, actor),
      await channels.create({ appId: otherAppId, name: 'beta' }, actor),
    ];
    expect(new Set([first, ...others].map(({ id }) => id)).size).toBe(4);
    expect((await channels.list(appId)).map(({ name }) => name)).toEqual(['Beta', 'beta', 'beta ']);
  });

  const names: readonly (readonly [sentence: string, name: string])[] = [
    ['an empty', ''],
    ['a blank', ' \t'],
    ['a too long', 'x'.repeat(256)],
    ['a NUL in the', 'be\u0000ta'],
    ['a line break in the', 'be\nta'],
    ['a DEL in the', 'beta\u007f'],
  ];
  it.each(names)('is refused for %s name', async (_sentence, name) => {
    const appId = newAppId();
    await expect(channels.create({ appId, name }, actor)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await channels.list(appId)).toEqual([]);
    expect(await served(appId)).toBe('app_not_found');
  });

  it.each(['x', 'x'.repeat(255), 'канал 1', '__proto__', "o'hara; drop table channels"])(
    'may be called %j, and a device that names it gets it',
    async (name) => {
      const appId = newAppId();
      const bundleId = await upload(appId, '1.0.1');
      const { id } = await channels.create({ appId, name, allowDeviceSelfSet: true }, actor);
      await channels.setBundle(id, bundleId, actor);
      expect(await served(appId, { defaultChannel: name })).toBe('1.0.1');
    },
  );

  it.each(['', 'nodots', 'com..app', 'com.example.app\u0000'])('is refused for app id %j', async (appId) => {
    await expect(channels.create({ appId, name: 'beta' }, actor)).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

const wrongAutoPause: readonly ChannelSettings['autoPause'][] = [
  ...[0, 10_081, 1.5, Number.NaN].map((windowMinutes) => ({ windowMinutes })),
  ...[-1, 10_081, 0.5].map((cooldownMinutes) => ({ cooldownMinutes })),
  ...[-1, 10_001, 0.5, Number.NaN].map((failureRateBps) => ({ failureRateBps })),
  ...[0, 1, -0.1, 1.1, Number.NaN].map((confidence) => ({ confidence })),
  ...[-1, 0.5, Number.POSITIVE_INFINITY].map((minAttempts) => ({ minAttempts })),
  ...[-1, 0.5, Number.POSITIVE_INFINITY].map((minFailures) => ({ minFailures })),
];
const rightAutoPause: readonly ChannelSettings['autoPause'][] = [
  { windowMinutes: 1, cooldownMinutes: 0, failureRateBps: 0, confidence: 0.001 },
  { windowMinutes: 10_080, cooldownMinutes: 10_080, failureRateBps: 10_000, confidence: 0.999 },
  { minAttempts: 0, minFailures: 0 },
  { failureRateBps: null, minAttempts: null, minFailures: null },
];

describe('the settings of a channel', () => {
  it('decide the very next check', async () => {
    const { appId, id, a } = await createLine();
    await channels.setBundle(id, a, actor);
    const rows: readonly [ChannelSettings, given: Record<string, unknown>, unknown][] = [
      [{ allowProd: false }, {}, 'disable_prod_build'],
      [{ allowProd: true, allowDev: false }, { is_prod: false }, 'disable_dev_build'],
      [{ allowDev: true, allowDevice: false }, {}, 'disable_device'],
      [{ allowDevice: true, allowEmulator: false }, { is_emulator: true }, 'disable_emulator'],
      [{ allowEmulator: true, policy: 'patch' }, {}, 'disable_auto_update_to_patch'],
      [{ policy: 'minor' }, { version_build: '1.1.0' }, 'disable_auto_update_to_minor'],
      [{ policy: 'version_number' }, {}, 'misconfigured_channel'],
      [{ policy: 'none' }, { version_build: '2.0.0' }, 'disable_auto_update_under_native'],
      [{ blocksUnderNative: false }, { version_build: '2.0.0' }, '1.0.1'],
      [{ platforms: { ios: false, android: true, electron: true } }, {}, 'no_channel'],
      [{}, { platform: 'android' }, '1.0.1'],
    ];
    for (const [settings, given, expected] of rows) {
      await channels.changeSettings(id, settings, actor);
      expect([settings, await served(appId, given)]).toEqual([settings, expected]);
    }
    expect(await historyOf(id)).toEqual([
      [a, 'set bundle'],
      [null, 'created'],
    ]);
  });

  it('that are not named stay, those of auto-pause too, and the change is dated', async () => {
    const { id } = await createLine({ policy: 'none', autoPause: { isEnabled: true, failureRateBps: 300 } });
    const before = await channels.get(id);
    clock.advance(1_000);
    const after = await channels.changeSettings(
      id,
      { allowDev: false, autoPause: { windowMinutes: 10 } },
      actor,
    );
    expect(after).toEqual({
      ...before,
      allowDev: false,
      autoPause: { ...before.autoPause, windowMinutes: 10 },
      updatedAtMs: clock.now(),
    });
    expect(await channels.get(id)).toEqual(after);
  });

  it.each(wrongAutoPause)(
    'refuse for auto-pause %j, on a new channel and on an old one',
    async (autoPause) => {
      const { id } = await channels.create({ appId: newAppId(), name: 'beta' }, actor);
      const before = await channels.get(id);
      const change: ChannelSettings = { ...(autoPause && { autoPause }), isPublic: true };
      const refused = { code: 'invalid_request' };
      await expect(channels.changeSettings(id, change, actor)).rejects.toMatchObject(refused);
      await expect(channels.create({ appId: newAppId(), name: 'x', ...change }, actor)).rejects.toMatchObject(
        refused,
      );
      expect(await channels.get(id)).toEqual(before);
    },
  );

  it.each(rightAutoPause)('take for auto-pause %j', async (autoPause) => {
    const { id } = await channels.create({ appId: newAppId(), name: 'beta' }, actor);
    await channels.changeSettings(id, autoPause ? { autoPause } : {}, actor);
    expect((await channels.get(id)).autoPause).toMatchObject({ ...autoPause });
  });
});

describe('a channel that does not exist', () => {
  const calls: readonly [name: string, call: (id: number) => Promise<unknown>][] = [
    ['get', (id) => channels.get(id)],
    ['changeSettings', (id) => channels.changeSettings(id, {}, actor)],
    ['setBundle', (id) => channels.setBundle(id, null, actor)],
    ['changeRollout', (id) => channels.changeRollout(id, {}, actor)],
    ['pauseRollout', (id) => channels.pauseRollout(id, actor, 'why')],
    ['resumeRollout', (id) => channels.resumeRollout(id, actor)],
    ['promoteRollout', (id) => channels.promoteRollout(id, actor)],
    ['cancelRollout', (id) => channels.cancelRollout(id, actor)],
    ['rollback', (id) => channels.rollback(id, actor)],
    ['listDeployments', (id) => channels.listDeployments(id, { limit: 1 })],
    ['delete', (id) => channels.delete(id, actor)],
  ];
  it.each(calls)('is channel_not_found to %s', async (_name, call) => {
    const { id } = await channels.create({ appId: newAppId(), name: 'gone' }, actor);
    await channels.delete(id, actor);
    for (const each of [id, 999_999]) {
      await expect(call(each)).rejects.toMatchObject({ code: 'channel_not_found' });
    }
  });

  it('does not serve anybody any more', async () => {
    const { appId, id, a } = await createLine();
    await channels.setBundle(id, a, actor);
    expect(await served(appId)).toBe('1.0.1');
    await channels.delete(id, actor);
    expect(await served(appId)).toBe('no_channel');
    expect(await channels.list(appId)).toEqual([]);
  });
});

describe('the bundle of a channel', () => {
  it('is what the very next check gets, older or newer, and builtin for null', async () => {
    const { appId, id, a, b } = await createLine();
    expect(await served(appId)).toBe('already_on_builtin');
    await channels.setBundle(id, b, actor);
    expect(await served(appId)).toBe('1.0.2');
    await channels.setBundle(id, a, actor);
    expect(await served(appId, { version_name: '1.0.2' })).toBe('1.0.1');
    expect(await served(appId, { version_name: '1.0.1' })).toBe('no_new_version_available');
    await channels.setBundle(id, null, actor);
    expect(await check({ app_id: appId, version_name: '1.0.1' })).toEqual({ version: 'builtin' });
  });

  it('that is another one is a deployment of bundle, actor, time and reason; the same again is none', async () => {
    const { appId, id, a } = await createLine();
    clock.advance(60_000);
    await channels.setBundle(id, a, buildActor('maria'));
    await channels.setBundle(id, a, buildActor('olga'));
    const [last, ...others] = await deploymentsOf(id);
    expect(last).toEqual({
      id: expect.any(String),
      appId,
      target: { kind: 'channel', channelId: id },
      bundleId: a,
      rolloutBundleId: null,
      actor: 'maria',
      reason: 'set bundle',
      createdAtMs: clock.now(),
    });
    expect(others).toHaveLength(1);
  });

  it('must be a bundle of its app that was not deleted', async () => {
    const { appId, id, a, b } = await createLine();
    await channels.setBundle(id, a, actor);
    const foreign = await upload(newAppId(), '1.0.1');
    expect((await manage('bundles.delete', { bundle_id: b })).status).toBe(200);
    for (const bundleId of [foreign, b, 'f'.repeat(24)]) {
      const refused = { code: 'bundle_not_found' };
      await expect(channels.setBundle(id, bundleId, actor)).rejects.toMatchObject(refused);
      await expect(channels.changeRollout(id, { bundleId }, actor)).rejects.toMatchObject(refused);
    }
    expect(await served(appId)).toBe('1.0.1');
    expect(await historyOf(id)).toHaveLength(2);
  });

  it('is the one of the newest deployment when many are set at once', async () => {
    const { appId, id, a, b, c } = await createLine();
    await Promise.all([a, b, c, a, b, c].map((bundleId) => channels.setBundle(id, bundleId, actor)));
    const [last] = await deploymentsOf(id);
    expect((await channels.get(id)).bundleId).toBe(last?.bundleId);
    expect(await served(appId)).toBe({ [a]: '1.0.1', [b]: '1.0.2', [c]: '1.0.3' }[last?.bundleId ?? '']);
  });

  it('cannot be deleted while it is the stable or the rollout bundle, and can be afterwards', async () => {
    const { id, a, b } = await createLine();
    await channels.setBundle(id, a, actor);
    await channels.changeRollout(id, { bundleId: b, isEnabled: true, percentageBps: 100 }, actor);
    for (const bundleId of [a, b]) {
      expect(await manage('bundles.delete', { bundle_id: bundleId })).toEqual({
        status: 409,
        body: expect.objectContaining({
          code: 'bundle_in_use',
          details: { channel_ids: [id], release_ids: [] },
        }),
      });
    }
    await channels.cancelRollout(id, actor);
    expect((await manage('bundles.delete', { bundle_id: b })).status).toBe(200);
    expect((await manage('bundles.delete', { bundle_id: a })).status).toBe(409);
    await channels.delete(id, actor);
    expect((await manage('bundles.delete', { bundle_id: a })).status).toBe(200);
  });
});

describe('the public channel', () => {
  async function publicNames(appId: string): Promise<string[]> {
    return (await channels.list(appId)).filter(({ isPublic }) => isPublic).map(({ name }) => name);
  }

  it('is one per app and platform: the newest withdraws those it overlaps', async () => {
    const appId = newAppId();
    const only = (platform: 'ios' | 'android' | 'electron') => ({
      platforms: { ios: false, android: false, electron: false, [platform]: true },
    });
    await channels.create({ appId, name: 'ios', isPublic: true, ...only('ios') }, actor);
    const android = await channels.create(
      { appId, name: 'android', isPublic: true, ...only('android') },
      actor,
    );
    expect(await publicNames(appId)).toEqual(['android', 'ios']);
    const ios = await channels.create({ appId, name: 'ios2', isPublic: true, ...only('ios') }, actor);
    expect(await publicNames(appId)).toEqual(['android', 'ios2']);
    const all = await channels.create({ appId, name: 'all' }, actor);
    await channels.changeSettings(all.id, { isPublic: true }, actor);
    expect(await publicNames(appId)).toEqual(['all']);
    await channels.changeSettings(ios.id, { isPublic: true }, actor);
    expect(await publicNames(appId)).toEqual(['ios2']);
    await channels.changeSettings(android.id, { isPublic: true }, actor);
    expect(await publicNames(appId)).toEqual(['android', 'ios2']);
    await channels.changeSettings(
      ios.id,
      { platforms: { ios: true, android: true, electron: false } },
      actor,
    );
    expect(await publicNames(appId)).toEqual(['ios2']);
  });

  it('of another app stays public', async () => {
    const [appId, otherAppId] = [newAppId(), newAppId()];
    await channels.create({ appId, name: 'production', isPublic: true }, actor);
    await channels.create({ appId: otherAppId, name: 'production', isPublic: true }, actor);
    expect(await publicNames(appId)).toEqual(['production']);
  });

  it('takes the devices of the one it replaces with the next check', async () => {
    const { appId, id, a, b } = await createLine();
    await channels.setBundle(id, a, actor);
    const next = await channels.create({ appId, name: 'next' }, actor);
    await channels.setBundle(next.id, b, actor);
    expect(await served(appId)).toBe('1.0.1');
    await channels.changeSettings(next.id, { isPublic: true }, actor);
    expect(await served(appId)).toBe('1.0.2');
    expect((await channels.get(id)).isPublic).toBe(false);
  });
});

describe('a rollout', () => {
  const devices = Array.from({ length: 40 }, (_, number) => deviceIdOf(number));

  /** The stable bundle is 1.0.1, the rollout one 1.0.2. */
  async function createRollout(settings: RolloutSettings = {}) {
    const line = await createLine();
    await channels.setBundle(line.id, line.a, actor);
    const { rollout } = await channels.changeRollout(
      line.id,
      { bundleId: line.b, isEnabled: true, percentageBps: 10_000, ...settings },
      actor,
    );
    return { ...line, rollout };
  }

  async function selected(appId: string): Promise<string[]> {
    const answers = await Promise.all(devices.map((device_id) => served(appId, { device_id })));
    for (const version of answers) expect(['1.0.1', '1.0.2']).toContain(version);
    return devices.filter((_, index) => answers[index] === '1.0.2');
  }

  it('reaches exactly the devices whose bucket is below the percentage, more as it goes up, fewer as it goes down', async () => {
    const { appId, id, rollout } = await createRollout({ percentageBps: 0 });
    expect(await selected(appId)).toEqual([]);
    for (const percentageBps of [2_500, 6_000, 10_000, 6_000, 1_000, 0]) {
      await channels.changeRollout(id, { percentageBps }, actor);
      expect(await selected(appId)).toEqual(
        devices.filter((device) => rolloutBucket(rollout.id, device) < percentageBps),
      );
    }
    expect((await channels.get(id)).rollout.id).toBe(rollout.id);
  });

  it('sends devices that fall out of it back to the stable bundle', async () => {
    const { appId, id } = await createRollout();
    const given = { version_name: '1.0.2' };
    expect(await served(appId, given)).toBe('no_new_version_available');
    await channels.changeRollout(id, { percentageBps: 0 }, actor);
    expect(await served(appId, given)).toBe('1.0.1');
    await channels.changeRollout(id, { percentageBps: 10_000, isEnabled: false }, actor);
    expect(await served(appId, given)).toBe('1.0.1');
  });

  it('that is paused keeps who has it and takes nobody new, until it is resumed', async () => {
    const { appId, id } = await createRollout();
    clock.advance(1_000);
    await channels.pauseRollout(id, actor, 'it looks bad');
    expect((await channels.get(id)).rollout).toMatchObject({
      pausedAtMs: clock.now(),
      pauseReason: 'it looks bad',
      percentageBps: 10_000,
    });
    expect(await served(appId)).toBe('1.0.1');
    expect(await served(appId, { version_name: '1.0.2' })).toBe('no_new_version_available');
    await channels.resumeRollout(id, actor);
    expect((await channels.get(id)).rollout).toMatchObject({ pausedAtMs: null, pauseReason: null });
    expect(await served(appId)).toBe('1.0.2');
  });

  it('that is paused or resumed is a deployment each, of the stable bundle, with who and why', async () => {
    const { id, a } = await createRollout();
    clock.advance(1_000);
    await channels.pauseRollout(id, buildActor('maria'), 'it looks bad');
    await channels.resumeRollout(id, buildActor('olga'), 'it was the network');
    await channels.pauseRollout(id, buildActor('maria'), 'it is not');
    await channels.resumeRollout(id, buildActor('olga'));
    expect((await deploymentsOf(id)).slice(0, 4)).toMatchObject(
      [
        { actor: 'olga', reason: 'rollout of 1.0.2 resumed' },
        { actor: 'maria', reason: 'rollout of 1.0.2 paused (it is not)' },
        { actor: 'olga', reason: 'rollout of 1.0.2 resumed (it was the network)' },
        { actor: 'maria', reason: 'rollout of 1.0.2 paused (it looks bad)' },
      ].map((each, index) => ({ ...each, bundleId: a, createdAtMs: clock.now() + 3 - index })),
    );
  });

  it('that is paused again, or resumed while it is not paused, stays as it is', async () => {
    const { id } = await createRollout();
    const [running, history] = [await channels.get(id), await historyOf(id)];
    clock.advance(1_000);
    expect(await channels.resumeRollout(id, actor)).toEqual(running);
    expect([await channels.get(id), await historyOf(id)]).toEqual([running, history]);
    const paused = await channels.pauseRollout(id, actor, 'first');
    clock.advance(1_000);
    await Promise.all(['second', 'third'].map((why) => channels.pauseRollout(id, actor, why)));
    expect(await channels.get(id)).toEqual(paused);
    expect(await historyOf(id)).toHaveLength(history.length + 1);
  });

  const needed: readonly [verb: string, call: (id: number) => Promise<Channel>][] = [
    ['paused', (id) => channels.pauseRollout(id, actor, 'why')],
    ['resumed', (id) => channels.resumeRollout(id, actor)],
    ['promoted', (id) => channels.promoteRollout(id, actor)],
  ];
  it.each(needed)('cannot be %s when there is none, and it is said what to do', async (_verb, call) => {
    const { id, a } = await createLine();
    await channels.setBundle(id, a, actor);
    const [before, history] = [await channels.get(id), await historyOf(id)];
    await expect(call(id)).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'Channel production has no rollout; give it a rollout bundle first',
    });
    expect([await channels.get(id), await historyOf(id)]).toEqual([before, history]);
  });

  it('has a deployment for each change of who gets it, in words', async () => {
    const { id } = await createRollout({ percentageBps: 25 });
    await channels.changeRollout(id, { percentageBps: 1_250 }, actor);
    await channels.changeRollout(id, { isEnabled: false }, actor);
    await channels.changeRollout(id, { cacheTtlSeconds: 60 }, actor);
    await channels.changeRollout(id, { bundleId: null }, actor);
    await channels.changeRollout(id, { percentageBps: 5_000 }, actor);
    await channels.cancelRollout(id, actor);
    expect((await historyOf(id)).map(([, reason]) => reason)).toEqual([
      'rollout of 1.0.2 cancelled',
      'rollout of 1.0.2 disabled',
      'rollout of 1.0.2 at 12.5 %',
      'rollout of 1.0.2 at 0.25 %',
      'set bundle',
      'created',
    ]);
  });

  it('is named by the id of its bundle on a node that does not know that bundle yet', async () => {
    const { store } = server.product;
    const appSnapshots = await loadAppSnapshots(store);
    const { id, b } = await createRollout();
    clock.advance(1_000);
    const elsewhere = createChannels({ store, appSnapshots, clock, ids: createIds(clock) });
    await elsewhere.pauseRollout(id, actor, 'why');
    expect((await deploymentsOf(id))[0]?.reason).toBe(`rollout of bundle ${b} paused (why)`);
  });

  it('that is promoted is the stable bundle of everybody, and a deployment', async () => {
    const { appId, id, b, rollout } = await createRollout({ percentageBps: 1_000 });
    clock.advance(1_000);
    await channels.promoteRollout(id, buildActor('maria'));
    expect(await selected(appId)).toEqual(devices);
    const channel = await channels.get(id);
    expect(channel.bundleId).toBe(b);
    expect(channel.rollout).toMatchObject({ bundleId: null, isEnabled: false, percentageBps: 0 });
    expect(channel.rollout.id).not.toBe(rollout.id);
    expect((await deploymentsOf(id))[0]).toMatchObject({
      bundleId: b,
      actor: 'maria',
      reason: 'rollout of 1.0.2 promoted',
      createdAtMs: clock.now(),
    });
  });

  it.each(['cancelRollout', 'promoteRollout', 'rollback'] as const)(
    'that ends by %s leaves the next one what clients had set for how long to remember it',
    async (end) => {
      const { id } = await createRollout();
      await channels.changeRollout(id, { cacheTtlSeconds: 3_600 }, actor);
      await channels[end](id, actor);
      expect((await channels.get(id)).rollout).toMatchObject({ bundleId: null, cacheTtlSeconds: 3_600 });
    },
  );

  it('that is cancelled sends back who has it, and is a deployment', async () => {
    const { appId, id, a, b } = await createRollout();
    expect((await deploymentsOf(id))[0]).toMatchObject({ bundleId: a, rolloutBundleId: b });
    await channels.cancelRollout(id, buildActor('maria'), 'a better one comes');
    expect(await served(appId, { version_name: '1.0.2' })).toBe('1.0.1');
    expect(await served(appId)).toBe('1.0.1');
    expect((await channels.get(id)).rollout.bundleId).toBeNull();
    expect((await deploymentsOf(id))[0]).toMatchObject({
      bundleId: a,
      rolloutBundleId: null,
      actor: 'maria',
      reason: 'rollout of 1.0.2 cancelled (a better one comes)',
    });
  });

  it('of another bundle is a new one: a new draw, not paused, and a deployment that names it', async () => {
    const { id, a, b, c, rollout } = await createRollout();
    expect((await deploymentsOf(id))[0]).toMatchObject({
      bundleId: a,
      reason: 'rollout of 1.0.2 at 100 %',
    });
    await channels.pauseRollout(id, actor, 'it looks bad');
    const { rollout: same } = await channels.changeRollout(id, { bundleId: b }, actor);
    expect(same).toMatchObject({ id: rollout.id, pauseReason: 'it looks bad' });
    const { rollout: next } = await channels.changeRollout(id, { bundleId: c }, buildActor('maria'));
    expect(next).toMatchObject({ bundleId: c, percentageBps: 0, pausedAtMs: null, pauseReason: null });
    expect(next.id).not.toBe(rollout.id);
    expect((await deploymentsOf(id))[0]).toMatchObject({
      bundleId: a,
      actor: 'maria',
      reason: 'rollout of 1.0.3 at 0 %',
    });
  });

  it('also goes through a channel that serves builtin', async () => {
    const { appId, id, b } = await createLine();
    await channels.changeRollout(id, { bundleId: b, isEnabled: true, percentageBps: 10_000 }, actor);
    expect(await served(appId)).toBe('1.0.2');
    await channels.cancelRollout(id, actor);
    expect(await check({ app_id: appId, version_name: '1.0.2' })).toEqual({ version: 'builtin' });
  });

  const wrong: readonly RolloutSettings[] = [
    ...[-1, 10_001, 0.5, Number.NaN, Number.POSITIVE_INFINITY].map((percentageBps) => ({ percentageBps })),
    ...[59, 31_536_001, 60.5, Number.NaN].map((cacheTtlSeconds) => ({ cacheTtlSeconds })),
  ];
  it.each(wrong)('refuses %j whole', async (settings) => {
    const { id, c } = await createRollout();
    const [before, history] = [await channels.get(id), await historyOf(id)];
    await expect(channels.changeRollout(id, { bundleId: c, ...settings }, actor)).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect(await channels.get(id)).toEqual(before);
    expect(await historyOf(id)).toEqual(history);
  });

  it.each([
    { percentageBps: 0, cacheTtlSeconds: 60 },
    { percentageBps: 10_000, cacheTtlSeconds: 31_536_000 },
  ])('takes %j', async (settings) => {
    const { id } = await createRollout();
    expect((await channels.changeRollout(id, settings, actor)).rollout).toMatchObject(settings);
  });
});

describe('rolling a channel back', () => {
  it('walks back one bundle at a time to the builtin one it began with, and no further', async () => {
    const { appId, id, a, b, c } = await createLine();
    for (const bundleId of [a, b, c]) await channels.setBundle(id, bundleId, actor);
    for (const version of ['1.0.2', '1.0.1']) {
      await channels.rollback(id, buildActor('maria'));
      expect(await served(appId)).toBe(version);
    }
    await channels.rollback(id, buildActor('maria'));
    expect(await check({ app_id: appId, version_name: '1.0.3' })).toEqual({ version: 'builtin' });
    const history = await historyOf(id);
    await expect(channels.rollback(id, buildActor('maria'))).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect(await historyOf(id)).toEqual(history);
    expect(history).toEqual([
      [null, 'rollback'],
      [a, 'rollback'],
      [b, 'rollback'],
      [c, 'set bundle'],
      [b, 'set bundle'],
      [a, 'set bundle'],
      [null, 'created'],
    ]);
  });

  it('goes on from where it went after a new bundle was set', async () => {
    const { appId, id, a, b, c } = await createLine();
    for (const bundleId of [a, b]) await channels.setBundle(id, bundleId, actor);
    await channels.rollback(id, actor);
    await channels.setBundle(id, c, actor);
    await channels.rollback(id, actor);
    expect(await served(appId)).toBe('1.0.1');
    await channels.rollback(id, actor);
    expect(await served(appId)).toBe('already_on_builtin');
  });

  it('reaches a device that runs the bad bundle already', async () => {
    const { appId, id, a, b } = await createLine();
    for (const bundleId of [a, b]) await channels.setBundle(id, bundleId, actor);
    expect(await served(appId, { version_name: '1.0.2' })).toBe('no_new_version_available');
    await channels.rollback(id, actor);
    expect(await served(appId, { version_name: '1.0.2' })).toBe('1.0.1');
  });

  it('undoes a promotion, and passes over the rollouts that changed nothing for everybody', async () => {
    const { appId, id, a, b, c } = await createLine();
    await channels.setBundle(id, a, actor);
    await channels.changeRollout(id, { bundleId: c }, actor);
    await channels.cancelRollout(id, actor);
    await channels.changeRollout(id, { bundleId: b, isEnabled: true, percentageBps: 1 }, actor);
    await channels.promoteRollout(id, actor);
    await channels.rollback(id, buildActor('maria'));
    expect(await served(appId, { version_name: '1.0.2' })).toBe('1.0.1');
    await channels.rollback(id, buildActor('maria'));
    expect((await channels.get(id)).bundleId).toBeNull();
  });

  it('of a channel that served nothing before is refused', async () => {
    const { id } = await createLine();
    await expect(channels.rollback(id, actor)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('passes over a bundle that was deleted meanwhile', async () => {
    const { appId, id, a, b, c } = await createLine();
    for (const bundleId of [a, b, c]) await channels.setBundle(id, bundleId, actor);
    expect((await manage('bundles.delete', { bundle_id: b })).status).toBe(200);
    await channels.rollback(id, actor);
    expect(await served(appId)).toBe('1.0.1');
    expect(await historyOf(id)).toHaveLength(5);
  });

  it('passes over a bundle that stood on both sides of a deleted one', async () => {
    const { appId, id, a, b } = await createLine();
    for (const bundleId of [a, b, a]) await channels.setBundle(id, bundleId, actor);
    expect((await manage('bundles.delete', { bundle_id: b })).status).toBe(200);
    await channels.rollback(id, actor);
    expect(await served(appId)).toBe('already_on_builtin');
    await expect(channels.rollback(id, actor)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('finds what was served before any number of changes of a rollout', async () => {
    const { id, a } = await createLine();
    await channels.setBundle(id, a, actor);
    clock.advance(1_000);
    const ids = createIds(clock);
    for (let each = 0; each < 1_001; each += 1) {
      await server.product.store.updateChannel(
        id,
        (channel) => ({
          channel,
          deployment: {
            ...{ id: ids.next(), bundleId: a, rolloutBundleId: null, actor: actor.name, reason: '' },
            createdAtMs: clock.now(),
          },
        }),
        someAuthor,
      );
    }
    expect((await channels.rollback(id, actor)).bundleId).toBeNull();
  });
});

describe('rolling a channel back that has a rollout', () => {
  /** 1.0.2 is the stable bundle, after 1.0.1; 1.0.3 the rollout one. */
  async function createRollout(settings: RolloutSettings = {}) {
    const line = await createLine();
    for (const bundleId of [line.a, line.b]) await channels.setBundle(line.id, bundleId, actor);
    const rollout = { bundleId: line.c, isEnabled: true, percentageBps: 10_000, ...settings };
    await channels.changeRollout(line.id, rollout, actor);
    return line;
  }
  const onRollout = { version_name: '1.0.3' };

  it('cancels it: who has the bad bundle gets the stable one, which stays', async () => {
    const { appId, id, b } = await createRollout();
    expect(await served(appId, onRollout)).toBe('no_new_version_available');
    clock.advance(1_000);
    const { rollout, bundleId } = await channels.rollback(id, buildActor('maria'));
    expect([bundleId, rollout.bundleId]).toEqual([b, null]);
    expect(await served(appId, onRollout)).toBe('1.0.2');
    expect(await served(appId)).toBe('1.0.2');
    expect((await deploymentsOf(id))[0]).toMatchObject({
      bundleId: b,
      actor: 'maria',
      reason: 'rollout of 1.0.3 cancelled (rollback)',
      createdAtMs: clock.now(),
    });
  });

  it('also cancels a paused one, which nobody new gets but who has it keeps', async () => {
    const { appId, id } = await createRollout();
    await channels.pauseRollout(id, actor, 'it looks bad');
    expect(await served(appId, onRollout)).toBe('no_new_version_available');
    await channels.rollback(id, actor);
    expect(await served(appId, onRollout)).toBe('1.0.2');
  });

  it('walks back the stable bundles from then on', async () => {
    const { appId, id } = await createRollout();
    for (const version of ['1.0.2', '1.0.1']) {
      await channels.rollback(id, actor);
      expect(await served(appId, onRollout)).toBe(version);
    }
    await channels.rollback(id, actor);
    expect(await check({ app_id: appId, ...onRollout })).toEqual({ version: 'builtin' });
    await expect(channels.rollback(id, actor)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('cancels the first thing a channel ever served', async () => {
    const { appId, id, a } = await createLine();
    await channels.changeRollout(id, { bundleId: a, isEnabled: true, percentageBps: 1 }, actor);
    await channels.rollback(id, actor);
    expect(await check({ app_id: appId, version_name: '1.0.1' })).toEqual({ version: 'builtin' });
    await expect(channels.rollback(id, actor)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it.each([{ isEnabled: false }, { percentageBps: 0 }])(
    'goes back on the stable bundle and leaves the rollout when that serves nobody: %j',
    async (settings) => {
      const { id, a } = await createRollout(settings);
      const { rollout } = await channels.get(id);
      expect(await channels.rollback(id, actor)).toMatchObject({ bundleId: a, rollout });
    },
  );

  it('goes back on the stable bundle and ends the rollout when both are the same', async () => {
    const { appId, id, c } = await createRollout();
    await channels.setBundle(id, c, actor);
    await channels.rollback(id, actor);
    expect(await served(appId, onRollout)).toBe('1.0.2');
    expect((await channels.get(id)).rollout.bundleId).toBeNull();
  });

  it('cancels it once when several ask at once, and leaves the stable bundle', async () => {
    const { id, b } = await createRollout();
    const history = await historyOf(id);
    await Promise.all([1, 2, 3].map(() => channels.rollback(id, actor)));
    expect((await channels.get(id)).bundleId).toBe(b);
    expect(await historyOf(id)).toHaveLength(history.length + 1);
  });

  const endings: readonly [sentence: string, (id: number) => Promise<Channel>][] = [
    ['cancelled', (id) => channels.cancelRollout(id, buildActor('early'))],
    ['rolled back', (id) => channels.rollback(id, buildActor('early'))],
    ['promoted', (id) => channels.promoteRollout(id, buildActor('early'))],
    ['disabled', (id) => channels.changeRollout(id, { isEnabled: false }, buildActor('early'))],
    ['taken from everybody', (id) => channels.changeRollout(id, { percentageBps: 0 }, buildActor('early'))],
  ];
  it.each(endings)('changes nothing when the rollout is %s first', async (_sentence, end) => {
    const { id } = await createRollout();
    let ended: Channel | undefined;
    const answer = await rollBackOvertaken(id, async () => {
      ended = await end(id);
    });
    expect(answer).toEqual(ended);
    expect((await deploymentsOf(id))[0]?.actor).toBe('early');
  });

  it('leaves a rollout of another bundle that takes its place first', async () => {
    const { appId, id } = await createRollout();
    const bundleId = await upload(appId, '1.0.4');
    const answer = await rollBackOvertaken(id, () =>
      channels.changeRollout(id, { bundleId, percentageBps: 5_000 }, buildActor('early')),
    );
    expect(answer.rollout).toMatchObject({ bundleId, percentageBps: 5_000 });
  });

  it('cancels it when it starts only after the rollback was asked for', async () => {
    const { id, b } = await createRollout({ percentageBps: 0 });
    const answer = await rollBackOvertaken(id, () =>
      channels.changeRollout(id, { percentageBps: 100 }, buildActor('early')),
    );
    expect(answer).toMatchObject({ bundleId: b, rollout: { bundleId: null } });
  });

  it('cancels it also when it is paused or another stable bundle is set first', async () => {
    const { id, a } = await createRollout();
    const answer = await rollBackOvertaken(id, async () => {
      await channels.pauseRollout(id, actor, 'it looks bad');
      await channels.setBundle(id, a, buildActor('early'));
    });
    expect(answer).toMatchObject({ bundleId: a, rollout: { bundleId: null } });
  });
});

describe('a rollback at the same moment as', () => {
  async function createHistory() {
    const line = await createLine();
    for (const bundleId of [line.a, line.b, line.c]) await channels.setBundle(line.id, bundleId, actor);
    return line;
  }

  it('others goes back once, and the next goes back from there', async () => {
    const { appId, id } = await createHistory();
    await Promise.all([1, 2, 3].map(() => channels.rollback(id, actor)));
    expect(await served(appId)).toBe('1.0.2');
    expect(await historyOf(id)).toHaveLength(5);
    await channels.rollback(id, actor);
    expect(await served(appId)).toBe('1.0.1');
  });

  it('another that comes first changes nothing, and answers what is served then', async () => {
    const { id, b } = await createHistory();
    const answer = await rollBackOvertaken(id, () => channels.rollback(id, buildActor('early')));
    expect(answer.bundleId).toBe(b);
    expect(await channels.get(id)).toEqual(answer);
    expect((await deploymentsOf(id)).map(({ actor }) => actor)).toEqual([
      'early',
      ...Array.from({ length: 4 }, () => actor.name),
    ]);
  });

  it('the setting of another bundle leaves that one', async () => {
    const { appId, id, c } = await createHistory();
    const fix = await upload(appId, '1.0.4');
    const answer = await rollBackOvertaken(id, () => channels.setBundle(id, fix, buildActor('early')));
    expect(answer.bundleId).toBe(fix);
    expect((await historyOf(id))[0]).toEqual([fix, 'set bundle']);
    expect((await channels.rollback(id, actor)).bundleId).toBe(c);
  });

  it('the deletion of what it goes back to is refused, and goes further back when it is asked again', async () => {
    const { id, a, b, c } = await createHistory();
    const remove = () => manage('bundles.delete', { bundle_id: b });
    await expect(rollBackOvertaken(id, remove)).rejects.toMatchObject({ code: 'bundle_not_found' });
    expect((await channels.get(id)).bundleId).toBe(c);
    expect((await channels.rollback(id, actor)).bundleId).toBe(a);
  });
});

describe('the deployments of a channel', () => {
  it('are read in pages, newest first', async () => {
    const { id, a, b, c } = await createLine();
    for (const bundleId of [a, b, c]) {
      clock.advance(1_000);
      await channels.setBundle(id, bundleId, actor);
    }
    const pages: (string | null)[][] = [];
    let cursor: string | undefined;
    do {
      const page = await channels.listDeployments(id, { limit: 3, cursor });
      pages.push(page.items.map(({ bundleId }) => bundleId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(pages).toEqual([[c, b, a], [null]]);
  });
});

describe('rolling a release back', () => {
  async function createRelease() {
    const appId = newAppId();
    const builtin = await upload(appId, '1.0.0');
    const [a, b] = [await upload(appId, '1.0.1'), await upload(appId, '1.0.2')];
    const { body } = await manage('releases.create', {
      ...{ app_id: appId, platform: 'ios', version_name: '1.0.0', version_code: '1' },
      builtin_bundle_id: builtin,
    });
    const { id } = body['release'] as { id: string };
    const setActive = (bundleId: string | null) =>
      manage('releases.set-active', { release_id: id, bundle_id: bundleId });
    return { appId, id, a, b, setActive, releases: server.product.services.releases };
  }

  it('walks back one bundle at a time to builtin, and no further', async () => {
    const { appId, id, a, b, setActive, releases } = await createRelease();
    for (const bundleId of [a, b]) await setActive(bundleId);
    expect(await served(appId)).toBe('1.0.2');
    clock.advance(1_000);
    await releases.rollback(id, buildActor('maria'));
    expect(await served(appId, { version_name: '1.0.2' })).toBe('1.0.1');
    clock.advance(1_000);
    await releases.rollback(id, buildActor('maria'));
    expect(await check({ app_id: appId, version_name: '1.0.2' })).toEqual({ version: 'builtin' });
    await expect(releases.rollback(id, buildActor('maria'))).rejects.toMatchObject({
      code: 'invalid_request',
    });
    const { items } = await releases.listDeployments(id, { limit: 10 });
    expect(items.map(({ bundleId, reason }) => [bundleId, reason])).toEqual([
      [null, 'rollback'],
      [a, 'rollback'],
      [b, 'set active bundle'],
      [a, 'set active bundle'],
    ]);
    expect(items[0]).toMatchObject({
      appId,
      target: { kind: 'release', releaseId: id },
      actor: 'maria',
      createdAtMs: clock.now(),
    });
  });

  it('goes on from where it went after a new bundle was set', async () => {
    const { appId, id, a, b, setActive, releases } = await createRelease();
    await setActive(a);
    await releases.rollback(id, actor);
    await setActive(b);
    await releases.rollback(id, actor);
    expect(await served(appId)).toBe('already_on_builtin');
    await expect(releases.rollback(id, actor)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('goes back to a bundle when the operator had chosen builtin', async () => {
    const { appId, id, a, setActive, releases } = await createRelease();
    await setActive(a);
    await setActive(null);
    await releases.rollback(id, actor);
    expect(await served(appId)).toBe('1.0.1');
  });

  it('passes over a bundle that stood on both sides of a deleted one', async () => {
    const { appId, id, a, b, setActive, releases } = await createRelease();
    for (const bundleId of [a, b, a]) await setActive(bundleId);
    expect((await manage('bundles.delete', { bundle_id: b })).status).toBe(200);
    await releases.rollback(id, actor);
    expect(await served(appId)).toBe('already_on_builtin');
  });

  it('goes back once when it is asked several times at once', async () => {
    const { appId, id, a, b, setActive, releases } = await createRelease();
    for (const bundleId of [a, b]) await setActive(bundleId);
    await Promise.all([1, 2, 3].map(() => releases.rollback(id, actor)));
    expect(await served(appId)).toBe('1.0.1');
    await releases.rollback(id, actor);
    expect(await served(appId)).toBe('already_on_builtin');
  });

  it('goes back once when another gets in between the reading and the writing', async () => {
    const { appId, id, a, b, setActive, releases } = await createRelease();
    for (const bundleId of [a, b]) await setActive(bundleId);
    const { store } = server.product;
    const overtaken = createReleases({
      store: {
        ...store,
        async findRelease(releaseId) {
          const release = await store.findRelease(releaseId);
          await releases.rollback(id, actor);
          clock.advance(1_000);
          return release;
        },
      },
      appSnapshots: await loadAppSnapshots(store),
      clock,
      ids: createIds(clock),
    });
    await overtaken.rollback(id, actor);
    expect(await served(appId)).toBe('1.0.1');
    await releases.rollback(id, actor);
    expect(await served(appId)).toBe('already_on_builtin');
  });

  it('of a release that never had a bundle, or is unknown, is refused', async () => {
    const { id, releases } = await createRelease();
    await expect(releases.rollback(id, actor)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(releases.rollback('f'.repeat(24), actor)).rejects.toMatchObject({
      code: 'release_not_found',
    });
  });
});
