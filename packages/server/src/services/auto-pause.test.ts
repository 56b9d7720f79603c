import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Channel } from '../domain/channel.ts';
import { AppError } from '../domain/errors.ts';
import { loadAppSnapshots } from '../persistence/app-snapshots.ts';
import type { DeviceEventLog } from '../ports/device-events.ts';
import { buildActor, buildDeviceEventBody, buildUpdateCheckBody } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { pauseFailingRollouts } from './auto-pause.ts';
import type { ChannelSettings } from './channel-changes.ts';
import type { Channels } from './channels.ts';

const actor = buildActor('olga');
const minuteMs = 60_000;
const clock = createFakeClock();
let server: TestServer;
let channels: Channels;
beforeAll(async () => {
  server = await startTestServer({ clock });
  channels = server.product.services.channels;
});
afterAll(() => server.close());

async function upload(appId: string, versionName: string): Promise<string> {
  const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: versionName }),
  });
  const { bundle } = (await response.json()) as { bundle: { id: string } };
  return bundle.id;
}

async function postDevice(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.userUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
  return (await response.json()) as Record<string, unknown>;
}

/** The version a device gets, or the code of its refusal. */
async function served(appId: string, versionName = 'builtin'): Promise<unknown> {
  const answer = await postDevice(
    '/updates',
    buildUpdateCheckBody({ app_id: appId, version_name: versionName }),
  );
  return answer['error'] ?? answer['version'];
}

async function lastDeploymentOf(id: number) {
  return (await channels.listDeployments(id, { limit: 1 })).items[0];
}

type Count = DeviceEventLog['countRolloutOutcomes'];

/** One run beside the server's own jobs; `count` may do more than count. */
async function runWith(count: (query: Parameters<Count>[0], counted: Count) => ReturnType<Count>) {
  const { store } = server.product;
  const counted: Count = (query) => store.countRolloutOutcomes(query);
  const log = { countRolloutOutcomes: (query: Parameters<Count>[0]) => count(query, counted) };
  return pauseFailingRollouts({ store, log, channels, appSnapshots: await loadAppSnapshots(store), clock });
}

async function runJob(): Promise<void> {
  await server.product.jobs.find((job) => job.name === 'auto-pause')?.run();
}

let lastApp = 0;
let lastDevice = 0;
/** A public channel with stable 1.0.1 and a rollout of 1.0.2 to everybody, which stops itself from 5 % failures on. */
async function createRollout(autoPause: ChannelSettings['autoPause'] = {}) {
  lastApp += 1;
  const appId = `com.example.pause${lastApp}`;
  const [stable, next] = [await upload(appId, '1.0.1'), await upload(appId, '1.0.2')];
  const { id } = await channels.create(
    {
      ...{ appId, name: 'production', isPublic: true },
      autoPause: { isEnabled: true, failureRateBps: 500, ...autoPause },
    },
    actor,
  );
  await channels.setBundle(id, stable, actor);
  await channels.changeRollout(id, { bundleId: next, isEnabled: true, percentageBps: 10_000 }, actor);

  /** So many devices report the action, each for itself. */
  async function report(action: string, count: number, given: Record<string, unknown> = {}) {
    const events = Array.from({ length: count }, () => {
      lastDevice += 1;
      return buildDeviceEventBody({
        app_id: appId,
        device_id: `00000000-0000-4000-8000-${lastDevice.toString(16).padStart(12, '0')}`,
        version_name: '1.0.2',
        action,
        timestamp: clock.now(),
        ...given,
      });
    });
    for (const { status } of (await postDevice('/stats', events))['results'] as { status: string }[]) {
      expect(status).toBe('ok');
    }
  }

  const isPaused = async () => (await channels.get(id)).rollout.pausedAtMs !== null;
  return { appId, id, stable, next, report, isPaused };
}

