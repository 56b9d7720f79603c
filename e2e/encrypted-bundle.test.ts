import { constants, createDecipheriv, createHash, publicDecrypt } from 'node:crypto';
import AdmZip from 'adm-zip';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { createCapacitorProject } from './capgo-cli.ts';
import { managementOf } from './management.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { pageOf, webAppOf } from './web-app.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
  return async () => {
    await server.stop();
  };
});

const appId = 'e2e.encrypted.app';

/** What a device does with the public key in its app: undo an operation made with the private one (protocol §8.2). */
function openSealed(publicKey: string, sealed: Buffer): Buffer {
  return publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, sealed);
}

function decryptBundle(publicKey: string, sessionKey: string, encrypted: Buffer): Buffer {
  const [iv, sealedKey, ...more] = sessionKey.split(':').map((part) => Buffer.from(part, 'base64'));
  if (!iv || !sealedKey || more.length > 0) throw new Error(`not a session key: ${sessionKey}`);
  const decipher = createDecipheriv('aes-128-cbc', openSealed(publicKey, sealedKey), iv);
  return Buffer.concat([decipher.update(encrypted), decipher.final()]);
}

/** Which key a device or the CLI names: the first 20 characters of the key's text. */
function keyIdOf(publicKey: string): string {
  return publicKey.replaceAll(/-----[^-]+-----|\s/g, '').slice(0, 20);
}

test('a bundle encrypted by the Capgo CLI reaches a device as it was encrypted, and opens with the public key', async () => {
  const project = await createCapacitorProject(appId);
  onTestFinished(project.remove);
  const publicKey = await project.createKey();
  const keyId = keyIdOf(publicKey);
  const plain = await project.zip('1.1.0', webAppOf('1.1.0'));
  const encrypted = await project.encrypt(plain);
  const sealed = { session_key: encrypted.ivSessionKey, checksum: encrypted.checksum };

  const management = managementOf(server);
  const builtin = await project.zip('1.0.0', webAppOf('1.0.0'));
  const { id: builtinBundleId } = await management.uploadBundle(builtin.bytes, {
    app_id: appId,
    version_name: '1.0.0',
  });
  const bundle = await management.uploadBundle(encrypted.bytes, {
    app_id: appId,
    version_name: '1.1.0',
    key_id: keyId,
    ...sealed,
  });
  expect(bundle).toMatchObject({ ...sealed, key_id: keyId, size: encrypted.bytes.length });
  const release = await management.createRelease({
    app_id: appId,
    platform: 'android',
    version_name: '1.0.0',
    version_code: '10',
    builtin_bundle_id: builtinBundleId,
  });
  await management.setActiveBundle(release.id, bundle.id);

  const answer = await checkForUpdate(keyId);
  expect(answer).toEqual({ version: '1.1.0', url: expect.any(String), ...sealed });

  const download = await fetch(answer.url);
  const opened = decryptBundle(publicKey, answer.session_key, Buffer.from(await download.arrayBuffer()));
  expect(opened.equals(plain.bytes)).toBe(true);
  const digest = openSealed(publicKey, Buffer.from(answer.checksum, 'hex'));
  expect(digest.toString('hex')).toBe(createHash('sha256').update(opened).digest('hex'));
  expect(new AdmZip(opened).readAsText('index.html')).toBe(pageOf('1.1.0'));
});

interface UpdateAnswer {
  readonly version: string;
  readonly url: string;
  readonly session_key: string;
  readonly checksum: string;
}

/** The update check of plugin 8.51.14 on Android in an app that embeds a public key. */
async function checkForUpdate(keyId: string): Promise<UpdateAnswer> {
  const response = await fetch(`${server.userUrl}/updates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      platform: 'android',
      device_id: '0f9c5d6a-55f1-4a3f-9d0e-2f6a5a1c7b10',
      app_id: appId,
      custom_id: '',
      version_build: '1.0.0',
      version_code: '10',
      version_os: '14',
      version_name: '1.0.0',
      plugin_version: '8.51.14',
      is_emulator: false,
      is_prod: true,
      defaultChannel: '',
      install_source: 'google_play',
      key_id: keyId,
    }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as UpdateAnswer;
}
