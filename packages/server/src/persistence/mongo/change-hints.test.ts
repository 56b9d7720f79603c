import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Store } from '../../ports/store.ts';
import { buildBundle, buildDeviceRecord, buildRecordedEvent, someAuthor } from '../../testing/builders.ts';
import {
  dropDatabase,
  newDatabaseName,
  testMongoStreamsUrl,
  testMongoUrl,
} from '../../testing/mongo-database.ts';
import { openTcpProxy } from '../../testing/tcp-proxy.ts';
import { newAppId } from '../contract/opened-store.ts';
import { createMongoChangeHints } from './change-hints.ts';
import { openMongoStore } from './open-mongo-store.ts';

/** A node that listens; it hears once, by itself, when it has begun to. */
function listener(url: string, name: string) {
  const hints = createMongoChangeHints(url, name);
  let heard = 0;
  hints.onHint(() => {
    heard += 1;
  });
  onTestFinished(() => hints.close());
  return { hints, heard: () => heard };
}

describe.skipIf(testMongoStreamsUrl === '')(
  'hints by change streams (needs TEST_MONGO_CHANGE_STREAMS_URL)',
  () => {
    let name: string;
    let store: Store;
    beforeEach(async () => {
      name = newDatabaseName();
      store = await openMongoStore(testMongoStreamsUrl, name);
    });
    afterEach(async () => {
      await store.close();
      await dropDatabase(name, testMongoStreamsUrl);
    });

    it('tell every node of a change, and of nothing else that is written', async () => {
      const nodes = [listener(testMongoStreamsUrl, name), listener(testMongoStreamsUrl, name)];
      const counts = () => nodes.map(({ heard }) => heard());
      await expect.poll(counts).toEqual([1, 1]);
      const appId = newAppId();
      // Written before the change, so with the change its hints would have come.
      await store.appendDeviceEvents([
        buildRecordedEvent({ appId }, { device: buildDeviceRecord({ appId }) }),
      ]);
      await store.insertBundle(buildBundle({ appId }), someAuthor);
      await expect.poll(counts).toEqual([2, 2]);
      await store.appendDeviceEvents([
        buildRecordedEvent({ appId }, { effects: { failedInstall: '1.0.0' } }),
      ]);
      await expect.poll(counts).toEqual([3, 3]);
    });

    it('come as one when changes follow each other closely', async () => {
      const { heard } = listener(testMongoStreamsUrl, name);
      await expect.poll(heard).toBe(1);
      const appId = newAppId();
      const startedMs = performance.now();
      for (let count = 0; count < 40; count += 1)
        await store.insertBundle(buildBundle({ appId }), someAuthor);
      const tookMs = performance.now() - startedMs;
      await expect.poll(heard).toBeGreaterThan(1);
      expect(heard()).toBeLessThan(4 + tookMs / 50);
    });

    it('are heard again after the connections were cut', async () => {
      const { port } = new URL(testMongoStreamsUrl);
      const proxy = await openTcpProxy(Number(port));
      onTestFinished(() => proxy.close());
      const { heard } = listener(`mongodb://127.0.0.1:${proxy.port}`, name);
      await expect.poll(heard).toBe(1);
      proxy.cut();
      await expect.poll(() => proxy.refusedCount, { timeout: 10_000 }).toBeGreaterThan(1);
      proxy.restore();
      const openedBefore = proxy.connectionCount;
      await expect.poll(() => proxy.connectionCount, { timeout: 10_000 }).toBeGreaterThan(openedBefore);
      await expect
        .poll(
          async () => {
            await store.insertBundle(buildBundle({ appId: newAppId() }), someAuthor);
            return heard();
          },
          { timeout: 10_000 },
        )
        .toBeGreaterThan(1);
    });

    it('end with the node', async () => {
      const { hints, heard } = listener(testMongoStreamsUrl, name);
      await expect.poll(heard).toBe(1);
      const startedMs = performance.now();
      await hints.close();
      expect(performance.now() - startedMs).toBeLessThan(1_000);
      await store.insertBundle(buildBundle({ appId: newAppId() }), someAuthor);
      expect(heard()).toBe(1);
    });
  },
);

describe.skipIf(testMongoUrl === '')(
  'hints of a MongoDB that has no change streams (needs TEST_MONGO_URL)',
  () => {
    it('do not come, and nobody is troubled by it', async () => {
      const name = newDatabaseName();
      onTestFinished(() => dropDatabase(name));
      const store = await openMongoStore(testMongoUrl, name);
      const { hints, heard } = listener(testMongoUrl, name);
      hints.announce();
      await store.insertBundle(buildBundle({ appId: newAppId() }), someAuthor);
      const { port } = new URL(testMongoUrl);
      const proxy = await openTcpProxy(Number(port));
      onTestFinished(() => proxy.close());
      const other = listener(`mongodb://127.0.0.1:${proxy.port}`, name);
      await expect.poll(() => proxy.connectionCount).toBeGreaterThan(0);
      await expect.poll(() => proxy.openCount, { timeout: 5_000 }).toBe(0);
      expect([heard(), other.heard()]).toEqual([0, 0]);
      await Promise.all([hints.close(), other.hints.close(), store.close()]);
    });

    it('end with the node, also while it cannot connect', async () => {
      const { hints, heard } = listener('mongodb://127.0.0.1:9', 'none');
      hints.announce();
      const startedMs = performance.now();
      await hints.close();
      expect(performance.now() - startedMs).toBeLessThan(4_000);
      expect(heard()).toBe(0);
    });
  },
);
