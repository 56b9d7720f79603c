import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildActor, buildUpdateCheckBody } from '../testing/builders.ts';
import { usersOf } from '../testing/manifest-server.ts';
import { startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';

const appId = 'com.example.large';
const script = 'export const a = 1;\n'.repeat(600);
const files: Record<string, string | Buffer> = {
  'index.html': '<!doctype html>',
  'empty.txt': '',
  'a b/größe 100%.js': script,
  'noise.bin': randomBytes(9_000),
};
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

let server: TestServer;
let users: ReturnType<typeof usersOf>;
let bundleId: string;
beforeAll(async () => {
  server = await startTestServer();
  users = usersOf(server);
  bundleId = (await users.upload(appId, '1.0.1', buildZip(files))).id;
  await users.buildManifests();
  await users.serve(appId, bundleId);
});
afterAll(() => server.close());

/** The answer as it comes over the wire, without a client that decodes it. */
function raw(
  headers: Record<string, string>,
  given: Record<string, unknown> = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof raw>>>();
  const request = httpRequest(
    `${server.userUrl}/updates`,
    { method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
    (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }),
      );
    },
  );
  request.on('error', reject);
  request.end(JSON.stringify(buildUpdateCheckBody({ app_id: appId, ...given })));
  return promise;
}

interface Entry {
  readonly file_name: string;
  readonly file_hash: string;
  readonly download_url: string;
}

