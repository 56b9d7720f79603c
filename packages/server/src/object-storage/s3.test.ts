import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type HttpRelay, startHttpRelay } from '../testing/http-relay.ts';
import { createTestBucket, needsTestS3, type TestBucket, testS3Endpoint } from '../testing/test-bucket.ts';
import {
  bytesOf,
  contentOf,
  describeObjectStorage,
  newKey,
  sourceOf,
  storeObject,
} from './contract/object-storage-contract.ts';
import { createS3ObjectStorage, type S3ObjectStorage, type S3Settings } from './s3.ts';
import { validated } from './validated.ts';

const unavailable = { code: 'unavailable' };

describe.skipIf(testS3Endpoint === '')(`objects in S3${needsTestS3}`, () => {
  describeObjectStorage('S3', async () => {
    const bucket = await createTestBucket();
    const folder = await mkdtemp(join(tmpdir(), 'capgo-staging-'));
    const settings = { bucket: bucket.name, baseEndpoint: bucket.endpoint, credentials: bucket.credentials };
    const open = async () => validated(await createS3ObjectStorage(settings, folder));
    return {
      storage: await open(),
      restart: open,
      async destroy() {
        await rm(folder, { recursive: true });
        await bucket.destroy();
      },
    };
  });

  let bucket: TestBucket;
  let relay: HttpRelay;
  let folder: string;
  let settings: S3Settings;
  let storage: S3ObjectStorage;
  beforeAll(async () => {
    bucket = await createTestBucket();
  });
  afterAll(() => bucket.destroy());
  beforeEach(async () => {
    relay = await startHttpRelay(bucket.endpoint);
    folder = await mkdtemp(join(tmpdir(), 'capgo-staging-'));
    settings = { bucket: bucket.name, baseEndpoint: relay.origin, credentials: bucket.credentials };
    storage = await createS3ObjectStorage(settings, folder);
  });
  afterEach(async () => {
    await relay.close();
    await rm(folder, { recursive: true });
  });

  const large = randomBytes(20_000_000);
  const isPart = (url = '', number: number) => url.includes(`partNumber=${number}&`);

  describe('a large upload', () => {
    it('arrives in parts, whole, and leaves no unfinished upload', async () => {
      const key = newKey();
      const parts = new Set<string>();
      relay.choose(({ url = '' }) => {
        const [, part] = /partNumber=(\d+)/.exec(url) ?? [];
        if (part) parts.add(part);
        return 'pass';
      });
      const staged = await storage.stage(sourceOf(large, 100_000));
      await staged.store(key);
      expect([...parts].sort()).toEqual(['1', '2', '3']);
      expect((await bytesOf(await storage.read(key))).equals(large)).toBe(true);
      expect(await bucket.listUnfinishedUploads(key)).toEqual([]);
    });

    it('is aborted when a part fails, can be tried again, and leaves the staged file until then', async () => {
      const key = newKey();
      const staged = await storage.stage(sourceOf(large, 100_000));
      relay.choose(({ url }) => (isPart(url, 2) ? { status: 500 } : 'pass'));
      await expect(staged.store(key)).rejects.toMatchObject(unavailable);
      expect(await bucket.listUnfinishedUploads(key)).toEqual([]);
      expect(await storage.find(key)).toBeUndefined();
      relay.choose(() => 'pass');
      await staged.store(key);
      expect(await storage.find(key)).toEqual({ sizeBytes: large.length });
      expect(await readdir(folder)).toEqual([]);
    });

    it('whose storage went away stays unfinished until its key is removed', async () => {
      const key = newKey();
      const staged = await storage.stage(sourceOf(large, 100_000));
      let isGone = false;
      relay.choose(({ url }) => {
        isGone ||= isPart(url, 2);
        return isGone ? 'cut' : 'pass';
      });
      await expect(staged.store(key)).rejects.toMatchObject(unavailable);
      expect(await bucket.listUnfinishedUploads(key)).toEqual([key]);
      relay.choose(() => 'pass');
      await storage.remove(key);
      expect(await bucket.listUnfinishedUploads(key)).toEqual([]);
      await staged.discard();
      expect(await readdir(folder)).toEqual([]);
    });

    it('of a killed process ends with the removal of its key, and of that key alone', async () => {
      const key = newKey();
      const longerKey = `${key}.part`;
      for (const Key of [key, longerKey]) {
        const target = { Bucket: bucket.name, Key };
        const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand(target));
        await bucket.client.send(
          new UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: Buffer.alloc(6_000_000) }),
        );
      }
      await storage.remove(key);
      expect(await bucket.listUnfinishedUploads(key)).toEqual([]);
      expect(await bucket.listUnfinishedUploads(longerKey)).toEqual([longerKey]);
      await storage.remove(longerKey);
      expect(await bucket.listUnfinishedUploads(longerKey)).toEqual([]);
    });

    it('is removed also with a credential that may not list uploads', async () => {
      const key = newKey();
      await storeObject(storage, key, 'content');
      relay.choose(({ url }) => (url?.includes('uploads') ? { status: 403 } : 'pass'));
      await storage.remove(key);
      expect(await storage.find(key)).toBeUndefined();
    });
  });

  describe('storing', () => {
    it('succeeds when the answer to the upload is lost and it is sent again', async () => {
      const key = newKey();
      let lost = 0;
      relay.choose(({ method }) => {
        if (method !== 'PUT' || lost > 0) return 'pass';
        lost += 1;
        return 'lose-answer';
      });
      await storeObject(storage, key, 'content');
      expect(lost).toBe(1);
      expect(await contentOf(storage, key)).toBe('content');
    });

    it('goes without the condition on a storage that knows none, and still refuses a key that exists', async () => {
      relay.choose(({ headers }) =>
        headers['if-none-match'] === undefined
          ? 'pass'
          : { status: 501, body: '<Error><Code>NotImplemented</Code></Error>' },
      );
      const key = newKey();
      await storeObject(storage, key, 'the first');
      await expect(storeObject(storage, key, 'the second')).rejects.toMatchObject({ code: 'internal' });
      expect(await contentOf(storage, key)).toBe('the first');
    });

    it('sends nothing for a key that exists, because not every storage heeds the condition', async () => {
      const key = newKey();
      await storeObject(storage, key, 'the first');
      const methods: unknown[] = [];
      relay.choose(({ method }) => {
        methods.push(method);
        return 'pass';
      });
      await expect(storeObject(storage, key, 'the second')).rejects.toMatchObject({ code: 'internal' });
      expect(methods).toEqual(['HEAD']);
    });

    it.each([{ status: 507 }, { status: 403, body: '<Error><Code>QuotaExceeded</Code></Error>' }])(
      'in a full bucket is insufficient_storage: $status $body',
      async (answer) => {
        relay.choose(({ method }) => (method === 'PUT' ? answer : 'pass'));
        await expect(storeObject(storage, newKey(), 'content')).rejects.toMatchObject({
          code: 'insufficient_storage',
        });
      },
    );
  });

  describe('a storage out of order', () => {
    const operations: [string, (storage: S3ObjectStorage) => Promise<unknown>][] = [
      ['find', (given) => given.find('a/b')],
      ['read', (given) => given.read('a/b')],
      ['store', (given) => storeObject(given, 'a/b', 'content')],
      ['remove', (given) => given.remove('a/b')],
      ['ping', (given) => given.ping()],
      ['link', (given) => given.linkTo('a/b', 'GET')],
    ];
    const allUnavailable = operations.map(([name]) => [name, 'unavailable']);

    /** What becomes of each operation, all tried at once. */
    const outcomes = (given: S3ObjectStorage) =>
      Promise.all(
        operations.map(async ([name, run]) => {
          const outcome = await run(given).catch((error: unknown) => error);
          return [name, (outcome as { code?: string } | undefined)?.code];
        }),
      );

    it.each([
      ['cuts every connection', 'cut'],
      ['answers 500', { status: 500 }],
      ['asks to slow down', { status: 503, body: '<Error><Code>SlowDown</Code></Error>' }],
    ] as const)('is unavailable when it %s', async (_what, choice) => {
      relay.choose(() => choice);
      expect(await outcomes(storage)).toEqual(allUnavailable);
    });

    it('is unavailable within ten seconds when it never answers', async () => {
      relay.choose(() => 'hang');
      const start = performance.now();
      expect(await outcomes(storage)).toEqual(allUnavailable);
      expect(performance.now() - start).toBeLessThan(10_000);
    });

    it('is unavailable within three seconds when nothing listens', async () => {
      const gone = await startHttpRelay(bucket.endpoint);
      await gone.close();
      const start = performance.now();
      const given = await createS3ObjectStorage({ ...settings, baseEndpoint: gone.origin }, folder);
      expect(await outcomes(given)).toEqual(allUnavailable);
      expect(performance.now() - start).toBeLessThan(3_000);
    });

    it('is unavailable, and not empty, when the bucket does not exist', async () => {
      const given = await createS3ObjectStorage({ ...settings, bucket: `${bucket.name}-other` }, folder);
      expect(await outcomes(given)).toEqual(allUnavailable);
    });

    it('says in its log what the storage said, without the request that it answered', async () => {
      const given = await createS3ObjectStorage({ ...settings, bucket: `${bucket.name}-other` }, folder);
      const error = await given.read('a/b').catch((thrown: Error) => thrown);
      expect(String((error as Error).cause)).toContain('NoSuchBucket');
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(bucket.credentials.accessKeyId);
    });

    it('is unavailable to wrong credentials', async () => {
      const credentials = { ...bucket.credentials, secretAccessKey: 'wrong' };
      const given = await createS3ObjectStorage({ ...settings, credentials }, folder);
      expect(await outcomes(given)).toEqual(allUnavailable);
    });

    it('works again as soon as it is back', async () => {
      const key = newKey();
      relay.choose(() => 'cut');
      await expect(storage.ping()).rejects.toMatchObject(unavailable);
      relay.choose(() => 'pass');
      await storage.ping();
      await storeObject(storage, key, 'content');
      expect(await contentOf(storage, key)).toBe('content');
    });

    it('breaks off a read that stops midway, and does not pretend it was whole', async () => {
      const key = newKey();
      const staged = await storage.stage(sourceOf(large, 100_000));
      await staged.store(key);
      const reading = await storage.read(key);
      const read = bytesOf(reading);
      reading.once('data', () => void relay.close());
      await expect(read).rejects.toThrow();
    });
  });

  it('are found while sixty slow readers hold their connections', async () => {
    const key = newKey();
    const direct = await createS3ObjectStorage({ ...settings, baseEndpoint: bucket.endpoint }, folder);
    const staged = await direct.stage(sourceOf(large, 100_000));
    await staged.store(key);
    const readers = await Promise.all(Array.from({ length: 60 }, () => direct.read(key)));
    expect(await direct.find(key)).toEqual({ sizeBytes: large.length });
    for (const reader of readers) reader.destroy();
  });

  describe('a link', () => {
    it('gives the bytes and ranges of an object in a private bucket', async () => {
      const key = newKey();
      await storeObject(storage, key, '0123456789');
      const link = await storage.linkTo(key, 'GET');
      const whole = await fetch(link);
      expect(whole.status).toBe(200);
      expect(whole.headers.get('content-type')).toBe('application/zip');
      expect(whole.headers.get('cache-control')).toBe('public, max-age=31536000, immutable, no-transform');
      expect(await whole.text()).toBe('0123456789');
      const part = await fetch(link, { headers: { range: 'bytes=3-5' } });
      expect([part.status, await part.text()]).toEqual([206, '345']);
      const [unsigned = ''] = link.split('?');
      expect((await fetch(unsigned)).status).toBe(403);
    });

    it('for HEAD answers HEAD', async () => {
      const key = newKey();
      await storeObject(storage, key, '0123456789');
      const answer = await fetch(await storage.linkTo(key, 'HEAD'), { method: 'HEAD' });
      expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '10']);
    });

    it('leads to the public endpoint, while the server itself keeps to its own', async () => {
      const key = newKey();
      const publicRelay = await startHttpRelay(bucket.endpoint);
      const given = await createS3ObjectStorage({ ...settings, publicEndpoint: publicRelay.origin }, folder);
      await storeObject(given, key, 'content');
      const link = await given.linkTo(key, 'GET');
      expect(new URL(link).origin).toBe(publicRelay.origin);
      expect(await (await fetch(link)).text()).toBe('content');
      publicRelay.choose(() => 'cut');
      expect(await contentOf(given, key)).toBe('content');
      await publicRelay.close();
    });

    it('to nothing is not given', async () => {
      await expect(storage.linkTo(newKey(), 'GET')).rejects.toMatchObject({ code: 'not_found' });
    });

    it('is good for longer than it may be kept', async () => {
      const key = newKey();
      await storeObject(storage, key, 'content');
      const seconds = new URL(await storage.linkTo(key, 'GET')).searchParams.get('X-Amz-Expires');
      expect(Number(seconds)).toBeGreaterThan(2 * storage.keepSeconds);
    });
  });
});

describe('S3 without a region', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('on AWS is refused with the setting to set', async () => {
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    const folder = await mkdtemp(join(tmpdir(), 'capgo-staging-'));
    await expect(createS3ObjectStorage({ bucket: 'bundles' }, folder)).rejects.toThrow(
      'AWS_REGION is not set',
    );
    await rm(folder, { recursive: true });
  });
});
