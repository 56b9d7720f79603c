import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';

/** Where a real S3-compatible storage is, with credentials that may create buckets, as one URL; '' when there is none. */
export const testS3Endpoint = process.env['TEST_S3_ENDPOINT'] ?? '';
/** To stand in the name of what is skipped without one. */
export const needsTestS3 = testS3Endpoint === '' ? ' (skipped: TEST_S3_ENDPOINT is not set)' : '';

/** A bucket made for a test. */
export interface TestBucket {
  readonly name: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly client: S3Client;
  /** What the server is to be told to use it. */
  readonly env: Readonly<Record<string, string>>;
  listKeys(): Promise<readonly string[]>;
  read(key: string): Promise<Buffer>;
  write(key: string, content: Buffer): Promise<void>;
  /** Keys of uploads that were begun and neither finished nor aborted, below this key. */
  listUnfinishedUploads(key: string): Promise<readonly string[]>;
  /** Lets everybody read its objects, as a CDN does. */
  makePublic(): Promise<void>;
  /** Removes the bucket with all that is in it. */
  destroy(): Promise<void>;
}

export async function createTestBucket(): Promise<TestBucket> {
  const url = new URL(testS3Endpoint);
  const credentials = {
    accessKeyId: decodeURIComponent(url.username),
    secretAccessKey: decodeURIComponent(url.password),
  };
  const name = `capgo-test-${randomUUID()}`;
  const region = 'us-east-1';
  const client = new S3Client({ endpoint: url.origin, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: name }));

  async function listKeys(): Promise<readonly string[]> {
    const keys: string[] = [];
    // A page has a thousand at most.
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: name })) {
      keys.push(...Contents.map(({ Key }) => Key ?? ''));
    }
    return keys;
  }
  return {
    ...{ name, endpoint: url.origin, region, credentials, client, listKeys },
    env: {
      S3_BUCKET: name,
      S3_BASE_ENDPOINT: url.origin,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    async read(key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: name, Key: key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
    async write(key, content) {
      await client.send(new PutObjectCommand({ Bucket: name, Key: key, Body: content }));
    },
    async listUnfinishedUploads(key) {
      const { Uploads = [] } = await client.send(
        new ListMultipartUploadsCommand({ Bucket: name, Prefix: key }),
      );
      return Uploads.map(({ Key }) => Key ?? '');
    },
    async makePublic() {
      const statement = {
        ...{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject' },
        Resource: `arn:aws:s3:::${name}/*`,
      };
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
      await client.send(new PutBucketPolicyCommand({ Bucket: name, Policy }));
    },
    async destroy() {
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: name })) {
        const Objects = Contents.map(({ Key }) => ({ Key }));
        if (Objects.length > 0)
          await client.send(new DeleteObjectsCommand({ Bucket: name, Delete: { Objects } }));
      }
      await client.send(new DeleteBucketCommand({ Bucket: name }));
      client.destroy();
    },
  };
}