describe('a rollout whose failures are too many to be chance', () => {
  it('is paused, with the numbers as the reason: nobody new gets it, and who has it keeps it', async () => {
    const { appId, id, stable, report } = await createRollout();
    await report('set', 90);
    await report('update_fail', 10);
    expect(await served(appId)).toBe('1.0.2');
    clock.advance(1_000);
    await runJob();
    const { rollout, autoPause } = await channels.get(id);
    expect(rollout.pausedAtMs).toBe(clock.now());
    expect(rollout.pauseReason).toBe('auto-pause: 10 of 100 installs failed');
    expect(autoPause.lastTriggeredAtMs).toBe(clock.now());
    expect(await served(appId)).toBe('1.0.1');
    expect(await served(appId, '1.0.2')).toBe('no_new_version_available');
    expect(await lastDeploymentOf(id)).toMatchObject({
      bundleId: stable,
      actor: 'auto-pause',
      reason: 'rollout of 1.0.2 paused (auto-pause: 10 of 100 installs failed)',
    });
  });

  it('is taken back when the channel says so: who has it is sent back, and the job is the actor', async () => {
    const { appId, id, stable, report } = await createRollout({ action: 'rollback' });
    await report('set', 5);
    await report('update_fail', 5);
    clock.advance(1_000);
    await runJob();
    expect((await channels.get(id)).rollout.bundleId).toBeNull();
    expect(await served(appId)).toBe('1.0.1');
    expect(await served(appId, '1.0.2')).toBe('1.0.1');
    expect((await channels.get(id)).autoPause.lastTriggeredAtMs).toBe(clock.now());
    expect(await lastDeploymentOf(id)).toMatchObject({
      bundleId: stable,
      actor: 'auto-pause',
      reason: 'rollout of 1.0.2 cancelled (auto-pause: 5 of 10 installs failed)',
      createdAtMs: clock.now(),
    });
  });

  it('goes on when the channel only wants to be told, and the telling is remembered', async () => {
    const { appId, id, report, isPaused } = await createRollout({ action: 'notify' });
    await report('update_fail', 10);
    const before = await lastDeploymentOf(id);
    await runJob();
    expect(await lastDeploymentOf(id)).toEqual(before);
    expect(await isPaused()).toBe(false);
    expect(await served(appId)).toBe('1.0.2');
    expect((await channels.get(id)).autoPause.lastTriggeredAtMs).toBe(clock.now());
  });

  it('is the only one that is touched', async () => {
    const [bad, good] = [await createRollout(), await createRollout()];
    await bad.report('update_fail', 10);
    await good.report('set', 10);
    const before = await channels.get(good.id);
    await runJob();
    expect(await bad.isPaused()).toBe(true);
    expect(await channels.get(good.id)).toEqual(before);
  });
});

