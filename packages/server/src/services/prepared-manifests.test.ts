import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../testing/fake-clock.ts';
import { usersOf } from '../testing/manifest-server.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';
import type { PreparedEntry, PreparedManifests } from './prepared-manifests.ts';

const appId = 'com.example.prepared';
const sessionKey = `${Buffer.alloc(16, 1).toString('base64')}:${Buffer.alloc(256, 2).toString('base64')}`;
const clock = createFakeClock();
let server: TestServer;
let users: ReturnType<typeof usersOf>;
let prepared: PreparedManifests;
beforeAll(async () => {
  server = await startTestServer({ clock, env: { MAX_BUNDLE_SIZE: '100000' } });
  users = usersOf(server);
  prepared = server.product.services.preparedManifests;
  await users.upload(appId, '0.0.1', buildZip({ 'index.html': 'x' }));
});
afterAll(() => server.close());

let lastVersion = 0;
/** An encrypted bundle, whose content nobody here can read. */
async function uploadEncrypted(): Promise<{ id: string; versionName: string }> {
  lastVersion += 1;
  const versionName = `1.0.${lastVersion}`;
  const fields = { session_key: sessionKey, checksum: 'f0'.repeat(256), key_id: 'MIIBCgKCAQEA12345678' };
  return { ...(await users.upload(appId, versionName, randomBytes(100), fields)), versionName };
}

async function* sourceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function uploadFile(path: string, bytes: Uint8Array): Promise<void> {
  const staged = await prepared.stage(appId, path, sourceOf(bytes));
  await staged.store();
  await staged.discard();
}

/** As the CLI names it: by the session key, the hash and the path, percent-encoded (protocol §3.2). */
function pathOf(hash: string, fileName: string): string {
  const digest = createHash('sha256').update(hash).digest('hex');
  const encoded = fileName.split('/').map(encodeURIComponent).join('/');
  return `orgs/org/apps/${appId}/delta/${Buffer.from(sessionKey).toString('hex')}/${digest}_${encoded}`;
}

function entryOf(
  fileName: string,
  hash = createHash('sha512').update(fileName).digest('hex').repeat(4),
): PreparedEntry {
  return { file_name: fileName, s3_path: pathOf(hash, fileName), file_hash: hash };
}

