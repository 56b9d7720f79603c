import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../ports/clock.ts';
import type { StorageFinding } from '../ports/storage-check.ts';
import { type HttpRelay, type RelayChoice, startHttpRelay } from '../testing/http-relay.ts';
import { createTestBucket, needsTestS3, type TestBucket, testS3Endpoint } from '../testing/test-bucket.ts';
import { startTestServer } from '../testing/test-server.ts';
import { createCdnLinks } from './cdn-links.ts';
import { checkS3, type S3CheckOptions } from './s3-check.ts';

const openssl = 'openssl';
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };

type Given = Partial<S3CheckOptions['settings']> & Partial<Omit<S3CheckOptions, 'settings'>>;

async function check(given: Given): Promise<StorageFinding[]> {
  const { isRedirecting = false, cdnLinks, ownUrlOf, clock = systemClock, ...settings } = given;
  const findings: StorageFinding[] = [];
  for await (const finding of checkS3({
    settings: { bucket: 'bundles', region: 'us-east-1', credentials, ...settings },
    ...{ keyPrefix: 'apps/', isRedirecting, cdnLinks, ownUrlOf, clock },
  })) {
    findings.push(finding);
  }
  return findings;
}

const textsOf = (findings: readonly StorageFinding[], kind: StorageFinding['kind']) =>
  findings.filter((finding) => finding.kind === kind).map(({ text }) => text);
const problemsOf = async (given: Given) => textsOf(await check(given), 'problem');
const notesOf = async (given: Given) => textsOf(await check(given), 'note');

/** Lets a server listen until the test ends; answers host and port. */
async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A storage that answers every request in the same way. */
async function storageThat(choice: RelayChoice): Promise<string> {
  const relay = await startHttpRelay('http://127.0.0.1:9');
  onTestFinished(() => relay.close());
  relay.choose(({ url }) => (url === '/' ? { status: 403 } : choice));
  return relay.origin;
}

const xml = (code: string, more = '') => `<Error><Code>${code}</Code><Message>Why.</Message>${more}</Error>`;

describe('the check of an endpoint that cannot be reached', () => {
  it('says that its host is not known', async () => {
    expect(await problemsOf({ baseEndpoint: 'http://s3.nowhere.invalid:9000' })).toEqual([
      'no address is known for the host s3.nowhere.invalid; check its spelling and the DNS',
    ]);
  });

  it('says that nothing listens there', async () => {
    const gone = await startHttpRelay('http://127.0.0.1:9');
    await gone.close();
    expect(await problemsOf({ baseEndpoint: gone.origin })).toEqual([
      `nothing listens at ${new URL(gone.origin).host}; check the port, and whether the storage runs`,
    ]);
  });

  it('says that there is no answer', async () => {
    const host = await listen(createServer());
    expect(await problemsOf({ baseEndpoint: `http://${host}` })).toEqual([
      `${host} does not answer; check the address, and firewalls on the way`,
    ]);
  });

  it('says that it speaks http and not https', async () => {
    const origin = await storageThat({ status: 200 });
    const { host } = new URL(origin);
    expect(await problemsOf({ baseEndpoint: `https://${host}` })).toEqual([
      `${host} does not speak https; write http:// when it speaks http only`,
    ]);
  });

  it('says that it closes the connection', async () => {
    const host = await listen(createServer((socket) => void socket.resume().end()));
    expect(await problemsOf({ baseEndpoint: `http://${host}` })).toEqual([
      `${host} closes the connection without an answer; check whether it is an S3 storage, and http or https`,
    ]);
  });

  it('says that it is something else', async () => {
    const host = await listen(createServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n')));
    expect(await problemsOf({ baseEndpoint: `http://${host}` })).toEqual([`${host} does not speak HTTP`]);
  });

  const hasOpenssl = spawnSync(openssl, ['version']).status === 0;
  it.skipIf(!hasOpenssl)('says that nobody vouches for its certificate (needs openssl)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capgo-certificate-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
    await promisify(execFile)(openssl, [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', '/CN=storage', '-keyout', keyFile, '-out', certFile],
    ]);
    const pair = { key: await readFile(keyFile), cert: await readFile(certFile) };
    const host = await listen(createHttpsServer(pair));
    expect(await problemsOf({ baseEndpoint: `https://${host}` })).toEqual([
      `the certificate of ${host} comes from nobody this machine trusts; name its authority's file in NODE_EXTRA_CA_CERTS, or get a certificate that phones trust as well`,
    ]);
  });
});

