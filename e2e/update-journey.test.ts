import { beforeAll, expect, test } from 'vitest';
import { beginJourney } from './app-journey.ts';
import type { ElectronApp } from './electron-app.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { pageOf, readWebFiles, webAppOf } from './web-app.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
  return async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  };
});

function eventNames(device: ElectronApp): string[] {
  // How often a download reports progress depends on how its bytes arrive.
  return device
    .events()
    .map((event) => event.name)
    .filter((name) => name !== 'download');
}

test('a device downloads the active bundle, runs it from its next start, reports it set, and then is quiet', async () => {
  const { device, publish, reported } = await beginJourney(server);
  expect(await device.shownPage()).toBe(pageOf('1.0.0'));
  const bundle = await publish('1.1.0');

  await device.checkForUpdates();
  expect(eventNames(device)).toEqual(['updateAvailable', 'downloadComplete']);
  const next = await device.call('getNextBundle');
  expect(next).toMatchObject({ version: '1.1.0', status: 'success', checksum: bundle.checksum });
  expect(await device.shownPage()).toBe(pageOf('1.0.0'));
  await reported('download_complete', '1.1.0');

  await device.restart();
  const { bundle: current } = await device.call('notifyAppReady');
  expect(current).toEqual(next);
  expect(await device.shownPage()).toBe(pageOf('1.1.0'));
  expect(await readWebFiles(device.bundleDirectory(current.id))).toEqual(webAppOf('1.1.0'));
  expect(await reported('set', '1.1.0')).toMatchObject({
    platform: 'electron',
    plugin_version: '0.0.1',
    version_build: '1.0.0',
    version_code: '3.4.5',
  });

  await device.checkForUpdates();
  expect(eventNames(device).slice(-1)).toEqual(['noNeedUpdate']);
  expect(eventNames(device)).not.toContain('updateAvailable');
  expect(await device.call('getNextBundle')).toBeNull();
  expect(await device.call('getLatest')).toMatchObject({
    error: 'no_new_version_available',
    kind: 'up_to_date',
  });
});

test('a device follows its release to a newer bundle and back to an older one', async () => {
  const { device, publish, reported } = await beginJourney(server);
  for (const version of ['1.2.0', '1.3.0', '1.1.5']) {
    await publish(version);
    await device.checkForUpdates();
    await device.restart();
    await device.call('notifyAppReady');
    expect(await device.shownPage()).toBe(pageOf(version));
    await reported('set', version);
  }
});

test('a device is told to go back to builtin when its release serves no bundle any more', async () => {
  const { device, publish, reported, sendBackToBuiltin } = await beginJourney(server);
  await publish('1.1.0');
  await device.checkForUpdates();
  await device.restart();
  await device.call('notifyAppReady');
  await reported('set', '1.1.0');
  await sendBackToBuiltin();

  expect(await device.call('getLatest')).toEqual({ version: 'builtin' });
  // The updater's own check knows no such answer and drops it, so going back is a matter of the app's page.
  await device.checkForUpdates();
  expect(eventNames(device)).toEqual(['appReady']);
  expect((await device.call('current')).bundle.version).toBe('1.1.0');

  await device.call('reset');
  expect((await device.call('notifyAppReady')).bundle).toMatchObject({ id: 'builtin', version: '1.0.0' });
  expect(await device.shownPage()).toBe(pageOf('1.0.0'));
  await reported('set', '1.0.0');
  expect(await device.call('getLatest')).toMatchObject({ error: 'already_on_builtin', kind: 'up_to_date' });

  await device.restart();
  expect(await device.shownPage()).toBe(pageOf('1.0.0'));
});

test('a device refuses a bundle damaged in storage, keeps what it runs and reports the failure', async () => {
  const { device, publish, reported } = await beginJourney(server);
  const bundle = await publish('1.1.0');
  expect(await server.storage.damage(bundle.checksum)).toBeGreaterThan(0);

  await device.checkForUpdates();
  expect(eventNames(device)).toEqual(['updateAvailable', 'downloadFailed']);
  expect(device.events().at(-1)?.data).toEqual({ version: '1.1.0' });
  expect(await device.call('getNextBundle')).toBeNull();
  await reported('download_fail', '1.1.0');

  const { version, url = '', checksum = '' } = await device.call('getLatest');
  const again = device.call('download', { version, url, checksum });
  await expect(again).rejects.toThrow('Checksum verification failed');

  await device.restart();
  expect((await device.call('list')).bundles.map((kept) => kept.id)).toEqual(['builtin']);
  expect(await device.shownPage()).toBe(pageOf('1.0.0'));
});
