import { beforeAll, expect, test } from 'vitest';
import { beginJourney } from './app-journey.ts';
import { eventually } from './deadline.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { pageOf } from './web-app.ts';

const failedBundleRetries = 2;

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ env: { FAILED_BUNDLE_RETRIES: String(failedBundleRetries) } });
  return async () => {
    await server.stop();
  };
});

test('a device on which a bundle never gets ready is offered it no more after so many failures, and gets the next one', async () => {
  const { appId, device, management, publish } = await beginJourney(server, { appReadyTimeoutMs: 50 });
  async function countFailures(version: string): Promise<number> {
    const failures = await management.listEvents({ app_id: appId, action: 'set_fail' });
    return failures.filter((failure) => failure.version_name === version).length;
  }
  await publish('1.1.0');

  for (let count = 1; count <= failedBundleRetries + 1; count += 1) {
    await device.checkForUpdates();
    expect(await device.call('getNextBundle')).toMatchObject({ version: '1.1.0' });
    // Its page is loaded and never says that it works.
    await device.restart();
    expect(await device.shownPage()).toBe(pageOf('1.1.0'));
    await eventually(`failure ${count} in the log`, async () =>
      (await countFailures('1.1.0')) === count ? true : undefined,
    );
    // This client reports the failure but stays on the bundle; somebody has to send it back.
    await device.call('reset');
    await device.call('notifyAppReady');
  }

  expect(await device.call('getLatest')).toMatchObject({
    error: 'bundle_failed_on_device',
    kind: 'blocked',
    version: '1.1.0',
  });
  await device.checkForUpdates();
  expect(await device.call('getNextBundle')).toBeNull();
  expect(await device.shownPage()).toBe(pageOf('1.0.0'));

  await publish('1.1.1');
  await device.checkForUpdates();
  await device.restart();
  expect((await device.call('notifyAppReady')).bundle.version).toBe('1.1.1');
  expect(await device.shownPage()).toBe(pageOf('1.1.1'));
});
