import { randomBytes, randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectLinks } from '../ports/object-links.ts';
import type { StorageFinding } from '../ports/storage-check.ts';
import { type S3Settings, s3ClientConfig } from './s3.ts';
import { explainNetworkFault, explainS3Fault, isInternalName, isLoopback } from './s3-faults.ts';

export interface S3CheckOptions {
  readonly settings: S3Settings;
  /** What the keys of the server's objects begin with, because credentials may be limited to it. */
  readonly keyPrefix: string;
  /** Whether devices are sent to presigned links. */
  readonly isRedirecting: boolean;
  /** Where else devices are sent. */
  readonly cdnLinks?: ObjectLinks | undefined;
  /** Under which URL devices ask the server itself for an object, when that is known. */
  readonly ownUrlOf?: ((key: string) => string) | undefined;
  readonly clock: Clock;
}

const fetchTimeoutMs = 5_000;
/** S3 refuses requests from fifteen minutes on; a clock that is wrong at all is on its way there. */
const maxSkewMs = 60_000;
const probeRange = { start: 10, end: 19 };

const ok = (text: string): StorageFinding => ({ kind: 'ok', text });
const note = (text: string): StorageFinding => ({ kind: 'note', text });
const problem = (text: string): StorageFinding => ({ kind: 'problem', text });

function ask(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, signal: AbortSignal.timeout(fetchTimeoutMs) });
}

/** Difference to the time of an answer, or undefined when it carries none. */
function skewMs(response: Response, clock: Clock): number | undefined {
  // biome-ignore lint/style/noRestrictedGlobals: reads a text, and does not ask for the time.
  const time = Date.parse(response.headers.get('date') ?? '');
  return Number.isNaN(time) ? undefined : clock.now() - time;
}

/** Where a client asks; AWS itself has other domains in some regions. */
async function endpointOf(client: S3Client, { baseEndpoint }: S3Settings): Promise<URL> {
  if (baseEndpoint !== undefined) return new URL(baseEndpoint);
  return client.config.endpointProvider({ Region: await client.config.region() }).url;
}

/** What is wrong with an endpoint by its looks alone. */
function* checkEndpoint({ bucket, baseEndpoint }: S3Settings): Generator<StorageFinding> {
  if (baseEndpoint === undefined) return;
  const { hostname, pathname } = new URL(baseEndpoint);
  if (hostname.startsWith(`${bucket}.`) || pathname.split('/').at(-1) === bucket) {
    yield problem(
      `S3_BASE_ENDPOINT ${baseEndpoint} holds the name of the bucket; leave it out, because requests are made in path style, with the bucket as the first part of the path`,
    );
  }
}

/** What is wrong with a link by its looks alone. */
function* checkLink(name: string, link: URL): Generator<StorageFinding> {
  if (isLoopback(link.hostname)) {
    yield problem(
      `links lead to ${link.host}, which on a phone is the phone itself; set ${name} to an address that phones can reach`,
    );
  } else if (isInternalName(link.hostname)) {
    yield problem(
      `links lead to ${link.host}, a name that is known inside your network only; set ${name} to an address that phones can reach`,
    );
  } else if (link.protocol === 'http:') {
    yield note(
      `links are http: a device that came over https gets its bundle from this server instead, and iOS and Android refuse http unless the app allows it; use https for ${name}`,
    );
  }
}

/** Fetches the probe from outside, as a device that resumes a download does; undefined when all is well. */
async function fetchProbe(url: string, bytes: Buffer): Promise<string | undefined> {
  const wanted = bytes.subarray(probeRange.start, probeRange.end + 1);
  let response: Response;
  let received: Buffer;
  try {
    response = await ask(url, { headers: { range: `bytes=${probeRange.start}-${probeRange.end}` } });
    received = Buffer.from(await response.arrayBuffer());
  } catch (error) {
    return explainNetworkFault(error, new URL(url)) ?? 'there is no answer that could be understood';
  }
  if (response.status === 200 && received.equals(bytes)) {
    return 'ranges are ignored, and Android would append the whole bundle to the part it has';
  }
  if (response.status !== 206) return `the answer is ${response.status}`;
  return received.equals(wanted) ? undefined : 'the bytes are others than those that were written';
}

