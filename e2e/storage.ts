import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createTestBucket,
  type TestBucket,
  testS3Endpoint,
} from '../packages/server/src/testing/test-bucket.ts';

/** Where one server of a journey keeps its bundles. */
export interface JourneyStorage {
  /** Settings of a server that uses it. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Changes one byte of each stored file with this SHA-256: zips of the same pages that were made in the same two
   * seconds are the same. Answers how many they were.
   */
  damage(sha256: string): Promise<number>;
  remove(): Promise<void>;
}

/** The content with one byte changed, or undefined when it is another file's. */
function damagedCopy(content: Buffer, sha256: string): Buffer | undefined {
  if (createHash('sha256').update(content).digest('hex') !== sha256) return undefined;
  const middle = content.length >> 1;
  content.writeUInt8(content.readUInt8(middle) ^ 0xff, middle);
  return content;
}

/** Files of a server without a bucket. */
export function storageBelow(dataDir: string): JourneyStorage {
  return {
    env: {},
    async damage(sha256) {
      let damaged = 0;
      for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const copy = damagedCopy(await readFile(path), sha256);
        if (!copy) continue;
        await chmod(path, 0o600);
        await writeFile(path, copy);
        damaged += 1;
      }
      return damaged;
    },
    remove: async () => undefined,
  };
}

function inBucket(bucket: TestBucket): JourneyStorage {
  return {
    env: bucket.env,
    async damage(sha256) {
      let damaged = 0;
      for (const key of await bucket.listKeys()) {
        const copy = damagedCopy(await bucket.read(key), sha256);
        if (!copy) continue;
        await bucket.write(key, copy);
        damaged += 1;
      }
      return damaged;
    },
    remove: () => bucket.destroy(),
  };
}

/** Makes one where E2E_STORAGE says: `files`, below the server's data directory, or `s3`, at TEST_S3_ENDPOINT. */
export async function createJourneyStorage(dataDir: string): Promise<JourneyStorage> {
  const storage = process.env['E2E_STORAGE'] ?? 'files';
  switch (storage) {
    case 'files':
      return storageBelow(dataDir);
    case 's3':
      // Where there is none, the journeys are still journeys on their database; CI always has one.
      return testS3Endpoint === '' ? storageBelow(dataDir) : inBucket(await createTestBucket());
    default:
      throw new Error(`E2E_STORAGE=${storage} is no storage: choose files or s3`);
  }
}