describe('an update with a manifest', () => {
  it('names every file by its real path, with its hash and a URL on the origin that was asked', async () => {
    const { answer } = await users.check(appId);
    expect(Object.keys(answer)).toEqual(['version', 'url', 'session_key', 'checksum', 'manifest']);
    expect(answer.url).toBe(`${server.userUrl}/files/read/attachments/apps/${appId}/bundles/${bundleId}.zip`);
    const manifest = answer.manifest as readonly Entry[];
    expect(manifest.map(({ file_name, file_hash }) => [file_name, file_hash])).toEqual([
      ['a b/größe 100%.js.br', sha256(script)],
      ['empty.txt', sha256('')],
      ['index.html', sha256('<!doctype html>')],
      ['noise.bin', sha256(files['noise.bin'] ?? '')],
    ]);
    for (const entry of manifest) {
      expect(Object.keys(entry)).toEqual(['file_name', 'file_hash', 'download_url']);
      expect(
        entry.download_url.startsWith(`${server.userUrl}/files/read/attachments/apps/${appId}/files/`),
      ).toBe(true);
      expect(new URL(entry.download_url).href).toBe(entry.download_url);
    }
    const elsewhere = JSON.parse((await raw({ host: 'updates.example.com' })).body.toString()) as {
      manifest: Entry[];
    };
    expect(new Set(elsewhere.manifest.map(({ download_url }) => new URL(download_url).origin))).toEqual(
      new Set(['http://updates.example.com']),
    );
  });

  it('has URLs under which files come as they are stored, resumable and cacheable for ever', async () => {
    const { answer } = await users.check(appId);
    for (const { file_name, download_url } of answer.manifest as readonly Entry[]) {
      const whole = await fetch(download_url, { headers: { 'accept-encoding': 'br, gzip' } });
      expect(whole.status).toBe(200);
      expect(whole.headers.get('content-encoding')).toBeNull();
      expect(whole.headers.get('cache-control')).toContain('immutable');
      expect(whole.headers.get('cache-control')).toContain('no-transform');
      const bytes = Buffer.from(await whole.arrayBuffer());
      expect(whole.headers.get('content-length')).toBe(String(bytes.length));
      const content = file_name.endsWith('.br') ? brotliDecompressSync(bytes) : bytes;
      expect(content).toEqual(Buffer.from(files[file_name.replace(/\.br$/, '')] ?? 'missing'));

      const tag = whole.headers.get('etag') ?? '';
      expect((await fetch(download_url, { headers: { 'if-none-match': tag } })).status).toBe(304);
      if (bytes.length === 0) continue;
      const rest = await fetch(download_url, { headers: { range: 'bytes=5-', 'if-range': tag } });
      expect(rest.status).toBe(206);
      expect(Buffer.from(await rest.arrayBuffer())).toEqual(bytes.subarray(5));
      expect((await fetch(download_url, { headers: { range: `bytes=${bytes.length}-` } })).status).toBe(416);
    }
  });

  it.each([
    ['4.17.48', 'android'],
    ['7.0.34', 'ios'],
    ['10.0.0', 'android'],
  ])('goes to plugin %s on %s without it', async (plugin_version, platform) => {
    const { answer } = await users.check(appId, { plugin_version, platform });
    expect(answer).not.toHaveProperty('manifest');
    expect(answer).toMatchObject({ version: '1.0.1', session_key: '' });
  });

  it('is compressed as the client asked, says so, and is the same whatever it came as', async () => {
    const identity = await raw({});
    expect(identity.headers['content-encoding']).toBeUndefined();
    const gzip = await raw({ 'accept-encoding': 'gzip' });
    expect(gzip.headers['content-encoding']).toBe('gzip');
    const br = await raw({ 'accept-encoding': 'gzip, deflate, br' });
    expect(br.headers['content-encoding']).toBe('br');
    expect(gunzipSync(gzip.body)).toEqual(identity.body);
    expect(brotliDecompressSync(br.body)).toEqual(identity.body);
    expect(gzip.body.length).toBeLessThan(identity.body.length);
    const tags = [identity, gzip, br].map(({ headers }) => headers['etag']);
    expect(new Set(tags).size).toBe(3);
    for (const { status, headers, body } of [identity, gzip, br]) {
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'content-length': String(body.length),
        'cache-control': 'public, no-cache',
        // Pages of other origins get other headers.
        vary: 'Accept-Encoding, Origin',
      });
    }
    // Asked again, they are the same bytes.
    expect(await raw({ 'accept-encoding': 'gzip' })).toMatchObject({
      body: gzip.body,
      headers: { etag: gzip.headers['etag'] },
    });
  });

  it('lets a web page of the app read it, as any other answer', async () => {
    const { headers } = await raw({ origin: 'capacitor://localhost', 'accept-encoding': 'gzip' });
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'capacitor://localhost',
      vary: 'Accept-Encoding, Origin',
    });
  });

  it('of one small file is not compressed', async () => {
    const small = await users.upload('com.example.small', '1.0.1', buildZip({ 'index.html': 'x' }));
    await users.buildManifests();
    await users.serve('com.example.small', small.id);
    const { headers, body } = await raw({ 'accept-encoding': 'gzip' }, { app_id: 'com.example.small' });
    expect(headers['content-encoding']).toBeUndefined();
    expect((JSON.parse(body.toString()) as { manifest: Entry[] }).manifest).toHaveLength(1);
  });

  it('is explained to the letter', async () => {
    const body = buildUpdateCheckBody({ app_id: appId });
    const { body: explained } = await users.manage('updates.explain', body);
    const { answer } = await users.check(appId);
    expect(explained['answer']).toEqual(answer);
    expect(explained['steps']).toContainEqual({ step: 'manifest', why: expect.stringContaining('4 files') });
  });

  it('has a size that is exact, empty files included', async () => {
    const { answer } = await users.check(appId);
    const manifest = answer.manifest as readonly Entry[];
    const sizes = await Promise.all(
      manifest.map(async ({ download_url }) => (await (await fetch(download_url)).arrayBuffer()).byteLength),
    );
    const response = await fetch(`${server.userUrl}/updates/manifest_size`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...buildUpdateCheckBody({ app_id: appId }), version: '1.0.1', manifest }),
    });
    expect(await response.json()).toEqual({
      totalSize: sizes.reduce((sum, size) => sum + size, 0),
      knownFiles: 4,
      unknownFiles: 0,
      files: manifest.map((entry, index) => ({ ...entry, size: sizes[index] })),
    });
    expect(sizes).toContain(0);
  });

  it('follows the channel’s setting with the next check', async () => {
    const id = await users.serve(appId, bundleId);
    const { channels } = server.product.services;
    const hasManifest = async (version_name: string) =>
      'manifest' in (await users.check(appId, { version_name, version_build: '1.0.0' })).answer;
    await channels.changeSettings(id, { updatePackage: 'zip' }, buildActor());
    expect([await hasManifest('1.0.0'), await hasManifest('0.9.0')]).toEqual([false, false]);
    await channels.changeSettings(id, { updatePackage: 'zip_from_builtin' }, buildActor());
    expect([await hasManifest('1.0.0'), await hasManifest('0.9.0')]).toEqual([false, true]);
    await channels.changeSettings(id, { updatePackage: 'delta' }, buildActor());
    expect([await hasManifest('1.0.0'), await hasManifest('0.9.0')]).toEqual([true, true]);
    const { answer } = await users.check(appId);
    expect((await fetch(answer.url)).status).toBe(200);
    await channels.changeSettings(id, { updatePackage: 'all' }, buildActor());
  });
});