describe('the check of a storage that refuses', () => {
  it.each<[string, RelayChoice, string]>([
    [
      'an expired session',
      { status: 400, body: xml('ExpiredToken') },
      'AWS_SESSION_TOKEN has expired, or does not belong to the keys',
    ],
    [
      'the time of a request',
      { status: 403, body: xml('RequestTimeTooSkewed') },
      "this machine's clock differs too much from the storage's; set it by NTP",
    ],
    [
      'the region',
      { status: 400, body: xml('AuthorizationHeaderMalformed', '<Region>eu-west-3</Region>') },
      'the bucket is in another region; set AWS_REGION to eu-west-3',
    ],
    [
      'the region, without naming the right one',
      { status: 301, body: xml('PermanentRedirect') },
      'the bucket is in another region; set AWS_REGION to the region of the bucket',
    ],
    [
      'path style',
      { status: 403, body: xml('SecondLevelDomainForbidden') },
      '<host> takes no path-style requests, which are what S3_BASE_ENDPOINT stands for; use an endpoint of the storage that does',
    ],
    [
      'more bytes',
      { status: 403, body: xml('QuotaExceeded') },
      'the storage is full, or the quota of bucket bundles is used up',
    ],
    [
      'the bucket as impossible',
      { status: 400, body: xml('InvalidBucketName') },
      "bundles cannot be a bucket's name; correct S3_BUCKET",
    ],
    [
      'everything else in its own words',
      { status: 418, body: xml('Teapot') },
      'the storage answered 418 (Teapot: Why.); check whether http://<host> is an S3 storage',
    ],
    [
      'with a web page',
      { status: 404, body: '<html><body>Not here</body></html>' },
      'the storage answered 404 (NotFound); check whether http://<host> is an S3 storage',
    ],
  ])('%s', async (_what, choice, sentence) => {
    const origin = await storageThat(choice);
    const wanted = sentence.replace('<host>', new URL(origin).host);
    expect(await problemsOf({ baseEndpoint: origin })).toEqual([`no object can be written: ${wanted}`]);
  });

  it('says that there are no credentials at all', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    onTestFinished(() => void vi.unstubAllEnvs());
    const baseEndpoint = await storageThat({ status: 403 });
    expect(await problemsOf({ baseEndpoint, credentials: undefined })).toEqual([
      'no object can be written: there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role or a profile',
    ]);
  });

  it('says that the region is not known', async () => {
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await problemsOf({ region: undefined })).toEqual([
      'AWS_REGION is not set, and the AWS configuration of this machine names no region; set it',
    ]);
  });

  it.each([
    ['eu-west-1', 's3.eu-west-1.amazonaws.com'],
    ['cn-north-1', 's3.cn-north-1.amazonaws.com.cn'],
  ])('asks AWS where it is in region %s', async (region, host) => {
    const asked = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'));
    onTestFinished(() => asked.mockRestore());
    expect(await problemsOf({ region })).toEqual([`${host} does not speak HTTP`]);
    expect(asked).toHaveBeenCalledWith(`https://${host}/`, expect.anything());
  });

  it.each(['http://bundles.s3.example.invalid', 'http://s3.example.invalid/bundles'])(
    'says that the bucket does not belong into the endpoint %s',
    async (baseEndpoint) => {
      expect(await problemsOf({ baseEndpoint })).toContain(
        `S3_BASE_ENDPOINT ${baseEndpoint} holds the name of the bucket; leave it out, because requests are made in path style, with the bucket as the first part of the path`,
      );
    },
  );
});

