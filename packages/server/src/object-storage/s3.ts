import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { AppError } from '../domain/errors.ts';
import type { ObjectLinks } from '../ports/object-links.ts';
import type {
  ByteRange,
  LocalCopy,
  ObjectStorage,
  StagedObject,
  Workspace,
} from '../ports/object-storage.ts';
import { assertWritable, forEachFile, openStagingFolder } from './staging-folder.ts';

export interface S3Settings {
  readonly bucket: string;
  /** Of an S3-compatible storage, which is then asked in path style; absent for AWS itself. */
  readonly baseEndpoint?: string | undefined;
  /** The host for presigned links, where devices reach the same storage; the server's own unless given. */
  readonly publicEndpoint?: string | undefined;
  /** Absent: what the SDK finds in its own configuration. */
  readonly region?: string | undefined;
  /** Absent: what the SDK's provider chain finds. */
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    | undefined;
}

/** Reads and links wait so long for a connection, and then for the first byte of an answer. */
const connectTimeoutMs = 2_000;
const answerTimeoutMs = 3_000;
/** A part of an upload waits longer: its answer comes when the storage has written it. */
const partTimeoutMs = 60_000;
/** Longer than a phone may pause in a download that goes through us: while it does, nothing moves here either. */
const idleSocketMs = 150_000;
const maxAttempts = 2;
const partBytes = 8 * 1024 * 1024;
const partsAtOnce = 2;
const linkSeconds = 15 * 60;
const linkKeepSeconds = 60;

/** What storages that follow the SDK's protocol call what we tell apart. */
function errorName(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
}

const fullNames: ReadonlySet<string> = new Set(['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage']);

/** What the SDK threw, as text: its own errors hold the whole exchange, with the request's signature and open sockets. */
function causeOf(error: unknown): Error {
  return new Error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}

/** Puts what the SDK threw into the port's words; our own errors pass. */
function translate(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const cause = causeOf(error);
  if (statusOf(error) === 507 || fullNames.has(errorName(error))) {
    return new AppError('insufficient_storage', 'The bucket for bundles is full', { cause });
  }
  return new AppError('unavailable', 'The storage for bundles cannot be used right now', { cause });
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}

async function regionOf({ region, baseEndpoint }: S3Settings): Promise<string> {
  if (region !== undefined) return region;
  try {
    return await new S3Client({}).config.region();
  } catch (error) {
    // Storages other than AWS have no regions to speak of; this is the one they all answer to.
    if (baseEndpoint !== undefined) return 'us-east-1';
    const message =
      'AWS_REGION is not set, and the AWS configuration of this machine names no region; set it';
    throw new AppError('unavailable', message, { cause: causeOf(error) });
  }
}

/** The SDK's settings for a bucket; rejects with a sentence for the operator when no region is known. */
export async function s3ClientConfig(
  settings: S3Settings,
  requestTimeoutMs = answerTimeoutMs,
): Promise<S3ClientConfig> {
  // A download holds its socket as long as the phone takes, so a limit would make others wait for the slowest.
  const agentOptions = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };
  return {
    region: await regionOf(settings),
    ...(settings.credentials ? { credentials: settings.credentials } : {}),
    // Storages other than AWS refuse the checksums that the SDK adds of its own accord, or the form it sends them in.
    ...(settings.baseEndpoint === undefined
      ? {}
      : {
          endpoint: settings.baseEndpoint,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED',
          responseChecksumValidation: 'WHEN_REQUIRED',
        }),
    maxAttempts,
    // A storage that does not know the header would make each part wait for its deadline.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: idleSocketMs,
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent(agentOptions),
    },
  };
}

/** A bucket as the place for bundles, and links into it. */
export type S3ObjectStorage = ObjectStorage & ObjectLinks;

/**
 * Objects in a bucket, which may be private. Bytes are staged in a local folder of one process, because what is in the
 * bucket can be fetched; from there they go into it in parts.
 */