describe('what counts', () => {
  it('is the lower bound of the Wilson interval, to the basis point', async () => {
    // 10 of 100 at 95 %: 552.
    for (const [failureRateBps, expected] of [
      [552, true],
      [553, false],
    ] as const) {
      const { report, isPaused } = await createRollout({ failureRateBps });
      await report('set', 90);
      await report('set_fail', 10);
      await runJob();
      expect([failureRateBps, await isPaused()]).toEqual([failureRateBps, expected]);
    }
  });

  const uncounted: readonly [sentence: string, action: string, given: Record<string, unknown>][] = [
    ['a debug build', 'update_fail', { is_prod: false }],
    ['an emulator', 'update_fail', { is_emulator: true }],
    ['the stable bundle', 'update_fail', { version_name: '1.0.1' }],
    ['a bundle nobody knows', 'update_fail', { version_name: '1.0.2-beta' }],
    ['a plugin that reports every "no update" as failed', 'download_fail', { plugin_version: '7.16.0' }],
    ['a device that only has trouble', 'insufficient_disk_space', {}],
    ['one and the same event', 'update_fail', { device_id: '11111111-1111-4111-8111-111111111111' }],
  ];
  it.each(uncounted)('is not %s', async (_sentence, action, given) => {
    const { report, isPaused } = await createRollout({ minAttempts: 2 });
    await report(action, 20, given);
    await runJob();
    expect(await isPaused()).toBe(false);
    await report('update_fail', 20);
    await runJob();
    expect(await isPaused()).toBe(true);
  });

  const counted: readonly [sentence: string, action: string, given: Record<string, unknown>][] = [
    ['a failure of one of its files', 'download_manifest_checksum_fail', { version_name: '1.0.2:a.js' }],
    ['a failed download of a plugin that means it', 'download_fail', { plugin_version: '7.17.0' }],
    ['a failure on another platform', 'unzip_fail', { platform: 'android' }],
  ];
  it.each(counted)('is %s', async (_sentence, action, given) => {
    const { report, isPaused } = await createRollout();
    await report(action, 10, given);
    await runJob();
    expect(await isPaused()).toBe(true);
  });

  it('is what devices of this channel report, whatever channel they say they are on', async () => {
    const { appId, next, report, isPaused } = await createRollout();
    const other = await channels.create({ appId, name: 'beta', allowDeviceSelfSet: true }, actor);
    await channels.setBundle(other.id, next, actor);
    await report('update_fail', 20, { defaultChannel: 'beta', channel: 'production' });
    await runJob();
    expect(await isPaused()).toBe(false);
    await report('update_fail', 20, { channel: 'beta' });
    await runJob();
    expect(await isPaused()).toBe(true);
  });

  it('is what came within the window', async () => {
    const { report, isPaused } = await createRollout({ windowMinutes: 30 });
    await report('update_fail', 20);
    clock.advance(30 * minuteMs + 1);
    await runJob();
    expect(await isPaused()).toBe(false);
    await report('update_fail', 20);
    clock.advance(30 * minuteMs);
    await runJob();
    expect(await isPaused()).toBe(true);
  });

  it('is enough only from the least attempts and failures on', async () => {
    const { report, isPaused } = await createRollout({ minAttempts: 20, minFailures: 10 });
    await report('update_fail', 9);
    await report('set', 11);
    await runJob();
    expect(await isPaused()).toBe(false);
    await report('update_fail', 1);
    await runJob();
    expect(await isPaused()).toBe(true);
  });
});

describe('after it has triggered', () => {
  it('a rollout that is resumed is left alone until the cooldown is over', async () => {
    const { id, report, isPaused } = await createRollout({ cooldownMinutes: 90, windowMinutes: 200 });
    await report('update_fail', 10);
    await runJob();
    await channels.resumeRollout(id, actor);
    clock.advance(90 * minuteMs - 1);
    await runJob();
    expect(await isPaused()).toBe(false);
    clock.advance(1);
    await runJob();
    expect(await isPaused()).toBe(true);
  });

  it('is said again after the cooldown when it only tells', async () => {
    const { id, report } = await createRollout({
      ...{ action: 'notify', cooldownMinutes: 10, windowMinutes: 60 },
    });
    await report('update_fail', 10);
    await runJob();
    const first = clock.now();
    clock.advance(5 * minuteMs);
    await runJob();
    expect((await channels.get(id)).autoPause.lastTriggeredAtMs).toBe(first);
    clock.advance(5 * minuteMs);
    await runJob();
    expect((await channels.get(id)).autoPause.lastTriggeredAtMs).toBe(clock.now());
  });
});