describe.skipIf(testS3Endpoint === '')(`the check of a bucket${needsTestS3}`, () => {
  let bucket: TestBucket;
  let relay: HttpRelay;
  let publicRelay: HttpRelay;
  let given: Given;
  beforeAll(async () => {
    bucket = await createTestBucket();
  });
  afterAll(() => bucket.destroy());
  beforeEach(async () => {
    relay = await startHttpRelay(bucket.endpoint);
    publicRelay = await startHttpRelay(bucket.endpoint);
    given = { bucket: bucket.name, baseEndpoint: relay.origin, credentials: bucket.credentials };
  });
  afterEach(async () => {
    await relay.close();
    await publicRelay.close();
  });

  it('finds nothing wrong with a good one, and leaves nothing in it', async () => {
    const findings = await check(given);
    expect(findings.map(({ kind }) => kind)).toEqual(Array.from(findings, () => 'ok'));
    expect(findings.map(({ text }) => text)).toEqual([
      `${new URL(relay.origin).host} answers`,
      `an object can be written to bucket ${bucket.name}`,
      'it can be read, in parts as well',
      'large uploads can be begun and aborted',
      `a presigned link to ${new URL(relay.origin).host} gives it`,
      'it is deleted again',
    ]);
    expect(await bucket.listKeys()).toEqual([]);
  });

  it('says that there is no such bucket', async () => {
    expect(await problemsOf({ ...given, bucket: 'none-of-ours' })).toEqual([
      `no object can be written: there is no bucket none-of-ours at ${new URL(relay.origin).host}; make it, or correct S3_BUCKET`,
    ]);
  });

  it('says that a key is not known', async () => {
    expect(await problemsOf({ ...given, credentials })).toEqual([
      'no object can be written: the storage does not know this AWS_ACCESS_KEY_ID',
    ]);
  });

  it('says that the secret is another one', async () => {
    const wrong = { ...bucket.credentials, secretAccessKey: 'wrong' };
    expect(await problemsOf({ ...given, credentials: wrong })).toEqual([
      'no object can be written: the signature is wrong: AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID, or a proxy in front of the storage changes the Host header or the path',
    ]);
  });

  it.each([
    [5, '5 min ahead of'],
    [-20, '20 min behind'],
  ])('says that the clock is %i minutes off', async (minutes, words) => {
    const clock = { now: () => systemClock.now() + minutes * 60_000 };
    expect(await problemsOf({ ...given, clock })).toEqual([
      `this machine's clock is ${words} the storage's; set it by NTP, or signatures and links will be refused`,
    ]);
  });

  const denied = { status: 403, body: xml('AccessDenied') };
  const lacks = (permission: string) =>
    `the credentials lack the permission ${permission} on bucket ${bucket.name}`;
  type Request = { readonly method?: string | undefined; readonly url?: string | undefined };
  const isUpload = (url = '') => /[?&]upload(s|Id)\b/.test(url);

  it.each<[string, (request: Request) => boolean, () => string]>([
    [
      'write',
      ({ method, url }) => method === 'PUT' && !isUpload(url),
      () => `no object can be written: ${lacks('s3:PutObject')}`,
    ],
    [
      'read',
      ({ method, url }) =>
        method === 'GET' && url?.includes('x-id=GetObject') === true && !url.includes('X-Amz'),
      () => `the object cannot be read: ${lacks('s3:GetObject')}`,
    ],
    [
      'list, and so learn what is missing',
      ({ method }) => method === 'HEAD',
      () => `a missing object is not told from a forbidden one: ${lacks('s3:ListBucket')}`,
    ],
    [
      'upload in parts',
      ({ method }) => method === 'POST',
      () => `large bundles cannot be uploaded: ${lacks('s3:PutObject')}`,
    ],
    [
      'abort an upload',
      ({ method, url }) => method === 'DELETE' && isUpload(url),
      () => `an interrupted upload cannot be aborted: ${lacks('s3:AbortMultipartUpload')}`,
    ],
  ])('says that the credentials may not %s', async (_what, isDenied, sentence) => {
    relay.choose((request) => (isDenied(request) ? denied : 'pass'));
    expect(await problemsOf(given)).toEqual([sentence()]);
    expect(await bucket.listKeys()).toEqual([]);
  });

  it('says which object stays when the credentials may not delete', async () => {
    relay.choose(({ method, url }) => (method === 'DELETE' && !isUpload(url) ? denied : 'pass'));
    const problems = await problemsOf(given);
    const [left] = await bucket.listKeys();
    expect(problems).toEqual([
      `the object ${left} cannot be deleted, and stays: ${lacks('s3:DeleteObject')}`,
    ]);
    relay.choose(() => 'pass');
  });

  it('notes that unfinished uploads of a killed server cannot be found', async () => {
    relay.choose(({ method, url }) => (method === 'GET' && isUpload(url) ? denied : 'pass'));
    expect(await notesOf(given)).toEqual([
      `uploads of a killed server cannot be found: ${lacks('s3:ListBucketMultipartUploads')}; give it, or let a lifecycle rule of the bucket abort unfinished uploads`,
    ]);
  });

  it.each<[string, string, RelayChoice]>([
    [
      'ignores ranges',
      'the storage ignores ranges, so interrupted downloads cannot be resumed; use another one',
      { status: 200, body: 'everything' },
    ],
    [
      'changes bytes',
      'the storage gives back other bytes than were written; something on the way changes them',
      { status: 206, body: '0123456789', headers: { 'content-range': 'bytes 10-19/1000' } },
    ],
  ])('says that the storage %s', async (_what, sentence, answer) => {
    relay.choose(({ method, headers }) =>
      method === 'GET' && headers.range && headers.authorization ? answer : 'pass',
    );
    expect(await problemsOf(given)).toEqual([sentence]);
  });

  it('says that the storage has objects that were never written', async () => {
    relay.choose(({ method }) => (method === 'HEAD' ? { status: 200 } : 'pass'));
    expect(await problemsOf(given)).toEqual(['the storage claims to have an object that was never written']);
  });

  describe('to which devices are redirected', () => {
    it('says that links lead to the device itself', async () => {
      const { host } = new URL(relay.origin);
      expect(await problemsOf({ ...given, isRedirecting: true })).toEqual([
        `links lead to ${host}, which on a phone is the phone itself; set S3_PUBLIC_ENDPOINT to an address that phones can reach`,
      ]);
    });

    it('says that links lead to a name of the network within', async () => {
      const [looks, fetched] = await problemsOf({
        ...given,
        isRedirecting: true,
        publicEndpoint: 'http://minio-of-nobody:9000',
      });
      expect(looks).toBe(
        'links lead to minio-of-nobody:9000, a name that is known inside your network only; set S3_PUBLIC_ENDPOINT to an address that phones can reach',
      );
      expect(fetched).toBe(
        'a presigned link to minio-of-nobody:9000 does not give it: no address is known for the host minio-of-nobody; check its spelling and the DNS',
      );
    });

    it('notes that http is not for devices that come over https', async () => {
      const publicEndpoint = 'http://s3.nowhere.invalid';
      expect(await notesOf({ ...given, isRedirecting: true, publicEndpoint })).toEqual([
        'links are http: a device that came over https gets its bundle from this server instead, and iOS and Android refuse http unless the app allows it; use https for S3_PUBLIC_ENDPOINT',
      ]);
    });

    it.each<[string, (request: { headers: Record<string, unknown> }) => RelayChoice, string]>([
      ['are refused', () => ({ status: 403 }), 'the answer is 403'],
      [
        'lose their ranges',
        ({ headers }) => {
          delete headers['range'];
          return 'pass';
        },
        'ranges are ignored, and Android would append the whole bundle to the part it has',
      ],
      [
        'give something else',
        () => ({ status: 206, body: 'something' }),
        'the bytes are others than those that were written',
      ],
    ])('says that links %s', async (_what, choose, reason) => {
      publicRelay.choose(choose);
      const problems = await problemsOf({
        ...given,
        isRedirecting: true,
        publicEndpoint: publicRelay.origin,
      });
      const { host } = new URL(publicRelay.origin);
      expect(problems.at(-1)).toBe(`a presigned link to ${host} does not give it: ${reason}`);
    });

    it('only notes a link that fails while every byte goes through the server', async () => {
      publicRelay.choose(() => ({ status: 403 }));
      const { host } = new URL(publicRelay.origin);
      expect(await notesOf({ ...given, publicEndpoint: publicRelay.origin })).toEqual([
        `a presigned link to ${host} does not give it: the answer is 403; BUNDLE_DELIVERY=proxy needs none`,
      ]);
    });
  });

  describe('behind a CDN', () => {
    it('says that the CDN does not have the object', async () => {
      const cdnLinks = createCdnLinks(`${publicRelay.origin}/${bucket.name}`);
      const problems = await problemsOf({ ...given, cdnLinks });
      expect(problems.at(-1)).toMatch(
        /^the CDN does not give it at http:.*\/apps\/\.storage-check\/.*\.zip: the answer is 403; check CDN_BASE_URL, and whether the CDN may read the bucket$/,
      );
    });
  });

  it('fetches as a device does from a server with the same settings', async () => {
    const server = await startTestServer({ env: { ...bucket.env } });
    const ownUrlOf = (key: string) => `${server.userUrl}/files/read/attachments/${key}`;
    const found = textsOf(await check({ ...given, ownUrlOf }), 'ok');
    expect(found.at(-2)).toMatch(/^devices get it at http:/);
    await server.close();
    const notes = await notesOf({ ...given, ownUrlOf });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(
      /^devices do not get it at http:.*: nothing listens at .*; that is to be expected unless a server with these settings runs behind PUBLIC_URL$/,
    );
  });

  it('notes a bucket that everybody can read, and a CDN that gives it out is content', async () => {
    await bucket.makePublic();
    const cdnLinks = createCdnLinks(`${publicRelay.origin}/${bucket.name}`);
    const findings = await check({ ...given, cdnLinks });
    expect(textsOf(findings, 'note')).toEqual([
      `everybody can read bucket ${bucket.name} without a link; make it private unless that is intended`,
    ]);
    expect(textsOf(findings, 'ok').join('\n')).toMatch(/^the CDN gives it at http:/m);
  });
});
