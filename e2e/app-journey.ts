import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { createCapacitorProject } from './capgo-cli.ts';
import { eventually } from './deadline.ts';
import { type ElectronApp, installElectronApp } from './electron-app.ts';
import { type ManagedBundle, type ManagedEvent, managementOf } from './management.ts';
import type { RunningServer } from './start-server.ts';
import { pageOf, webAppOf } from './web-app.ts';

/** Native numbers that differ from each other and from every bundle, so that a mix-up shows. */
const builtinVersion = '1.0.0';
const nativeVersion = '3.4.5';

/** One published app with a device that has it installed; everything goes when the test ends. */
export interface AppJourney {
  readonly device: ElectronApp;
  /** Zips the web app of this version with the real CLI, and publishes the zip. */
  publish(version: string): Promise<ManagedBundle>;
  /** Uploads a bundle and makes it the release's active one. */
  publishZip(version: string, zip: Uint8Array): Promise<ManagedBundle>;
  /** Leaves the release without an active bundle. */
  sendBackToBuiltin(): Promise<void>;
  /** The device's newest event with this action, as soon as the server has stored one. */
  reported(action: string, version: string): Promise<ManagedEvent>;
}

/** Publishes an app with builtin 1.0.0 through the management API and installs it on one device. */
export async function beginJourney(server: RunningServer): Promise<AppJourney> {
  const management = managementOf(server);
  const appId = `e2e.journey.a${randomBytes(6).toString('hex')}`;
  const project = await createCapacitorProject(appId);
  onTestFinished(project.remove);

  const zip = async (version: string) => (await project.zip(version, webAppOf(version))).bytes;
  const upload = (version: string, bytes: Uint8Array) =>
    management.uploadBundle(bytes, { app_id: appId, version_name: version });
  const builtin = await upload(builtinVersion, await zip(builtinVersion));
  const release = await management.createRelease({
    app_id: appId,
    platform: 'electron',
    version_name: builtinVersion,
    version_code: nativeVersion,
    builtin_bundle_id: builtin.id,
  });
  const device = await installElectronApp({
    appId,
    builtinVersion,
    nativeVersion,
    builtinPage: pageOf(builtinVersion),
    userUrl: server.userUrl,
  });
  onTestFinished(device.uninstall);
  const { deviceId } = await device.call('getDeviceId');

  async function publishZip(version: string, bytes: Uint8Array): Promise<ManagedBundle> {
    const bundle = await upload(version, bytes);
    await management.setActiveBundle(release.id, bundle.id);
    return bundle;
  }

  return {
    device,
    publishZip,
    publish: async (version) => publishZip(version, await zip(version)),
    sendBackToBuiltin: () => management.setActiveBundle(release.id, null),
    reported: (action, version) =>
      eventually(`a stored event '${action}' of bundle ${version}`, async () => {
        const [newest] = await management.listEvents({ app_id: appId, device_id: deviceId, action });
        return newest?.version_name === version ? newest : undefined;
      }),
  };
}