describe('a manifest that was prepared for an encrypted bundle', () => {
  it('reaches devices as it was prepared, and so do its files', async () => {
    const { id, versionName } = await uploadEncrypted();
    const entries = ['index.html', 'assets/größe 100% @2x.js.br', 'b.js'].map((name) => entryOf(name));
    const contents = new Map(entries.map((entry) => [entry.file_name, randomBytes(64)]));
    for (const { file_name, s3_path } of entries) {
      expect(await prepared.find(appId, s3_path)).toBeUndefined();
      await uploadFile(s3_path, contents.get(file_name) ?? Buffer.alloc(0));
      expect(await prepared.find(appId, s3_path)).toMatchObject({ sizeBytes: 64 });
    }
    await prepared.set(appId, versionName, entries);
    expect(await users.status(id)).toEqual(['ready', null]);

    await users.serve(appId, id);
    const { answer } = await users.check(appId, {
      key_id: 'MIIBCgKCAQEA12345678',
      plugin_version: '8.51.14',
    });
    expect(answer).toMatchObject({ version: versionName, session_key: sessionKey });
    const manifest = answer.manifest ?? [];
    expect(manifest.map(({ file_name, file_hash }) => ({ file_name, file_hash }))).toEqual(
      entries.map(({ file_name, file_hash }) => ({ file_name, file_hash })),
    );
    for (const { file_name, download_url } of manifest) {
      const download = await fetch(download_url);
      expect(Buffer.from(await download.arrayBuffer())).toEqual(contents.get(file_name));
    }
    // The same once more, as after a lost answer.
    await prepared.set(appId, versionName, entries);
    await expect(prepared.set(appId, versionName, entries.slice(0, 2))).rejects.toMatchObject({
      code: 'manifest_exists',
    });
  });

  it('shares files with another bundle that names the same path, until both are deleted', async () => {
    const [one, other] = [await uploadEncrypted(), await uploadEncrypted()];
    const entry = entryOf('index.html', 'ab'.repeat(256));
    await uploadFile(entry.s3_path, Buffer.from('shared'));
    await uploadFile(entry.s3_path, Buffer.from('another, which comes too late'));
    const file = await prepared.find(appId, entry.s3_path);
    await prepared.set(appId, one.versionName, [entry]);
    await prepared.set(appId, other.versionName, [entry]);
    await users.manage('bundles.delete', { bundle_id: one.id });
    clock.advance(48 * 60 * 60 * 1_000);
    for (const name of ['file-sweep', 'object-deletions']) await users.job(name);
    const url = `${server.userUrl}/files/read/attachments/${file?.objectKey}`;
    expect(await (await fetch(url)).text()).toBe('shared');
    await users.manage('bundles.delete', { bundle_id: other.id });
    clock.advance(48 * 60 * 60 * 1_000);
    for (const name of ['file-sweep', 'object-deletions']) await users.job(name);
    expect((await fetch(url)).status).toBe(404);
    expect(await prepared.find(appId, entry.s3_path)).toBeUndefined();
  });

  it('is not set with a file that was not uploaded, or uploaded to another app', async () => {
    const { id, versionName } = await uploadEncrypted();
    const entries = [entryOf('index.html', 'a1'), entryOf('b.js', 'b1')];
    await uploadFile(entries[0]?.s3_path ?? '', Buffer.from('x'));
    await users.upload('com.example.elsewhere', '0.0.1', buildZip({ 'index.html': 'x' }));
    const staged = await prepared.stage(
      'com.example.elsewhere',
      entries[1]?.s3_path ?? '',
      sourceOf(Buffer.from('y')),
    );
    await staged.store();
    await expect(prepared.set(appId, versionName, entries)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('b.js'),
    });
    expect(await users.status(id)).toEqual(['none', 'encrypted']);
  });

  it('compares SHA-256 in lower case and leaves every other hash as it is', async () => {
    const { id, versionName } = await uploadEncrypted();
    const entries = [entryOf('index.html', 'AB'.repeat(32)), entryOf('b.js', 'U2VhbGVkSGFzaA==')];
    for (const { s3_path } of entries) await uploadFile(s3_path, Buffer.from('x'));
    await prepared.set(appId, versionName, entries);
    const { entries: kept } = await server.product.services.manifests.get(id);
    expect(kept.map(({ hash }) => hash)).toEqual(['ab'.repeat(32), 'U2VhbGVkSGFzaA==']);
  });

  const good = { file_name: 'index.html', s3_path: 'orgs/a', file_hash: 'aa' };
  it.each<[string, readonly PreparedEntry[]]>([
    ['nothing', []],
    ['no index.html', [{ ...good, file_name: 'a/index.html' }]],
    ['too many entries', Array.from({ length: 10_001 }, (_, at) => ({ ...good, file_name: `${at}` }))],
    ['a name twice', [good, { ...good, file_name: 'a' }, { ...good, file_name: 'a.br' }]],
    ['an empty name', [good, { ...good, file_name: '' }]],
    ['an absolute name', [good, { ...good, file_name: '/etc/passwd' }]],
    ['a way out', [good, { ...good, file_name: 'a/../../b' }]],
    ['a dot', [good, { ...good, file_name: './b' }]],
    ['an empty segment', [good, { ...good, file_name: 'a//b' }]],
    ['a backslash', [good, { ...good, file_name: 'a\\b' }]],
    ['a drive', [good, { ...good, file_name: 'C:b' }]],
    ['NUL', [good, { ...good, file_name: 'a\0b' }]],
    ['half a character', [good, { ...good, file_name: 'a\ud800' }]],
    ['a long name', [good, { ...good, file_name: 'a'.repeat(1_025) }]],
    ['an empty hash', [{ ...good, file_hash: '' }]],
    ['a hash with a blank', [{ ...good, file_hash: 'a b' }]],
    ['a long hash', [{ ...good, file_hash: 'a'.repeat(1_025) }]],
    ['an empty path', [{ ...good, s3_path: '' }]],
    ['a path with NUL', [{ ...good, s3_path: 'a\0' }]],
    ['a long path', [{ ...good, s3_path: 'a'.repeat(8_193) }]],
  ])('is refused with %s', async (_what, entries) => {
    const { versionName } = await uploadEncrypted();
    await expect(prepared.set(appId, versionName, entries)).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('needs the bundle, and files an app, a path and a size', async () => {
    await expect(prepared.set(appId, '9.9.9', [good])).rejects.toMatchObject({ code: 'bundle_not_found' });
    await expect(prepared.stage('com.example.nobody', 'a', sourceOf(Buffer.from('x')))).rejects.toMatchObject(
      {
        code: 'app_not_found',
      },
    );
    await expect(prepared.stage(appId, '', sourceOf(Buffer.from('x')))).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await expect(prepared.stage(appId, 'large', sourceOf(Buffer.alloc(100_001)))).rejects.toMatchObject({
      code: 'payload_too_large',
    });
    const staged = await prepared.stage(appId, 'never stored', sourceOf(Buffer.from('x')));
    await staged.discard();
    expect(await prepared.find(appId, 'never stored')).toBeUndefined();
  });
});