describe('a rollout that changes between the counting and the stopping', () => {
  const noAutoPause = { autoPause: { isEnabled: false } };
  const changes: readonly [sentence: string, (line: { id: number; stable: string }) => Promise<unknown>][] = [
    ['was paused', ({ id }) => channels.pauseRollout(id, actor, 'by hand')],
    ['was cancelled', ({ id }) => channels.cancelRollout(id, actor)],
    ['was rolled back', ({ id }) => channels.rollback(id, actor)],
    ['was promoted', ({ id }) => channels.promoteRollout(id, actor)],
    ['was disabled', ({ id }) => channels.changeRollout(id, { isEnabled: false }, actor)],
    ['was set to 0 %', ({ id }) => channels.changeRollout(id, { percentageBps: 0 }, actor)],
    [
      'is one of another bundle',
      ({ id, stable }) => channels.changeRollout(id, { bundleId: stable, percentageBps: 10_000 }, actor),
    ],
    ['may not stop itself any more', ({ id }) => channels.changeSettings(id, noAutoPause, actor)],
    [
      'may fail more often',
      ({ id }) => channels.changeSettings(id, { autoPause: { failureRateBps: 10_000 } }, actor),
    ],
    ['was triggered by another node', () => runJob()],
  ];

  for (const action of ['pause', 'rollback', 'notify'] as const) {
    it.each(changes)(
      `is left as it is and not told of, for ${action}, when it %s`,
      async (_sentence, change) => {
        const line = await createRollout({ action });
        await line.report('update_fail', 10);
        await line.report('set', 1);
        let changed: Channel | undefined;
        const { triggered, unjudged } = await runWith(async (query, counted) => {
          const outcomes = await counted(query);
          if (query.appId !== line.appId) return outcomes;
          await change(line);
          changed = await channels.get(line.id);
          clock.advance(1_000);
          return outcomes;
        });
        expect([triggered, unjudged]).toEqual([[], []]);
        expect(await channels.get(line.id)).toEqual(changed);
      },
    );
  }

  it('in its share only is stopped', async () => {
    const { id, report, isPaused } = await createRollout();
    await report('update_fail', 10);
    const { triggered } = await runWith(async (query, counted) => {
      const outcomes = await counted(query);
      await channels.changeRollout(id, { percentageBps: 9_999 }, actor);
      return outcomes;
    });
    expect(triggered).toEqual([{ channel: await channels.get(id), installs: 0, failures: 10 }]);
    expect(await isPaused()).toBe(true);
    expect((await channels.get(id)).rollout.percentageBps).toBe(9_999);
  });
});

describe('a channel whose outcomes cannot be counted', () => {
  it('is told of and left as it is, and the others before and after it are stopped', async () => {
    const lines = [await createRollout(), await createRollout(), await createRollout()] as const;
    for (const { report } of lines) await report('update_fail', 10);
    const [first, broken, last] = lines;
    const before = await channels.get(broken.id);
    const error = new AppError('unavailable', 'the database does not answer');
    const { triggered, unjudged } = await runWith((query, counted) =>
      query.appId === broken.appId ? Promise.reject(error) : counted(query),
    );
    expect(triggered.map(({ channel }) => channel.id)).toEqual([first.id, last.id]);
    expect(unjudged).toEqual([{ channel: before, error }]);
    expect(await channels.get(broken.id)).toEqual(before);
    expect([await first.isPaused(), await last.isPaused()]).toEqual([true, true]);
    await runJob();
    expect(await broken.isPaused()).toBe(true);
  });
});

describe('a rollout that is left alone', () => {
  it('is one that an operator paused: the reason and the time stay', async () => {
    const { id, report } = await createRollout({ action: 'rollback' });
    await channels.pauseRollout(id, actor, 'by hand');
    const before = await channels.get(id);
    await report('update_fail', 20);
    clock.advance(1_000);
    await runJob();
    expect(await channels.get(id)).toEqual(before);
  });

  const settings: readonly [sentence: string, (id: number) => Promise<unknown>][] = [
    ['disabled', (id) => channels.changeRollout(id, { isEnabled: false }, actor)],
    ['at 0 %', (id) => channels.changeRollout(id, { percentageBps: 0 }, actor)],
    ['without auto-pause', (id) => channels.changeSettings(id, { autoPause: { isEnabled: false } }, actor)],
    [
      'without a threshold',
      (id) => channels.changeSettings(id, { autoPause: { failureRateBps: null } }, actor),
    ],
    ['over', (id) => channels.promoteRollout(id, actor)],
  ];
  it.each(settings)('is one that is %s', async (_sentence, change) => {
    const { id, report } = await createRollout();
    await change(id);
    const before = await channels.get(id);
    await report('update_fail', 20);
    await runJob();
    expect(await channels.get(id)).toEqual(before);
  });
});
