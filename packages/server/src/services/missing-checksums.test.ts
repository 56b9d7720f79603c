import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { formatCrc32 } from '@capgo-server/protocol/formats/checksum';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { ExternalObjects } from '../ports/external-objects.ts';
import type { Store } from '../ports/store.ts';
import { buildBundle, someAppId, someAuthor } from '../testing/builders.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { type ChecksumSearch, createChecksumSearch } from './missing-checksums.ts';

const outage = new AppError('unavailable', 'The bundle cannot be read from its URL');

describe('missing checksums', () => {
  let store: Store;
  let clock: FakeClock;
  /** What lies at the URLs; nothing for one that cannot be read. */
  let contents: Map<string, string>;
  let reads: string[];
  let readTakesMs: number;
  /** What never comes to its end. */
  let hangingUrl: string | null;
  let refreshed: string[];
  beforeEach(async () => {
    store = await openSqliteStore(':memory:');
    clock = createFakeClock();
    contents = new Map();
    reads = [];
    readTakesMs = 0;
    hangingUrl = null;
    refreshed = [];
  });
  afterEach(() => store.close());

  const externalObjects: ExternalObjects = {
    async *read(url, stop) {
      reads.push(url);
      if (url === hangingUrl)
        await new Promise((_resolve, reject) => stop?.addEventListener('abort', reject));
      clock.advance(readTakesMs);
      const content = contents.get(url);
      if (content === undefined) throw outage;
      for (const letter of content) yield Buffer.from(letter);
    },
  };

  const createSearch = (): ChecksumSearch =>
    createChecksumSearch({
      ...{ store, externalObjects, clock, maxBundleBytes: 10 },
      appSnapshots: { refresh: async (appId) => void refreshed.push(appId) },
    });

  async function insertedBundle(content: string | undefined, given: Partial<Bundle> = {}): Promise<Bundle> {
    const base = buildBundle();
    const externalUrl = `https://cdn.example.com/${base.id}.zip`;
    const bundle = {
      ...base,
      ...{ objectKey: null, externalUrl, checksum: '', sizeBytes: 0 },
      crcChecksum: formatCrc32(crc32(content ?? '')),
      ...given,
    };
    if (content !== undefined) contents.set(externalUrl, content);
    await store.insertBundle(bundle, someAuthor);
    return bundle;
  }

  const sha256Of = (content: string) => createHash('sha256').update(content).digest('hex');

  it('are computed from the bytes, the newest bundle first, and served at once', async () => {
    const older = await insertedBundle('older');
    const newer = await insertedBundle('newer', { crcChecksum: '' });
    expect(await createSearch().run()).toStrictEqual([]);
    expect(reads).toStrictEqual([newer.externalUrl, older.externalUrl]);
    for (const [bundle, content] of [
      [older, 'older'],
      [newer, 'newer'],
    ] as const) {
      const complete = { ...bundle, checksum: sha256Of(content), sizeBytes: 5 };
      expect(await store.findBundle(bundle.id)).toStrictEqual(complete);
    }
    expect(refreshed).toStrictEqual([someAppId, someAppId]);
    await createSearch().run();
    expect(reads).toHaveLength(2);
  });

  it('are computed for all of many bundles', async () => {
    for (let each = 0; each < 45; each += 1) await insertedBundle('same');
    expect(await createSearch().run()).toStrictEqual([]);
    expect(await store.listBundlesWithoutChecksum(100)).toStrictEqual([]);
  });

  it('stay missing when the bytes cannot be read, are too many or others; the rest are computed', async () => {
    const [gone, large, other] = [
      await insertedBundle(undefined),
      await insertedBundle('eleven long'),
      await insertedBundle('content', { crcChecksum: '00000000' }),
    ];
    const good = await insertedBundle('good');
    const unreadable = await createSearch().run();
    expect(unreadable.map(({ bundle, error }) => [bundle, (error as AppError).code])).toStrictEqual([
      [other, 'invalid_bundle'],
      [large, 'payload_too_large'],
      [gone, 'unavailable'],
    ]);
    expect((await store.findBundle(good.id))?.checksum).toBe(sha256Of('good'));
    expect(await store.listBundlesWithoutChecksum(5)).toStrictEqual([other, large, gone]);
  });

  it('are looked for again after a pause that doubles', async () => {
    await insertedBundle(undefined);
    const search = createSearch();
    const triedAtMinutes: number[] = [];
    for (let minute = 0; minute < 20; minute += 1) {
      const before = reads.length;
      await search.run();
      if (reads.length > before) triedAtMinutes.push(minute);
      clock.advance(60_000);
    }
    expect(triedAtMinutes).toStrictEqual([0, 1, 3, 7, 15]);
  });

  it('are looked for about a minute at a time', async () => {
    for (let each = 0; each < 5; each += 1) await insertedBundle('good');
    readTakesMs = 25_000;
    const search = createSearch();
    for (const missing of [2, 0]) {
      await search.run();
      expect(await store.listBundlesWithoutChecksum(5)).toHaveLength(missing);
    }
    expect(reads).toHaveLength(5);
  });

  it('are given up at once when the server stops, and no bundle is blamed for it', async () => {
    const [older, newer] = [await insertedBundle('older'), await insertedBundle('newer')];
    hangingUrl = newer.externalUrl;
    const search = createSearch();
    const running = search.run();
    await vi.waitUntil(() => reads.length > 0);
    search.stop();
    expect(await running).toStrictEqual([]);
    expect(await search.run()).toStrictEqual([]);
    expect(reads).toStrictEqual([newer.externalUrl]);
    expect(await store.listBundlesWithoutChecksum(5)).toStrictEqual([newer, older]);
  });
});
