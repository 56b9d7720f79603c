import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { createCapacitorProject } from './capgo-cli.ts';
import { eventually } from './deadline.ts';
import { type ElectronApp, installElectronApp } from './electron-app.ts';
import { type ManagedBundle, type ManagedEvent, type Management, managementOf } from './management.ts';
import type { RunningServer } from './start-server.ts';
import { pageOf, webAppOf } from './web-app.ts';

/** Native numbers that differ from each other and from every bundle, so that a mix-up shows. */
const builtinVersion = '1.0.0';
const nativeVersion = '3.4.5';

/** Where the devices and the operators of a server ask. */
type AskedServer = Pick<RunningServer, 'userUrl' | 'managementUrl' | 'token'>;

interface AppOptions {
  readonly appReadyTimeoutMs?: number;
}

/** An app installed on one device, of which the server knows nothing yet; everything goes when the test ends. */
export interface AppOnDevice {
  readonly appId: string;
  readonly device: ElectronApp;
  readonly management: Management;
  /** Zips the web app of this version with the real CLI. */
  zip(version: string): Promise<Uint8Array>;
  upload(version: string, zip: Uint8Array): Promise<ManagedBundle>;
  /** The device's newest event with this action, as soon as the server has stored one. */
  reported(action: string, version: string): Promise<ManagedEvent>;
}

/** One published app with a device that has it installed. */
export interface AppJourney extends Pick<AppOnDevice, 'appId' | 'device' | 'management' | 'reported'> {
  /** Zips the web app of this version, and publishes the zip. */
  publish(version: string): Promise<ManagedBundle>;
  /** Uploads a bundle and makes it the release's active one. */
  publishZip(version: string, zip: Uint8Array): Promise<ManagedBundle>;
  /** Leaves the release without an active bundle. */
  sendBackToBuiltin(): Promise<void>;
}

export async function installApp(server: AskedServer, options: AppOptions = {}): Promise<AppOnDevice> {
  const management = managementOf(server);
  const appId = `e2e.journey.a${randomBytes(6).toString('hex')}`;
  const project = await createCapacitorProject(appId);
  onTestFinished(project.remove);
  const device = await installElectronApp({
    appId,
    builtinVersion,
    nativeVersion,
    builtinPage: pageOf(builtinVersion),
    userUrl: server.userUrl,
    ...options,
  });
  onTestFinished(device.uninstall);
  const { deviceId } = await device.call('getDeviceId');

  return {
    appId,
    device,
    management,
    zip: async (version) => (await project.zip(version, webAppOf(version))).bytes,
    upload: (version, bytes) => management.uploadBundle(bytes, { app_id: appId, version_name: version }),
    reported: (action, version) =>
      eventually(`a stored event '${action}' of bundle ${version}`, async () => {
        const [newest] = await management.listEvents({ app_id: appId, device_id: deviceId, action });
        return newest?.version_name === version ? newest : undefined;
      }),
  };
}

/** Publishes an app with builtin 1.0.0 through the management API and installs it on one device. */
export async function beginJourney(server: AskedServer, options: AppOptions = {}): Promise<AppJourney> {
  const { appId, device, management, zip, upload, reported } = await installApp(server, options);
  const builtin = await upload(builtinVersion, await zip(builtinVersion));
  const release = await management.createRelease({
    app_id: appId,
    platform: 'electron',
    version_name: builtinVersion,
    version_code: nativeVersion,
    builtin_bundle_id: builtin.id,
  });

  async function publishZip(version: string, bytes: Uint8Array): Promise<ManagedBundle> {
    const bundle = await upload(version, bytes);
    await management.setActiveBundle(release.id, bundle.id);
    return bundle;
  }

  return {
    ...{ appId, device, management, reported },
    publishZip,
    publish: async (version) => publishZip(version, await zip(version)),
    sendBackToBuiltin: () => management.setActiveBundle(release.id, null),
  };
}
