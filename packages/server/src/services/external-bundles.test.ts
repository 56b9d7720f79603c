import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOutboundHttp } from '../outbound/http.ts';
import { buildActor } from '../testing/builders.ts';
import { canMakeCertificates, makeCertificate } from '../testing/certificate.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';
import type { BundleFacts } from './bundle-facts.ts';
import { createExternalBundles, type ExternalBundles } from './external-bundles.ts';

const zip = buildZip({ 'index.html': '<!doctype html>' });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const maxBundleBytes = 100_000;

describe.skipIf(!canMakeCertificates)('a bundle that lies elsewhere (needs openssl)', () => {
  let server: TestServer;
  let elsewhere: Server;
  let origin: string;
  let asked: string[] = [];
  let answer: RequestListener = () => undefined;
  let external: ExternalBundles;
  let unverified: ExternalBundles;
  let guarded: ExternalBundles;
  beforeAll(async () => {
    server = await startTestServer({ env: { MAX_BUNDLE_SIZE: String(maxBundleBytes) } });
    const pair = makeCertificate('localhost');
    elsewhere = createServer(pair, (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      answer(request, response);
    });
    elsewhere.listen(0, 'localhost');
    await once(elsewhere, 'listening');
    origin = `https://localhost:${(elsewhere.address() as AddressInfo).port}`;
    const { bundles } = server.product.services;
    const outbound = createOutboundHttp({ allowPrivate: true, ca: pair.cert });
    external = createExternalBundles({ bundles, outbound, maxBundleBytes, isVerifying: true });
    unverified = createExternalBundles({ bundles, outbound, maxBundleBytes, isVerifying: false });
    guarded = createExternalBundles({
      ...{ bundles, maxBundleBytes, isVerifying: true },
      outbound: createOutboundHttp({ allowPrivate: false, ca: pair.cert }),
    });
  });
  afterAll(async () => {
    elsewhere.closeAllConnections();
    elsewhere.close();
    await server.close();
  });

  let count = 0;
  beforeEach(() => {
    count += 1;
    asked = [];
    answer = (_request, response) => response.end(zip);
  });

  const facts = (given: Partial<BundleFacts> = {}): BundleFacts => ({
    ...{ appId: 'com.example.app', versionName: `1.0.${count}`, description: '', sessionKey: '', keyId: '' },
    ...{ checksum: sha256(zip), minUpdateVersion: '', link: '', comment: '' },
    ...given,
  });
  const bundleNames = async () =>
    (await server.product.services.bundles.list({}, { limit: 100 })).items.map(
      ({ versionName }) => versionName,
    );
  async function expectRefused(made: Promise<unknown>, code: string, ...texts: string[]): Promise<void> {
    const error = await made.then(
      () => expect.unreachable('it was accepted'),
      (thrown: unknown) => thrown as { code: string; message: string },
    );
    expect(error.code).toBe(code);
    for (const text of texts) expect(error.message).toContain(text);
    expect(await bundleNames()).not.toContain(`1.0.${count}`);
    expect(await readdir(join(server.dataDir, 'storage', 'staging'))).toEqual([]);
  }

  it('is fetched, checked and measured, and keeps its URL', async () => {
    const url = `${origin}/a%20b.zip?x=%2f#y`;
    const bundle = await external.register(facts({ checksum: sha256(zip).toUpperCase() }), url, buildActor());
    expect(bundle).toMatchObject({
      ...{ externalUrl: url, objectKey: null, checksum: sha256(zip), sizeBytes: zip.length },
      crcChecksum: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
    expect(asked).toEqual(['GET /a%20b.zip?x=%2f']);
    expect(await readdir(join(server.dataDir, 'storage', 'staging'))).toEqual([]);
  });

  it('may redirect, a few times', async () => {
    answer = ({ url }, response) => {
      const hop = Number(url?.slice(1));
      if (hop > 0) response.writeHead(302, { location: `/${hop - 1}` }).end();
      else response.end(zip);
    };
    const bundle = await external.register(facts(), `${origin}/5`, buildActor());
    expect(bundle.externalUrl).toBe(`${origin}/5`);
    count += 1;
    await expectRefused(external.register(facts(), `${origin}/6`, buildActor()), 'url_unreachable');
  });

  it('is refused with both checksums when they differ', async () => {
    const wrong = 'ab'.repeat(32);
    await expectRefused(
      external.register(facts({ checksum: wrong }), `${origin}/a.zip`, buildActor()),
      ...['invalid_bundle', wrong, sha256(zip)],
    );
  });

  it('is refused when its checksum is a CRC-32, however right', async () => {
    await expectRefused(
      external.register(facts({ checksum: '0a1b2c3d' }), `${origin}/a.zip`, buildActor()),
      'invalid_request',
    );
    expect(asked).toEqual([]);
  });

  it('is refused when devices could not unpack it', async () => {
    const hostile = buildZip({ '../index.html': 'x' });
    answer = (_request, response) => response.end(hostile);
    await expectRefused(
      external.register(facts({ checksum: sha256(hostile) }), `${origin}/a.zip`, buildActor()),
      'invalid_bundle',
    );
  });

  it('is refused when it is too large, says so or not', async () => {
    const large = Buffer.alloc(maxBundleBytes + 1);
    for (const headers of [{}, { 'content-length': String(large.length) }]) {
      answer = (_request, response) => response.writeHead(200, headers).end(large);
      await expectRefused(external.register(facts(), `${origin}/a.zip`, buildActor()), 'payload_too_large');
    }
  });

  it.each([404, 500, 204])('is refused when its server answers %i', async (status) => {
    answer = (_request, response) => response.writeHead(status).end();
    await expectRefused(
      external.register(facts(), `${origin}/a.zip`, buildActor()),
      'invalid_bundle',
      String(status),
    );
  });

  it('is refused when it is cut short', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': String(zip.length) });
      response.write(zip.subarray(0, 10), () => response.destroy());
    };
    await expectRefused(external.register(facts(), `${origin}/a.zip`, buildActor()), 'url_unreachable');
  });

  it('is not asked for where its URL leads inward, or is no https URL', async () => {
    for (const url of [
      `${origin}/a.zip`,
      'https://127.0.0.1/a.zip',
      'https://169.254.169.254/latest/meta-data',
    ]) {
      await expectRefused(guarded.register(facts(), url, buildActor()), 'url_not_allowed');
    }
    for (const url of [
      'http://example.com/a.zip',
      'file:///etc/passwd',
      `https://a b/`,
      'https:\\\\a/b.zip',
    ]) {
      await expectRefused(external.register(facts(), url, buildActor()), 'invalid_request');
    }
    await expectRefused(
      external.register(facts(), `${origin.replace('//', '//user:password@')}/a`, buildActor()),
      'url_not_allowed',
    );
    expect(asked).toEqual([]);
  });

  it('is not asked for when its version is taken', async () => {
    await external.register(facts(), `${origin}/a.zip`, buildActor());
    await expect(external.register(facts(), `${origin}/a.zip`, buildActor())).rejects.toMatchObject({
      code: 'version_already_exists',
    });
    expect(asked).toHaveLength(1);
  });

  it('and encrypted is only fetched: its checksum is of what it holds', async () => {
    const sealed = Buffer.from('not a zip at all');
    answer = (_request, response) => response.end(sealed);
    const keys = { sessionKey: 'aXY=:a2V5', checksum: 'of-what-it-holds', keyId: 'MIIBCgKCAQEA12345678' };
    expect(await external.register(facts(keys), `${origin}/a.zip`, buildActor())).toMatchObject({
      ...keys,
      sizeBytes: sealed.length,
    });
    count += 1;
    answer = (_request, response) => response.writeHead(404).end();
    await expectRefused(
      external.register(facts(keys), `${origin}/a.zip`, buildActor()),
      'invalid_bundle',
      '404',
    );
  });

  it('is taken as it is described where nothing is to be fetched', async () => {
    const url = 'https://nowhere.invalid/a.zip';
    expect(await unverified.register(facts(), url, buildActor())).toMatchObject({
      externalUrl: url,
      sizeBytes: 0,
      crcChecksum: '',
    });
    count += 1;
    await expectRefused(unverified.register(facts({ checksum: 'x' }), url, buildActor()), 'invalid_request');
  });
});
