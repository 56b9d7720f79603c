import { beforeAll, expect, test } from 'vitest';
import { buildActor } from '../packages/server/src/testing/builders.ts';
import { startTestServer, type TestServer, testToken } from '../packages/server/src/testing/test-server.ts';
import { type AppOnDevice, installApp } from './app-journey.ts';
import { createJourneyDatabase } from './database.ts';
import type { ElectronApp } from './electron-app.ts';
import type { ManagedCounters } from './management.ts';
import { pageOf } from './web-app.ts';

/** In this process, because channels are changed through the product itself: no API reaches them yet. */
let server: TestServer;
beforeAll(async () => {
  const database = await createJourneyDatabase();
  server = await startTestServer({ env: database.env });
  return async () => {
    await server.close();
    await database.remove();
  };
});

const operator = buildActor('e2e');

interface ChannelJourney extends Omit<AppOnDevice, 'zip' | 'upload'> {
  readonly channels: TestServer['product']['services']['channels'];
  /** Zips the web app of this version with the real CLI and uploads it; gives the bundle's id. */
  upload(version: string): Promise<string>;
}

async function beginChannelJourney(): Promise<ChannelJourney> {
  const { zip, upload, ...app } = await installApp({
    userUrl: server.userUrl,
    managementUrl: server.managementUrl,
    token: testToken,
  });
  return {
    ...app,
    channels: server.product.services.channels,
    upload: async (version) => (await upload(version, await zip(version))).id,
  };
}

/** A check for updates and, whatever it brought, the next start of the app. */
async function checkAndRestart(device: ElectronApp): Promise<void> {
  await device.checkForUpdates();
  await device.restart();
  await device.call('notifyAppReady');
}

async function recordChecks(): Promise<void> {
  const job = server.product.jobs.find(({ name }) => name === 'record-checks');
  if (!job) throw new Error('no job records update checks');
  await job.run();
}

/** What the counters say of each channel and bundle, over all days: a journey may pass midnight. */
async function countersOf({ appId, management }: ChannelJourney) {
  await recordChecks();
  const sums: Record<string, Pick<ManagedCounters, 'get' | 'install' | 'fail'>> = {};
  for (const { channel, bundle, get, install, fail } of await management.listCounters(appId)) {
    const key = `${channel} ${bundle}`;
    const sum = sums[key] ?? { get: 0, install: 0, fail: 0 };
    sums[key] = { get: sum.get + get, install: sum.install + install, fail: sum.fail + fail };
  }
  return sums;
}

test('a device changes to a channel of its choice, is refused one it may not have, and comes back to the public one', async () => {
  const journey = await beginChannelJourney();
  const { appId, device, channels, upload, reported } = journey;
  const production = await channels.create({ appId, name: 'production', isPublic: true }, operator);
  await channels.setBundle(production.id, await upload('1.1.0'), operator);
  const beta = await channels.create({ appId, name: 'beta', allowDeviceSelfSet: true }, operator);
  await channels.setBundle(beta.id, await upload('1.2.0'), operator);
  const staff = await channels.create({ appId, name: 'staff' }, operator);
  await channels.setBundle(staff.id, await upload('1.3.0'), operator);

  await checkAndRestart(device);
  expect(await device.shownPage()).toBe(pageOf('1.1.0'));
  expect(await reported('set', '1.1.0')).toMatchObject({ channel: 'production' });
  expect((await device.call('listChannels')).channels.map(({ name }) => name)).toEqual([
    'beta',
    'production',
  ]);

  expect(await device.call('setChannel', { channel: 'staff' })).toMatchObject({
    status: 'error',
    error: 'channel_self_set_not_allowed',
  });
  expect(await device.call('getChannel')).toMatchObject({ channel: 'production', status: 'default' });
  await checkAndRestart(device);
  expect(await device.shownPage()).toBe(pageOf('1.1.0'));

  expect(await device.call('setChannel', { channel: 'beta' })).toMatchObject({ status: 'ok' });
  await checkAndRestart(device);
  expect(await device.shownPage()).toBe(pageOf('1.2.0'));
  expect(await reported('set', '1.2.0')).toMatchObject({ channel: 'beta' });

  await device.call('unsetChannel', {});
  await checkAndRestart(device);
  expect(await device.shownPage()).toBe(pageOf('1.1.0'));
  expect(await reported('set', '1.1.0')).toMatchObject({ channel: 'production' });

  expect(await countersOf(journey)).toEqual({
    // Also a start that changed nothing is a `set` to this client: it reports one whenever the page is ready.
    'production 1.1.0': { get: 2, install: 3, fail: 0 },
    'beta 1.2.0': { get: 1, install: 1, fail: 0 },
  });
  // Both changes, each under the channel that the device had until then.
  const changes = await journey.management.listEvents({ app_id: appId, action: 'setChannel' });
  expect(changes).toMatchObject([
    { version_name: '1.2.0', channel: 'beta' },
    { version_name: '1.1.0', channel: 'production' },
  ]);
});

test('a device stays on the stable bundle at 0 % of a rollout, gets the new one at 100 % and keeps it when it is promoted', async () => {
  const journey = await beginChannelJourney();
  const { appId, device, channels, upload, reported } = journey;
  const { id } = await channels.create({ appId, name: 'production', isPublic: true }, operator);
  await channels.setBundle(id, await upload('1.1.0'), operator);
  await checkAndRestart(device);
  expect(await device.shownPage()).toBe(pageOf('1.1.0'));

  const bundleId = await upload('1.2.0');
  await channels.changeRollout(id, { bundleId, isEnabled: true, percentageBps: 0 }, operator);
  await device.checkForUpdates();
  expect(device.events().at(-1)?.name).toBe('noNeedUpdate');
  expect(await device.call('getNextBundle')).toBeNull();

  await channels.changeRollout(id, { percentageBps: 10_000 }, operator);
  await checkAndRestart(device);
  expect(await device.shownPage()).toBe(pageOf('1.2.0'));
  expect(await reported('set', '1.2.0')).toMatchObject({ channel: 'production' });

  await channels.promoteRollout(id, operator);
  await device.checkForUpdates();
  expect(device.events().at(-1)?.name).toBe('noNeedUpdate');

  expect(await countersOf(journey)).toEqual({
    'production 1.1.0': { get: 1, install: 1, fail: 0 },
    'production 1.2.0': { get: 1, install: 1, fail: 0 },
  });
});

test('a device that runs a bad bundle gets the one before it back when its channel is rolled back', async () => {
  const journey = await beginChannelJourney();
  const { appId, device, channels, upload, reported } = journey;
  const { id } = await channels.create({ appId, name: 'production', isPublic: true }, operator);
  for (const version of ['1.1.0', '1.2.0']) {
    await channels.setBundle(id, await upload(version), operator);
    await checkAndRestart(device);
    expect(await device.shownPage()).toBe(pageOf(version));
  }

  await channels.rollback(id, operator);
  await checkAndRestart(device);
  expect(await device.shownPage()).toBe(pageOf('1.1.0'));
  expect(await reported('set', '1.1.0')).toMatchObject({ channel: 'production' });
  await device.checkForUpdates();
  expect(device.events().at(-1)?.name).toBe('noNeedUpdate');

  // And once more: before its first bundle the channel served builtin.
  await channels.rollback(id, operator);
  expect(await device.call('getLatest')).toEqual({ version: 'builtin' });
  expect(await countersOf(journey)).toEqual({
    'production 1.1.0': { get: 2, install: 2, fail: 0 },
    'production 1.2.0': { get: 1, install: 1, fail: 0 },
    'production builtin': { get: 1, install: 0, fail: 0 },
  });
});