describe('the management of manifests', () => {
  const get = (path: string) => users.manage(path);

  it('lists the files of a bundle as devices get them', async () => {
    const { status, body } = await get(`bundles.manifest?bundle_id=${bundleId.toUpperCase()}`);
    expect(status).toBe(200);
    const listed = body['files'] as Record<string, unknown>[];
    expect(body).toEqual({
      bundle_id: bundleId,
      app_id: appId,
      version_name: '1.0.1',
      manifest_state: 'ready',
      manifest_reason: null,
      total_size: listed.reduce((sum, { size }) => sum + Number(size), 0),
      files: listed,
    });
    expect(listed).toContainEqual({
      path: 'a b/größe 100%.js',
      hash: sha256(script),
      size: expect.any(Number),
      compression: 'br',
      download_url: expect.stringContaining(`${server.userUrl}/files/read/attachments/`),
    });
    expect(listed).toContainEqual(expect.objectContaining({ path: 'empty.txt', size: 0, compression: null }));
    const row = (await get(`bundles.list?app_id=${appId}`)).body['data'] as Record<string, unknown>[];
    expect(row[0]).toMatchObject({ manifest_state: 'ready', manifest_reason: null });
  });

  it('says what differs between two bundles, and what either way costs', async () => {
    const changed = 'export const a = 2;\n'.repeat(600);
    const next = await users.upload(
      appId,
      '1.0.2',
      buildZip({
        'index.html': files['index.html'] ?? '',
        'a b/größe 100%.js': changed,
        'moved/noise.bin': files['noise.bin'] ?? '',
        'new/empty.txt': '',
        'again.txt': 'new',
        'copy/again.txt': 'new',
      }),
    );
    const early = await get(`bundles.diff?from=${bundleId}&to=${next.id}`);
    expect(early).toMatchObject({ status: 409, body: { code: 'manifest_not_ready' } });
    await users.buildManifests();
    const { status, body } = await get(`bundles.diff?from=${bundleId}&to=${next.id}`);
    expect(status).toBe(200);
    const paths = (list: unknown) => (list as { path: string }[]).map(({ path }) => path).toSorted();
    expect(paths(body['added'])).toEqual(['again.txt', 'copy/again.txt', 'moved/noise.bin', 'new/empty.txt']);
    expect(paths(body['removed'])).toEqual(['empty.txt', 'noise.bin']);
    expect(body['changed']).toEqual([
      {
        path: 'a b/größe 100%.js',
        from: expect.objectContaining({ hash: sha256(script) }),
        to: expect.objectContaining({ hash: sha256(changed) }),
      },
    ]);
    const [change] = body['changed'] as { to: { size: number } }[];
    const list = (await get(`bundles.list?app_id=${appId}`)).body['data'] as Record<string, unknown>[];
    expect(body).toMatchObject({
      from: { id: bundleId, version_name: '1.0.1' },
      to: { id: next.id, version_name: '1.0.2' },
      zip_bytes: list.find(({ id }) => id === next.id)?.['size'],
      // What only moved is there already, and one content under one name is downloaded once.
      delta_bytes: (change?.to.size ?? 0) + 'new'.length,
    });
    const same = await get(`bundles.diff?from=${bundleId}&to=${bundleId}`);
    expect(same.body).toMatchObject({ added: [], changed: [], removed: [], delta_bytes: 0 });
  });

  it.each([
    ['bundles.manifest', 400],
    ['bundles.manifest?bundle_id=abc', 400],
    [`bundles.manifest?bundle_id=${'f'.repeat(24)}`, 404],
    [`bundles.manifest?bundle_id=${'f'.repeat(24)}&bundle_id=${'f'.repeat(24)}`, 400],
    [`bundles.diff?from=${'f'.repeat(24)}`, 400],
    [`bundles.diff?to=${'f'.repeat(24)}`, 400],
    [`bundles.diff?from=${'f'.repeat(24)}&to=${'e'.repeat(24)}`, 404],
  ])('answers %s with %i', async (path, status) => {
    expect((await get(path)).status).toBe(status);
  });

  it('compares no bundles of two apps', async () => {
    const other = await users.upload('com.example.other', '1.0.0', buildZip({ 'index.html': 'x' }));
    await users.buildManifests();
    expect(await get(`bundles.diff?from=${bundleId}&to=${other.id}`)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });

  it('is for holders of a token', async () => {
    for (const path of [
      `bundles.manifest?bundle_id=${bundleId}`,
      `bundles.diff?from=${bundleId}&to=${bundleId}`,
    ]) {
      const url = `${server.managementUrl}/api/v1/${path}`;
      expect((await fetch(url)).status).toBe(401);
      expect((await fetch(url, { headers: { 'x-api-key': testToken } })).status).toBe(200);
    }
  });
});