export async function createS3ObjectStorage(
  settings: S3Settings,
  stagingFolder: string,
): Promise<S3ObjectStorage> {
  const { bucket: Bucket } = settings;
  const client = new S3Client(await s3ClientConfig(settings));
  const uploadClient = new S3Client(await s3ClientConfig(settings, partTimeoutMs));
  const linkEndpoint = settings.publicEndpoint ?? settings.baseEndpoint;
  const linkClient = new S3Client(await s3ClientConfig({ ...settings, baseEndpoint: linkEndpoint }));
  const staging = await openStagingFolder(stagingFolder);
  /** Turned off by the first answer that the storage cannot refuse a key that exists. */
  let canBeConditional = true;

  async function head(Key: string) {
    try {
      return await client.send(new HeadObjectCommand({ Bucket, Key }));
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      // An answer to HEAD has no body, so it does not say whether it is the object or the whole bucket that is missing.
      await client.send(new HeadBucketCommand({ Bucket }));
      return undefined;
    }
  }

  async function upload(filePath: string, Key: string, uploadId: string): Promise<void> {
    const Body = createReadStream(filePath);
    const parts = new Upload({
      client: uploadClient,
      partSize: partBytes,
      queueSize: partsAtOnce,
      params: {
        ...{ Bucket, Key, Body },
        ...(canBeConditional ? { IfNoneMatch: '*' } : {}),
        ContentType: Key.endsWith('.zip') ? 'application/zip' : 'application/octet-stream',
        // For devices that are sent to the bucket, or to a CDN in front of it. A CDN that minifies breaks checksums.
        CacheControl: 'public, max-age=31536000, immutable, no-transform',
        Metadata: { 'upload-id': uploadId },
      },
    });
    try {
      await parts.done();
    } finally {
      Body.destroy();
    }
  }

  async function store(filePath: string, key: string): Promise<void> {
    const exists = () => new AppError('internal', `Object ${key} exists already`);
    // Asked first for storages that ignore the condition; and one that is down says so before anything is sent.
    if (await head(key)) throw exists();
    const uploadId = randomUUID();
    try {
      await upload(filePath, key, uploadId);
    } catch (error) {
      if (canBeConditional && errorName(error) === 'NotImplemented') {
        canBeConditional = false;
        return store(filePath, key);
      }
      if (statusOf(error) !== 412 && errorName(error) !== 'ConditionalRequestConflict') throw error;
      // An upload whose answer was lost is sent again, and then finds itself.
      const found = await head(key);
      if (found?.Metadata?.['upload-id'] !== uploadId) throw exists();
    }
  }

  /** Ends uploads of that key that a killed process, or one that lost its connection, began and never finished. */
  async function abortUploads(Key: string): Promise<void> {
    try {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
      for (const { Key: found, UploadId } of Uploads) {
        if (found !== Key) continue;
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      }
    } catch (error) {
      // Not every credential may list uploads and not every storage can; the object is to be removed all the same.
      if (![403, 404, 501].includes(statusOf(error) ?? 0)) throw error;
    }
  }

  async function find(key: string) {
    const found = await translated(() => head(key));
    return found && { sizeBytes: found.ContentLength ?? 0 };
  }

  const read = (Key: string, range?: ByteRange): Promise<Readable> =>
    translated(async () => {
      const Range = range && `bytes=${range.start}-${range.end}`;
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
        return Body as Readable;
      } catch (error) {
        if (errorName(error) !== 'NoSuchKey') throw error;
        throw new AppError('not_found', `There is no object ${Key}`);
      }
    });

  return {
    async stage(source): Promise<StagedObject> {
      const staged = await staging.take(source);
      return {
        ...staged,
        async store(key) {
          await translated(() => store(staged.filePath, key));
          await staged.discard();
        },
      };
    },

    find,

    async checkOut(key): Promise<LocalCopy> {
      const copy = await staging.take(await read(key));
      return { filePath: copy.filePath, release: () => copy.discard() };
    },

    async openWorkspace(): Promise<Workspace> {
      const path = await staging.makeFolder();
      return {
        path,
        store: (files) =>
          forEachFile(files, async ({ fileName, key }) => {
            const filePath = join(path, fileName);
            await translated(() => store(filePath, key));
            await rm(filePath, { force: true });
          }),
        remove: () => rm(path, { recursive: true, force: true }),
      };
    },

    read,

    remove: (Key) =>
      translated(async () => {
        await abortUploads(Key);
        await client.send(new DeleteObjectCommand({ Bucket, Key }));
      }),

    async ping() {
      await assertWritable(staging.path);
      await translated(() => client.send(new HeadBucketCommand({ Bucket })));
    },

    async linkTo(Key, method) {
      if (!(await find(Key))) throw new AppError('not_found', `There is no object ${Key}`);
      // A signature is good for one method only.
      const Command = method === 'HEAD' ? HeadObjectCommand : GetObjectCommand;
      return await translated(() =>
        getSignedUrl(linkClient, new Command({ Bucket, Key }), { expiresIn: linkSeconds }),
      );
    },
    keepSeconds: linkKeepSeconds,
  };
}