/** Tries out a bucket, and the ways in which devices get at it. */
export async function* checkS3(options: S3CheckOptions): AsyncGenerator<StorageFinding> {
  const { settings, keyPrefix, clock } = options;
  const { bucket: Bucket } = settings;
  yield* checkEndpoint(settings);

  let client: S3Client;
  let endpoint: URL;
  try {
    client = new S3Client(await s3ClientConfig(settings));
    endpoint = await endpointOf(client, settings);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    yield problem(error.message);
    return;
  }
  const explain = (error: unknown, permission: string) =>
    explainS3Fault(error, { bucket: Bucket, endpoint, permission });

  try {
    const answer = await ask(endpoint.href, { redirect: 'manual' });
    yield ok(`${endpoint.host} answers`);
    const skew = skewMs(answer, clock);
    if (skew !== undefined && Math.abs(skew) > maxSkewMs) {
      const minutes = Math.max(1, Math.round(Math.abs(skew) / 60_000));
      yield problem(
        `this machine's clock is ${minutes} min ${skew > 0 ? 'ahead of' : 'behind'} the storage's; set it by NTP, or signatures and links will be refused`,
      );
    }
  } catch (error) {
    yield problem(explainNetworkFault(error, endpoint) ?? `${endpoint.host} does not speak HTTP`);
    return;
  }

  const Key = `${keyPrefix}.storage-check/${randomUUID()}.zip`;
  const target = { Bucket, Key };
  const bytes = randomBytes(1_000);
  try {
    await client.send(new PutObjectCommand({ ...target, Body: bytes, ContentType: 'application/zip' }));
    yield ok(`an object can be written to bucket ${Bucket}`);
  } catch (error) {
    yield problem(`no object can be written: ${explain(error, 's3:PutObject')}`);
    return;
  }

  try {
    yield* checkReading();
    yield* checkMultipart();
    yield* checkLinks();
  } finally {
    yield await deleteProbe();
  }

  async function* checkReading(): AsyncGenerator<StorageFinding> {
    const Range = `bytes=${probeRange.start}-${probeRange.end}`;
    try {
      const { Body, ContentRange } = await client.send(new GetObjectCommand({ ...target, Range }));
      const read = Buffer.from((await Body?.transformToByteArray()) ?? []);
      if (ContentRange === undefined) {
        yield problem(
          'the storage ignores ranges, so interrupted downloads cannot be resumed; use another one',
        );
      } else if (!read.equals(bytes.subarray(probeRange.start, probeRange.end + 1))) {
        yield problem(
          'the storage gives back other bytes than were written; something on the way changes them',
        );
      } else {
        yield ok('it can be read, in parts as well');
      }
    } catch (error) {
      yield problem(`the object cannot be read: ${explain(error, 's3:GetObject')}`);
    }
    try {
      await client.send(new HeadObjectCommand({ Bucket, Key: `${Key}.none` }));
      yield problem('the storage claims to have an object that was never written');
    } catch (error) {
      if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) return;
      yield problem(`a missing object is not told from a forbidden one: ${explain(error, 's3:ListBucket')}`);
    }
  }

  async function* checkMultipart(): AsyncGenerator<StorageFinding> {
    const upload = { Bucket, Key: `${Key}.parts` };
    let permission = 's3:PutObject';
    try {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload));
      permission = 's3:AbortMultipartUpload';
      await client.send(new AbortMultipartUploadCommand({ ...upload, UploadId }));
    } catch (error) {
      const what =
        permission === 's3:PutObject'
          ? 'large bundles cannot be uploaded'
          : 'an interrupted upload cannot be aborted';
      yield problem(`${what}: ${explain(error, permission)}`);
      return;
    }
    try {
      await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: upload.Key }));
      yield ok('large uploads can be begun and aborted');
    } catch (error) {
      yield note(
        `uploads of a killed server cannot be found: ${explain(error, 's3:ListBucketMultipartUploads')}; give it, or let a lifecycle rule of the bucket abort unfinished uploads`,
      );
    }
  }

  async function* checkLinks(): AsyncGenerator<StorageFinding> {
    const linkSettings = { ...settings, baseEndpoint: settings.publicEndpoint ?? settings.baseEndpoint };
    const linkClient = new S3Client(await s3ClientConfig(linkSettings));
    const link = await getSignedUrl(linkClient, new GetObjectCommand(target), { expiresIn: 60 });
    if (options.isRedirecting) yield* checkLink('S3_PUBLIC_ENDPOINT', new URL(link));
    const fault = await fetchProbe(link, bytes);
    const { host } = new URL(link);
    if (fault === undefined) yield ok(`a presigned link to ${host} gives it`);
    else if (options.isRedirecting) yield problem(`a presigned link to ${host} does not give it: ${fault}`);
    else
      yield note(`a presigned link to ${host} does not give it: ${fault}; BUNDLE_DELIVERY=proxy needs none`);

    const [unsigned = ''] = link.split('?');
    const isPublic = await ask(unsigned).then(
      async (answer) => answer.ok && Buffer.from(await answer.arrayBuffer()).equals(bytes),
      () => false,
    );
    if (isPublic) {
      yield note(
        `everybody can read bucket ${Bucket} without a link; make it private unless that is intended`,
      );
    }

    if (options.cdnLinks) {
      const cdnLink = await options.cdnLinks.linkTo(Key, 'GET');
      yield* checkLink('CDN_BASE_URL', new URL(cdnLink));
      const cdnFault = await fetchProbe(cdnLink, bytes);
      if (cdnFault === undefined) yield ok(`the CDN gives it at ${cdnLink}`);
      else {
        yield problem(
          `the CDN does not give it at ${cdnLink}: ${cdnFault}; check CDN_BASE_URL, and whether the CDN may read the bucket`,
        );
      }
    }

    if (options.ownUrlOf) {
      const ownUrl = options.ownUrlOf(Key);
      const ownFault = await fetchProbe(ownUrl, bytes);
      yield ownFault === undefined
        ? ok(`devices get it at ${ownUrl}`)
        : note(
            `devices do not get it at ${ownUrl}: ${ownFault}; that is to be expected unless a server with these settings runs behind PUBLIC_URL`,
          );
    }
  }

  async function deleteProbe(): Promise<StorageFinding> {
    try {
      await client.send(new DeleteObjectCommand(target));
      return ok('it is deleted again');
    } catch (error) {
      return problem(`the object ${Key} cannot be deleted, and stays: ${explain(error, 's3:DeleteObject')}`);
    }
  }
}
